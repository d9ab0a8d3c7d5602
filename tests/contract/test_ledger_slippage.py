"""What every ledger must say of expected prices against fills."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from ledger_support import FIRST, SECOND, THIRD, claim, learn, planned, ref, sent
from makers import (
    ACCOUNT,
    MSFT,
    NOW,
    commission_report,
    execution_report,
    make_target,
    order_report,
    seconds,
)
from paperdesk.desk.ports import Ledger, Page, SlippageFilter
from paperdesk.domain.slippage import Totals
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName, Side, Symbol
from paperdesk.ledger import slippage

ALL = SlippageFilter((ACCOUNT,))
PAGE = Page(100)
AAPL_EXEC, MSFT_EXEC, THIRD_EXEC = "0000e0d5.aa.01.01", "0000e0d5.bb.01.01", "0000e0d5.cc.01.01"


async def totals(ledger: Ledger, which: SlippageFilter = ALL) -> Totals:
    return (await ledger.slippage(which, PAGE))[0]


async def refs(ledger: Ledger, which: SlippageFilter = ALL, page: Page = PAGE) -> list[str]:
    return [slipped.order.ref for slipped in (await ledger.slippage(which, page))[1]]


async def filled(
    ledger: Ledger,
    *,
    batch: str = FIRST,
    client: str = "client1",
    expected: str | None = "150.00",
    price: str = "150.16",
    shares: int = 100,
    exec_id: str = AAPL_EXEC,
    at: datetime = NOW,
    order_id: int = 1,
) -> None:
    """Send an order for 100 more AAPL, and let it fill."""
    target = make_target(quantity=100 * order_id, expected=expected)
    await sent(ledger, target, batch=batch, client=client, first_id=order_id, at=at)
    execution = execution_report(
        exec_id,
        ref=ref(batch=batch),
        quantity=shares,
        price=price,
        perm_id=9000 + order_id,
        order_id=order_id,
        at=at,
    )
    await learn(ledger, execution, at=at)


async def three(ledger: Ledger) -> None:
    """Let three orders fill, one after the other, of two clients."""
    await filled(ledger)
    await filled(
        ledger, batch=SECOND, client="client2", exec_id=MSFT_EXEC, order_id=2, price="151",
        at=NOW + seconds(10),
    )  # fmt: skip
    await filled(
        ledger, batch=THIRD, exec_id=THIRD_EXEC, order_id=3, price="149",
        at=NOW + seconds(20),
    )  # fmt: skip


async def test_an_order_that_filled_is_held_against_its_target(ledger: Ledger) -> None:
    await filled(ledger)
    await learn(ledger, commission_report(AAPL_EXEC, "1.00"))

    found, (row,) = await ledger.slippage(ALL, PAGE)

    assert row.order.ref == ref()
    assert row.client == "client1"
    assert row.fill.expected_price == Decimal("150.00")
    assert row.fill.usd == Decimal(16)
    assert (found.orders, found.shares, found.usd) == (1, 100, Decimal(16))
    assert (found.commission, found.commission_missing) == (Decimal(1), 0)


async def test_what_did_not_fill_is_not_in_it(ledger: Ledger) -> None:
    await sent(ledger, make_target(expected="150.00"))
    await learn(ledger, order_report())
    await planned(ledger, make_target("MSFT", expected="420.00"), batch=SECOND)

    assert await ledger.slippage(ALL, PAGE) == (Totals(), [])


async def test_an_order_counts_by_what_filled_of_it(ledger: Ledger) -> None:
    await filled(ledger, shares=40, price="151.00")

    found, (row,) = await ledger.slippage(ALL, PAGE)

    assert row.order.leaves == 60
    assert (found.shares, found.usd, found.commission_missing) == (40, Decimal(40), 1)


async def test_an_order_without_an_expected_price_is_counted_and_left_out(
    ledger: Ledger,
) -> None:
    await filled(ledger, expected=None)

    found, rows = await ledger.slippage(ALL, PAGE)

    assert rows == []
    assert found == replace(Totals(), without_expected_price=1)


async def test_a_correction_counts_in_its_newest_revision(ledger: Ledger) -> None:
    await filled(ledger, price="150.16")
    await learn(
        ledger, execution_report("0000e0d5.aa.01.02", quantity=90, price="150.10", perm_id=9001)
    )

    found = await totals(ledger)

    assert (found.shares, found.value) == (90, Decimal("13509.0"))
    assert found.usd == Decimal("9.0")


async def test_a_correction_that_takes_all_back_takes_the_order_out(ledger: Ledger) -> None:
    await filled(ledger)
    await learn(ledger, execution_report("0000e0d5.aa.01.02", quantity=0, perm_id=9001))

    assert await totals(ledger) == Totals()


async def test_an_order_is_of_the_target_it_was_planned_for_whoever_keeps_it(
    ledger: Ledger,
) -> None:
    await sent(ledger, make_target(limit="150.50", expected="150.00"))
    await planned(ledger, make_target(limit="150.50", expected="149.00"), batch=SECOND)
    await learn(ledger, execution_report(AAPL_EXEC, price="150.16"))

    _, (row,) = await ledger.slippage(ALL, PAGE)

    assert row.order.batch_id == FIRST
    assert row.fill.expected_price == Decimal("150.00")


async def test_selling_below_what_was_expected_costs(ledger: Ledger) -> None:
    target = make_target("MSFT", -30, expected="420.00")
    await sent(ledger, target)
    await learn(
        ledger,
        execution_report(MSFT_EXEC, conid=MSFT, side=Side.SELL, quantity=30, price="419.30"),
    )

    assert (await totals(ledger)).usd == Decimal("21.00")


@pytest.mark.parametrize(
    ("which", "batches"),
    [
        (ALL, [THIRD, SECOND, FIRST]),
        (replace(ALL, client=ClientName("client1")), [THIRD, FIRST]),
        (replace(ALL, client=ClientName("nobody")), []),
        (replace(ALL, symbol=Symbol("AAPL")), [THIRD, SECOND, FIRST]),
        (replace(ALL, symbol=Symbol("MSFT")), []),
        (replace(ALL, batch_id=BatchId(SECOND)), [SECOND]),
        (replace(ALL, batch_id=BatchId(SECOND), client=ClientName("client1")), []),
        (replace(ALL, batch_id=BatchId(SECOND), accounts=()), []),
        (replace(ALL, since=NOW + seconds(10)), [THIRD, SECOND]),
        (replace(ALL, until=NOW + seconds(10)), [FIRST]),
        (replace(ALL, batch_id=BatchId(FIRST), since=NOW + seconds(1)), []),
        (replace(ALL, accounts=(AccountId("DUP203550"),)), []),
    ],
)
@pytest.mark.parametrize("orders", [1, 2, 2_000])
async def test_a_filter_holds_for_rows_and_sums_however_they_are_read(
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    which: SlippageFilter,
    batches: list[str],
    orders: int,
) -> None:
    monkeypatch.setattr(slippage, "CHUNK_ORDERS", orders)
    await three(ledger)

    assert await refs(ledger, which) == [ref(batch=batch) for batch in batches]
    assert (await totals(ledger, which)).orders == len(batches)


async def test_a_page_has_the_newest_targets_and_the_sums_of_all(ledger: Ledger) -> None:
    await three(ledger)

    of_all, first = await ledger.slippage(ALL, Page(2))
    same, rest = await ledger.slippage(ALL, Page(2, before=first[-1].number))

    assert [row.order.batch_id for row in first] == [THIRD, SECOND]
    assert [row.order.batch_id for row in rest] == [FIRST]
    assert same == of_all
    assert of_all.usd == Decimal(16 + 100 - 100)


async def test_orders_of_one_commit_are_each_read_once(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slippage, "CHUNK_ORDERS", 1)
    wanted = [make_target(expected="150"), make_target("MSFT", expected="420")]
    await planned(ledger, *wanted)
    await claim(ledger, ref(0), ref(1))
    await learn(
        ledger,
        execution_report(AAPL_EXEC, ref=ref(0), price="151"),
        execution_report(MSFT_EXEC, ref=ref(1), conid=MSFT, price="421", order_id=2, perm_id=2),
    )

    assert await refs(ledger) == [ref(1), ref(0)]
    assert (await totals(ledger)).usd == Decimal(200)

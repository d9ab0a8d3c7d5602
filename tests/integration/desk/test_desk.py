"""Targets become orders at a gateway: the main job, over real sockets."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from harness import client_named, open_house
from makers import ACCOUNT, make_target
from paperdesk.config import DeskSettings
from paperdesk.domain.batch import ErrorCode
from paperdesk.domain.order import ShownStatus
from paperdesk.domain.vocabulary import ForeignOrders, Scope, TimeInForce
from paperdesk.errors import BrokerUnavailable, NotFound, TooManyRequests
from twsim import Gateway

AAPL_50 = (ACCOUNT, "AAPL", 50, Decimal(150))


async def test_the_service_trades_the_difference_and_nothing_when_there_is_none(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, positions=(AAPL_50,)) as house:
        for target in (100, 0, 20, -30):
            await house.trade(make_target(quantity=target))
        sent = [(side, quantity) for _, side, quantity, _, _ in house.orders_sent()]

        again = await house.trade(make_target(quantity=-30))

        assert sent == [("BUY", "50"), ("SELL", "100"), ("BUY", "20"), ("SELL", "50")]
        assert again.rows[0].status is ShownStatus.NO_CHANGE
        assert len(house.orders_sent()) == 4
        assert await house.positions() == {"AAPL": -30}
        assert house.gateway.position(ACCOUNT, "AAPL") == -30


async def test_a_tolerance_becomes_a_limit_price_on_the_wire(tmp_path: Path) -> None:
    async with open_house(tmp_path, positions=(AAPL_50,)) as house:
        house.gateway.set_price("AAPL", "150.00")
        for quantity in (51, 50):
            await house.trade(
                make_target(quantity=quantity, expected="150.00", tolerance="0.5")
            )
        house.gateway.set_price("AAPL", "99.99")
        await house.trade(make_target(quantity=51, expected="99.99", tolerance="0.33"))

        prices = [(side, kind, price) for _, side, _, kind, price in house.orders_sent()]
        assert prices == [
            ("BUY", "LMT", "150.75"),
            ("SELL", "LMT", "149.25"),
            ("BUY", "LMT", "100.31"),
        ]


async def test_a_filled_row_has_price_and_commission(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        batch = await house.trade(make_target(quantity=50))

        order = batch.rows[0].order
        assert order is not None
        assert order.filled_qty == 50
        assert order.commission == Decimal("0.35")
        assert order.avg_fill_price is not None


async def test_a_hundred_orders_ask_for_a_hundred_contracts_once(tmp_path: Path) -> None:
    symbols = (await _symbols())[:100]
    async with open_house(tmp_path, per_second=1000) as house:
        house.gateway.clear_transcript()
        await house.trade(*(make_target(symbol, 1) for symbol in symbols))
        first = house.gateway.frames("reqContractDetails"), house.orders_sent()
        house.gateway.clear_transcript()
        await house.trade(*(make_target(symbol, 2) for symbol in symbols))
        second = house.gateway.frames("reqContractDetails"), house.orders_sent()

        # One more is the day's session hours, where the batch was quicker than they.
        assert len(first[0]) - len([f for f in first[0] if f.fields[4] == "SPY"]) == 100
        assert (len(first[1]), len(second[0]), len(second[1])) == (100, 0, 100)


async def _symbols() -> list[str]:
    from twsim.data import listings  # noqa: PLC0415

    names = sorted({listing.symbol for listing in listings()})
    return [name for name in names if name not in {"TWIN", "SPY"}]


async def test_reducing_orders_leave_first_then_sells_then_buys(tmp_path: Path) -> None:
    held = ((ACCOUNT, "MSFT", -10, Decimal(420)),)
    async with open_house(tmp_path, positions=held) as house:
        symbols = ("AAPL", "AMZN", "MSFT")
        await house.preview(*(make_target(symbol, 1) for symbol in symbols))
        await house.trade(
            make_target("AAPL", 5), make_target("AMZN", -5), make_target("MSFT", 0)
        )

        assert [order[0] for order in house.orders_sent()] == ["MSFT", "AMZN", "AAPL"]


async def test_the_same_target_beside_a_working_order_sends_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.gateway.hold_fills("AAPL")
        first = await house.submit(make_target())
        again = await house.submit(make_target())
        sent = len(house.orders_sent())
        house.gateway.release_fills("AAPL")
        await house.final(first)

        assert again.rows[0].status is ShownStatus.NO_CHANGE
        assert (again.rows[0].working_qty, again.rows[0].delta) == (100, 0)
        assert sent == 1


async def test_partial_fills_count_into_the_working_quantity(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.gateway.set_price("AAPL", "150.00")
        house.gateway.set_size("AAPL", 30)
        await house.submit(make_target(quantity=100, limit="150.02"), wait_seconds=1)
        again = await house.submit(make_target(quantity=100, limit="150.02"))

        row = again.rows[0]
        assert row.current_pos is not None
        assert row.current_pos + row.working_qty == 100
        assert len(house.orders_sent()) == 1


async def test_unknown_and_ambiguous_symbols_are_rows_that_name_candidates(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        batch = await house.trade(
            make_target("APPL"), make_target("TWIN"), make_target("BRK B", 1)
        )

        unknown, ambiguous, fine = batch.rows
        assert unknown.error_code is ErrorCode.UNKNOWN_SYMBOL
        assert "AAPL" in (unknown.error or "")
        assert ambiguous.error_code is ErrorCode.AMBIGUOUS_SYMBOL
        assert "NYSE" in (ambiguous.error or "")
        assert fine.status is ShownStatus.FILLED


async def test_a_rejected_order_has_the_brokers_words(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.gateway.reject_next(201, "Order rejected - reason:The exchange is closed.")
        batch = await house.trade(make_target())

        row = batch.rows[0]
        assert row.status is ShownStatus.INACTIVE
        assert row.order is not None
        assert row.order.broker_code == 201
        assert "exchange is closed" in (row.order.error or "")
        assert (await house.trade(make_target())).rows[0].status is ShownStatus.FILLED


async def test_an_order_off_the_tick_is_refused_by_the_broker_in_its_words(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        batch = await house.trade(make_target(limit="150.005"))

        row = batch.rows[0]
        assert row.status is ShownStatus.INACTIVE
        assert row.order is not None
        assert row.order.broker_code == 110


async def test_terms_reach_the_wire_as_asked(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.submit(
            make_target("AAPL", 1, limit="149.00", tif=TimeInForce.GTC, outside_rth=True),
            make_target("MSFT", 1, tif=TimeInForce.IOC),
        )

        frames = {frame.fields[3]: frame.fields for frame in house.gateway.frames("placeOrder")}
        aapl, msft = frames["AAPL"], frames["MSFT"]
        assert (aapl[21], aapl[33], msft[21], msft[33]) == ("GTC", "1", "IOC", "0")
        assert {aapl[23], msft[23]} == {ACCOUNT}
        assert aapl[26].startswith("pd-")


# -- cancelling ------------------------------------------------------------------------------
async def test_a_cancel_is_confirmed_by_the_broker_and_says_the_same_twice(
    tmp_path: Path, ledger_url: str
) -> None:
    async with open_house(tmp_path, ledger_url=ledger_url) as house:
        batch = await house.submit(make_target(limit="100.00"), make_target("MSFT", 5))

        first = await house.desk.cancel(house.client, batch.head.batch_id)
        second = await house.desk.cancel(house.client, batch.head.batch_id)

        assert first == second
        assert [row.cancelled for row in first.rows] == [True, False]
        assert [row.status for row in first.rows] == [
            ShownStatus.CANCELLED,
            ShownStatus.FILLED,
        ]
        assert len(house.gateway.frames("cancelOrder")) == 1


async def test_after_a_cancel_the_target_can_be_posted_again(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        batch = await house.submit(make_target(limit="100.00"))
        await house.desk.cancel(house.client, batch.head.batch_id)

        done = await house.trade(make_target())

        assert done.rows[0].status is ShownStatus.FILLED
        assert await house.positions() == {"AAPL": 100}


async def test_another_clients_batch_does_not_exist(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        batch = await house.submit(make_target())
        stranger, auditor = client_named("client2"), client_named("a", Scope.AUDIT)

        with pytest.raises(NotFound):
            await house.desk.batch(stranger, batch.head.batch_id)
        with pytest.raises(NotFound):
            await house.desk.cancel(auditor, batch.head.batch_id)
        assert (await house.desk.batch(auditor, batch.head.batch_id)).head == batch.head
        mine = await house.desk.batches(
            house.client, account=None, of_client=None, limit=9, before=None
        )
        theirs = await house.desk.batches(
            stranger, account=None, of_client=house.client.name, limit=9, before=None
        )
        assert (len(mine[0]), len(theirs[0])) == (1, 0)


# -- the gateway goes away -------------------------------------------------------------------
async def test_without_a_gateway_nothing_is_stored_and_it_comes_back_by_itself(
    tmp_path: Path,
) -> None:
    async with (
        Gateway(accounts={ACCOUNT: 1_000_000}, state=tmp_path / "sim.jsonl") as gateway,
        open_house(tmp_path, gateway=gateway) as house,
    ):
        await house.trade(make_target(quantity=40))
        await gateway.stop()
        await asyncio.sleep(0.1)
        down = house.desk.health().accounts[ACCOUNT]
        with pytest.raises(BrokerUnavailable) as refused:
            await house.submit(make_target("MSFT", 5))
        listed, _ = await house.desk.batches(
            house.client, account=None, of_client=None, limit=9, before=None
        )
        stale = await house.desk.accounts.positions(ACCOUNT, allow_stale=True)
        with pytest.raises(BrokerUnavailable):
            await house.positions()

        await gateway.start()

        assert await house.desk.until_up(10)
        assert down is False
        assert refused.value.retry_after_seconds
        assert len(listed) == 1
        assert stale.stale
        assert [holding.quantity for holding in stale.holdings] == [40]
        assert await house.positions() == {"AAPL": 40}
        assert (await house.trade(make_target(quantity=60))).rows[0].delta == 20


async def test_an_order_whose_answer_was_lost_is_unknown_and_its_symbol_waits(
    tmp_path: Path,
) -> None:
    # Else a plan that comes a second after the preview asks the silent gateway for open orders.
    desk = DeskSettings(foreign_orders=ForeignOrders.IGNORE)
    async with open_house(tmp_path, desk=desk) as house:
        await house.preview(make_target())
        house.gateway.silence()
        batch = await house.submit(make_target(), wait_seconds=0.3)
        house.gateway.drop_connections()  # what was written is never read
        house.gateway.resume()
        await asyncio.sleep(0.1)
        assert await house.desk.until_up(10)

        lost = await house.desk.batch(house.client, batch.head.batch_id)
        again = await house.submit(make_target(), wait_seconds=0.5)

        assert batch.rows[0].status is ShownStatus.PENDING_SUBMIT
        assert lost.rows[0].status is ShownStatus.UNKNOWN
        assert again.rows[0].status is ShownStatus.PENDING_SUBMIT
        assert "is unknown" in again.rows[0].warnings[0]
        assert house.orders_sent() == []  # nothing is ever sent a second time


async def test_fills_while_the_line_is_down_are_learnt_at_the_next_session(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        house.gateway.hold_fills("AAPL")
        batch = await house.submit(make_target())
        house.gateway.drop_connections()
        house.gateway.release_fills("AAPL")

        done = await house.final(batch)

        assert done.rows[0].status is ShownStatus.FILLED
        assert done.rows[0].order is not None
        assert done.rows[0].order.commission == Decimal("0.35")
        assert await house.desk.until_up(10)
        assert await house.positions() == {"AAPL": 100}


async def test_what_cannot_be_sent_in_time_expires_unsent(tmp_path: Path) -> None:
    impatient = DeskSettings(max_send_delay=0.5)
    async with open_house(tmp_path, desk=impatient) as house:
        house.gateway.silence()  # contracts are not answered: nothing can be planned
        batch = await house.submit(make_target(), wait_seconds=2)

        assert batch.rows[0].error_code is ErrorCode.EXPIRED
        assert house.orders_sent() == []


async def test_more_than_can_be_sent_in_time_is_refused_whole(tmp_path: Path) -> None:
    impatient = DeskSettings(max_send_delay=1)
    async with open_house(tmp_path, desk=impatient, per_second=10) as house:
        with pytest.raises(TooManyRequests) as refused:
            await house.submit(*(make_target(f"S{n}") for n in range(50)))

        assert refused.value.retry_after_seconds
        assert house.orders_sent() == []


# -- restart ---------------------------------------------------------------------------------
async def test_after_a_restart_every_answer_is_as_before(
    tmp_path: Path, ledger_url: str
) -> None:
    async def answers(house: object) -> object:
        desk, client = house.desk, house.client  # type: ignore[attr-defined]
        listed = await desk.batches(client, account=None, of_client=None, limit=9, before=None)
        return (
            listed,
            [await desk.batch(client, head.batch_id) for head in listed[0]],
            await desk.reporter.executions(
                None,
                accounts=frozenset({ACCOUNT}),
                symbol=None,
                since=None,
                limit=9,
                before=None,
                client=client,
            ),
            (await desk.accounts.positions(ACCOUNT, allow_stale=False)).holdings[0].quantity,
        )

    async with Gateway(accounts={ACCOUNT: 1_000_000}) as gateway:
        async with open_house(tmp_path, gateway=gateway, ledger_url=ledger_url) as house:
            await house.trade(make_target(), make_target("NOPE"), make_target("MSFT", 0))
            before = await answers(house)
        async with open_house(tmp_path, gateway=gateway, ledger_url=ledger_url) as house:
            assert await answers(house) == before


async def test_an_order_that_worked_before_a_restart_is_followed_to_its_end(
    tmp_path: Path, ledger_url: str
) -> None:
    async with Gateway(accounts={ACCOUNT: 1_000_000}) as gateway:
        gateway.hold_fills("AAPL")
        async with open_house(tmp_path, gateway=gateway, ledger_url=ledger_url) as house:
            batch = await house.submit(make_target())
        gateway.release_fills("AAPL")
        async with open_house(tmp_path, gateway=gateway, ledger_url=ledger_url) as house:
            done = await house.final(batch)

            assert done.rows[0].status is ShownStatus.FILLED
            assert len(house.orders_sent()) == 1
            assert await house.positions() == {"AAPL": 100}


async def test_a_position_from_elsewhere_is_the_opening_position(tmp_path: Path) -> None:
    async with open_house(tmp_path, positions=(AAPL_50,)) as house:
        batch = await house.submit(make_target(quantity=50))

        assert batch.rows[0].status is ShownStatus.NO_CHANGE
        assert batch.rows[0].current_pos == 50


async def test_a_preview_sends_nothing_and_names_what_would_be_sent(tmp_path: Path) -> None:
    async with open_house(tmp_path, positions=(AAPL_50,)) as house:
        preview = await house.preview(
            make_target(quantity=100),
            make_target("MSFT", 5, limit="400"),
            make_target("ZZ9"),
        )
        batches, _ = await house.desk.batches(
            house.client, account=None, of_client=None, limit=9, before=None
        )

        market, limited, unknown = preview.rows
        assert market.row.delta == 50
        assert market.estimated_notional == 50 * (market.reference_price or 0)
        assert limited.estimated_notional == Decimal(2000)
        assert unknown.row.error_code is ErrorCode.UNKNOWN_SYMBOL
        assert preview.estimated_notional is not None
        assert house.orders_sent() == []
        assert batches == ()

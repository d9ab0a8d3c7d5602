"""What the world is told: each change once, in the commit that makes it, as it was then."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from ledger_support import (
    FIRST,
    SECOND,
    Wire,
    accept,
    claim,
    get,
    hold,
    learn,
    make_halt,
    plan,
    planned,
    ref,
    sent,
    stands_as_told,
    told,
)
from makers import (
    AAPL,
    ACCOUNT,
    MSFT,
    NOW,
    OPS,
    commission_report,
    execution_report,
    make_goal,
    make_target,
    order_report,
    seconds,
    status_report,
)
from paperdesk.desk.ports import EventFilter
from paperdesk.domain.batch import ErrorCode, Refusal
from paperdesk.domain.events import OF_BATCH, Event, EventType
from paperdesk.domain.order import OrderEvent, OrderState
from paperdesk.domain.reports import ExecutionReport, Report, Told
from paperdesk.domain.views import Lock
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName, Symbol
from paperdesk.errors import LedgerUnavailable
from paperdesk.ledger.schema import stream
from paperdesk.ledger.store import SqlLedger
from paperdesk.ledger.stream import EVENTS_MAX
from paperdesk.wire.encoding import encode
from paperdesk.wire.rows import OrderRow

PARTS = ("0000a.01.01", 40), ("0000b.01.01", 60)
WHOLE_DAY: tuple[Report, ...] = (
    order_report(),
    status_report(Told.FILLED, filled=100),
    *(execution_report(exec_id, quantity=shares) for exec_id, shares in PARTS),
    *(commission_report(exec_id, "0.5") for exec_id, _ in PARTS),
)


async def kinds(ledger: SqlLedger, which: EventFilter | None = None) -> list[str]:
    return [event.kind for event in await told(ledger, which or EventFilter())]


def body(event: Event) -> Any:
    return json.loads(event.body)


async def the(ledger: SqlLedger, kind: EventType) -> Any:
    """Return the body of the only event of a type."""
    (found,) = await told(ledger, EventFilter(types=frozenset({kind})))
    return body(found)


# -- the way of an order ---------------------------------------------------------------------
async def test_a_batch_is_told_from_its_beginning_to_its_end(ledger: SqlLedger) -> None:
    await sent(ledger)
    for report in WHOLE_DAY:
        await learn(ledger, report)

    assert await kinds(ledger) == [
        "batch.accepted",
        "target.changed",
        "order.submitted",
        "order.acknowledged",
        "fill.created",
        "order.partially_filled",
        "position.changed",
        "fill.created",
        "order.filled",
        "position.changed",
        "batch.final",
        "fill.corrected",
        "fill.corrected",
    ]
    assert await stands_as_told(ledger) == []


async def test_a_body_is_of_its_own_moment_whatever_comes_later(ledger: SqlLedger) -> None:
    await sent(ledger)
    before = await told(ledger)
    for report in WHOLE_DAY:
        await learn(ledger, report)

    assert (await told(ledger))[: len(before)] == before
    assert body(before[-1])["status"] == "PendingSubmit"
    assert body(before[0])["counts"] == {"filled": 0, "working": 1, "failed": 0, "total": 1}


async def test_an_order_is_told_as_a_batch_shows_it(ledger: SqlLedger) -> None:
    await sent(ledger)
    await learn(ledger, *WHOLE_DAY)
    (row,) = (await get(ledger)).rows

    assert await the(ledger, EventType.ORDER_FILLED) == json.loads(encode(OrderRow.of(row)))


async def test_what_is_learnt_together_is_told_as_it_ends(ledger: SqlLedger) -> None:
    await sent(ledger)
    before = len(await told(ledger))
    await learn(ledger, *WHOLE_DAY)

    assert (await kinds(ledger))[before:] == [
        "fill.created",
        "fill.created",
        "order.filled",
        "position.changed",
        "batch.final",
    ]


@pytest.mark.parametrize("seed", range(12))
async def test_in_whatever_order_news_come_each_end_and_each_fill_is_told_once(
    seed: int, ledger: SqlLedger
) -> None:
    await sent(ledger)
    for report in random.Random(seed).sample(WHOLE_DAY * 2, len(WHOLE_DAY) * 2):
        await learn(ledger, report)

    counts = Counter(await kinds(ledger))
    assert counts["order.filled"] == counts["batch.final"] == 1
    assert counts["fill.created"] == 2
    assert counts["order.submitted"] == counts["batch.accepted"] == 1
    assert await stands_as_told(ledger) == []


async def test_a_correction_is_told_as_one(ledger: SqlLedger) -> None:
    await sent(ledger)
    await learn(ledger, execution_report("0000a.01.01", quantity=100))
    before = len(await told(ledger))
    await learn(ledger, execution_report("0000a.01.02", quantity=90))

    assert (await kinds(ledger))[before:] == [
        "fill.corrected",
        "order.partially_filled",
        "position.changed",
    ]


async def test_a_row_that_is_refused_is_told_though_it_has_no_order(ledger: SqlLedger) -> None:
    await accept(ledger, make_target(), make_target("MSFT"))
    await ledger.refuse(BatchId(FIRST), {1: Refusal(ErrorCode.UNKNOWN_SYMBOL, "no such thing")})
    await ledger.refuse(BatchId(FIRST), {0: Refusal(ErrorCode.LOCKED, "locked")})

    assert await kinds(ledger) == [
        "batch.accepted",
        "order.rejected",
        "batch.progress",
        "order.rejected",
        "batch.final",
    ]
    final = await the(ledger, EventType.BATCH_FINAL)
    assert final["summary"] == {"final": True, "on_target": False, "short": ["AAPL", "MSFT"]}
    assert final["counts"] == {"filled": 0, "working": 0, "failed": 2, "total": 2}


async def test_a_batch_that_ends_as_it_is_accepted_is_told_both(ledger: SqlLedger) -> None:
    await accept(ledger, valid_until=NOW - seconds(1))

    assert await kinds(ledger) == ["batch.accepted", "order.rejected", "batch.final"]


async def test_a_batch_that_keeps_an_order_ends_with_it(ledger: SqlLedger) -> None:
    await sent(ledger)
    await learn(ledger, order_report())
    await accept(ledger, batch=SECOND, client="client2")
    await plan(ledger, make_goal(client="client2"), batch=SECOND)
    before = len(await told(ledger))
    await learn(ledger, execution_report(quantity=100))

    ends = [e for e in (await told(ledger))[before:] if e.kind is EventType.BATCH_FINAL]
    assert [(e.batch_id, e.client) for e in ends] == [(FIRST, "client1"), (SECOND, "client2")]
    assert body(ends[1])["summary"]["on_target"]


async def test_an_order_that_turns_up_late_reopens_its_batch(ledger: SqlLedger) -> None:
    await sent(ledger)
    await ledger.lost([ACCOUNT], None, NOW)
    await ledger.conclude(
        ref(), OrderEvent.ABSENT, "not there", NOW, expected=OrderState.UNKNOWN
    )
    before = len(await told(ledger))
    await learn(ledger, order_report())
    await learn(ledger, execution_report(quantity=100))

    assert (await kinds(ledger))[before - 2 : before] == ["order.rejected", "batch.final"]
    assert (await kinds(ledger))[before:] == [
        "order.acknowledged",
        "batch.progress",
        "fill.created",
        "order.filled",
        "position.changed",
        "batch.final",
    ]


# -- what is of the account ------------------------------------------------------------------
async def test_a_halt_is_told_once_and_so_is_its_end(ledger: SqlLedger) -> None:
    await planned(ledger)
    for _ in range(2):
        await ledger.halt(make_halt(), cancel_working=False)
        await ledger.halt(make_halt(), cancel_working=False)
        await ledger.resume(ACCOUNT, OPS, "on", NOW)
        await ledger.resume(ACCOUNT, OPS, "on", NOW)

    found = await kinds(ledger)
    assert [k for k in found if k.startswith("halt")] == ["halt.set", "halt.released"] * 2
    assert found.index("halt.set") < found.index("order.cancelled")
    assert found.count("order.cancelled") == found.count("batch.final") == 1


async def test_a_halt_of_all_tells_nothing_of_any_account(ledger: SqlLedger) -> None:
    await ledger.halt(make_halt(), cancel_working=False)
    await ledger.halt(make_halt(account=None), cancel_working=False)
    await ledger.resume(None, OPS, "on", NOW)

    everywhere = [event for event in await told(ledger) if event.account is None]
    assert [event.kind for event in everywhere] == ["halt.set", "halt.released"]
    assert all(ACCOUNT not in event.body for event in everywhere)


async def test_the_opening_position_is_no_mismatch_and_a_later_one_is(
    ledger: SqlLedger,
) -> None:
    await hold(ledger, 50)
    first = await kinds(ledger)
    await hold(ledger, 10, before=50)
    await ledger.lock(ACCOUNT, MSFT, Lock(Symbol("MSFT"), "why", NOW))
    await ledger.lock(ACCOUNT, MSFT, Lock(Symbol("MSFT"), "why", NOW))
    await ledger.agree(ACCOUNT, {AAPL: Symbol("AAPL"), MSFT: Symbol("MSFT")}, NOW)

    assert first == ["position.changed"]
    rest = (await told(ledger))[1:]
    assert [event.kind for event in rest] == [
        "position.changed",
        "reconcile.mismatch",
        "reconcile.mismatch",
    ]
    assert body(rest[1]) | {"reason": ""} == {
        "symbol": "AAPL",
        "reason": "",
        "since": "2026-03-09T14:30:00+00:00",
        "position": 50,
        "broker_position": 10,
    }


async def test_a_connection_is_known_from_what_was_told_last(ledger: SqlLedger) -> None:
    other = AccountId("DUP203550")
    known = [await ledger.told_connected([ACCOUNT, other])]
    for account, why in (
        (ACCOUNT, None),
        (other, "gone\0\ud800"),
        (ACCOUNT, "gone"),
        (other, None),
    ):
        await ledger.tell_connection(account, why, NOW)
        known.append(await ledger.told_connected([ACCOUNT, other]))
    await ledger.tell_net_liquidation(ACCOUNT, Decimal("100.50"), NOW)

    assert known == [set(), {ACCOUNT}, {ACCOUNT}, set(), {other}]
    assert await the(ledger, EventType.ACCOUNT_UPDATED) == {
        "account_id": ACCOUNT,
        "net_liquidation": 100.5,
    }


# -- the sequence ----------------------------------------------------------------------------
async def test_what_is_rolled_back_is_not_told_and_leaves_no_gap(ledger: SqlLedger) -> None:
    await sent(ledger)
    before = await told(ledger)
    bad = replace(execution_report().execution, symbol=None)  # type: ignore[arg-type]
    with pytest.raises(sa.exc.IntegrityError):
        await learn(ledger, order_report(), ExecutionReport(bad))
    with pytest.raises(sa.exc.IntegrityError):
        await accept(ledger)  # the same batch id again

    assert await told(ledger) == before
    await learn(ledger, order_report())
    assert await stands_as_told(ledger) == []


async def test_nobody_is_called_for_what_tells_nothing(ledger: SqlLedger) -> None:
    calls = []
    ledger.on_told = lambda: calls.append(1)
    await sent(ledger)
    after_sent = len(calls)
    await learn(ledger, None)
    await ledger.warn(BatchId(FIRST), [0], "mind the gap")
    await ledger.check_writable()

    assert after_sent == len(calls) == 3  # T0, T1, T2


async def test_what_was_told_can_be_neither_changed_nor_deleted(ledger: SqlLedger) -> None:
    await accept(ledger)
    for change in (stream.update().values(body="{}"), stream.delete()):
        with pytest.raises((sa.exc.DBAPIError, LedgerUnavailable), match="append-only"):
            ledger._owned.transact(lambda c, change=change: c.execute(change))  # type: ignore[misc]


async def test_a_rebuilt_ledger_tells_nothing_and_a_gap_is_found(ledger: SqlLedger) -> None:
    wire = Wire()
    await sent(ledger)
    await wire.tell(ledger, *WHOLE_DAY)
    well = await ledger.check_history(wire.read)
    last = {"id": 99, "at": NOW, "type": "halt.set", "body": "{}"}
    ledger._owned.transact(lambda c: c.execute(stream.insert(), [last]))

    assert well == ()
    assert [words.partition(":")[0] for words in await ledger.check_history(wire.read)] == [
        "stream"
    ]


# -- views -----------------------------------------------------------------------------------
async def everything(ledger: SqlLedger) -> list[Event]:
    """Let two clients trade, and an operator halt; return all that was told."""
    await sent(ledger, make_target())
    await sent(ledger, make_target("MSFT"), batch=SECOND, client="client2", first_id=2)
    await learn(ledger, *WHOLE_DAY)
    await ledger.halt(make_halt(account=None), cancel_working=True)
    await ledger.halt(make_halt(account=AccountId("DUP203550")), cancel_working=False)
    return await told(ledger)


async def test_a_view_has_what_its_filter_lets_through_in_the_same_order(
    ledger: SqlLedger,
) -> None:
    events = await everything(ledger)
    for which in itertools.starmap(
        EventFilter,
        itertools.product(
            (None, frozenset({ACCOUNT}), frozenset({AccountId("DUP203550")}), frozenset()),
            (None, ClientName("client1"), ClientName("nobody")),
            (None, frozenset({EventType.ORDER_FILLED, EventType.HALT_SET}), frozenset()),
            (None, BatchId(FIRST)),
        ),
    ):
        assert await told(ledger, which) == [e for e in events if lets_through(which, e)]


def lets_through(which: EventFilter, event: Event) -> bool:
    is_of_account = event.account is None or event.account in (which.accounts or ())
    is_visible = event.client == which.client or event.kind not in OF_BATCH
    return (
        (which.accounts is None or is_of_account)
        and (which.client is None or is_visible)
        and (which.types is None or event.kind in which.types)
        and (which.batch_id is None or event.batch_id == which.batch_id)
    )


async def test_another_clients_fill_is_told_and_its_orders_are_not(ledger: SqlLedger) -> None:
    await everything(ledger)
    seen = set(await kinds(ledger, EventFilter(client=ClientName("client2"))))

    assert {"fill.created", "position.changed", "halt.set", "target.changed"} <= seen
    assert "order.filled" not in seen


async def test_pages_join_without_a_gap_and_a_page_says_how_far_it_looked(
    ledger: SqlLedger,
) -> None:
    for _ in range(EVENTS_MAX + 5):
        await ledger.tell_connection(ACCOUNT, None, NOW)
    first = await ledger.events(EventFilter(), 0)
    second = await ledger.events(EventFilter(), first.upto)
    nothing = await ledger.events(EventFilter(types=frozenset()), 0)
    above = await ledger.events(EventFilter(), 1_000_000)

    assert (len(first.events), first.upto, first.head) == (EVENTS_MAX, EVENTS_MAX, 205)
    assert [event.number for event in second.events] == list(range(EVENTS_MAX + 1, 206))
    assert (nothing.events, nothing.upto) == ((), 205)
    assert (above.events, above.upto, above.head) == ((), 1_000_000, 205)


async def test_a_claim_that_is_not_sent_is_told_as_refused(ledger: SqlLedger) -> None:
    await planned(ledger)
    await claim(ledger, ref())
    await ledger.not_sent({ref(): "the line was gone"}, NOW)

    rejected = await the(ledger, EventType.ORDER_REJECTED)
    assert rejected["error_code"] == "not-placed"
    assert (await kinds(ledger))[-1] == "batch.final"

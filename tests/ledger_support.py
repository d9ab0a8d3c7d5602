"""A ledger brought to where a test begins, through its port alone.

Owns: the steps that the ledger's suites share, how they read it back, and a wire whose
messages can be read again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from makers import (
    AAPL,
    ACCOUNT,
    CLIENT_ID,
    GATEWAY,
    MSFT,
    NOW,
    make_goal,
    make_head,
    make_target,
    recorded,
    seconds,
)
from paperdesk.desk.ports import (
    Claim,
    Decide,
    EventFilter,
    ExecutionFilter,
    Learned,
    Ledger,
    Line,
    NewBatch,
    Page,
    Stamp,
)
from paperdesk.desk.ports import Submission as Asked
from paperdesk.domain import planning
from paperdesk.domain.batch import Batch, Outcome, Refusal, Row, Target
from paperdesk.domain.events import Event, EventType
from paperdesk.domain.halt import Halt
from paperdesk.domain.order import Order, OrderState
from paperdesk.domain.planning import Goal, Plan, Rules, Situation
from paperdesk.domain.position import Adjustment
from paperdesk.domain.reports import Recorded, Report
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ConId,
    HaltMode,
    OrderId,
    OrderRef,
    Symbol,
)
from paperdesk.ledger.schema import events
from paperdesk.ledger.store import SqlLedger
from paperdesk.wire.bodies import BatchSummary
from paperdesk.wire.encoding import encode
from paperdesk.wire.holdings import ExecutionBody
from paperdesk.wire.rows import OrderRow

FIRST, SECOND, THIRD = "a1b2c3d4e5f67890", "b1b2c3d4e5f67890", "c1b2c3d4e5f67890"
SPY = ConId(756733)
CONIDS = {"AAPL": AAPL, "MSFT": MSFT, "SPY": SPY}
LINE = Line(GATEWAY, CLIENT_ID, session=1)
ALL = Page(limit=100)
EVERY_EVENT = EventFilter()
SOON = NOW + seconds(60)


@dataclass
class Judge:
    """`planning.refusal_at_claim` with the rules in the test's hand."""

    rules: Rules = field(default_factory=Rules)
    whole_accounts: Collection[AccountId] = ()

    def __call__(self, order: Order, situation: Situation) -> Refusal | None:
        return planning.refusal_at_claim(order, situation, self.rules)


def decide_by(rules: Rules = Rules()) -> Decide:  # noqa: B008 - a frozen value
    """Return `planning.plan` by these rules."""

    def decide(goals: Sequence[Goal], situation: Situation) -> Plan:
        return planning.plan(goals, situation, rules)

    return decide


def ref(seq: int = 0, batch: str = FIRST) -> OrderRef:
    """Return the reference of a row's order."""
    return OrderRef(f"pd-{batch}-{seq}")


async def accept(
    ledger: Ledger,
    *targets: Target,
    batch: str = FIRST,
    client: str = "client1",
    key: str | None = None,
    at: datetime = NOW,
    as_of: datetime | None = None,
    valid_until: datetime | None = None,
    closes_unlisted: bool = False,
    send_before: datetime = SOON,
    in_session: bool = True,
    expected: Stamp | None = None,
) -> Batch:
    """T0."""
    return await ledger.accept(
        NewBatch(
            head=make_head(batch, client=client, at=at),
            submission=Asked(
                ACCOUNT,
                targets or (make_target(),),
                as_of=as_of,
                valid_until=valid_until,
                closes_unlisted=closes_unlisted,
            ),
            key=key,
            fingerprint=None if key is None else "f" * 64,
            send_before=send_before,
            in_session=in_session,
            expected=expected,
        )
    )


async def plan(
    ledger: Ledger,
    *goals: Goal,
    batch: str = FIRST,
    at: datetime = NOW,
    rules: Rules = Rules(),  # noqa: B008 - a frozen value
) -> Plan:
    """T1."""
    return await ledger.plan(BatchId(batch), goals or (make_goal(),), decide_by(rules), at)


async def claim(
    ledger: Ledger,
    *refs: str,
    first_id: int = 1,
    at: datetime = NOW,
    line: Line = LINE,
    judge: Judge | None = None,
) -> list[Order]:
    """T2, with order ids from `first_id` on."""
    claims = [Claim(OrderRef(name), OrderId(first_id + n)) for n, name in enumerate(refs)]
    return await ledger.claim(claims, line, judge or Judge(), at)


async def learn(ledger: Ledger, *reports: Report | None, at: datetime = NOW) -> Learned:
    """T3."""
    return await ledger.learn([recorded(report, at=at) for report in reports])


async def planned(
    ledger: Ledger,
    *targets: Target,
    batch: str = FIRST,
    client: str = "client1",
    at: datetime = NOW,
    send_before: datetime = SOON,
) -> Plan:
    """Accept and plan a batch."""
    wanted = targets or (make_target(),)
    await accept(ledger, *wanted, batch=batch, client=client, at=at, send_before=send_before)
    return await plan(ledger, *goals_of(*wanted, client=client), batch=batch, at=at)


def goals_of(
    *targets: Target, client: str = "client1", send_before: datetime = SOON
) -> list[Goal]:
    """Return the goals of a batch of these targets."""
    return [
        make_goal(
            seq=seq,
            conid=CONIDS[target.symbol],
            target=target,
            client=client,
            send_before=send_before,
        )
        if target.symbol != "SPY"
        else _spy(seq, target, client, send_before)
        for seq, target in enumerate(targets)
    ]


def _spy(seq: int, target: Target, client: str, send_before: datetime) -> Goal:
    goal = make_goal(seq=seq, conid=SPY, target=target, client=client, send_before=send_before)
    return replace(goal, contract=replace(goal.contract, symbol=Symbol("SPY")))


async def sent(
    ledger: Ledger,
    *targets: Target,
    batch: str = FIRST,
    client: str = "client1",
    first_id: int = 1,
    at: datetime = NOW,
) -> None:
    """Accept, plan and claim one batch."""
    wanted = targets or (make_target(),)
    await planned(ledger, *wanted, batch=batch, client=client, at=at)
    refs = [ref(seq, batch) for seq in range(len(wanted))]
    assert len(await claim(ledger, *refs, first_id=first_id, at=at)) == len(wanted)


async def hold(ledger: Ledger, quantity: int, symbol: str = "AAPL", before: int = 0) -> None:
    """Take a position over from the broker."""
    change = Adjustment(CONIDS[symbol], Symbol(symbol), before, quantity, "opening", NOW)
    await ledger.adopt(ACCOUNT, [change], NOW)


def make_halt(
    mode: HaltMode = HaltMode.ALL, *, account: AccountId | None = ACCOUNT, at: datetime = NOW
) -> Halt:
    """Return a halt by the operator."""
    return Halt(account, mode, by="ops", since=at, reason="drill")


async def get(ledger: Ledger, batch: str = FIRST) -> Batch:
    """Return a batch that exists."""
    found = await ledger.batch(BatchId(batch))
    assert found is not None
    return found


async def row(ledger: Ledger, seq: int = 0, batch: str = FIRST) -> Row:
    """Return a row of it."""
    return (await get(ledger, batch)).rows[seq]


async def order(ledger: Ledger, seq: int = 0, batch: str = FIRST) -> Order:
    """Return the row's own order."""
    found = (await row(ledger, seq, batch)).order
    assert found is not None
    return found


class Wire:
    """Messages whose only field names the report, and what reads them again."""

    def __init__(self) -> None:
        self._reports: list[Report] = []

    async def tell(self, ledger: Ledger, *reports: Report | None) -> None:
        await ledger.learn([self.message(report) for report in reports])

    def message(self, report: Report | None) -> Recorded:
        if report is None:
            return replace(recorded(None), fields=("noise",))
        self._reports.append(report)
        return replace(recorded(report), fields=(str(len(self._reports) - 1),))

    def read(self, fields: Sequence[str], version: int, at: datetime) -> Report | None:
        assert version == 178
        assert at.tzinfo is not None
        return None if fields[0] == "noise" else self._reports[int(fields[0])]


def numbers(ledger: SqlLedger) -> list[int]:
    """Return the numbers of the history."""
    query = sa.select(events.c.seq).order_by(events.c.seq)
    return list(ledger._owned.read(lambda c: c.scalars(query).all()))


async def told(ledger: Ledger, which: EventFilter = EVERY_EVENT) -> list[Event]:
    """Return what the world was told, page by page."""
    found: list[Event] = []
    after = 0
    while True:
        page = await ledger.events(which, after)
        found += page.events
        if page.upto == page.head:
            return found
        after = page.upto


async def stands_as_told(ledger: Ledger) -> list[str]:
    """Say where what was told last is not how things stand, or a number is missing."""
    events = await told(ledger)
    wrong = []
    if [event.number for event in events] != list(range(1, len(events) + 1)):
        wrong.append("the numbers have a gap")
    last = {
        (event.kind.partition(".")[0], _key_of(event)): (event.kind, json.loads(event.body))
        for event in events
    }
    for _, head in await ledger.batches([ACCOUNT], None, ALL):
        batch = await get(ledger, head.batch_id)
        summary = json.loads(encode(BatchSummary.of(batch)))
        kind, body = last["batch", head.batch_id]
        if body["summary"] != summary or (kind == EventType.BATCH_FINAL) != batch.is_final:
            wrong.append(f"{head.batch_id}: {summary} was told as {kind} {body}")
        for row in batch.rows:
            shown = json.loads(encode(OrderRow.of(row)))
            newest = last.get(("order", f"{head.batch_id} {row.target.symbol}"))
            wrong += _row_is_told(row, shown, newest)
    executed = await ledger.executions(ExecutionFilter([ACCOUNT]), Page(1000))
    fills = {exec_id: body for (kind, exec_id), (_, body) in last.items() if kind == "fill"}
    for booked in executed:
        if fills.get(booked.execution.exec_id) != json.loads(encode(ExecutionBody.of(booked))):
            wrong.append(f"{booked} was not told so")
    held = {conid: shares for conid, (_, shares) in (await ledger.positions(ACCOUNT)).items()}
    positions = {
        int(of): body["quantity"]
        for (kind, of), (_, body) in last.items()
        if kind == "position"
    }
    wrong += [
        f"{conid}: {held[conid]}" for conid in held if positions.get(conid, 0) != held[conid]
    ]
    return wrong


def _key_of(event: Event) -> str:
    """Return what an event is about."""
    body = json.loads(event.body)
    if event.kind.startswith("order."):
        return f"{event.batch_id} {body['symbol']}"
    for name in ("exec_id", "conid", "batch_id"):
        if name in body:
            return str(body[name])
    return str(event.account)


def _row_is_told(
    row: Row, shown: dict[str, Any], newest: tuple[EventType, dict[str, Any]] | None
) -> list[str]:
    """Compare a row with the last event of it; a cancel that is asked has none."""
    if newest is None:
        is_silent = row.outcome in {Outcome.PENDING, Outcome.NO_CHANGE}
        is_unsent = row.order is not None and row.order.state is OrderState.PLANNED
        return [] if is_silent or is_unsent else [f"{shown} was not told"]
    kind, body = newest
    fixed = "filled_qty", "avg_fill_price"
    same = all(shown[name] == body[name] for name in fixed)
    if shown["status"] not in {"PendingCancel", "PreSubmitted", "Submitted"}:
        same = same and shown["status"] == body["status"]
    return [] if same else [f"{shown} was told as {kind} {body}"]


def let_events_be_altered(connection: sa.Connection) -> None:
    """Take away what keeps the history as it is, as only who owns the database can."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("DROP TRIGGER events_stays ON events")
    else:
        connection.exec_driver_sql("DROP TRIGGER events_no_update")
        connection.exec_driver_sql("DROP TRIGGER events_no_delete")

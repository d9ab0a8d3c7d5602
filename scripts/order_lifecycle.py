"""The page of the order life cycle, written from the table.

Owns: docs/order-lifecycle.md, made of `domain.order`: its table, the comments on its states and
events, and what of them is shown. Prints the page; `scripts/docs` says where it goes.
"""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum

from paperdesk.domain.order import (
    SETTLE_AFTER_CANCEL,
    TERMINAL,
    TRANSITIONS,
    Order,
    OrderEvent,
    OrderState,
    Terms,
    WireStatus,
    shown_status,
)
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ConId,
    OrderRef,
    OrderType,
    Side,
    Symbol,
)

_INTRODUCTION = f"""# The life of an order

An order is in one of the states below, and only the events below move it. Both are one table in
`src/paperdesk/domain/order.py`; this page is written from it, `make docs` writes it anew.

How much is filled, whether a cancel was asked, and whether the broker holds the order as `Inactive`
are facts beside the state: they may be true in several states. Until it is claimed an order may be
dropped; from the claim on nobody may ever send it again, whatever happens. Reports of the broker
fold by rank, filled over cancelled over rejected over working, so that any order and any repetition
of them leads to the same state. "Filled" is believed of executions only.

An order is settled, and its contract free for the next one, when it is over and its executions add
up to what the broker says it filled; a cancelled one {SETTLE_AFTER_CANCEL.seconds} s later: a fill may be on its way.
"""

_UNKNOWN = """## Orders whose outcome is unknown

An order is `unknown` when its line was lost, the process died, or no answer came in time between the
claim and the first report; and when a working order is missing from a complete read of what the
broker has, which is made at the start of a session and once an hour. It is never sent again. In a ready session all lists of the broker are read to their ends:
open orders, completed orders, executions, open orders again, positions; a read that is not complete
shows nothing. What is found is adopted. What at least three complete reads over at least
`desk.resolve_seconds` do not find is cancelled by its order id, and the broker must answer that it
knows no such order; then everything is read once more, and the broker's position must be ours. Only
then it is certain: an order that the broker never told of becomes `not_placed`, one that it did
becomes `cancelled`. Where evidence contradicts itself, or the account's day has ended since, so that
executions are no longer served, the order is `quarantined`, and a person says what became of it
(`POST /api/v1/orders/{batch_id}/resolve`). An order that turns up after it was called `not_placed` is
adopted with a warning and what is left of it cancelled. So is one that is `dropped` or `lapsed`, of
which only a ledger restored from a backup can hear: it was sent after the backup. No other end
reopens. While an order on a contract is unknown, new targets of it wait; while one is quarantined,
they are refused.
"""


def page() -> str:
    """Return the whole page."""
    return f"{_INTRODUCTION}\n{_states()}\n{_events()}\n{_matrix()}\n{_UNKNOWN}"


def _states() -> str:
    meaning = _comments(OrderState)
    rows = [
        f"| `{state}` | {meaning[state.name]} | {_shown(state, cancel_asked=False)} "
        f"| {_shown(state, cancel_asked=True)} | {'yes' if state in TERMINAL else ''} |"
        for state in OrderState
    ]
    head = "| state | what it means | shown as | shown once a cancel was asked | over |"
    return _section("States", head, rows)


def _events() -> str:
    meaning = _comments(OrderEvent)
    rows = [f"| `{event}` | {meaning[event.name]} |" for event in OrderEvent]
    return _section("Events", "| event | what happened |", rows)


def _matrix() -> str:
    rows = [
        f"| **{state}** | {' | '.join(_cell(state, event) for event in OrderEvent)} |"
        for state in OrderState
    ]
    head = f"| | {' | '.join(OrderEvent)} |"
    words = (
        "Where each event leads; `=` changes nothing. An empty cell cannot happen: it raises "
        "InvalidTransition,\nand the order stays as it was.\n"
    )
    return _section("Every state and every event", head, rows, words)


def _section(title: str, head: str, rows: list[str], words: str = "") -> str:
    rule = "|---" * (head.count("|") - 1) + "|"
    return "\n".join((f"## {title}\n", *([words] if words else []), head, rule, *rows, ""))


def _cell(state: OrderState, event: OrderEvent) -> str:
    after = TRANSITIONS.get((state, event))
    if after is None:
        return ""
    return "=" if after is state else str(after)


def _shown(state: OrderState, *, cancel_asked: bool) -> str:
    """Return every status that an order in this state may be shown with."""
    order = replace(_order(), state=state, cancel_asked=cancel_asked)
    variants = [replace(order, wire_status=wire) for wire in WireStatus]
    if not cancel_asked:
        variants.append(replace(order, is_expired=True))
    found = dict.fromkeys(f"`{shown_status(variant)}`" for variant in variants)
    return " or ".join(found)


def _comments(kind: type[StrEnum]) -> dict[str, str]:
    """Return what the source says behind each member."""
    found = re.findall(r"^    ([A-Z_]+) = .*?  # (.+)$", inspect.getsource(kind), re.MULTILINE)
    assert [name for name, _ in found] == list(kind.__members__), "a member without a word"
    return dict(found)


def _order() -> Order:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Order(
        ref=OrderRef(""),
        batch_id=BatchId(""),
        seq=0,
        account=AccountId(""),
        conid=ConId(0),
        symbol=Symbol(""),
        side=Side.BUY,
        quantity=1,
        terms=Terms(OrderType.MKT),
        planned_at=at,
        send_before=at,
    )


if __name__ == "__main__":
    sys.stdout.write(page())

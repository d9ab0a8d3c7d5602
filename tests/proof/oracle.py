"""Judges a record: what a caller was told against what the broker's own books say.

Owns: the invariants of reliability.md §4.1 by their names, as far as they can be judged from
outside. It imports nothing of the service, nor of the gateway: what both of them got wrong in the
same way it would still see.

INV-WRITE-AHEAD, INV-LATEST-WINS and INV-HULL look at the moment at which a frame was written.
Where somebody else changed a position (`Record.outside`) the service may be late to know, so that
its belief is not held against the broker's there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from proof.record import Call, Fill, Placed, Record, Sent

BY_A_PERSON: Final = "a person said"  # in the evidence of an order
SAID: Final = "said."  # how the id of a fill begins that a person told
TERMINAL: Final = frozenset({"Filled", "Cancelled", "Inactive"})
ROUNDING_SECONDS: Final = 1e-9  # of moments, which are floats
SLACK_SECONDS: Final = 1.0  # between a commit and what follows from it, on a slow disk
KEY: Final = "key-of-"
OPENING_FRAMES: Final = 15  # of a session: nobody paces them
FREEING: Final = frozenset({"restrict", "free"})  # calls that change limits
ALIVE: Final = "INV-ALIVE"
NEW_YORK: Final = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that did not hold, and what was seen."""

    name: str
    words: str


class _Case:
    """A record, with what several invariants look up in it."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.rows: dict[str, dict[str, Any]] = {}
        self.account_of: dict[str, str] = {}
        for batch in record.batches:
            for seq, row in enumerate(batch["orders"]):
                ref = f"pd-{batch['batch_id']}-{seq}"
                self.rows[ref] = row
                self.account_of[ref] = batch["account_id"]
        self.ref_of = {sent.order_id: sent.ref for sent in record.sent}
        self.placed: dict[str, list[Placed]] = defaultdict(list)
        for order in record.placed.values():
            if order.client_id == record.ours:
                self.placed[self.ref_of[order.order_id]].append(order)
        self.said = {
            order["order_ref"]
            for orders in record.evidence.values()
            for order in orders
            if any(each["step"] == BY_A_PERSON for each in order["evidence"])
        }
        self.own_fills = [f for f in record.fills.values() if f.client_id == record.ours]
        self.fills: dict[str, list[Fill]] = defaultdict(list)
        for fill in self.own_fills:
            self.fills[self.ref_of[fill.order_id]].append(fill)

    def is_late(self, ref: str) -> bool:
        """Tell whether an order came to light after nobody counted on it any more."""
        row = self.rows.get(ref, {})
        return any("never to have been placed" in words for words in row.get("warnings", ()))

    def is_outside(self, sent: Sent) -> bool:
        """Tell whether somebody else had changed the position by then."""
        since = self.record.outside.get((sent.account, sent.symbol))
        return since is not None and since <= sent.at


def judge(record: Record) -> list[Violation]:
    """Return what did not hold: nothing, where all promises were kept."""
    found = [Violation(name, words) for name, words in record.complaints]
    if any(violation.name == ALIVE for violation in found):
        return found  # it was not played to its end
    case = _Case(record)
    for name, check in INVARIANTS.items():
        found += [Violation(name, words) for words in check(case)]
    return found


# What left.


def _single_send(case: _Case) -> Iterator[str]:
    for ref, count in Counter(sent.ref for sent in case.record.sent).items():
        if count > 1:
            yield f"{ref} left {count} times"


def _write_ahead(case: _Case) -> Iterator[str]:
    for sent in case.record.sent:
        row = sent.row
        if row is None or (row.order_id, row.client_id) != (sent.order_id, sent.client_id):
            yield f"{sent.ref} left as {sent.order_id} while the ledger had {row}"
        elif row.state != "sending":
            yield f"{sent.ref} left while the ledger had it as {row.state}"
    for cancel in case.record.cancels:
        # The cancel that asks whether an order exists is of an order in doubt.
        if cancel.row is None:
            yield f"a cancel of {cancel.order_id} left, which is no order of the ledger"


def _one_live(case: _Case) -> Iterator[str]:
    for sent in case.record.sent:
        others = [
            ref for ref in map(case.ref_of.__getitem__, sent.working) if not case.is_late(ref)
        ]
        if others:
            yield f"{sent.ref} left while {others} worked at the broker"


def _one_effect(case: _Case) -> Iterator[str]:
    for ref, orders in case.placed.items():
        if len(orders) > 1:
            yield f"{ref} is {len(orders)} orders at the broker"


def _order_ids(case: _Case) -> Iterator[str]:
    ids = [sent.order_id for sent in case.record.sent]
    for before, after in pairwise(ids):
        if after <= before:
            yield f"order id {after} left after {before}"


def _pace(case: _Case) -> Iterator[str]:
    """A gateway counts what comes over one line."""
    most = case.record.pace
    for line in {line for _, line in case.record.writes}:
        writes = [at for at, of in case.record.writes if of == line]
        if most < OPENING_FRAMES:
            writes = writes[OPENING_FRAMES:]
        for end, at in enumerate(writes):
            count = end - bisect_right(writes, at - 1.0 + ROUNDING_SECONDS) + 1
            if count > most:
                yield f"{count} frames in the second before {at:.3f}, not {most}"
                break


def _hull(case: _Case) -> Iterator[str]:
    for sent in case.record.sent:
        row = case.rows.get(sent.ref)
        if row is None or case.is_outside(sent) or row["current_pos"] is None:
            continue
        late = any(case.is_late(case.ref_of[order_id]) for order_id in sent.working)
        if row["current_pos"] != sent.position and not late:
            yield (
                f"{sent.ref} {sent.account} {sent.symbol} was planned from "
                f"{row['current_pos']}, and {sent.position} were held when it left"
            )
        if sent.side * sent.quantity != row["delta"]:
            yield f"{sent.ref} left with {sent.side * sent.quantity}, planned {row['delta']}"
        sum_of = row["current_pos"] + row.get("working_qty", 0) + row.get("foreign_qty", 0)
        if row["desired_pos"] != sum_of + row["delta"]:
            yield f"{sent.ref}: {row['desired_pos']} wanted, not {sum_of} and {row['delta']}"


def _limits(case: _Case) -> Iterator[str]:
    """An order left beyond a limit of the configuration that nobody had changed by then."""
    record = case.record
    for account, limits in record.limits.items():
        ends = [c.at for c in record.calls if c.kind in FREEING and account in c.path]
        changed = min(ends, default=float("inf"))
        mine = [sent for sent in record.sent if sent.account == account and sent.at < changed]
        for number, sent in enumerate(mine):
            if _reduces(case, sent):
                continue
            most = limits.get("max_order_quantity")
            if most is not None and sent.quantity > most:
                yield f"{sent.ref} of {sent.quantity} left, and {most} is the most"
            after = sent.position + sent.side * sent.quantity
            if limits.get("allow_short") is False and after < 0 and not case.is_outside(sent):
                yield f"{sent.ref} left towards {after}, and no short is allowed"
            for name, seconds in (
                ("max_orders_per_minute", 59.0),
                ("max_orders_per_day", 3600.0),
            ):
                most = limits.get(name)
                before = [s for s in mine[: number + 1] if sent.at - s.at < seconds]
                is_same_day = name != "max_orders_per_day" or _same_day(record, before[0], sent)
                if most is not None and len(before) > most and is_same_day:
                    yield f"{sent.ref} left as number {len(before)}, and {name} is {most}"


def _reduces(case: _Case, sent: Sent) -> bool:
    """Tell whether it left towards zero: of a position moved elsewhere, as far as one knew."""
    row = case.rows.get(sent.ref)
    is_known = row is not None and row["current_pos"] is not None and case.is_outside(sent)
    held = row["current_pos"] if row is not None and is_known else sent.position
    return held * sent.side < 0 and sent.quantity <= abs(held)


def _same_day(record: Record, first: Sent, last: Sent) -> bool:
    days = {
        (record.began + timedelta(seconds=sent.at)).astimezone(NEW_YORK).date()
        for sent in (first, last)
    }
    return len(days) == 1


def _paper(case: _Case) -> Iterator[str]:
    for at in case.record.not_paper[:1]:
        yield f"a frame left at {at:.3f} to a gateway that had named a live account"


def _latest_wins(case: _Case) -> Iterator[str]:
    """An order left although a newer target of its symbol had been answered before."""
    accepted = _accepted(case)
    for sent in case.record.sent:
        batch_id = sent.ref.split("-")[1]
        mine = accepted.get(batch_id)
        if mine is None:
            continue
        for other, call in accepted.items():
            asked_at = _first_asked_at(case, call)
            if not mine.until < asked_at or call.until + SLACK_SECONDS > sent.at:
                continue
            for newer in _rows_of(case, other):
                is_same = (sent.account, sent.symbol) == (newer[0], newer[1]["symbol"])
                kept = newer[1].get("kept", {}).get("batch_id") == batch_id
                if is_same and newer[1].get("error_code") is None and not kept:
                    yield f"{sent.ref} left after {other} had been answered"


def _first_asked_at(case: _Case, call: Call) -> float:
    """Return when a call was tried first: a batch is as old as that, whoever was answered."""
    if call.key is None:
        return call.at
    return min(
        c.at for c in case.record.calls if (c.program, c.key) == (call.program, call.key)
    )


def _accepted(case: _Case) -> dict[str, Call]:
    """Return the first call that each batch was answered to."""
    found: dict[str, Call] = {}
    for call in case.record.calls:
        if call.method == "POST" and call.is_ok and call.kind in {"post", "last"}:
            found.setdefault(call.answer["batch_id"], call)
    return found


def _rows_of(case: _Case, batch_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for ref, row in case.rows.items():
        if ref.startswith(f"pd-{batch_id}-"):
            yield case.account_of[ref], row


def _kill(case: _Case) -> Iterator[str]:
    """An order left after a halt had been answered, and before anybody asked to end it."""
    sent = case.record.sent
    times = [each.at for each in sent]
    for call in case.record.calls:
        if call.kind != "halt" or not call.is_ok:
            continue
        account, mode = call.path.split("/")[4], (call.body or {})["mode"]
        until = min(
            (
                other.at
                for other in case.record.calls
                if other.kind == "resume" and other.until >= call.at and account in other.path
            ),
            default=float("inf"),
        )
        for each in sent[bisect_right(times, call.until) : bisect_left(times, until)]:
            if each.account == account and not (mode == "reduce_only" and _reduces(case, each)):
                yield f"{each.ref} left after the halt of {call.until:.3f}"


# What was answered.


def _durable(case: _Case) -> Iterator[str]:
    known = {batch["batch_id"]: batch for batch in case.record.batches}
    for batch_id, call in _accepted(case).items():
        batch = known.get(batch_id)
        if batch is None:
            yield f"{batch_id} was answered and is gone"
            continue
        shown = [(row["symbol"], row["desired_pos"]) for row in batch["orders"]]
        told = [(row["symbol"], row["desired_pos"]) for row in call.answer["results"]]
        if shown != told:
            yield f"{batch_id} was answered as {told} and is {shown}"


def _atomic(case: _Case) -> Iterator[str]:
    """A batch that nobody was answered must be one of a call that was cut."""
    cut = sum(1 for call in case.record.calls if call.method == "POST" and call.status is None)
    nobodys = len(case.record.batches) - len(_accepted(case))
    if nobodys > cut:
        yield f"{nobodys} batches were answered to nobody, and {cut} calls were cut"
    keys: defaultdict[str, set[str]] = defaultdict(set)
    bare: Counter[str] = Counter()
    for call in case.record.calls:
        if call.method == "POST" and call.kind in {"post", "last"}:
            if call.key is None:
                bare[call.program] += 1
            else:
                keys[call.program].add(call.key)
    batches = Counter(batch["client"] for batch in case.record.batches)
    for program, count in batches.items():
        most = len(keys[program]) + bare[program]
        if count > most:
            yield f"{program} has {count} batches, and posted {most} at most"
    for batch in case.record.batches:
        if not batch["orders"]:
            yield f"{batch['batch_id']} has no row"


def _idempotent(case: _Case) -> Iterator[str]:
    first: dict[tuple[str, str], Call] = {}
    for call in case.record.calls:
        if call.key is None or call.status is None or call.kind != "post":
            continue
        name = (call.program, call.key)
        known = first.get(name)
        if known is None:
            if call.is_ok:
                first[name] = call
        elif call.body == known.body:
            if call.status not in {200, 409} or (call.is_ok and call.given != known.given):
                yield f"{name} was answered {known.given!r}, then {call.status} {call.given!r}"
        elif call.status != 422:
            yield f"{name} with another body was answered {call.status}"


def _answers(case: _Case) -> Iterator[str]:
    """Each answer is one that the contract knows."""
    allowed = {200, 409, 429, 500, 503}
    for call in case.record.calls:
        more = {"post": {422, 400}, "pry": {404}, "accept": {404}}
        if call.kind == "pry" and call.status == 200:
            yield f"{call.program} saw {call.path}"
        if call.status is not None and call.status not in allowed | more.get(call.kind, set()):
            yield f"{call.method} {call.path} was answered {call.status}: {call.given!r}"
        if KEY.encode() in call.given:
            yield f"a key stands in the answer to {call.path}"


def _terminal(case: _Case) -> Iterator[str]:
    """What was shown as ended stays so, and no share that was shown is taken back."""
    last: dict[tuple[str, int], tuple[str, int, str]] = {}
    for call in sorted(case.record.calls, key=lambda call: call.until):
        if call.kind != "look" or not call.is_ok:
            continue
        answer = call.answer
        for seq, row in enumerate(answer["orders"]):
            name = (answer["batch_id"], seq)
            if row["qty"] and row["filled_qty"] == row["qty"] and row["status"] != "Filled":
                yield f"{name} filled whole and was shown as {row['status']}"
            now = (row["status"], row["filled_qty"], row.get("error_code") or "")
            before = last.get(name)
            if before is not None and before[0] in TERMINAL and now[0] != before[0]:
                yield f"{name} was {before}, then {now}"
            last[name] = now


# What is so in the end.


def _executions(case: _Case) -> Iterator[str]:
    record = case.record
    theirs = {
        fill.exec_id: (fill.account, fill.symbol, fill.side * fill.shares, fill.price)
        for fill in case.own_fills
    }
    ours = {
        row["exec_id"]: (
            row["account_id"],
            row["symbol"],
            row["quantity"] * (1 if row["side"] == "BUY" else -1),
            Decimal(row["price"]),
        )
        for row in record.executions
        if (row["order_ref"] or "").startswith("pd-") and not row["exec_id"].startswith(SAID)
    }
    fills = record.fills_by_id()
    for exec_id in sorted(theirs.keys() | ours.keys()):
        if exec_id not in ours and _is_for_a_person(case, fills[exec_id]):
            continue
        if theirs.get(exec_id) != ours.get(exec_id):
            yield f"{exec_id}: {theirs.get(exec_id)} at the broker, {ours.get(exec_id)} here"


def _is_for_a_person(case: _Case, fill: Fill) -> bool:
    """Tell whether an execution may be missing: a gateway serves those of the day only.

    Its day ended, and the service was silent until then, or a person said what became of the
    order (reliability.md finding 7).
    """
    if _was_told_to_nobody(case.record, fill):
        return True
    has_ended = _day_end(case.record, fill) < case.record.ended_at
    return has_ended and case.ref_of[fill.order_id] in case.said


def _was_told_to_nobody(record: Record, fill: Fill) -> bool:
    """Tell whether the service was silent from a fill to the end of its day."""
    until = _day_end(record, fill)
    return not any(fill.at < at < until for at, _ in record.writes)


def _day_end(record: Record, fill: Fill) -> float:
    day = (record.began + timedelta(seconds=fill.at)).astimezone(NEW_YORK)
    ends = day.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (ends - record.began).total_seconds()


def _orders(case: _Case) -> Iterator[str]:
    """Each row tells what the broker has of its order."""
    for ref, row in case.rows.items():
        fills = case.fills.get(ref, ())
        filled = sum(fill.shares for fill in fills)
        is_said = " said: " in str((row.get("error"), row.get("warnings")))
        untold = any(_was_told_to_nobody(case.record, fill) for fill in fills)
        if row["filled_qty"] != filled and not (is_said or untold):
            yield f"{ref} filled {filled} at the broker, {row['filled_qty']} here"
        if row.get("error_code") == "not-placed" and case.placed.get(ref) and not is_said:
            yield f"{ref} is at the broker, and shown as never placed"
        if row["qty"] is not None and not 0 <= row["filled_qty"] <= row["qty"]:
            yield f"{ref} filled {row['filled_qty']} of {row['qty']}"


def _converge(case: _Case) -> Iterator[str]:
    record = case.record
    for (account, symbol), wanted in record.wanted.items():
        held = record.truth.get(account, {}).get(symbol, 0)
        if held == wanted:
            continue
        view = next((t for t in record.targets[account] if t["symbol"] == symbol), None)
        yield f"{account} {symbol}: {held} held, {wanted} wanted, shown as {view}"


def _positions(case: _Case) -> Iterator[str]:
    for account, held in case.record.truth.items():
        shown = case.record.positions[account]
        if shown != held:
            yield f"{account} holds {held}, shown {shown}"


def _seen(case: _Case) -> Iterator[str]:
    """Before a person did anything: a position is right, or its symbol is locked."""
    untold = {
        (fill.account, fill.symbol)
        for fill in case.own_fills
        if _was_told_to_nobody(case.record, fill)
    }
    for seen in case.record.seen:
        name = (seen.account, seen.symbol)
        if seen.shown != seen.held and not seen.is_locked and name not in untold:
            yield f"{name} was shown as {seen.shown}, unlocked, while {seen.held} were held"


def _resolved(case: _Case) -> Iterator[str]:
    yield from (f"{words} is unknown still" for words in case.record.unknown)


def _explained(case: _Case) -> Iterator[str]:
    """Each order that is said never to have been placed has the evidence for it."""
    told = {
        order["order_ref"]: order for rows in case.record.evidence.values() for order in rows
    }
    left = {sent.ref for sent in case.record.sent}
    for ref in left & case.rows.keys():
        row = case.rows[ref]
        was_lost = row.get("error_code") == "not-placed" or case.is_late(ref)
        if was_lost and not told.get(ref, {}).get("evidence"):
            yield f"{ref} is {row['status']}, and there is no evidence for it"


INVARIANTS: Final[dict[str, Callable[[_Case], Iterable[str]]]] = {
    "INV-SINGLE-SEND": _single_send,
    "INV-WRITE-AHEAD": _write_ahead,
    "INV-ONE-LIVE": _one_live,
    "INV-ONE-EFFECT": _one_effect,
    "INV-OID-UNIQUE": _order_ids,
    "INV-PACE": _pace,
    "INV-HULL": _hull,
    "INV-LIMITS": _limits,
    "INV-PAPER": _paper,
    "INV-LATEST-WINS": _latest_wins,
    "INV-KILL": _kill,
    "INV-ACK-DURABLE": _durable,
    "INV-ACK-ATOMIC": _atomic,
    "INV-IDEMP": _idempotent,
    "INV-TENANT": _answers,
    "INV-TERMINAL": _terminal,
    "INV-EXEC-EQ": _executions,
    "INV-CUM": _orders,
    "INV-CONVERGE": _converge,
    "INV-POS-SUM": _positions,
    "INV-BREAK": _seen,
    "INV-RESOLVE-LIVE": _resolved,
    "INV-EXPLAIN": _explained,
}

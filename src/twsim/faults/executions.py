"""Faults of executions and commissions: twice, late, missing, in another order or form.

Owns: the effects E01 to E09. Does not know why an order traded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from twsim import render
from twsim.exchange.hours import NEW_YORK
from twsim.exchange.orders import Execution
from twsim.exchange.vocabulary import ExecId
from twsim.faults.engine import Effect, Faults
from twsim.faults.orders import fill_percent
from twsim.faults.plan import Fired
from twsim.faults.scene import Scene
from twsim.session import Session
from twsim.wire.fields import DMAX, Text
from twsim.wire.layout import Message
from twsim.wire.orders import OpenOrder, OrderStatus
from twsim.wire.responses import CommissionReport, ExecDetails, ExecDetailsEnd

OTHER_CLIENT: Final = 9999
_CENT: Final = Decimal("0.01")
_UNKNOWN: Final = "0000ffff.ffffffff.01.01"
_MET: Final = ZoneInfo("Europe/Berlin")
_DAY_OF_FOLD: Final = "20261101 01:30:00 US/Eastern"  # an hour that New York has twice


def _about(scene: Scene) -> Execution:
    assert scene.execution is not None
    return scene.execution


def _is_push(faults: Faults, message: Message, execution: Execution) -> bool:
    """Tell whether a message is the news of an execution."""
    return (
        isinstance(message, ExecDetails)
        and message.exec_id == execution.exec_id
        and not faults.listing
    )


def _repeat(faults: Faults, fired: Fired, scene: Scene) -> None:
    execution = _about(scene)

    def change(_session: Session, message: Message) -> list[Message]:
        if not _is_push(faults, message, execution):
            return [message]
        rule.remove()
        return [message] * (1 + fired.count("copies"))

    rule = faults.order_rule(scene.key, change)


def _correct(faults: Faults, fired: Fired, scene: Scene) -> None:
    found = _about(scene)
    price, shares = found.price, found.shares
    if fired.word("change") == "price":
        price = max(_CENT, price + _CENT * fired.count("cents"))
    else:
        shares = max(1, shares + fired.count("shares"))

    def act() -> None:
        order = faults.exchange.order_of(found.perm_id)
        if order is None or found.exec_id not in _exec_ids(faults):
            return  # of yesterday, or corrected already
        most = found.shares + order.remaining
        corrected = faults.exchange.correct(
            found.exec_id, faults.now(), shares=min(shares, most), price=price
        )
        faults.stage.publish([corrected])

    faults.later(fired.seconds("delay"), act, heals=False)


def _exec_ids(faults: Faults) -> set[ExecId]:
    return {each.exec_id for each in faults.exchange.executions()}


def _execution_first(faults: Faults, fired: Fired, scene: Scene) -> None:
    session, kept = scene.client, list[Message]()

    def change(of: Session, message: Message) -> list[Message]:
        if of is not session or faults.listing:
            return [message]
        if isinstance(message, OpenOrder | OrderStatus):
            kept.append(message)
            return []
        if not isinstance(message, ExecDetails):
            return [message]
        rule.remove()
        later = kept[:]
        kept.clear()
        return [message, *later]

    def release() -> None:
        rule.remove()
        for message in kept:
            session.say(message)
        kept.clear()

    rule = faults.order_rule(scene.key, change)
    faults.later(fired.seconds("delay"), release)


def _never_push(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired

    def change(_session: Session, message: Message) -> list[Message]:
        pushed = isinstance(message, ExecDetails | CommissionReport) and not faults.listing
        return [] if pushed else [message]

    faults.order_rule(scene.key, change)


class _Late:
    """The news of an execution, kept until a query that misses it is over."""

    def __init__(self, faults: Faults, scene: Scene) -> None:
        self.faults = faults
        self.exec_id = _about(scene).exec_id
        self.kept: list[tuple[Session, Message]] = []
        self.rules = [faults.order_rule(scene.key, self.hide), faults.rule(self.at_end)]

    def hide(self, session: Session, message: Message) -> list[Message]:
        """Keep what is news, and drop what is listed."""
        if not isinstance(message, ExecDetails | CommissionReport):
            return [message]
        if message.exec_id != self.exec_id:
            return [message]
        if not self.faults.listing:
            self.kept.append((session, message))
        return []

    def at_end(self, session: Session, message: Message) -> list[Message]:
        """Say it behind the end."""
        if not isinstance(message, ExecDetailsEnd) or not self.kept:
            return [message]
        late = [each for of, each in self.kept if of is session]
        self.kept = [(of, each) for of, each in self.kept if of is not session]
        self.release()
        return [message, *late]

    def release(self) -> None:
        """Say what is left."""
        for rule in self.rules:
            rule.remove()
        kept, self.kept = self.kept, []
        for session, message in kept:
            session.say(message)


def _push_after_end(faults: Faults, fired: Fired, scene: Scene) -> None:
    faults.later(fired.seconds("delay"), _Late(faults, scene).release)


def _fill_in_parts(faults: Faults, fired: Fired, scene: Scene) -> None:
    key = scene.key
    faults.exchange.hold_order(*key)

    def act() -> None:
        faults.exchange.release_quietly(*key, faults.now())
        for left in range(fired.count("parts"), 0, -1):
            fill_percent(faults, key, 100 // left if left > 1 else 100)

    scene.after.append(act)


@dataclass(frozen=True, slots=True, kw_only=True)
class OddCommission(Message):
    """A commission report whose commission is no number."""

    ID: ClassVar = CommissionReport.ID
    NAME: ClassVar = CommissionReport.NAME
    VERSION: ClassVar = CommissionReport.VERSION

    exec_id: Text
    commission: Text = ""
    currency: Text
    realized_pnl: Text = ""
    yield_: Text = ""
    yield_redemption_date: Text = ""


_ODD_COMMISSIONS: Final[Mapping[str, Callable[[CommissionReport], list[Message]]]] = {
    "missing": lambda _report: [],
    "negative": lambda report: [replace(report, commission=Decimal(-1))],
    "huge": lambda report: [replace(report, commission=Decimal(DMAX))],
    "none": lambda report: [OddCommission(exec_id=report.exec_id, currency=report.currency)],
}


def _change_commission(faults: Faults, fired: Fired, scene: Scene) -> None:
    execution, mode = _about(scene), fired.word("mode")

    def change(session: Session, message: Message) -> list[Message]:
        if not isinstance(message, CommissionReport) or message.exec_id != execution.exec_id:
            return [message]
        if mode != "late":
            return _ODD_COMMISSIONS[mode](message)
        if faults.listing:
            return [message]
        rule.remove()
        faults.later(fired.seconds("delay"), partial(session.say, message))
        return []

    rule = faults.order_rule(scene.key, change)


def _push_orphan(faults: Faults, fired: Fired, scene: Scene) -> None:
    execution = _about(scene)

    def change(_session: Session, message: Message) -> list[Message]:
        if not isinstance(message, ExecDetails) or not _is_push(faults, message, execution):
            return [message]
        rule.remove()
        if fired.word("mode") == "commission":
            report = render.commission_report(execution)
            return [message, replace(report, exec_id=_UNKNOWN)]
        other = replace(message, exec_id=_UNKNOWN, client_id=OTHER_CLIENT, order_ref="")
        return [message, replace(other, perm_id=message.perm_id + OTHER_CLIENT)]

    rule = faults.order_rule(scene.key, change)


def _write_time(faults: Faults, fired: Fired, scene: Scene) -> None:
    execution = _about(scene)
    written = _time_as(fired.word("form"), execution.at)

    def change(_session: Session, message: Message) -> list[Message]:
        if not isinstance(message, ExecDetails) or message.exec_id != execution.exec_id:
            return [message]
        return [replace(message, time=written)]

    faults.order_rule(scene.key, change)


def _time_as(form: str, at: datetime) -> str:
    match form:
        case "eastern":
            return f"{at.astimezone(NEW_YORK):%Y%m%d %H:%M:%S} US/Eastern"
        case "met":
            return f"{at.astimezone(_MET):%Y%m%d %H:%M:%S} MET"
        case "fold":
            return _DAY_OF_FOLD
        case "utc":
            return f"{at:%Y%m%d-%H:%M:%S}"
        case _:
            return f"{at:%Y-%m-%dT%H:%M}"


EFFECTS: Final[Mapping[str, Effect]] = {
    "E01": _repeat,
    "E02": _correct,
    "E03": _execution_first,
    "E04": _never_push,
    "E05": _push_after_end,
    "E06": _fill_in_parts,
    "E07": _change_commission,
    "E08": _push_orphan,
    "E09": _write_time,
}

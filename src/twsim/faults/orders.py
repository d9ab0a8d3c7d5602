"""Faults on the way of an order and of its cancel.

Owns: the effects O01 to O18 and C01 to C06. Does not know the link.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import partial
from typing import Final

from twsim import render, trading
from twsim.exchange import refusals
from twsim.exchange.hours import NEW_YORK, trading_day
from twsim.exchange.orders import FINAL
from twsim.exchange.outcomes import Acknowledged, Cancelled, Executed, Outcome
from twsim.exchange.refusals import Refusal
from twsim.exchange.tickets import Ticket
from twsim.exchange.vocabulary import OrderStatus as Status
from twsim.faults.engine import Effect, Faults
from twsim.faults.plan import Fired
from twsim.faults.scene import OrderKey, Scene
from twsim.session import Session
from twsim.wire.layout import Message
from twsim.wire.orders import OpenOrder, OrderStatus
from twsim.wire.responses import ErrorMessage

REJECTION: Final = Refusal(refusals.REJECTED, "Order rejected - reason:Rejected by a fault.")
PRESET: Final = Refusal(10349, "Order TIF was set to DAY based on order preset.")
_OPENS_AT: Final = time(9, 30)
_FINAL: Final = frozenset(str(status) for status in FINAL)
_SATURDAY: Final = 5


def next_opening(now: datetime) -> datetime:
    """Return when the exchange opens next; holidays count as days, an assumption."""
    day = trading_day(now)
    while True:
        opening = datetime.combine(day, _OPENS_AT, NEW_YORK)
        if opening > now and day.weekday() < _SATURDAY:
            return opening
        day += timedelta(days=1)


# On the way in.


def _drop(faults: Faults, fired: Fired, scene: Scene) -> None:
    del faults, fired
    scene.swallow()


def _drop_but_show(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired
    ticket = _ticket(scene)
    order = None if ticket is None else faults.exchange.draft(ticket, faults.now())
    if order is None or isinstance(order, Refusal):
        return  # what makes no sense is refused as ever
    contract = faults.exchange.contracts[order.con_id]
    scene.client.say(render.open_order(order, contract))
    scene.client.say(render.order_status(order))
    scene.swallow()


def _duplicate_id(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired
    _refuse_next(faults, scene, refusals.DUPLICATE_ORDER_ID)


def _reject(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired
    _refuse_next(faults, scene, REJECTION)


def _refuse_next(faults: Faults, scene: Scene, refusal: Refusal) -> None:
    faults.exchange.reject_next(refusal)
    scene.after.append(partial(faults.exchange.forget_refusal, refusal))


def _cut_order_ref(faults: Faults, fired: Fired, scene: Scene) -> None:
    del faults
    order = scene.place
    scene.request = replace(order, order_ref=order.order_ref[: fired.count("length")])


def _modify_into_second(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired
    ticket = _ticket(scene)
    if ticket is None:
        return
    outcomes = faults.exchange.force(ticket, faults.now())
    trading.tell_asker(scene.client, scene.place.order_id, outcomes)
    scene.swallow()


def _ticket(scene: Scene) -> Ticket | None:
    query = trading.query_of(scene.place)
    if isinstance(query, Refusal):
        return None
    return trading.ticket_of(scene.place, scene.key[0], query)


# What is heard of an order.


def _hear_late(faults: Faults, fired: Fired, scene: Scene) -> None:
    faults.withhold(scene.key, fired.seconds("delay"))


def _hide_from_lists(faults: Faults, fired: Fired, scene: Scene) -> None:
    rule = faults.of_list(lambda _message: None, scene.key)
    faults.later(fired.seconds("delay"), rule.remove)


def _say_first(faults: Faults, key: OrderKey, refusal: Refusal) -> None:
    """Say something of an order before its first openOrder, as §4.1 has it for 399."""

    def change(_session: Session, message: Message) -> list[Message]:
        if faults.listing or not isinstance(message, OpenOrder):
            return [message]
        rule.remove()
        return [ErrorMessage(req_id=key[1], code=refusal.code, text=refusal.text), message]

    rule = faults.order_rule(key, change)


def _set_preset(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired
    _say_first(faults, scene.key, PRESET)


def _repeat_status(faults: Faults, fired: Fired, scene: Scene) -> None:
    def change(_session: Session, message: Message) -> list[Message]:
        again = isinstance(message, OrderStatus) and not faults.listing
        return [message] * (1 + (fired.count("copies") if again else 0))

    faults.order_rule(scene.key, change)


def _miss_status(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired

    def change(_session: Session, message: Message) -> list[Message]:
        missed = isinstance(message, OrderStatus) and not faults.listing
        return [] if missed else [message]

    faults.order_rule(scene.key, change)


def _reorder_status(faults: Faults, fired: Fired, scene: Scene) -> None:
    kept: list[Message] = []
    session = scene.client

    def change(of: Session, message: Message) -> list[Message]:
        if of is not session or faults.listing or not isinstance(message, OrderStatus):
            return [message]
        if message.status not in _FINAL:
            kept.append(message)
            return []
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


def _zero_perm_id(faults: Faults, fired: Fired, scene: Scene) -> None:
    left = [fired.count("messages")]

    def change(_session: Session, message: Message) -> list[Message]:
        if faults.listing or not isinstance(message, OpenOrder | OrderStatus):
            return [message]
        left[0] -= 1
        if not left[0]:
            rule.remove()
        return [replace(message, perm_id=0)]

    rule = faults.order_rule(scene.key, change)


# Orders that wait.


def _park(faults: Faults, scene: Scene, status: Status, why_held: str = "") -> _Parked:
    key = scene.key
    faults.exchange.hold_order(*key)

    def change(_session: Session, message: Message) -> list[Message]:
        if isinstance(message, OpenOrder):
            return [replace(message, status=status)]
        if isinstance(message, OrderStatus):
            return [replace(message, status=status, why_held=why_held)]
        return [message]

    return _Parked(faults, key, faults.order_rule(key, change).remove)


class _Parked:
    """An order that works without trading, and is shown as something else."""

    def __init__(self, faults: Faults, key: OrderKey, show: Callable[[], None]) -> None:
        self.faults = faults
        self.key = key
        self.show = show

    def release(self) -> None:
        """Show it as it is, and let it trade."""
        self.show()
        faults = self.faults
        faults.stage.publish(faults.exchange.release_order(*self.key, faults.now()))

    def cancel(self) -> None:
        """Let the broker cancel it."""
        self.show()
        faults = self.faults
        faults.exchange.release_quietly(*self.key, faults.now())
        faults.stage.publish(_told(faults.exchange.cancel(*self.key, faults.now())))


def _told(outcomes: list[Outcome]) -> list[Outcome]:
    """Return what the owner hears of; a refusal has nobody who asked."""
    return [each for each in outcomes if isinstance(each, Acknowledged | Cancelled | Executed)]


def _hold_until_open(faults: Faults, fired: Fired, scene: Scene) -> None:
    order, opening = scene.place, faults.now() + fired.seconds("delay")
    words = (
        f"Order Message:\n{order.action} {order.total_quantity:f} {scene.target.symbol}"
        f" NASDAQ.NMS\nWarning: Your order will not be placed at the exchange until"
        f" {opening.astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S} US/Eastern."
    )
    _say_first(faults, scene.key, Refusal(399, words))
    faults.later(fired.seconds("delay"), _park(faults, scene, Status.PRE_SUBMITTED).release)


def _locate(faults: Faults, fired: Fired, scene: Scene) -> None:
    _say_first(faults, scene.key, refusals.LOCATING)
    parked = _park(faults, scene, Status.PRE_SUBMITTED, "locate")
    faults.later(fired.seconds("delay"), parked.release)


def _show_inactive(faults: Faults, fired: Fired, scene: Scene) -> None:
    parked = _park(faults, scene, Status.INACTIVE)
    ends = parked.release if fired.word("then") == "filled" else parked.cancel
    faults.later(fired.seconds("delay"), ends)


def _reject_later(faults: Faults, fired: Fired, scene: Scene) -> None:
    key = scene.key
    faults.exchange.hold_order(*key)

    def submitted(_session: Session, message: Message) -> list[Message]:
        if isinstance(message, OpenOrder | OrderStatus):
            return [replace(message, status=Status.SUBMITTED)]
        return [message]

    rule = faults.order_rule(key, submitted)

    def act() -> None:
        rule.remove()
        faults.exchange.release_quietly(*key, faults.now())
        order = faults.exchange.find(*key)
        if order is not None:
            faults.stage.publish(faults.exchange.reject_order(order, REJECTION, faults.now()))

    faults.later(fired.seconds("delay"), act)


def _fill_part_then_cancel(faults: Faults, fired: Fired, scene: Scene) -> None:
    key = scene.key
    faults.exchange.hold_order(*key)
    scene.after.append(partial(fill_percent, faults, key, fired.count("percent")))

    def end() -> None:
        faults.exchange.release_quietly(*key, faults.now())
        faults.stage.publish(_told(faults.exchange.cancel(*key, faults.now())))

    if fired.seconds("delay"):
        faults.later(fired.seconds("delay"), end)
    else:
        scene.after.append(end)


def fill_percent(faults: Faults, key: OrderKey, percent: int) -> None:
    """Let a part of what is left of an order trade, one share at least."""
    order = faults.exchange.find(*key)
    if order is not None and order.remaining:
        shares = max(1, order.remaining * percent // 100)
        faults.stage.publish(faults.exchange.fill_order(order, shares, faults.now()))


# Cancels.


def _cancel_at_open(faults: Faults, fired: Fired, scene: Scene) -> None:
    key, now = scene.key, faults.now()
    delay = fired.seconds("delay") or next_opening(now) - now
    faults.exchange.hold_order(*key)

    def act() -> None:
        faults.exchange.release_quietly(*key, faults.now())
        faults.stage.publish(_told(faults.exchange.cancel(*key, faults.now())))

    faults.later(delay, act)
    scene.swallow()


def _cancel_not_found(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired
    order_id = scene.key[1]
    faults.refuse(scene.client, refusals.cancel_unknown(order_id), order_id)
    scene.swallow()


def _cancel_too_late(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired
    order_id = scene.key[1]
    faults.refuse(scene.client, refusals.cancel_too_late(order_id, Status.FILLED), order_id)
    scene.swallow()


def _fill_first(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired
    fill_percent(faults, scene.key, 100)


def _fill_after(faults: Faults, fired: Fired, scene: Scene) -> None:
    act = partial(fill_percent, faults, scene.key, fired.count("percent"))
    faults.later(fired.seconds("delay"), act)


EFFECTS: Final[Mapping[str, Effect]] = {
    "O01": _drop,
    "O02": _drop_but_show,
    "O03": _hear_late,
    "O04": _hide_from_lists,
    "O05": _duplicate_id,
    "O06": _reject,
    "O07": _reject_later,
    "O08": _set_preset,
    "O09": _hold_until_open,
    "O10": _locate,
    "O11": _show_inactive,
    "O12": _repeat_status,
    "O13": _miss_status,
    "O14": _reorder_status,
    "O15": _modify_into_second,
    "O16": _zero_perm_id,
    "O17": _cut_order_ref,
    "O18": _fill_part_then_cancel,
    "C01": _hear_late,
    "C02": _cancel_at_open,
    "C03": _cancel_not_found,
    "C04": _cancel_too_late,
    "C05": _fill_first,
    "C06": _fill_after,
}

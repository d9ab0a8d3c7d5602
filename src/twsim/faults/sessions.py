"""Faults of the session: who may connect, and what a gateway says at the start.

Owns: the effects A01 to A10. Does not know orders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Final

from twsim.exchange.refusals import Refusal
from twsim.faults.engine import Effect, Faults
from twsim.faults.kinds import Point
from twsim.faults.plan import Fired
from twsim.faults.scene import Scene
from twsim.session import NO_REQUEST, Session
from twsim.wire.layout import Message
from twsim.wire.responses import ManagedAccounts, NextValidId

_IN_USE: Final = Refusal(
    326,
    "Unable to connect as the client id is already in use. Retry with a unique client id.",
)
_COMPETING: Final = (10197, "No market data during competing live session")
# GO's words (tws-facts §4.3, code 321); the token varies with the build.
_READ_ONLY: Final = Refusal(
    321,
    "Error validating request.-'bN' : cause - The API interface is currently in Read-Only mode.",
)
LIVE_ACCOUNT: Final = "U1234567"
_UNKNOWN_MESSAGES: Final = 3
_ALL_IDS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class UnknownMessage(Message):
    """A message of a number that no client knows."""

    ID: ClassVar = 199
    NAME: ClassVar = "unknown"
    VERSION: ClassVar = 1


def _keep_id_in_use(faults: Faults, fired: Fired, scene: Scene) -> None:
    client = scene.target.client
    _refuse_client(faults, scene)

    def again(later: Scene) -> None:
        if later.target.client == client:
            _refuse_client(faults, later)

    faults.watch(Point.START, again)
    faults.later(fired.seconds("delay"), partial(faults.unwatch, again))


def _refuse_client(faults: Faults, scene: Scene) -> None:
    faults.refuse(scene.client, _IN_USE, NO_REQUEST)
    scene.client.closing = True
    scene.swallow()


def _restart(faults: Faults, fired: Fired, scene: Scene) -> None:
    faults.exchange.roll_back(fired.count("rollback"))
    _go_down(faults, fired, scene)


def _go_down(faults: Faults, fired: Fired, scene: Scene) -> None:
    faults.cut(faults.stage.sessions())
    faults.shut(fired.seconds("delay"))
    scene.swallow()


def _kick(faults: Faults, fired: Fired, scene: Scene) -> None:
    def act(session: Session) -> None:
        faults.refuse(session, Refusal(*_COMPETING), NO_REQUEST)
        session.closing = True

    for session in faults.matching_sessions(fired, scene):
        faults.later(fired.seconds("delay"), partial(act, session), heals=False)
    if fired.count("rounds") > 1:
        faults.arm_again(fired, Point.START, rounds=fired.count("rounds") - 1)


def _at_start(
    faults: Faults,
    scene: Scene,
    kind: type[Message],
    change: Callable[[Message], list[Message]],
) -> None:
    """Change one kind of message, once, on one line."""

    def once(session: Session, message: Message) -> list[Message]:
        if session is not scene.client or not isinstance(message, kind):
            return [message]
        rule.remove()
        return change(message)

    rule = faults.rule(once)


def _miss_next_id(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired
    _at_start(faults, scene, NextValidId, lambda _message: [])


def _wrong_next_id(faults: Faults, fired: Fired, scene: Scene) -> None:
    wrong = NextValidId(order_id=fired.count("value"))
    _at_start(faults, scene, NextValidId, lambda _message: [wrong])


def _wrong_accounts(faults: Faults, fired: Fired, scene: Scene) -> None:
    session, delay = scene.client, fired.seconds("delay")

    def change(message: Message) -> list[Message]:
        assert isinstance(message, ManagedAccounts)
        mixed = replace(message, accounts=f"{message.accounts},{LIVE_ACCOUNT}")
        match fired.word("mode"):
            case "live":
                return [replace(message, accounts=LIVE_ACCOUNT)]
            case "mixed":
                return [mixed]
            case "empty":
                return [replace(message, accounts="")]
            case "late":
                faults.later(delay, partial(session.say, message))
                return []
            case _:
                faults.later(delay, partial(session.say, mixed), heals=False)
                return [message]

    _at_start(faults, scene, ManagedAccounts, change)


def _unknown_version(faults: Faults, fired: Fired, scene: Scene) -> None:
    if fired.word("mode") == "version":
        faults.wire(scene.client).version = fired.count("version")
        return
    left = [_UNKNOWN_MESSAGES]

    def change(session: Session, message: Message) -> list[Message]:
        if session is not scene.client:
            return [message]
        left[0] -= 1
        if not left[0]:
            rule.remove()
        return [UnknownMessage(), message]

    rule = faults.rule(change)


def _read_only(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired
    if scene.target.listing in ("positions", "account"):
        return
    order_id = scene.target.order_id
    req_id = getattr(scene.request, "req_id", NO_REQUEST) if order_id is None else order_id
    faults.refuse(scene.client, _READ_ONLY, req_id)
    scene.swallow()


def _new_process(faults: Faults, fired: Fired, scene: Scene) -> None:
    if fired.word("ids") == "reset":
        faults.exchange.roll_back(_ALL_IDS)
    faults.cut(faults.stage.sessions())
    scene.swallow()


EFFECTS: Final[Mapping[str, Effect]] = {
    "A01": _keep_id_in_use,
    "A02": _restart,
    "A03": _go_down,
    "A04": _kick,
    "A05": _miss_next_id,
    "A06": _wrong_next_id,
    "A07": _wrong_accounts,
    "A08": _unknown_version,
    "A09": _read_only,
    "A10": _new_process,
}

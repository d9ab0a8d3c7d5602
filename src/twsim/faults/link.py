"""Faults of the link: the socket, the bytes, and the gateway's own line to the broker.

Owns: the effects L01 to L16. Does not know sockets: a line and a network do what they
are told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from twsim.answers import answer
from twsim.faults.engine import Effect, Faults
from twsim.faults.plan import Fired
from twsim.faults.scene import Scene
from twsim.notices import TEXTS
from twsim.session import Session
from twsim.wire.accounts import PositionMulti
from twsim.wire.layout import Message
from twsim.wire.orders import OpenOrder, OrderStatus
from twsim.wire.place_order import PlaceOrder
from twsim.wire.requests import CancelOrder, ReqGlobalCancel
from twsim.wire.responses import CommissionReport, ExecDetails, PortfolioValue, PositionRow

KEPT_MAX: Final = 10_000  # what waits for the broker's line to come back
# What the gateway learns from the broker; the rest it says by itself.
_FROM_BROKER: Final = (
    OpenOrder,
    OrderStatus,
    ExecDetails,
    CommissionReport,
    PositionRow,
    PositionMulti,
    PortfolioValue,
)


def _refuse_connections(faults: Faults, fired: Fired, scene: Scene) -> None:
    del scene
    faults.shut(fired.seconds("delay"))


def _freeze(faults: Faults, fired: Fired, scene: Scene) -> None:
    """Read and say nothing: L02 from the start, L07 from somewhere in the middle."""
    for session in faults.matching_sessions(fired, scene):
        wire = faults.wire(session)
        wire.stalled = True
        session.line.pause(paused=True)
        faults.lasting(fired.seconds("lasts"), partial(_thaw, faults, session))
    if scene.request is not None:
        scene.swallow()


def _thaw(faults: Faults, session: Session) -> None:
    wire = faults.wire(session)
    wire.stalled = False
    wire.thaw()
    session.line.pause(paused=False)


def _cut_next_frame(faults: Faults, fired: Fired, scene: Scene) -> None:
    faults.wire(scene.client).cut_at = fired.count("bytes")


def _reset_before(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired
    faults.cut([scene.client])
    scene.swallow()


def _reset_after(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired
    scene.after.append(partial(faults.cut, [scene.client]))


def _stop_reading(faults: Faults, fired: Fired, scene: Scene) -> None:
    for session in faults.matching_sessions(fired, scene):
        session.line.pause(paused=True)
        resume = partial(session.line.pause, paused=False)
        faults.lasting(fired.seconds("lasts"), resume)
    if scene.request is not None:
        scene.swallow()


def _lose_in(faults: Faults, fired: Fired, scene: Scene) -> None:
    for session in faults.matching_sessions(fired, scene):
        faults.wire(session).deaf = True
        faults.lasting(fired.seconds("lasts"), session.cut)
    if scene.request is not None:
        scene.swallow()


def _lose_out(faults: Faults, fired: Fired, scene: Scene) -> None:
    for session in faults.matching_sessions(fired, scene):
        faults.wire(session).mute = True
        faults.lasting(fired.seconds("lasts"), session.cut)


def _set_late(faults: Faults, fired: Fired, scene: Scene) -> None:
    def trouble(session: Session) -> None:
        wire = faults.wire(session)
        wire.delay, wire.jitter = fired.seconds("delay"), fired.seconds("jitter")
        wire.late_out = fired.word("way") != "in"
        wire.late_in = fired.word("way") != "out"

    def heal(session: Session) -> None:
        wire = faults.wire(session)
        wire.late_out = wire.late_in = False

    _trouble_lines(faults, fired, scene, (trouble, heal))


def _set_pieces(faults: Faults, fired: Fired, scene: Scene) -> None:
    def trouble(session: Session) -> None:
        faults.wire(session).size = fired.count("size")

    def heal(session: Session) -> None:
        faults.wire(session).size = 0

    _trouble_lines(faults, fired, scene, (trouble, heal))


def _set_heaps(faults: Faults, fired: Fired, scene: Scene) -> None:
    def trouble(session: Session) -> None:
        faults.wire(session).frames_min = fired.count("frames")
        leave(session)

    def leave(session: Session) -> None:
        wire = faults.wire(session)
        wire.thaw()
        if wire.frames_min and not session.closing:
            faults.later(fired.seconds("delay"), partial(leave, session), heals=False)

    def heal(session: Session) -> None:
        wire = faults.wire(session)
        wire.frames_min = 0
        wire.thaw()

    _trouble_lines(faults, fired, scene, (trouble, heal))


Treatment = tuple[Callable[[Session], None], Callable[[Session], None]]


def _trouble_lines(faults: Faults, fired: Fired, scene: Scene, treatment: Treatment) -> None:
    trouble, heal = treatment
    for session in faults.matching_sessions(fired, scene):
        trouble(session)
        faults.lasting(fired.seconds("lasts"), partial(heal, session))


class _Outage:
    """The time without the broker; that orders wait at the gateway is an assumption."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.requests: deque[tuple[Message, Session]] = deque(maxlen=KEPT_MAX)
        self.news: deque[tuple[Session, Message]] = deque(maxlen=KEPT_MAX)
        self.rule = faults.rule(self.change)
        faults.gate = self.gate
        faults.stage.notify(1100, TEXTS[1100])

    def gate(self, request: Message, session: Session) -> bool:
        """Keep what would go to the broker."""
        if not isinstance(request, PlaceOrder | CancelOrder | ReqGlobalCancel):
            return False
        self.requests.append((request, session))
        return True

    def change(self, session: Session, message: Message) -> list[Message]:
        """Keep what would come from the broker."""
        if self.faults.listing or not isinstance(message, _FROM_BROKER):
            return [message]
        self.news.append((session, message))
        return []

    def end(self) -> None:
        """Let the line to the broker be there again, and say nothing."""
        self.faults.gate = None
        self.rule.remove()

    def end_with_data(self) -> None:
        """Say 1102, and pass on what was kept."""
        self.end()
        self.faults.stage.notify(1102, TEXTS[1102])
        for session, message in self.news:
            session.say(message)
        for request, session in self.requests:
            if not session.closing:
                self.faults.answer(request, session, answer)

    def end_without_data(self) -> None:
        """Say 1101; what was kept is lost, and so are the quotes."""
        self.end()
        self.faults.stage.notify(1101, TEXTS[1101])
        for session in self.faults.stage.sessions():
            session.subscriptions.tickers.clear()

    def end_with_lines(self) -> None:
        """Cut every line."""
        self.end()
        self.faults.cut(self.faults.stage.sessions())


def _lose_broker(
    end: Callable[[_Outage], None], faults: Faults, fired: Fired, scene: Scene
) -> None:
    if faults.gate is not None:
        return  # it is lost already
    outage = _Outage(faults)
    if scene.request is not None:
        outage.gate(scene.request, scene.client)
        scene.swallow()
    faults.later(fired.seconds("delay"), partial(end, outage))


EFFECTS: Final[Mapping[str, Effect]] = {
    "L01": _refuse_connections,
    "L02": _freeze,
    "L03": _cut_next_frame,
    "L04": _reset_before,
    "L05": _reset_after,
    "L06": _cut_next_frame,
    "L07": _freeze,
    "L08": _stop_reading,
    "L09": _lose_in,
    "L10": _lose_out,
    "L11": _set_late,
    "L12": _set_pieces,
    "L13": _set_heaps,
    "L14": partial(_lose_broker, _Outage.end_with_data),
    "L15": partial(_lose_broker, _Outage.end_without_data),
    "L16": partial(_lose_broker, _Outage.end_with_lines),
}

"""The engine of faults: the seams through which everything passes, and what waits there.

Owns: Faults: what requests, messages, trades and bytes go through while any fault is
about, the rules that change them, and the time at which each fault ends. Does not know
what any particular fault does: `effects` does.

While nothing was ever asked for, `is_active` is False and nobody comes by here.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from twsim.exchange.exchange import Exchange
from twsim.exchange.orders import Execution
from twsim.exchange.outcomes import Executed, Outcome
from twsim.exchange.refusals import Refusal
from twsim.exchange.tickets import Ticket
from twsim.exchange.vocabulary import ClientId, ExecId, OrderId
from twsim.faults.agenda import Agenda
from twsim.faults.kinds import Point
from twsim.faults.plan import Deck, FaultPlan, FaultRecord, Fired, Target, Wish, parse_fault
from twsim.faults.scene import OrderKey, Scene, of_execution, read_scene
from twsim.faults.wire import Wire
from twsim.session import Session
from twsim.wire.layout import Message
from twsim.wire.orders import CompletedOrder, OpenOrder, OrderStatus
from twsim.wire.responses import CommissionReport, ErrorMessage, ExecDetails

RULES_MAX: Final = 1000
ORDERS_MAX: Final = 1000  # orders with rules of their own; the oldest is let go
EXECUTIONS_MAX: Final = 10_000
HEALERS_MAX: Final = 10_000

Change = Callable[[Session, Message], Iterable[Message]]
Respond = Callable[[Message, Session], None]
Watcher = Callable[[Scene], None]


class Stage(Protocol):
    """What faults need of the simulator."""

    exchange: Exchange

    def now(self) -> datetime:
        """Return the present time."""

    def sessions(self) -> list[Session]:
        """Return every session, in the order of their connecting."""

    def publish(self, outcomes: Iterable[Outcome]) -> None:
        """Tell every session what concerns it."""

    def deliver(self, session: Session, data: bytes) -> None:
        """Act on bytes of a client that have arrived."""

    def notify(self, code: int, text: str) -> None:
        """Say a notice to every client."""

    def place_by_hand(self, ticket: Ticket) -> list[Outcome]:
        """Place an order as a person does, and tell it."""


class Network(Protocol):
    """The port on which clients come."""

    def shut(self) -> None:
        """Refuse whoever comes; lines that exist go on."""

    def open(self) -> None:
        """Accept again."""


class Rule:
    """A change of messages on their way out, until it is removed."""

    __slots__ = ("_home", "change")

    def __init__(self, change: Change, home: list[Rule]) -> None:
        self.change = change
        self._home = home
        home.append(self)

    def remove(self) -> None:
        """Change nothing more."""
        if self in self._home:
            self._home.remove(self)


Effect = Callable[["Faults", Fired, Scene], None]


class Faults:
    """Everything that is wrong, or may go wrong."""

    def __init__(self, stage: Stage, effects: Mapping[str, Effect]) -> None:
        self.stage = stage
        self.is_active = False
        self.network: Network | None = None
        self.deck = Deck()
        self.agenda = Agenda()
        self.script = Agenda()  # what a scenario plans; no clearing stops it
        self.listing = ""  # the kind of list that is being said, empty for what is pushed
        self.shut_count = 0
        self.gate: Callable[[Message, Session], bool] | None = None
        self._effects = effects
        self._general: list[Rule] = []
        self._of_orders: OrderedDict[OrderKey, list[Rule]] = OrderedDict()
        self._executions: OrderedDict[ExecId, OrderKey] = OrderedDict()
        self._healers: deque[Callable[[], None]] = deque()
        self._watchers: list[tuple[Point, Watcher]] = []

    # What users ask for.

    def follow(self, plan: FaultPlan) -> None:
        """Strike by a plan. Raises FaultError where it makes no sense."""
        self.deck.follow(plan)
        self.is_active = True
        for text in plan.once:
            self.inject(parse_fault(text))

    def inject(self, wish: Wish) -> None:
        """Strike as wished: at once, or at the next opportunities."""
        self.is_active = True
        if wish.point is Point.NOW and wish.rate is None:
            for _ in range(max(1, wish.times)):
                self._strike(wish.fired(), Scene(point=Point.NOW, target=_of_wish(wish)))
        else:
            self.deck.arm(wish)

    def watch(self, point: Point, watcher: Watcher) -> None:
        """Call somebody at each opportunity, before any fault strikes."""
        self._watchers.append((point, watcher))
        self.is_active = True

    def unwatch(self, watcher: Watcher) -> None:
        """Call somebody no more."""
        self._watchers = [each for each in self._watchers if each[1] is not watcher]

    def clear(self) -> None:
        """Heal: nothing strikes any more, and whatever was withheld arrives now."""
        self.deck.clear()
        while self._healers:
            self._healers.popleft()()
        self.agenda.heal()
        self._general.clear()
        self._of_orders.clear()
        self.gate = None
        self.is_active = bool(self._watchers) or bool(len(self.agenda))

    def log(self) -> list[FaultRecord]:
        """Return what struck, oldest first."""
        return list(self.deck.log)

    # The seams.

    @property
    def is_shut(self) -> bool:
        """Tell whether nobody may connect."""
        return self.shut_count > 0

    def connected(self, session: Session) -> None:
        """Let faults strike a line that was just accepted."""
        self._open(Scene(point=Point.CONNECT, session=session))

    def answer(self, request: Message, session: Session, respond: Respond) -> None:
        """Answer a request, as far as the faults let it."""
        if self.gate is not None and self.gate(request, session):
            return
        scene = read_scene(request, session, self.stage.exchange)
        if scene is None:
            respond(request, session)
            return
        self._open(scene)
        if scene.request is not None:
            self._respond(scene, respond)
        for act in scene.after:
            act()

    def happened(self, outcome: Outcome) -> None:
        """Let faults strike a trade before anybody hears of it."""
        if isinstance(outcome, Executed):
            execution = outcome.execution
            self._executions[execution.exec_id] = _key_of(execution)
            if len(self._executions) > EXECUTIONS_MAX:
                self._executions.popitem(last=False)
            self._open(of_execution(execution, self.stage.exchange))

    def outgoing(self, session: Session, message: Message) -> list[Message]:
        """Return what becomes of a message."""
        messages = [message]
        key = self._about(session, message) if self._of_orders else None
        for rule in (
            (*self._of_orders.get(key, ()), *self._general) if key else self._general[:]
        ):
            messages = [out for each in messages for out in rule.change(session, each)]
        return messages

    def tick(self, now: datetime) -> None:
        """Do what is due."""
        self.script.run(now)
        self.agenda.run(now)

    def next_due(self) -> datetime | None:
        """Return when there is something to do; None where there is nothing."""
        moments = (self.script.next_due(), self.agenda.next_due())
        return min((moment for moment in moments if moment is not None), default=None)

    # What effects use.

    @property
    def exchange(self) -> Exchange:
        """Return the exchange."""
        return self.stage.exchange

    def now(self) -> datetime:
        """Return the present time."""
        return self.stage.now()

    def rule(self, change: Change) -> Rule:
        """Change messages of every kind."""
        if len(self._general) >= RULES_MAX:
            self._general[0].remove()
        return Rule(change, self._general)

    def order_rule(self, key: OrderKey, change: Change) -> Rule:
        """Change messages about one order."""
        if key not in self._of_orders and len(self._of_orders) >= ORDERS_MAX:
            self._of_orders.popitem(last=False)
        return Rule(change, self._of_orders.setdefault(key, []))

    def later(self, delay: timedelta, act: Callable[[], None], *, heals: bool = True) -> None:
        """Do something after a while; what heals is done at once when faults are cleared."""
        self.agenda.add(self.now() + delay, act, heals=heals)

    def lasting(self, delay: timedelta, heal: Callable[[], None]) -> None:
        """End a fault after a while, or where that is 0 when faults are cleared."""
        if delay:
            self.later(delay, heal)
        elif len(self._healers) < HEALERS_MAX:
            self._healers.append(heal)
        else:
            heal()

    def withhold(self, key: OrderKey, delay: timedelta) -> None:
        """Let nothing be heard of an order for a while; lists tell."""
        kept: deque[tuple[Session, Message]] = deque(maxlen=RULES_MAX)

        def change(session: Session, message: Message) -> list[Message]:
            if self.listing:
                return [message]
            kept.append((session, message))
            return []

        rule = self.order_rule(key, change)

        def release() -> None:
            rule.remove()
            while kept:
                session, message = kept.popleft()
                session.say(message)

        self.later(delay, release)

    def of_list(self, change: Callable[[Message], Message | None], key: OrderKey) -> Rule:
        """Change the rows about an order in every list."""

        def listed(_session: Session, message: Message) -> list[Message]:
            changed = change(message) if self.listing else message
            return [] if changed is None else [changed]

        return self.order_rule(key, listed)

    def matching_sessions(self, fired: Fired, scene: Scene) -> list[Session]:
        """Return the session that it happens to, or those that were asked for."""
        if scene.session is not None:
            return [scene.session]
        sessions = self.stage.sessions()
        return [each for each in sessions if fired.client in (None, each.client_id)]

    def wire(self, session: Session) -> Wire:
        """Return the troubles of a session's line; they begin with none."""
        if not isinstance(session.wire, Wire):
            deliver = partial(self.stage.deliver, session)
            session.wire = Wire(session.line, self.agenda, deliver)
        return session.wire

    def cut(self, sessions: Iterable[Session]) -> None:
        """Reset lines."""
        for session in sessions:
            session.cut()

    def shut(self, delay: timedelta) -> None:
        """Refuse connections for a while."""
        self.shut_count += 1
        if self.network is not None and self.shut_count == 1:
            self.network.shut()
        self.later(delay, self._reopen)

    def refuse(self, session: Session, refusal: Refusal, req_id: int) -> None:
        """Say an error that no rule changes."""
        session.speak(ErrorMessage(req_id=req_id, code=refusal.code, text=refusal.text))

    def arm_again(self, fired: Fired, point: Point, **values: int) -> None:
        """Let a fault strike once more, with other values."""
        wish = Wish(fault=fired.fault, point=point, values={**fired.values, **values})
        self.deck.arm(replace(wish, symbol=fired.symbol, client=fired.client))

    # Striking.

    def _open(self, scene: Scene) -> None:
        for point, watcher in tuple(self._watchers):
            if point is scene.point and not scene.over:
                watcher(scene)
        if scene.over or not self.deck:
            return
        for fired in self.deck.draw(scene.point, scene.target):
            self._strike(fired, scene)
            if scene.over:
                return

    def _strike(self, fired: Fired, scene: Scene) -> None:
        self.deck.note(self.now(), fired, scene.point, scene.target)
        self._effects[fired.fault.id](self, fired, scene)

    def _respond(self, scene: Scene, respond: Respond) -> None:
        assert scene.request is not None
        session = scene.client
        self.listing = scene.target.listing
        said: list[Message] = []

        def keep(of: Session, message: Message) -> list[Message]:
            if of is not session:
                return [message]
            said.append(message)
            return []

        keeper = Rule(keep, self._general) if scene.recasts else None
        try:
            respond(scene.request, session)
        finally:
            self.listing = ""
            if keeper is not None:
                keeper.remove()
        for recast in scene.recasts:
            said = recast(said)
        for message in said:
            session.speak(message)

    def _reopen(self) -> None:
        self.shut_count -= 1
        if self.network is not None and self.shut_count == 0:
            self.network.open()

    def _about(self, session: Session, message: Message) -> OrderKey | None:
        match message:
            case OpenOrder() | OrderStatus() | ExecDetails():
                return ClientId(message.client_id), OrderId(message.order_id)
            case CommissionReport():
                return self._executions.get(ExecId(message.exec_id))
            case CompletedOrder():
                order = self.exchange.order_of(message.perm_id)
                return None if order is None else (order.client_id, order.order_id)
            case ErrorMessage() if session.client_id is not None and message.req_id > 0:
                return session.client_id, OrderId(message.req_id)
            case _:
                return None


def _key_of(execution: Execution) -> OrderKey:
    return execution.client_id, execution.order_id


def _of_wish(wish: Wish) -> Target:
    return Target(client=wish.client, account=wish.account, symbol=wish.symbol)

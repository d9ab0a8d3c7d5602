"""The simulator: the exchange, the sessions, and what they tell each other.

Owns: which session hears what, one session per client id, and the order "keep, then
tell". Does not know sockets, nor when it will be called: `next_due` says when to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from twsim import trading
from twsim.answers import answer, refuse_unserved
from twsim.clock import Clock
from twsim.exchange.book import Changes
from twsim.exchange.exchange import BY_HAND, Exchange
from twsim.exchange.outcomes import Cancelled, HoldingChanged, Outcome, Refused
from twsim.exchange.refusals import Refusal
from twsim.exchange.tickets import Ticket
from twsim.exchange.vocabulary import NO_ORDER_ID, AccountId, ClientId
from twsim.faults.effects import EFFECTS
from twsim.faults.engine import Faults
from twsim.rules import SessionRules
from twsim.session import Line, Session
from twsim.transcript import Direction, Transcript
from twsim.wire.protocol import (
    Broken,
    Event,
    Hello,
    Received,
    Unrecognised,
)
from twsim.wire.responses import ManagedAccounts

SESSIONS_MAX: Final = 32  # a gateway serves no more (tws-facts §1.5)

# Account values lag behind fills, by seconds on the real one (tws-facts §4.1); those of
# many fills go out together.
ACCOUNT_DELAY: Final = timedelta(milliseconds=250)

_TOO_FAST: Final = Refusal(100, "Max rate of messages per second has been exceeded.")


class Keeper(Protocol):
    """Whatever keeps changes."""

    def keep(self, changes: Changes) -> None:
        """Write changes so that they outlast the process."""


class Simulator:
    """Everything but the socket."""

    def __init__(
        self,
        exchange: Exchange,
        clock: Clock,
        *,
        keeper: Keeper | None = None,
        transcript: Transcript | None = None,
        rules: SessionRules | None = None,
    ) -> None:
        self.exchange = exchange
        self.rules = rules or SessionRules()
        self.clock = clock
        self.transcript = transcript or Transcript()
        self._keeper = keeper
        self._managed: list[str] | None = None
        self._sessions: list[Session] = []
        self._by_client: dict[ClientId, Session] = {}
        self._told_step = exchange.next_step(clock.now())
        self._touched: dict[AccountId, None] = {}
        self._touched_due: datetime | None = None
        self.faults = Faults(self, EFFECTS)

    # What the socket calls.

    def connect(self, line: Line) -> Session | None:
        """Start a session; None where there are too many, or nobody is let in."""
        if len(self._sessions) >= SESSIONS_MAX or self.faults.is_shut:
            return None
        session = Session(self, line)
        self._sessions.append(session)
        if self.faults.is_active:
            self.faults.connected(session)
        return session

    def receive(self, session: Session, data: bytes) -> None:
        """Act on bytes that a client sent."""
        if session.wire is None:
            self.deliver(session, data)
        else:
            session.wire.read(data, self.now())

    def deliver(self, session: Session, data: bytes) -> None:
        """Act on bytes of a client, once everything that is due by now has happened."""
        if session.closing:
            return
        self.publish(self.exchange.advance(self.now()))
        for event in session.connection.receive_data(data):
            if session.closing:
                break
            self._act(session, event)
        self.settle()

    def lost(self, session: Session) -> None:
        """Forget a session whose line is gone, once everything has arrived that it sent."""
        if session.wire is None:
            self._forget(session)
        else:
            session.wire.end(partial(self._forget, session), self.now())

    def _forget(self, session: Session) -> None:
        if session in self._sessions:
            self._sessions.remove(session)
        if session.client_id is not None and self._by_client.get(session.client_id) is session:
            del self._by_client[session.client_id]

    def tick(self) -> None:
        """Let the exchange do what is due by now."""
        now = self.now()
        self.faults.tick(now)
        self.publish(self.exchange.advance(now))
        if now >= self._told_step:
            self._told_step = self.exchange.next_step(now)
            for session in self._sessions:
                session.subscriptions.tell_prices(now)
        for session in self._sessions:
            session.subscriptions.refresh(now)
        if self._touched_due is not None and now >= self._touched_due:
            self._tell_accounts()
        self.settle()

    def next_due(self) -> datetime | None:
        """Return when `tick` should be called next; None where nothing waits for time."""
        moments = [
            self.exchange.next_due(self.now()),
            self._touched_due,
            self.faults.next_due(),
        ]
        moments += [session.subscriptions.refresh_due for session in self._sessions]
        if any(session.subscriptions.follows_prices for session in self._sessions):
            moments.append(self._told_step)
        return min((moment for moment in moments if moment is not None), default=None)

    def settle(self) -> None:
        """Keep what changed, and only then let messages leave."""
        changes = self.exchange.take_changes()
        if changes is not None and self._keeper is not None:
            self._keeper.keep(changes)
        for session in tuple(self._sessions):
            session.flush()

    # What sessions call.

    def now(self) -> datetime:
        """Return the present time."""
        return self.clock.now()

    def managed_accounts(self) -> list[str]:
        """Return the accounts that clients are told of."""
        return list(self.exchange.accounts()) if self._managed is None else self._managed

    def admit(self, session: Session, client_id: ClientId) -> bool:
        """Give a session its client id, unless another has it."""
        if client_id in self._by_client:
            return False
        self._by_client[client_id] = session
        session.client_id = client_id
        return True

    def publish(self, outcomes: Iterable[Outcome]) -> None:
        """Tell every session what concerns it, in the order of the happenings."""
        for outcome in outcomes:
            if self.faults.is_active:
                self.faults.happened(outcome)
            match outcome:
                case HoldingChanged(account, con_id):
                    self._touch(account)
                    contract, now = self.exchange.contracts[con_id], self.now()
                    for session in self._sessions:
                        session.subscriptions.tell_holding(account, contract, now)
                case Refused():
                    pass  # whoever asked has been told
                case _:
                    self._tell_owners(outcome)

    def sessions(self) -> list[Session]:
        """Return every session, in the order of their connecting."""
        return list(self._sessions)

    # What tests call.

    def notify(self, code: int, text: str) -> None:
        """Say a notice that belongs to no request to every client."""
        for session in tuple(self._by_client.values()):
            session.refuse(Refusal(code, text))

    def place_by_hand(self, ticket: Ticket) -> list[Outcome]:
        """Place an order as a person does, and tell it; client 0 may want it bound."""
        session = self._by_client.get(BY_HAND)
        binds = session is not None and session.binds_by_hand
        if binds:
            ticket = replace(ticket, order_id=self.exchange.take_bound_order_id())
        outcomes = self.exchange.place(ticket, self.now())
        for order in (o.order for o in outcomes[:1] if isinstance(o, trading.OrderOutcome)):
            if session is not None and binds:
                trading.say_bound(session, order)
        self.publish(outcomes)
        return outcomes

    def set_managed_accounts(self, accounts: list[str]) -> None:
        """Name these accounts to clients, now and from now on."""
        self._managed = accounts
        for session in self._by_client.values():
            session.say(ManagedAccounts(accounts=",".join(accounts)))

    def _touch(self, account: AccountId) -> None:
        self._touched[account] = None
        if self._touched_due is None:
            self._touched_due = self.now() + ACCOUNT_DELAY

    def _tell_accounts(self) -> None:
        touched, self._touched = self._touched, {}
        self._touched_due = None
        for account in touched:
            for session in self._sessions:
                session.subscriptions.tell_account(account, self.now())

    def _act(self, session: Session, event: Event) -> None:
        match event:
            case Hello():
                session.greet(self.now())
            case Received(request, fields):
                if not self._hear(session, fields):
                    return
                if self.faults.is_active:
                    self.faults.answer(request, session, answer)
                else:
                    answer(request, session)
            case Unrecognised(number, fields):
                if self._hear(session, fields):
                    refuse_unserved(session, number, fields)
            case Broken():
                session.closing = True

    def _hear(self, session: Session, fields: tuple[str, ...]) -> bool:
        """Note a message; tell whether it is to be answered."""
        payload = ("\0".join(fields) + "\0").encode()
        session.note(Direction.CLIENT, payload)
        if session.is_too_fast(self.now()):
            session.refuse(_TOO_FAST)
            session.closing = True
        return not session.closing

    def _tell_owners(self, outcome: trading.OrderOutcome) -> None:
        """Tell an order's happening to its client, the master, and whoever cancelled it.

        What was made by hand has no client until client 0 binds it (tws-facts §4.2).
        """
        order = outcome.order
        owners: list[int | None] = [self.rules.master_client_id]
        if order.order_id != NO_ORDER_ID:
            owners.append(order.client_id)
        if isinstance(outcome, Cancelled):
            owners.append(outcome.by)
        contract = self.exchange.contracts[order.con_id]
        for session in tuple(self._sessions):
            if session.client_id is not None and session.client_id in owners:
                trading.tell(session, outcome, contract)

"""A session: one client's line, who it is, and what it has subscribed to.

Owns: Session, and World, what a session needs from those around it. Does not know how
any request is answered, nor what carries the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

from twsim import render
from twsim.exchange.contracts import Contract
from twsim.exchange.exchange import Exchange
from twsim.exchange.outcomes import Outcome
from twsim.exchange.prices import Quote
from twsim.exchange.refusals import Refusal
from twsim.exchange.vocabulary import AccountId, ClientId
from twsim.transcript import Direction, Transcript
from twsim.wire.layout import Message
from twsim.wire.market import TickPrice, TickSize
from twsim.wire.protocol import Connection
from twsim.wire.responses import AccountUpdateMulti, AccountValue, ErrorMessage

NO_REQUEST: Final = -1
QUOTES_MAX: Final = 100  # market data lines of an ordinary login
SUBSCRIPTIONS_MAX: Final = 100
# Tick types (tws-facts §2.3): the price's, the size's.
_BID, _ASK, _LAST = (1, 0), (2, 3), (4, 5)


class Line(Protocol):
    """Whatever carries bytes to a client."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def close(self) -> None:
        """End the line once what was written is through."""

    def write_pieces(self, data: bytes, size: int) -> None:
        """Send bytes so that the client reads them in pieces of this size."""

    def pause(self, *, paused: bool) -> None:
        """Stop reading, or go on."""

    def reset(self) -> None:
        """End the line at once, so that the client sees a reset."""


class Bytes(Protocol):
    """Whatever stands between a session and its line."""

    def read(self, data: bytes, now: datetime) -> None:
        """Take bytes of the client."""

    def write(self, data: bytes, now: datetime) -> None:
        """Take bytes for the client."""


class Censor(Protocol):
    """Whatever changes messages on their way out."""

    is_active: bool

    def outgoing(self, session: Session, message: Message) -> list[Message]:
        """Return what becomes of a message."""


class World(Protocol):
    """What the sessions share."""

    exchange: Exchange
    transcript: Transcript

    @property
    def faults(self) -> Censor:
        """Return what may change messages."""

    def now(self) -> datetime:
        """Return the present time."""

    def managed_accounts(self) -> list[str]:
        """Return the accounts that clients are told of."""

    def admit(self, session: Session, client_id: ClientId) -> bool:
        """Give a session its client id, unless another has it."""

    def publish(self, outcomes: Iterable[Outcome]) -> None:
        """Tell every session what concerns it."""


class Session:
    """One client."""

    def __init__(self, world: World, line: Line, *, server_version_max: int) -> None:
        self.world = world
        self.line = line
        self.wire: Bytes | None = None  # where something is wrong with the line
        self.connection = Connection(server_version_max=server_version_max)
        self.client_id: ClientId | None = None
        self.closing = False
        self.wants_positions = False
        self.account: AccountId | None = None
        self.accounts: dict[int, AccountId] = {}
        self.quotes: dict[int, tuple[Contract, Quote]] = {}
        self.market_data_type = 1
        self._told: dict[tuple[int | None, str, str], str] = {}
        self._outbox = bytearray()

    # Speaking.

    def say(self, message: Message) -> None:
        """Put a message into the outbox; it leaves once what it tells is kept."""
        faults = self.world.faults
        if faults.is_active:
            for each in faults.outgoing(self, message):
                self.speak(each)
        else:
            self.speak(message)

    def speak(self, message: Message) -> None:
        """Put a message into the outbox as it is, whatever faults there are."""
        data = self.connection.send(message)
        self.world.transcript.add(Direction.SERVER, self.client_id, data[4:])
        self._outbox += data

    def refuse(self, refusal: Refusal, req_id: int = NO_REQUEST) -> None:
        """Say no."""
        self.say(ErrorMessage(req_id=req_id, code=refusal.code, text=refusal.text))

    def greet(self, now: datetime) -> None:
        """Answer the handshake; those bytes leave alone (tws-facts §1.6)."""
        data = self.connection.hello(render.greeting_time(now))
        self.world.transcript.add(Direction.SERVER, None, data[4:])
        self._write(data)

    def flush(self) -> None:
        """Let the outbox leave."""
        if self._outbox:
            self._write(bytes(self._outbox))
            self._outbox.clear()
        if self.closing:
            self.line.close()

    def cut(self) -> None:
        """Reset the line; what was not flushed never leaves."""
        self._outbox.clear()
        self.closing = True
        self.line.reset()

    def _write(self, data: bytes) -> None:
        if self.wire is None:
            self.line.write(data)
        else:
            self.wire.write(data, self.world.now())

    # Subscriptions.

    def tell_holding(self, account: AccountId, contract: Contract) -> None:
        """Tell a changed position to whoever listens to it."""
        exchange = self.world.exchange
        position = exchange.position(account, contract.con_id)
        if self.wants_positions:
            self.say(render.position_row(position, contract))
        if self.account == account:
            holding = exchange.holding(position, self.world.now())
            self.say(render.portfolio_value(holding, contract))

    def tell_account(self, account: AccountId) -> None:
        """Tell the values of an account that are different from those told before."""
        listening = [req_id for req_id, wanted in self.accounts.items() if wanted == account]
        if self.account != account and not listening:
            return
        now = self.world.now()
        sums = self.world.exchange.figures(account, now)
        rows = list(render.account_values(account, sums))
        for req_id in listening:
            self.tell_values_multi(req_id, account, rows)
        if self.account == account:
            self.tell_values(account, rows)
            self.say(render.account_time(now))

    def tell_values(self, account: AccountId, rows: list[tuple[str, str, str]]) -> None:
        """Tell values that are news to the subscription of reqAccountUpdates."""
        for key, value, currency in rows:
            if self._is_news(None, key, currency, value):
                self.say(AccountValue(key=key, value=value, currency=currency, account=account))

    def tell_values_multi(
        self, req_id: int, account: AccountId, rows: list[tuple[str, str, str]]
    ) -> None:
        """Tell values that are news to one subscription of reqAccountUpdatesMulti."""
        for key, value, currency in rows:
            if self._is_news(req_id, key, currency, value):
                self.say(
                    AccountUpdateMulti(
                        req_id=req_id, account=account, key=key, value=value, currency=currency
                    )
                )

    def forget_told(self, subscription: int | None) -> None:
        """Let every value be news again to a subscription that starts anew or ends."""
        for told in [told for told in self._told if told[0] == subscription]:
            del self._told[told]

    def _is_news(self, subscription: int | None, key: str, currency: str, value: str) -> bool:
        place = (subscription, key, currency)
        known = self._told.get(place)
        self._told[place] = value
        return known != value

    def tell_quote(self, req_id: int, quote: Quote, before: Quote | None = None) -> None:
        """Tell what is different in a quote."""
        sides = (
            (_BID, quote.bid, quote.bid_size, before and (before.bid, before.bid_size)),
            (_ASK, quote.ask, quote.ask_size, before and (before.ask, before.ask_size)),
            (_LAST, quote.last, quote.last_size, before and (before.last, before.last_size)),
        )
        for (price_type, size_type), price, size, told in sides:
            if told == (price, size):
                continue
            self.say(
                TickPrice(req_id=req_id, tick_type=price_type, price=price, size=Decimal(size))
            )
            self.say(TickSize(req_id=req_id, tick_type=size_type, size=Decimal(size)))

    def tell_quotes(self) -> None:
        """Tell every subscribed quote that moved."""
        now = self.world.now()
        for req_id, (contract, before) in self.quotes.items():
            quote = self.world.exchange.quote(contract, now)
            self.tell_quote(req_id, quote, before)
            self.quotes[req_id] = (contract, quote)

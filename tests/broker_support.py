"""What tests of the broker adapter share: orders, a listener, the recorded messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from paperdesk.broker.link import Address, Link, Timing
from paperdesk.broker.session import IbSession
from paperdesk.desk.ports import Broker
from paperdesk.domain.contract import Contract
from paperdesk.domain.order import Order, OrderState, Terms
from paperdesk.domain.reports import Recorded, Report
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ConId,
    OrderId,
    OrderRef,
    OrderType,
    Side,
    Symbol,
    TimeInForce,
)

TOO_FAST = "Max rate of messages per second has been exceeded: max=50 rec=51 (1)"
T = TypeVar("T")

NOW = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)
FIRST, SECOND = AccountId("DU8730189"), AccountId("DUP203550")
CLIENT_ID = 17
AAPL = ConId(265598)
QUICK = Timing(connect=1.0, request=1.0, quote=0.5, idle=0.1, silence=0.4, backoff=(0.02, 0.05))
MESSAGES = Path(__file__).parent / "data" / "wire" / "real_messages.txt"


def aapl(symbol: str = "AAPL", conid: ConId = AAPL) -> Contract:
    return Contract(conid, Symbol(symbol), "NASDAQ", "Apple Inc.")


def order(
    *,
    order_id: int | None = 1001,
    client_id: int = CLIENT_ID,
    account: str = FIRST,
    side: Side = Side.BUY,
    quantity: int = 10,
    limit: str | None = None,
    tif: TimeInForce = TimeInForce.DAY,
    outside_rth: bool = False,
    ref: str = "pd-a1b2c3d4e5f67890-0",
    conid: ConId = AAPL,
) -> Order:
    return Order(
        ref=OrderRef(ref),
        batch_id=BatchId("a1b2c3d4e5f67890"),
        seq=0,
        account=AccountId(account),
        conid=conid,
        symbol=Symbol("AAPL"),
        side=side,
        quantity=quantity,
        terms=Terms(
            OrderType.MKT if limit is None else OrderType.LMT,
            None if limit is None else Decimal(limit),
            tif,
            outside_rth,
        ),
        planned_at=NOW,
        send_before=NOW,
        state=OrderState.SENDING,
        order_id=None if order_id is None else OrderId(order_id),
        client_id=client_id,
    )


def fresh(broker: IbSession, template: Order) -> Order:
    """Return the order with a fresh id of the session."""
    return replace(template, order_id=broker.next_order_id())


@dataclass(frozen=True)
class RealMessage:
    """A message that a real gateway sent."""

    group: str
    version: int
    fields: list[str]


def real_messages() -> list[RealMessage]:
    found: list[RealMessage] = []
    group, version = "", 0
    for line in MESSAGES.read_text().splitlines():
        if line.startswith("@seq"):
            group = line.split()[1]
            version = int(line.split("server_version=")[1].split(" ")[0])
        elif line.startswith("S> "):
            fields = line[3:].replace("\\n", "\n").split("|")[:-1]
            found.append(RealMessage(group, version, fields))
    return found


def real(group: str, message: str, nth: int = 0) -> RealMessage:
    """Return the nth recorded message of that number in a group."""
    return [m for m in real_messages() if m.group == group and m.fields[0] == message][nth]


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class Listener:
    """The desk's side of the port, which only remembers."""

    def __init__(self) -> None:
        self.messages: list[Recorded] = []
        self.frames = 0
        self.told = 0
        self.rooms = 0
        self.too_fast_told = 0
        self.calls: list[str] = []
        self.highest = OrderId(0)
        self.refuse_next: Exception | None = None

    @property
    def reports(self) -> list[Report]:
        return [message.report for message in self.messages if message.report is not None]

    def of(self, kind: type[T]) -> list[T]:
        return [report for report in self.reports if isinstance(report, kind)]

    def heard(self, message: Recorded) -> None:
        self.messages.append(message)

    def sent_frame(self) -> None:
        self.frames += 1

    def heard_message(self) -> None:
        self.told += 1

    @asynccontextmanager
    async def room(self) -> AsyncIterator[None]:
        self.rooms += 1
        yield

    def too_fast(self) -> None:
        self.too_fast_told += 1

    async def highest_order_id(self, gateway: str, client_id: int) -> OrderId:
        return self.highest

    async def synced(self, broker: Broker) -> None:
        self.calls.append("synced")
        if self.refuse_next is not None:
            error, self.refuse_next = self.refuse_next, None
            raise error

    def changed(self, broker: Broker) -> None:
        self.calls.append("up" if broker.line else "not up")

    async def went_down(self, broker: Broker) -> None:
        self.calls.append("went down")


async def eventually(holds: Callable[[], object], seconds: float = 5.0) -> None:
    """Return once `holds()` is true."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  any condition, of any object
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(
    port: int,
    *,
    listener: Listener | None = None,
    accounts: tuple[AccountId, ...] = (FIRST, SECOND),
    client_id: int = CLIENT_ID,
    timing: Timing = QUICK,
) -> AsyncIterator[tuple[IbSession, Listener]]:
    """Run a session with the gateway at a local port."""
    heard = listener or Listener()
    broker = IbSession(
        Address("127.0.0.1", port, client_id), accounts, WallClock(), timing=timing
    )
    task = asyncio.create_task(broker.run(heard))
    try:
        yield broker, heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def link_of(broker: IbSession) -> Link:
    """Return the session's present connection."""
    assert broker._link is not None
    return broker._link


def say(broker: IbSession, *fields: str) -> None:
    """Let the gateway say something, as if it had come over the wire."""
    link_of(broker).ib.client.decoder.interpret(list(fields))


def say_error(broker: IbSession, code: int, words: str = "words", request: int = -1) -> None:
    """Let the gateway name an error."""
    say(broker, "4", "2", str(request), str(code), words, "")


def asked(broker: IbSession) -> int:
    """Return the id of the one request that waits for its answer."""
    (key,) = link_of(broker)._answers.keys
    assert isinstance(key, int)
    return key


def frame(*fields: str) -> bytes:
    body = "".join(f"{field}\0" for field in fields).encode()
    return len(body).to_bytes(4, "big") + body

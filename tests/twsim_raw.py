"""A plain TWS client: frames out, frames in, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Self

from twsim import Gateway
from twsim.wire.framing import frame
from twsim.wire.place_order import PlaceOrder

ACCOUNT = "DU8730189"
VERSION = 178
SECONDS_MAX = 20
TURNS = 20  # of the loop, after which what was on its way is here
Frames = list[list[str]]


class RawClient:
    """One line to a gateway; a list of fields per frame."""

    def __init__(self, gateway: Gateway, client_id: int = 1) -> None:
        self.gateway = gateway
        self.client_id = client_id
        self._opened: list[asyncio.StreamWriter] = []
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> Self:
        """Connect, without a word."""
        self._reader, self._writer = await asyncio.open_connection(
            self.gateway.host, self.gateway.port
        )
        self._opened.append(self._writer)
        return self

    def other(self, client_id: int) -> RawClient:
        """Return another client, closed together with this one."""
        other = RawClient(self.gateway, client_id)
        other._opened = self._opened
        return other

    async def greet(self) -> list[str]:
        """Say hello; return the answer's fields."""
        self.write(b"API\0" + frame(f"v157..{VERSION}".encode()))
        return await self.receive()

    async def start(self) -> Frames:
        """Connect whole; return what is said to a client that starts."""
        await self.open()
        await self.greet()
        return await self.ask(f"71|2|{self.client_id}||")

    def write(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)

    def send(self, *messages: str) -> None:
        """Send messages written with bars."""
        for message in messages:
            self.write(frame(message.replace("|", "\0").encode()))

    async def receive(self) -> list[str]:
        """Return the next frame."""
        assert self._reader is not None
        async with asyncio.timeout(SECONDS_MAX):
            size = int.from_bytes(await self._reader.readexactly(4), "big")
            return (await self._reader.readexactly(size)).decode().split("\0")[:-1]

    async def ask(self, *messages: str) -> Frames:
        """Send messages, then ask for the time; return all that comes before it."""
        self.send(*messages, "49|1|")
        found: Frames = []
        while (fields := await self.receive())[0] != "49":
            found.append(fields)
        return found

    async def heard(self) -> Frames:
        """Return what is there by now, without asking."""
        assert self._reader is not None
        for _ in range(TURNS):
            await asyncio.sleep(0.001)
        found: Frames = []
        while self._reader._buffer:  # type: ignore[attr-defined]
            found.append(await self.receive())
        return found

    async def rest(self) -> bytes:
        """Return all bytes up to the end of the line."""
        assert self._reader is not None
        async with asyncio.timeout(SECONDS_MAX):
            return await self._reader.read()

    async def piece(self) -> bytes:
        """Return what one read gives."""
        assert self._reader is not None
        async with asyncio.timeout(SECONDS_MAX):
            return await self._reader.read(1_000_000)

    async def later(self, seconds: float) -> Frames:
        """Let time pass on the gateway's clock; return what is heard of it."""
        self.gateway.advance(seconds)
        return await self.ask()

    async def place(
        self, order_id: int = 1, *, side: str = "BUY", limit: str | None = None
    ) -> Frames:
        """Place an order of 100 AAPL; return all that is heard of it at once."""
        return await self.ask(order_text(order_id, side=side, limit=limit))

    def close(self) -> None:
        for writer in self._opened:
            writer.close()


def order_text(
    order_id: int = 1,
    *,
    side: str = "BUY",
    limit: str | None = None,
) -> str:
    make: Callable[..., PlaceOrder] = PlaceOrder
    order = make(
        order_id=order_id,
        symbol="AAPL",
        sec_type="STK",
        exchange="SMART",
        currency="USD",
        action=side,
        total_quantity=Decimal(100),
        order_type="MKT" if limit is None else "LMT",
        limit_price=None if limit is None else Decimal(limit),
        tif="DAY",
        account=ACCOUNT,
        order_ref="my-own-reference-0123456789-0123456789",
    )
    return "".join(f"{field}|" for field in order.encode(VERSION))


def names(frames: Frames) -> list[str]:
    """Return the frames as words: a status by its name, an error by its code."""
    words = {"5": "open", "11": "exec", "59": "commission", "61": "position"}
    found = []
    for fields in frames:
        match fields[0]:
            case "3":
                found.append(fields[2])
            case "4":
                found.append(fields[3])
            case number:
                found.append(words.get(number, number))
    return found


def of(frames: Frames, number: int) -> Frames:
    """Return the frames of one number."""
    return [fields for fields in frames if fields[0] == str(number)]

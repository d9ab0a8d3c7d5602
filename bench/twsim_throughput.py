"""How fast twsim acknowledges orders, and what finished orders leave in its memory.

Owns: three measurements. Round trips a second from placeOrder to orderStatus, for one
ib_async client that pipelines 1,000 orders; seconds and resident memory for 100,000 market
orders of one day, by a client that only writes and counts; memory over several days. The
first two are held against a server that does nothing but acknowledge, in the same run.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from ib_async import IB, LimitOrder, Stock

from twsim.wire.framing import FrameCutter, frame
from twsim.wire.place_order import PlaceOrder

ACCOUNT = "DU8730189"
PIPELINED = 1_000
ROUNDS = 9
ORDERS = 100_000
BURST = 1_000  # orders of the second measurement that are on the way at once
HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
SERVERS = {
    "acknowledger": [sys.executable, str(HERE / "_ack_server.py")],
    "twsim": [str(BIN / "twsim"), "--port", "0", "--account", f"{ACCOUNT}=1000000000"],
}
LAST_STATUS = {"acknowledger": b"Submitted", "twsim": b"Filled"}


@dataclass(frozen=True, slots=True)
class Running:
    """A server in a process of its own."""

    port: int
    pid: int


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


@asynccontextmanager
async def running(name: str) -> AsyncIterator[Running]:
    """Start a server."""
    process = await asyncio.create_subprocess_exec(
        *SERVERS[name], stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        yield Running(int(line.rsplit(":", 1)[1]), process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


# Round trips of ib_async.


async def pipeline(port: int) -> float:
    """Return the seconds from the first placeOrder to the last orderStatus."""
    ib = IB()
    await ib.connectAsync("127.0.0.1", port, clientId=1, timeout=10)
    ib.client.MaxRequests = 0  # its own throttle is not what is measured
    apple = Stock("AAPL", "SMART", "USD", conId=265598)
    waiting = PIPELINED
    done = asyncio.Event()

    def count(_trade: object) -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            done.set()

    ib.orderStatusEvent += count
    began = time.perf_counter()
    for _ in range(PIPELINED):
        ib.placeOrder(apple, LimitOrder("BUY", 1, 1.25, account=ACCOUNT, tif="GTC"))
    await asyncio.wait_for(done.wait(), 60)
    took = time.perf_counter() - began
    ib.disconnect()
    return took


async def compare_round_trips() -> None:
    """Take turns, so that whatever else the machine does hits both alike."""
    took: dict[str, list[float]] = {name: [] for name in SERVERS}
    for _ in range(ROUNDS + 1):
        for name, times in took.items():
            async with running(name) as server:  # a new one: what rests costs, too
                times.append(await pipeline(server.port))
    sys.stdout.write(f"placeOrder to orderStatus, ib_async, {PIPELINED} pipelined, loopback\n")
    for name, times in took.items():
        rates = sorted(PIPELINED / each for each in times[1:])  # the first one warms up
        middle = statistics.median(rates)
        sys.stdout.write(
            f"  {name:<13}{middle:8.0f} /s   ({rates[0]:.0f} to {rates[-1]:.0f}, {ROUNDS} rounds)\n"
        )
    ratios = sorted(
        twsim / base
        for base, twsim in zip(*(times[1:] for times in took.values()), strict=True)
    )
    sys.stdout.write(
        f"  twsim takes {statistics.median(ratios):.2f} times as long"
        f"   ({ratios[0]:.2f} to {ratios[-1]:.2f})\n"
    )


# Memory.


def order(order_id: int) -> bytes:
    """Return a market order: shares bought by one are sold by the next."""
    placed = PlaceOrder(
        order_id=order_id,
        con_id=265598,
        symbol="AAPL",
        sec_type="STK",
        exchange="SMART",
        currency="USD",
        action="BUY" if order_id % 2 else "SELL",
        total_quantity=Decimal(1),
        order_type="MKT",
        tif="DAY",
        account=ACCOUNT,
    )
    return frame(("\0".join(placed.encode(178)) + "\0").encode())


class Counter:
    """A client that writes orders, and reads until each of them has its last status."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, last_status: bytes
    ) -> None:
        self.last_status = last_status
        self.reader = reader
        self.writer = writer
        self.cutter = FrameCutter()
        self.done: set[bytes] = set()

    async def start(self) -> None:
        """Shake hands."""
        self.writer.write(b"API\0" + frame(b"v157..178"))
        await self.reader.read(4096)
        self.writer.write(frame(b"71\x002\x001\0\0"))
        await asyncio.sleep(0.2)
        await self.reader.read(65536)

    async def place(self, first: int) -> None:
        """Place one burst, and wait for the end of every order in it."""
        self.done.clear()
        self.writer.write(b"".join(order(first + n) for n in range(BURST)))
        while len(self.done) < BURST:
            self.cutter.feed(await self.reader.read(1 << 20))
            while (payload := self.cutter.next_frame()) is not None:
                if payload.startswith(b"3\0"):
                    _, order_id, status, _ = payload.split(b"\0", 3)
                    if status == self.last_status and int(order_id) >= first:
                        self.done.add(order_id)


async def grow(name: str) -> None:
    """Place ORDERS orders; tell the seconds and the memory of each fifth of them."""
    async with running(name) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1 << 24)
        client = Counter(reader, writer, LAST_STATUS[name])
        await client.start()
        sys.stdout.write(f"  {name:<13} at rest {resident_mib(server.pid):6.1f} MiB\n")
        began = time.perf_counter()
        for first in range(1, ORDERS + 1, BURST):
            await client.place(first)
            placed = first + BURST - 1
            if placed % (ORDERS // 5) == 0:
                took = time.perf_counter() - began
                sys.stdout.write(
                    f"  {name:<13}{placed:8} {resident_mib(server.pid):6.1f} MiB"
                    f"  {took:6.1f} s  {placed / took:6.0f} /s\n"
                )
                sys.stdout.flush()
        writer.close()


async def main() -> None:
    """Measure."""
    await compare_round_trips()
    sys.stdout.write(
        f"{ORDERS} market orders that fill, all of one day, a client that counts\n"
    )
    for name in SERVERS:
        await grow(name)
    sys.stdout.write("10000 such orders on each of five days\n")
    sys.stdout.flush()
    days = await asyncio.create_subprocess_exec(sys.executable, str(HERE / "_days.py"))
    await days.wait()


if __name__ == "__main__":
    asyncio.run(main())

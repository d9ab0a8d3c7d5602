"""Listeners of the event stream: what they miss, and what they cost.

Owns: two measurements. A listener that stops before a restart of the service and comes back by its
last id, with 10,000 events and more in between: how many are missing, how many come twice, and how
long it takes. And 200 listeners beside one that never reads: how long after a market order was
posted each of them hears of its fill, and how much memory they take.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from _desk import (
    Gateway,
    Service,
    at_market,
    paperdesk,
    resident_mib,
    say,
    symbols,
    timed,
    twsim,
    workshop,
)

MISSED = 10_000
ORDERS = 500
LISTENERS = 200
FILLS = 50
SYMBOL = "AAPL"
EVENTS = "/api/v1/events"
LINES = {"Accept": "application/x-ndjson"}


def run_up(service: Service, names: list[str]) -> int:
    """Trade until enough has happened; return the number of the newest event."""
    head, side = head_of(service), 1
    wanted = head + MISSED
    while head < wanted:
        answer = service.submit(at_market(names, side))
        service.batch(answer["batch_id"], 60)
        side, head = 1 - side, head_of(service)
    return head


def head_of(service: Service) -> int:
    """Return the number of the newest event."""
    with service.http.stream("GET", f"{service.url}{EVENTS}", headers=LINES) as answer:
        return int(json.loads(next(answer.iter_lines()))["data"]["head_id"])


def resumed(service: Service, since: int, head: int) -> list[int]:
    """Return the numbers that a listener hears behind the last one it had."""
    headers = LINES | {"Last-Event-ID": str(since)}
    heard: list[int] = []
    with service.http.stream("GET", f"{service.url}{EVENTS}", headers=headers) as answer:
        for line in answer.iter_lines():
            number = json.loads(line)["id"]
            if number is not None:
                heard.append(number)
            if number == head:
                return heard
    raise AssertionError("the stream ended")


@dataclass
class Heard:
    """When each listener heard of a fill, by its number."""

    at: dict[int, list[float]] = field(default_factory=dict)

    async def listen(self, service: Service, ready: asyncio.Event) -> None:
        """Read lines by a bare socket: a client of its own takes the time that is measured."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(service))
        writer.write(request(service, "?types=fill.created"))
        async for line in lines(reader):
            if b'"stream.ready"' in line:
                ready.set()
            elif b'"fill.created"' in line:
                number = int(line[6 : line.index(b",")])
                self.at.setdefault(number, []).append(time.perf_counter())


async def lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield the events; what is around them is HTTP's."""
    while line := await reader.readline():
        if line.startswith(b"{"):
            yield line


def port_of(service: Service) -> int:
    """Return where the service listens."""
    return int(service.url.rpartition(":")[2])


def request(service: Service, query: str) -> bytes:
    """Return the request of a listener."""
    return (
        f"GET {EVENTS}{query} HTTP/1.1\r\nhost: x\r\naccept: application/x-ndjson\r\n"
        f"x-api-key: {service.key}\r\n\r\n"
    ).encode()


async def latencies(service: Service, count: int, *, silent: bool) -> tuple[list[float], float]:
    """Return in how many ms each fill reached each listener, and the MiB of the service."""
    heard = Heard()
    async with AsyncExitStack() as stack:
        if silent:
            mute = stack.enter_context(socket.socket())
            mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            mute.connect(("127.0.0.1", port_of(service)))
            mute.sendall(request(service, "?since_id=0"))
        readies = [asyncio.Event() for _ in range(count)]
        listeners = [asyncio.create_task(heard.listen(service, ready)) for ready in readies]
        await asyncio.gather(*(ready.wait() for ready in readies))
        began = []
        for number in range(FILLS):
            began.append(time.perf_counter())
            await asyncio.to_thread(service.submit, at_market([SYMBOL], number % 2))
            await asyncio.sleep(0.1)
        memory = resident_mib(service.pid)
        for listener in listeners:
            listener.cancel()
    told = [heard.at[number] for number in sorted(heard.at)]
    assert len(told) == FILLS, f"{len(told)} fills were told"
    assert all(len(times) == count for times in told), "not everybody heard each fill"
    return [
        1000 * (at - start) for start, times in zip(began, told, strict=True) for at in times
    ], memory


def shown(values: list[float]) -> str:
    """Return how long it took, in the middle and at the end."""
    ordered = sorted(values)
    p99 = ordered[int(len(ordered) * 0.99)]
    return (
        f"p50 {statistics.median(ordered):.1f} ms, p99 {p99:.1f} ms, most {ordered[-1]:.1f} ms"
    )


def missed(folder: Path, gateway: Gateway, ledger: str) -> None:
    """Miss events over a restart, and come back."""
    names = symbols(ORDERS)
    with paperdesk(folder, gateway, name="before", ledger_url=ledger) as service:
        service.cache_contracts(names)
        since = head_of(service)
        run_up(service, names)
    with paperdesk(folder, gateway, name="after", ledger_url=ledger) as service:
        head = head_of(service)
        took, heard = timed(lambda: resumed(service, since, head))
    wanted = set(range(since + 1, head + 1))
    say(f"{len(wanted):,} events missed over a restart of the service")
    say(f"  missing {len(wanted - set(heard))}, told twice {len(heard) - len(set(heard))}")
    say(f"  resumed in {took:.2f} s, {len(heard) / took:,.0f} a second")


def many(folder: Path, gateway: Gateway, ledger: str) -> None:
    """Listen two hundred times; who never reads has asked for all there is."""
    with paperdesk(folder, gateway, name="many", ledger_url=ledger) as service:
        service.submit(at_market([SYMBOL], 1))
        alone, before = asyncio.run(latencies(service, 1, silent=False))
        every, after = asyncio.run(latencies(service, LISTENERS, silent=True))
    say(f"from the request of a market order to its fill at a listener, {FILLS} fills")
    say(f"  one listener               {shown(alone)}   {before:.0f} MiB")
    say(f"  {LISTENERS}, and one never reads   {shown(every)}   {after:.0f} MiB")


def main() -> None:
    """Measure."""
    with workshop() as folder, twsim(folder) as gateway:
        ledger = f"sqlite:///{folder}/stream.db"
        missed(folder, gateway, ledger)
        many(folder, gateway, ledger)


if __name__ == "__main__":
    main()

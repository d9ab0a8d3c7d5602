"""A program that runs wild: `make flood`.

Owns: who posts far more batches than the service takes, a caller who asks for its health meanwhile,
and the table of what was accepted, refused and lost. The service is a process of its own, with the
rates that it has out of the box; so is whoever asks for its health, or its figures would be of the
flood.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from e2e.processes import Running, command
from front import ORDERS
from makers import ACCOUNT
from paperdesk.domain.keys import digest_of
from promises.served import PRICE, SYMBOLS
from promises.showing import say, show
from twsim import Gateway

SECONDS: Final = 60.0
PER_SECOND: Final = 1_000
CONNECTIONS: Final = 200
WILD: Final = "key-of-wild"
CHECKER: Final = "key-of-checker"
HEALTH_SECONDS: Final = 0.01  # between two questions
CALM_SECONDS: Final = 90.0
CONFIG: Final = """
default_account = "{account}"

[ledger]
url = "sqlite:///ledger.db"

[[gateways]]
port = {port}
accounts = ["{account}"]

[[clients]]
name = "wild"
key_sha256 = "{wild}"
scopes = ["trade"]
accounts = ["{account}"]

[[clients]]
name = "checker"
key_sha256 = "{checker}"
scopes = ["audit"]
accounts = ["{account}"]
"""


@dataclass
class Flood:
    """What was posted and what came of it. `frames` are the times at which one was heard."""

    counts: Counter[str] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    frames: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    took_seconds: float = 0.0
    health: dict[str, float] = field(default_factory=dict)

    def hear(self, line: str) -> None:
        """Take note of a frame of the service."""
        if " -> " in line:
            self.frames.append(time.monotonic())

    def most_frames(self) -> int:
        """Return how many frames came in the fullest second."""
        return max(
            (bisect_left(self.frames, at + 1.0) - n for n, at in enumerate(self.frames)),
            default=0,
        )


async def run(home: Path, seconds: float, per_second: int = PER_SECOND) -> Flood:
    """Flood a service for so long; then look for every batch that it accepted."""
    flood = Flood()
    async with Gateway(accounts={ACCOUNT: 1_000_000_000}, trace=flood.hear) as gateway:
        for symbol in SYMBOLS:
            gateway.set_price(symbol, PRICE)
        config = CONFIG.format(
            account=ACCOUNT,
            port=gateway.port,
            wild=digest_of(WILD.encode()),
            checker=digest_of(CHECKER.encode()),
        )
        (home / "flood.toml").write_text(config, encoding="utf-8")
        with _service(home) as service:
            url = await asyncio.to_thread(_address, service)
            flood.frames.clear()
            with _asking(url, seconds) as asked:
                await _post_all(url, flood, seconds, per_second)
            flood.health = json.loads(asked[0])
            flood.counts["placeOrder frames"] = len(gateway.frames("placeOrder"))
            await _look_for_all(url, flood)
        flood.counts["stored and not told"] = _stored(home) - len(flood.accepted)
    return flood


@contextmanager
def _service(home: Path) -> Iterator[Running]:
    with command(
        "paperdesk", "serve", "--config", "flood.toml", "--port", "0", cwd=home
    ) as service:
        yield service


def _address(service: Running) -> str:
    service.until(r'"session\.up"')
    return service.until(r"serves on (\S+)")[1]


@contextmanager
def _asking(url: str, seconds: float) -> Iterator[list[bytes]]:
    """Ask for the health meanwhile, in a process of its own; what it measured is its output."""
    words = [sys.executable, "-m", "promises.flood", "--health", url, str(seconds)]
    asking = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    told: list[bytes] = []
    yield told
    told.append(asking.communicate(timeout=30)[0])


async def _post_all(url: str, flood: Flood, seconds: float, per_second: int) -> None:
    """Post at the pace, whatever the answers, on as many connections as are free."""
    host, port = url.removeprefix("http://").split(":")
    free: asyncio.Queue[Line] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(
            Line(*await asyncio.open_connection(host, int(port)), (host, int(port)))
        )
    draw, tasks = random.Random(1), set()
    began = time.monotonic()
    for n in itertools.count():
        due = began + n / per_second
        if due - began >= seconds:
            break
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if free.empty():
            flood.counts["not posted: no connection was free"] += 1
            continue
        task = asyncio.create_task(_post(free.get_nowait(), free, flood, draw))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    if tasks:
        await asyncio.wait(tasks)
    flood.took_seconds = time.monotonic() - began
    while not free.empty():
        free.get_nowait().writer.close()


@dataclass
class Line:
    """A connection, used for one request after the other."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    address: tuple[str, int]


async def _post(
    line: Line, free: asyncio.Queue[Line], flood: Flood, draw: random.Random
) -> None:
    """Post one target, and count the answer by its status."""
    body = json.dumps(
        {"orders": [{"symbol": draw.choice(SYMBOLS), "quantity": draw.randrange(-100, 101)}]}
    ).encode()
    head = (
        f"POST {ORDERS} HTTP/1.1\r\nhost: x\r\nx-api-key: {WILD}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    flood.counts["posted"] += 1
    try:
        line.writer.write(head.encode() + body)
        told = await line.reader.readuntil(b"\r\n\r\n")
        length = int(told.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        answer = await line.reader.readexactly(length)
    except (OSError, asyncio.IncompleteReadError) as error:
        flood.wrong.append(f"no answer: {error!r}")
        line = Line(*await asyncio.open_connection(*line.address), line.address)
    else:
        _count(flood, int(told.split(b" ", 2)[1]), answer)
    free.put_nowait(line)


def _count(flood: Flood, status: int, answer: bytes) -> None:
    document = json.loads(answer)
    if status == 200:
        flood.counts["accepted"] += 1
        flood.accepted.append(document["batch_id"])
    elif status == 429:
        flood.counts[f"refused: 429 {document['code']}"] += 1
    else:
        flood.wrong.append(f"{status} {document}")


async def _look_for_all(url: str, flood: Flood) -> None:
    """Read each batch that was accepted once it has ended."""
    headers = {"X-API-Key": CHECKER}
    deadline = time.monotonic() + CALM_SECONDS
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=90) as checker:
        for batch_id in flood.accepted:
            batch: dict[str, Any] = {}
            while not batch.get("summary", {}).get("final") and time.monotonic() < deadline:
                answer = await checker.get(f"{ORDERS}/{batch_id}", params={"wait": 10})
                if answer.status_code == 429:
                    await asyncio.sleep(int(answer.headers["Retry-After"]))
                elif answer.status_code == 200:
                    batch = answer.json()
                else:
                    break
            flood.counts["lost"] += not batch
            flood.counts["not ended"] += bool(batch) and not batch["summary"]["final"]


def _stored(home: Path) -> int:
    import sqlite3  # noqa: PLC0415 - only here, and only to count

    with sqlite3.connect(home / "ledger.db") as file:
        return int(file.execute("SELECT count(*) FROM batches").fetchone()[0])


def ask_health(url: str, seconds: float) -> dict[str, float]:
    """Ask for the health again and again; return how long it took, in milliseconds."""
    took: list[float] = []
    failed = 0
    until = time.monotonic() + seconds
    with httpx.Client(base_url=url, timeout=30) as client:
        while time.monotonic() < until:
            began = time.perf_counter()
            answer = client.get("/health")
            took.append((time.perf_counter() - began) * 1000)
            failed += answer.status_code != 200
            time.sleep(HEALTH_SECONDS)
    took.sort()
    return {
        "answers": len(took),
        "failed": failed,
        "p50": took[len(took) // 2],
        "p99": took[int(len(took) * 0.99)],
        "most": took[-1],
    }


def is_kept(flood: Flood) -> bool:
    """Tell whether nothing was lost, nothing else was answered, and the pace was held to."""
    counts = flood.counts
    return (
        not flood.wrong
        and counts["accepted"] > 0
        and not counts["lost"] + counts["not ended"] + counts["stored and not told"]
        and not flood.health["failed"]
        and flood.most_frames() <= 50
    )


def main(seconds: float = SECONDS) -> int:
    """Flood for so long; print the table; return 0 where nothing was lost."""
    with tempfile.TemporaryDirectory() as home:
        flood = asyncio.run(run(Path(home), seconds))
    counts, health = flood.counts, flood.health
    figures: dict[str, object] = dict(sorted(counts.items()))
    figures |= {
        "posted a second": f"{counts['posted'] / flood.took_seconds:.0f}",
        "accepted a second": f"{counts['accepted'] / flood.took_seconds:.1f}",
        "other answers, and none": len(flood.wrong),
        "/health: answers": f"{health['answers']:.0f}",
        "/health: failed": f"{health['failed']:.0f}",
        "/health: p50": f"{health['p50']:.1f} ms",
        "/health: p99": f"{health['p99']:.1f} ms",
        "/health: slowest": f"{health['most']:.1f} ms",
        "frames at the gateway": len(flood.frames),
        "frames in the fullest second": flood.most_frames(),
    }
    show(f"A program posts {PER_SECOND:,} batches a second for {seconds:.0f} s", figures)
    for words in flood.wrong[:10]:
        say(f"  {words}")
    return 0 if is_kept(flood) else 1


if __name__ == "__main__":
    given = sys.argv[1:]
    if given[:1] == ["--health"]:
        say(json.dumps(ask_health(given[1], float(given[2]))))
        sys.exit(0)
    sys.exit(main(float(given[0]) if given else SECONDS))

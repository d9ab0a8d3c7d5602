"""What the benchmarks of the desk share: its processes, its client, and how figures read.

Owns: how twsim, the service and the bare server are started and ended, the calls of the API
that are timed, the times of frames in twsim's trace, and medians with their spread. Knows
nothing of what is measured.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

from twsim.data import listings

ACCOUNT = "DU8730189"
OTHER_ACCOUNT = "DUP203550"  # of whatever the service is compared with
CASH = 1_000_000_000
UNPACED = 1_000_000  # requests a second: no configuration allows it, so that nothing waits
FAR_LIMIT = 1.25  # dollars: an order to buy at this price is acknowledged and only works
START_SECONDS = 20.0
END_SECONDS = 10.0
FSYNCS = 50
HERE = Path(__file__).parent
BIN = Path(sys.executable).parent


# Figures.


def spread(values: Iterable[float], digits: int = 2, unit: str = "") -> str:
    """Return the median of some values, and between which two they lie."""
    ordered = sorted(values)
    middle = statistics.median(ordered)
    ends = f"{ordered[0]:.{digits}f} to {ordered[-1]:.{digits}f}"
    return f"{middle:.{digits}f}{unit}   ({ends}, {len(ordered)} rounds)"


def quartiles(values: Iterable[float], digits: int = 2, unit: str = "") -> str:
    """Like `spread` for values so many that the ends say nothing: the middle half of them."""
    ordered = sorted(values)
    low, middle, high = statistics.quantiles(ordered, n=4)
    ends = f"{low:.{digits}f} to {high:.{digits}f}"
    return f"{middle:.{digits}f}{unit}   (half of them {ends}, {len(ordered)} in all)"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the ratio of each pair that was measured one after the other."""
    return [our / their for our, their in zip(ours, theirs, strict=True)]


def say(words: str) -> None:
    """Print a line now."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def say_machine(folder: Path) -> None:
    """Print what the figures depend on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    say(
        f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()}, load {os.getloadavg()[0]:.2f}; "
        f"fsync of 4 KiB {spread(fsync_ms(folder), unit=' ms')}"
    )


def fsync_ms(folder: Path) -> list[float]:
    """Return how many milliseconds it takes to make a page durable, several times."""
    took = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            took.append(1000 * (time.perf_counter() - began))
    return took


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


# Processes.


@dataclass(frozen=True, slots=True)
class Process:
    """A process of ours, and the files that it writes to."""

    popen: subprocess.Popen[bytes]
    output: Path
    errors: Path

    def until(self, pattern: str) -> str:
        """Return the first group of what it prints, once it has."""
        give_up_at = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up_at and self.popen.poll() is None:
            found = re.search(pattern, self.output.read_text(encoding="utf-8"))
            if found:
                return found[1]
            time.sleep(0.02)
        raise AssertionError(
            f"never printed {pattern}: {self.errors.read_text('utf-8')[-2000:]}"
        )


@contextmanager
def workshop() -> Iterator[Path]:
    """Give a folder for ledgers and logs, and say on what machine it is."""
    with tempfile.TemporaryDirectory(prefix="paperdesk-bench-") as name:
        say_machine(Path(name))
        yield Path(name)


@contextmanager
def process(folder: Path, name: str, command: Sequence[str]) -> Iterator[Process]:
    """Run a command; end it at the end."""
    output, errors = folder / f"{name}.out", folder / f"{name}.err"
    with output.open("ab") as out, errors.open("ab") as err:
        popen = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err)  # noqa: S603 - ours
    try:
        yield Process(popen, output, errors)
    finally:
        popen.terminate()
        try:
            popen.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()


@dataclass(frozen=True, slots=True)
class Gateway:
    """twsim in a process of its own."""

    port: int
    trace: Path

    def frames(self, client_id: int, since: float) -> list[tuple[float, str]]:
        """Return when which frames of a client arrived, since a moment in Unix time."""
        return frames_in(self.trace.read_text(encoding="utf-8"), client_id, since)

    def forget(self) -> None:
        """Empty the trace: a long one takes long to read."""
        os.truncate(self.trace, 0)


def frames_in(trace: str, client_id: int, since: float) -> list[tuple[float, str]]:
    """Return Unix time and name of each frame of a client, since a moment of the same day."""
    today = datetime.fromtimestamp(since, UTC).date()
    found = []
    for line in trace.splitlines():
        words = line.split(maxsplit=4)
        if words[1:3] != [str(client_id), "->"]:
            continue
        at = datetime.strptime(f"{today} {words[0]}+0000", "%Y-%m-%d %H:%M:%S.%f%z").timestamp()
        if at >= since:
            found.append((at, words[3]))
    return found


@contextmanager
def twsim(folder: Path, name: str = "twsim", *, is_traced: bool = False) -> Iterator[Gateway]:
    """Start a gateway for two rich accounts. It acknowledges, and fills, at once."""
    accounts = [f"--account={account}={CASH}" for account in (ACCOUNT, OTHER_ACCOUNT)]
    traced = ["--trace"] if is_traced else []
    with process(folder, name, [str(BIN / "twsim"), "--port=0", *accounts, *traced]) as running:
        yield Gateway(int(running.until(r"listening on \S+:(\d+)")), running.errors)


@dataclass(frozen=True, slots=True)
class Bare:
    """The bare server in a process of its own."""

    url: str


@contextmanager
def bare(folder: Path, *, gateway_port: int = 0, body: bytes = b"") -> Iterator[Bare]:
    """Start the same framework with nothing in it; see `_bare`."""
    (folder / "body").write_bytes(body)
    command = [sys.executable, str(HERE / "_bare.py"), str(folder), str(gateway_port)]
    with process(folder, "bare", command) as running:
        yield Bare(running.until(r"serves on (http://\S+)"))


@dataclass(frozen=True, slots=True)
class Service:
    """The service in a process of its own, and a client with a connection that stays open."""

    pid: int
    url: str
    key: str
    http: httpx.Client

    def submit(self, orders: Sequence[dict[str, Any]], wait_seconds: int = 60) -> Any:
        """Return the answer to a batch."""
        return self._call(
            "POST", f"/api/v1/orders?wait={wait_seconds}", json={"orders": orders}
        )

    def batch(self, batch_id: str, wait_seconds: int = 0) -> Any:
        """Return a batch, at the latest after so many seconds."""
        return self._call("GET", f"/api/v1/orders/{batch_id}?wait={wait_seconds}")

    def cancel(self, batch_id: str) -> None:
        """Cancel a batch, and wait until every order of it is settled."""
        self._call("DELETE", f"/api/v1/orders/{batch_id}")
        assert self.batch(batch_id, 60)["summary"]["final"]
        time.sleep(1.2)  # a second after a cancel nothing is planned on the contract

    def cache_contracts(self, symbols: Sequence[str]) -> None:
        """Let the service look up contracts without sending an order."""
        orders = [{"symbol": symbol, "quantity": 1} for symbol in symbols]
        self._call("POST", "/api/v1/orders/preview", json={"orders": orders})

    def until_up(self) -> None:
        """Wait until the account is up."""
        give_up_at = time.monotonic() + START_SECONDS
        while not self._call("GET", "/health")["accounts"][ACCOUNT]:
            assert time.monotonic() < give_up_at, "the account never came up"
            time.sleep(0.05)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        answer = self.http.request(method, f"{self.url}{path}", **options)
        assert answer.is_success, answer.text
        return answer.json()


@contextmanager
def paperdesk(
    folder: Path,
    gateway: Gateway,
    *,
    name: str = "paperdesk",
    per_second: int = UNPACED,
    ledger_url: str | None = None,
) -> Iterator[Service]:
    """Start the service as `paperdesk serve` does, with a pacing that no file may ask for."""
    key = "pdk_bench"
    told = {
        "gateway_port": gateway.port,
        "per_second": per_second,
        "ledger_url": ledger_url or f"sqlite:///{folder / name}.db",
        "account": ACCOUNT,
        "key": key,
    }
    command = [sys.executable, str(HERE / "_serve.py"), json.dumps(told)]
    with (
        process(folder, name, command) as running,
        httpx.Client(headers={"X-API-Key": key}, timeout=120, trust_env=False) as http,
    ):
        url = running.until(r"serves on (http://\S+)")
        service = Service(running.popen.pid, url, key, http)
        service.until_up()
        yield service


# Orders.


def symbols(count: int) -> list[str]:
    """Return so many symbols that twsim lists."""
    found = [listing.symbol for listing in islice(listings(), count)]
    assert len(found) == count
    return found


def at_market(names: Sequence[str], quantity: int) -> list[dict[str, Any]]:
    """Return targets at market: twsim fills them at once."""
    return [{"symbol": name, "quantity": quantity} for name in names]


def far_away(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return targets so far from the market that their orders only work."""
    return [{"symbol": name, "quantity": 1, "limit_price": FAR_LIMIT} for name in names]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that something took, and what it returned."""
    began = time.perf_counter()
    returned = work()
    return time.perf_counter() - began, returned

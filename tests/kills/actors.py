"""Those who play in a kill: the gateway, the service that dies, and its client.

Owns: starting them as processes, the gateway's truth, read from what it keeps and from the
trace of its wire, and a client that outlives a cut line. Knows no crash point.
"""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from e2e.processes import Api, Running, api_of, command
from twsim.exchange.orders import Execution
from twsim.exchange.vocabulary import ConId
from twsim.journal import Journal

ACCOUNT = "DU8730189"
CON_IDS = {"AAPL": ConId(265598), "MSFT": ConId(272093)}
UP_WITHIN_SECONDS = 60.0  # a whole table keeps a machine busy, and others may too
ARRIVES_SECONDS = 0.3  # what a dead process has written is read by then
PLACED = re.compile(r"-> placeOrder .*?\border_ref=(\S+)")
CONFIG = """
default_account = "DU8730189"

[ledger]
url = "{ledger_url}"

[[gateways]]
port = {port}
accounts = ["DU8730189"]

[desk]
resolve_seconds = 1
"""


class GatewayProcess:
    """A `twsim` that keeps its accounts, and can be killed and started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self._stack = ExitStack()
        self._runs: list[Running] = []
        self.port = 0

    @property
    def _state(self) -> Path:
        return self._folder / "twsim.jsonl"

    def __enter__(self) -> Self:
        self._start(*self._options)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _start(self, *options: str) -> None:
        words = ("--trace", "--port", str(self.port), "--state", str(self._state), *options)
        run = self._stack.enter_context(command("twsim", *words, cwd=self._folder))
        listening = run.until(r"listening on \S+:(\d+)", within_seconds=UP_WITHIN_SECONDS)
        self.port = int(listening[1])
        self._runs.append(run)

    def kill_and_restart(self) -> None:
        """Start it anew on the same port and the same state; it has no faults any more."""
        time.sleep(ARRIVES_SECONDS)
        self._runs[-1].end(signal.SIGKILL)
        self._start()

    def frames(self) -> Counter[str]:
        """Return how many placeOrder frames arrived, by reference, over all its lives."""
        return Counter(ref for run in self._runs for ref in PLACED.findall(run.text()))

    def positions(self) -> dict[str, int]:
        """Return the account's positions by symbol, those of zero left out."""
        held = {
            row.con_id: row.quantity
            for changes in Journal(self._state).read()
            for row in changes.positions
            if row.account == ACCOUNT
        }
        return {symbol: held[at] for symbol, at in CON_IDS.items() if held.get(at)}

    def executions(self) -> dict[str, tuple[int, Decimal]]:
        """Return shares and price by execId, corrected ones in their newest revision."""
        newest: dict[str, Execution] = {}
        for changes in Journal(self._state).read():
            newest |= {execution.base: execution for execution in changes.executions}
        return {e.exec_id: (e.shares, e.price) for e in newest.values()}


@dataclass
class Client:
    """Somebody who posts targets, each under a key, and keeps what was answered."""

    api: Api
    answers: dict[str, bytes | None] = field(default_factory=dict)
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def post(self, key: str, *orders: dict[str, Any]) -> Any:
        """Submit a batch under a key; return the answer's body, None where none came whole."""
        self.bodies[key] = {"orders": list(orders)}
        answer = self.submit(key)
        self.answers[key] = None if answer is None else answer.content
        return None if answer is None else answer.json()

    def submit(self, key: str) -> httpx.Response | None:
        """Submit what is known under a key; None where no whole answer came."""
        return self.ask(
            "POST",
            "/api/v1/orders",
            json=self.bodies[key],
            headers={"Idempotency-Key": key},
        )

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """Ask something; None where the line ended before the answer did."""
        headers = {"X-API-Key": self.api.key} | options.pop("headers", {})
        try:
            return httpx.request(
                method,
                f"{self.api.url}{path}",
                headers=headers,
                timeout=30,
                trust_env=False,
                **options,
            )
        except httpx.TransportError:
            return None


@dataclass(frozen=True)
class Home:
    """Where the service lives, and which ledger it has."""

    folder: Path
    ledger_url: str

    def configure(self, gateway_port: int) -> None:
        """Write the configuration."""
        text = CONFIG.format(ledger_url=self.ledger_url, port=gateway_port)
        (self.folder / "kills.toml").write_text(text, encoding="utf-8")

    @contextmanager
    def service(self, crash_point: str = "") -> Iterator[Running]:
        """Run the service; with a crash point it is expected to die of it."""
        words: Sequence[str] = ("serve", "--config", "kills.toml", "--port", "0")
        env = {"CRASH_POINT": crash_point}
        with command("paperdesk", *words, cwd=self.folder, env=env) as running:
            yield running

    def api_of(self, service: Running) -> Api:
        """Return the service over HTTP, once its session with the gateway is up."""
        service.until(r'"session\.up"', within_seconds=UP_WITHIN_SECONDS)
        return api_of(service, self.folder)

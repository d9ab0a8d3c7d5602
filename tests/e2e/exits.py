"""Every exit code, brought about by a real service and a real simulated gateway.

Owns: the table of situations, the two worlds in which they happen, and `make exits`, which prints
each as a person would see it: the command, what it said, its code.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from e2e.processes import COMMANDS, Running, api_of, command
from e2e.terminal import on_terminal
from twsim.threaded import ThreadedGateway

ACCOUNT, OTHER = "DU8730189", "DUP203550"
ACCOUNT_SECONDS = 30.0


class Weekend:
    """A clock that runs on from the noon of a Saturday to come."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        saturday = now + timedelta(days=7 + (5 - now.weekday()) % 7)
        self._ahead = saturday.replace(hour=17, minute=0) - now

    def now(self) -> datetime:
        """Return its time."""
        return datetime.now(UTC) + self._ahead


@dataclass
class World:
    """A folder with a service, and what ends the gateway where that is not the service's own."""

    folder: Path
    service: Running
    gateway: ExitStack

    @cached_property
    def env(self) -> dict[str, str]:
        """Where commands find it; the key is in its folder."""
        return {"PAPERDESK_URL": api_of(self.service, self.folder).url}

    def run(self, *words: str, stdin: str = "", **env: str) -> tuple[str, int]:
        """Run a command to its end; return what it printed, and its code."""
        done = subprocess.run(
            [COMMANDS / "paperdesk", *words],
            cwd=self.folder,
            env=os.environ | self.env | env,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        return done.stdout, done.returncode

    def until_account_says(self, words: str) -> None:
        """Return when the list of accounts has these words."""
        deadline = time.monotonic() + ACCOUNT_SECONDS
        while words not in (seen := self.run("accounts")[0]):
            assert time.monotonic() < deadline, seen

    def lose_gateway(self) -> None:
        """Let the gateway end, and the service notice it."""
        self.gateway.close()
        self.until_account_says(f"{ACCOUNT}\ttrue\tfalse")


@contextmanager
def world_of(gateway: ThreadedGateway | None = None) -> Iterator[World]:
    """A service before this gateway; without one as `make run` starts it, with its own."""
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder, env = Path(name), {}
        if gateway is not None:
            stack.enter_context(gateway)
            named = {"PORT": str(gateway.port), "ACCOUNTS": ACCOUNT}
            env = {f"PAPERDESK_GATEWAYS__0__{key}": text for key, text in named.items()}
        with command("paperdesk", "serve", "--port", "0", cwd=folder, env=env) as service:
            world = World(folder, service, stack)
            world.until_account_says(f"{ACCOUNT}\ttrue\ttrue")
            yield world


def own_gateway() -> AbstractContextManager[World]:
    """The world of most situations."""
    return world_of()


def weekend() -> AbstractContextManager[World]:
    """One whose exchange is closed."""
    return world_of(ThreadedGateway(hours="real", clock=Weekend()))


@dataclass(frozen=True)
class Situation:
    """A command, what came before it, and how it ends."""

    name: str
    code: int
    words: str
    said: tuple[str, ...]
    stdin: str = ""
    env: dict[str, str] = field(default_factory=dict)
    before: Callable[[World], object] | None = None
    interrupt_after: str = ""
    is_weekend: bool = False

    def happen(self, world: World) -> tuple[str, int]:
        """Bring it about; return what the command printed, and its code."""
        if self.before is not None:
            self.before(world)
        words = self.words.split()
        if not self.interrupt_after:
            return world.run(*words, stdin=self.stdin, **self.env)
        (world.folder / "far.csv").write_text(self.stdin)
        seen = on_terminal(
            "paperdesk", *words, cwd=world.folder, env=world.env,
            interrupt_after=self.interrupt_after,
        )  # fmt: skip
        return seen.text, seen.returncode


def _fault(code: str, symbol: str) -> Callable[[World], object]:
    return lambda world: world.run("sim", "fault", code, f"symbol={symbol}")


FAR = "symbol,quantity,limit_price\n{},10,1.00\n"  # a limit that nothing reaches
SITUATIONS = (
    Situation(
        "on target", 0, "submit - --yes --wait",
        ("✓ on target · fees $", "→ paperdesk show "), stdin="AAPL,10\n",
    ),
    Situation(
        "on target already", 0, "submit - --yes --wait",
        ("✓ nothing to send: every target is reached",), stdin="AAPL,10\n",
        before=lambda world: world.run("submit", "-", "--yes", "--wait", stdin="AAPL,10\n"),
    ),
    Situation(
        "no such batch", 1, "show 0000000000000000", ("there is no batch 0000000000000000",),
    ),
    Situation(
        "a bad file", 2, "submit - --yes",
        (
            "nothing was sent:",
            'line 2: quantity: "1.5" is no whole number of shares',
            'line 3: quantity: "x" is not a number',
        ),
        stdin="AAPL,100\nMSFT,1.5\nKO,x\n",
    ),
    Situation(
        "nobody to ask", 2, "submit -", ("say --yes to go on without asking",), stdin="GE,1\n",
    ),
    Situation(
        "a wrong command", 2, "postions",
        ('Unknown command "postions". Did you mean "positions"?',),
    ),
    Situation(
        "the broker says no", 3, "submit - --yes --wait",
        (
            "✗ not on target: PG Inactive (IBKR 201: Order rejected - reason:Rejected by a fault)",
            "submit again: what is reached is not traded twice",
        ),
        stdin="PG,10\n", before=_fault("O06", "PG"),
    ),
    Situation(
        "an unknown symbol", 3, "submit - --yes --wait",
        ("✗ nothing was sent: NOSUCH error (", "NOSUCH"), stdin="NOSUCH,1\n",
    ),
    Situation(
        "a wrong key", 4, "positions", ("does not know this API key: set PAPERDESK_API_KEY",),
        env={"PAPERDESK_API_KEY": "wrong"},
    ),
    Situation(
        "a halted account", 5, f"submit - --yes --wait --account {OTHER}",
        (
            "✗ nothing was sent: V error (account DUP203550 is halted by local: prices look wrong",
            "→ paperdesk resume --reason … --account DUP203550, then submit again",
        ),
        stdin="V,5\n",
        before=lambda world: world.run(
            "halt", "--account", OTHER, "--reason", "prices look wrong"
        ),
    ),
    Situation(
        "the market is closed", 7, "submit - --yes --wait",
        ("◷ the market is closed, and the orders rest: V", "→ paperdesk watch "),
        stdin="V,5\n", is_weekend=True,
    ),
    Situation(
        "still working", 8, "submit - --yes --wait --timeout 0.3",
        ("… 1 still working: HD", "follows, paperdesk cancel "), stdin=FAR.format("HD"),
    ),
    Situation(
        "Ctrl-C", 130, "submit far.csv --yes",
        ("The batch was sent and goes on without you", "withdraws what has not traded"),
        stdin=FAR.format("IBM"), interrupt_after="0/1",
    ),
    Situation(
        "the gateway is down", 6, "submit - --yes",
        (
            "no broker session",
            "nothing was placed and nothing will be",
            "→ paperdesk accounts shows when it is back",
        ),
        stdin="V,6\n", before=World.lose_gateway, is_weekend=True,
    ),
    Situation(
        "the service is stopped", 6, "positions",
        ("nothing answers at http://127.0.0.1:", "paperdesk serve starts one"),
        before=lambda world: world.service.end(), is_weekend=True,
    ),
)  # fmt: skip


def main() -> None:
    """Print each situation."""
    with own_gateway() as well, weekend() as closed:
        for situation in SITUATIONS:
            text, code = situation.happen(closed if situation.is_weekend else well)
            given = "".join(f"  | {line}\n" for line in situation.stdin.splitlines())
            sys.stdout.write(
                f"── {situation.name}\n$ paperdesk {situation.words}\n{given}{text.strip()}\n"
                f"[exit {code}]\n\n"
            )
            sys.stdout.flush()
            assert code == situation.code, f"{situation.code} is what docs/cli.md says"


if __name__ == "__main__":
    main()

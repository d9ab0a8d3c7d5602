"""A `twsim` that outlives every kill of the service, and the account that it keeps.

Owns: the process, its wire, and its truth: every order and execution that its journal ever told.
Knows nothing of the service.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from e2e.processes import COMMANDS
from storms.wire import Wire
from twsim.exchange.orders import Execution, Order
from twsim.journal import Journal

SYMBOLS: Final = ("AAPL", "MSFT", "AMZN", "META", "NVDA", "IBM", "KO", "JPM")
THIN: Final = SYMBOLS[:3]  # with so few shares at each price that orders fill in parts
THIN_SHARES: Final = 20
PRICE: Final = 100
ACCOUNT: Final = "DU8730189"
CASH: Final = 10_000_000
OURS: Final = "pd-"
ENDS_WITHIN_SECONDS: Final = 10.0
MARKET: Final = "".join(
    (
        *(f"at 0: set_price {symbol} {PRICE}\n" for symbol in SYMBOLS),
        *(f"at 0: set_size {symbol} {THIN_SHARES}\n" for symbol in THIN),
    )
)


@dataclass
class Truth:
    """What the gateway has of our orders: all of it, though it forgets by the day."""

    orders: dict[int, Order] = field(default_factory=dict)  # by perm id
    executions: dict[str, Execution] = field(default_factory=dict)  # newest revision by base
    positions: dict[int, int] = field(default_factory=dict)  # by conid, none of zero

    @property
    def doubled(self) -> int:
        """How many orders there are beyond one for each reference."""
        refs = Counter(order.order_ref for order in self.orders.values())
        return refs.total() - len(refs)

    @property
    def filled(self) -> Counter[str]:
        """Return the shares that traded, by reference."""
        filled: Counter[str] = Counter()
        for execution in self.executions.values():
            filled[execution.order_ref] += execution.shares
        return filled

    def side_by_side(self) -> list[str]:
        """Say which orders of one contract lived at the same time: none may."""
        found = []
        by_contract: dict[int, list[Order]] = {}
        for order in sorted(self.orders.values(), key=lambda order: order.placed_at):
            earlier = by_contract.setdefault(order.con_id, [])
            if earlier:
                ended_at = earlier[-1].completed_at
                if ended_at is None or ended_at > order.placed_at:
                    found.append(f"{order.order_ref} lived beside {earlier[-1].order_ref}")
            earlier.append(order)
        return found


class GatewayProcess:
    """A gateway that keeps its account in a folder."""

    def __init__(self, folder: Path) -> None:
        self.wire = Wire()
        self.port = 0
        self._folder = folder
        self._truth = Truth()
        self._process: subprocess.Popen[str] | None = None
        self._listener: threading.Thread | None = None

    def __enter__(self) -> Self:
        script = self._folder / "market.txt"
        script.write_text(MARKET, encoding="utf-8")
        self._start("--account", f"{ACCOUNT}={CASH}", "--scenario", str(script))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """Kill it, and read its wire to the end."""
        assert self._process is not None
        assert self._listener is not None
        self._process.kill()
        self._process.wait()
        self._listener.join(ENDS_WITHIN_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def kill_and_restart(self) -> None:
        """Start it anew on the same port and the same account."""
        self.kill()
        self._start()

    def pause(self) -> None:
        """Stop it where it is."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def truth(self) -> Truth:
        """Return what it has, with what it had at every earlier look."""
        truth = self._truth
        for changes in Journal(self._folder / "twsim.jsonl").read():
            ours = (order for order in changes.orders if order.order_ref.startswith(OURS))
            truth.orders |= {order.perm_id: order for order in ours}
            truth.executions |= {execution.base: execution for execution in changes.executions}
            truth.positions |= {row.con_id: row.quantity for row in changes.positions}
        truth.positions = {con_id: held for con_id, held in truth.positions.items() if held}
        return truth

    def _start(self, *options: str) -> None:
        words: Sequence[str] = (
            "--trace", "--port", str(self.port),
            "--state", str(self._folder / "twsim.jsonl"), *options,
        )  # fmt: skip
        self._process = subprocess.Popen(
            [str(COMMANDS / "twsim"), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # the trace; the pipe bounds what is kept of it
            text=True,
            env=os.environ,
            process_group=0,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        listening = re.search(r"listening on \S+:(\d+)", said)
        assert listening is not None, f"the gateway did not start: {said}"
        self.port = int(listening[1])
        self._listener = threading.Thread(
            target=self.wire.take, args=(self._process.stdout,), daemon=True
        )
        self._listener.start()

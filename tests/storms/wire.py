"""What goes over the gateway's wire, kept as counts and never as lines.

Owns: Wire, which takes the trace of a `twsim` line by line, over all its lives and all those of
the service: how often each order came, under which order ids, and the last lines for whoever looks
for a cause. Knows nothing of what should have come.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

LINES_KEPT: Final = 20_000  # some seconds of a storm
PLACED: Final = re.compile(r" -> placeOrder order_id=(\d+) .*?\border_ref=(\S+)")


class Wire:
    """The orders that came over the wire. One thread takes lines, any may look."""

    def __init__(self) -> None:
        self.placed: Counter[str] = Counter()
        self.refs_by_id: dict[int, list[str]] = {}
        self.cancels = 0
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)

    def take(self, lines: Iterable[str]) -> None:
        """Take lines until there are no more."""
        for line in lines:
            self.lines.append(line)
            if " -> placeOrder " in line:
                self._take_order(line)
            elif " -> cancelOrder " in line:
                self.cancels += 1

    def _take_order(self, line: str) -> None:
        found = PLACED.search(line)
        assert found is not None, f"an order without a reference: {line}"
        order_id, ref = int(found[1]), found[2]
        self.placed[ref] += 1
        self.refs_by_id.setdefault(order_id, []).append(ref)

    @property
    def orders(self) -> int:
        """How many frames came that place an order."""
        return self.placed.total()

    @property
    def doubled(self) -> int:
        """How many frames came beyond one for each order."""
        return self.orders - len(self.placed)

    @property
    def reused_ids(self) -> list[int]:
        """Return the order ids under which more than one order came."""
        return [order_id for order_id, refs in self.refs_by_id.items() if len(set(refs)) > 1]

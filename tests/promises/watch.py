"""A witness at the broker: how many orders of a symbol live at once, looked at on every frame.

Owns: Watch, which is given to a gateway as its `trace`. Knows nothing of the service.
"""

from __future__ import annotations

from collections import Counter

from twsim import Gateway


class Watch:
    """Looks at the broker's open orders whenever a frame goes in or out."""

    def __init__(self) -> None:
        self.gateway: Gateway | None = None
        self.live_max = 0  # of one symbol at one moment; an order that is cancelled counts
        self.looks = 0

    def __call__(self, _line: str) -> None:
        """Look."""
        if self.gateway is None:
            return
        self.looks += 1
        live = Counter(order.con_id for order in self.gateway._world.exchange.open_orders())
        self.live_max = max(self.live_max, *live.values(), 0)

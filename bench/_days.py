"""What finished orders leave behind once their day is over: a part of twsim_throughput.

Owns: a gateway with the clock in its hand, in a process of its own, and a client that is
nothing but bytes, so that the memory is the gateway's alone.
"""

from __future__ import annotations

import asyncio
import os
import sys

from twsim_throughput import ACCOUNT, BURST, order, resident_mib

from twsim import Gateway, ManualClock
from twsim.wire.framing import frame

DAYS = 5
ORDERS_A_DAY = 10_000


class Nowhere:
    """A line that nobody reads."""

    def write(self, data: bytes) -> None:
        """Forget it."""

    def close(self) -> None:
        """Forget that, too."""

    def write_pieces(self, data: bytes, size: int) -> None:
        """Forget it."""

    def pause(self, *, paused: bool) -> None:
        """Forget it."""

    def reset(self) -> None:
        """Forget it."""


async def main() -> None:
    """Trade for some days; tell the memory at the end of each, and after the last midnight."""
    world = Gateway(accounts={ACCOUNT: 10**9}, clock=ManualClock(), frames_max=0)
    async with world as gateway:
        simulator = gateway._world  # noqa: SLF001 - no client is to be measured
        session = simulator.connect(Nowhere())
        assert session is not None
        simulator.receive(session, b"API\0" + frame(b"v157..178") + frame(b"71\x002\x001\0\0"))
        placed = 0
        for day in range(1, DAYS + 1):
            for _ in range(ORDERS_A_DAY // BURST):
                burst = b"".join(order(placed + n) for n in range(1, BURST + 1))
                simulator.receive(session, burst)
                placed += BURST
                gateway.advance(0.1)  # commissions become known
            tell(f"day {day}, {placed} orders so far")
            gateway.advance(24 * 3600)
        tell("the day after")


def tell(when: str) -> None:
    """Print the memory."""
    sys.stdout.write(f"  twsim        {when:<29}{resident_mib(os.getpid()):6.1f} MiB\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())

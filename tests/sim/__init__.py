"""A world in one event loop: hours of gateway time in seconds, the same for the same seed.

Owns: the names that tests use. `simulate` runs an async function on a loop whose time is
virtual and whose network is in memory; `open_world` puts the whole stack into it.

```python
async def scenario() -> int:
    async with open_world() as world, world.caller() as caller:
        await caller.post("/api/v1/orders", content=BODY)
        await asyncio.sleep(3600)  # takes no time
        return world.gateway.position(ACCOUNT, "AAPL")

assert simulate(7, scenario).value == 100
```
"""

from __future__ import annotations

from sim.clock import LoopClock
from sim.loop import Deadlock, Ran, SimLoop, Unhandled, running_loop, simulate
from sim.net import Network, Way
from sim.process import Point, Process
from sim.world import World, open_world

__all__ = [
    "Deadlock",
    "LoopClock",
    "Network",
    "Point",
    "Process",
    "Ran",
    "SimLoop",
    "Unhandled",
    "Way",
    "World",
    "open_world",
    "running_loop",
    "simulate",
]

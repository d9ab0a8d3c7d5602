"""A world in one event loop: hours of gateway time in seconds, the same for the same seed.

Owns: the names that tests use. `simulate` runs an async function on a loop whose time is
virtual and whose network is in memory.
"""

from __future__ import annotations

from sim.clock import LoopClock
from sim.loop import Deadlock, Ran, SimLoop, Unhandled, running_loop, simulate
from sim.net import Network, Way
from sim.process import Point, Process

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
    "running_loop",
    "simulate",
]

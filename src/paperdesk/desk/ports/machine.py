"""What the desk needs of the machine it runs on.

Owns: the protocols Clock, Random and Executor: nothing but their implementations reads time or
randomness, or starts a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """The only reader of the time of day."""

    def now(self) -> datetime:
        """Return the present time, in UTC."""


class Random(Protocol):
    """The only source of chance."""

    def token_hex(self, digits: int) -> str:
        """Return `digits` random lowercase hex digits."""


class Executor(Protocol):
    """The only way to run what blocks. One call at a time, in order of submission."""

    async def run(self, function: Callable[[], T]) -> T:
        """Run `function` and return what it returns, or raise what it raises."""

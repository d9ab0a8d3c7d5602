"""Chance that can be repeated: the same seed draws the same numbers on any machine.

Owns: Chance. Does not know what is decided with it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

_MASK: Final = (1 << 64) - 1
_GAMMA: Final = 0x9E3779B97F4A7C15  # splitmix64, whose next state is a sum
_SCALE: Final = 1_000_000_000


class Chance:
    """A stream of numbers that depends on its seed alone."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def below(self, limit: int) -> int:
        """Return a number from 0 up to, and without, the limit."""
        assert limit > 0
        return self._draw() % limit

    def happens(self, rate: Decimal) -> bool:
        """Return True as often as the rate says, from 0 never to 1 always."""
        return self.below(_SCALE) < rate * _SCALE

    def between(self, low: Decimal, high: Decimal) -> Decimal:
        """Return a number of a range, in thousandths."""
        steps = int((high - low) * 1000)
        return low + Decimal(self.below(steps + 1)).scaleb(-3)

    def _draw(self) -> int:
        self._state = (self._state + _GAMMA) & _MASK
        word = self._state
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK
        return word ^ (word >> 31)

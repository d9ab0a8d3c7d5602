"""The walk: how far a price is from its middle at any step, by a seed alone.

Owns: the noise, the sum of noises, and the search for the first step beyond a bound. Does
not know prices, time or symbols.

The walk is a sum of noises, each twice as slow and a root of two as strong as the one
before. That moves like a random walk, and yet any moment can be asked for directly. It can
be searched, too: over a block of steps the slow noises go straight from one end to the
other, and the fast ones cannot be stronger than they are.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from typing import Final

MASK: Final = (1 << 64) - 1
_OCTAVES: Final = 16  # the slowest noise takes 2^15 s, some nine hours, from turn to turn
# Half a basis point in a second, in millionths: about 1.2 % in a session.
_AMPLITUDES: Final = tuple(int(50 * 2 ** (octave / 2)) for octave in range(_OCTAVES))
# How far all noises faster than an octave can go, and what rounding may add to the others.
_REACHES: Final = (0, *(total + _OCTAVES for total in accumulate(_AMPLITUDES)))
_NOISE_MAX: Final = 1 << 16
_REMEMBERED_MAX: Final = 1 << 16
_ASKED_MAX: Final = 1 << 12
SEARCH_MAX: Final = 64  # blocks skipped in one search: some milliseconds at most


@lru_cache(maxsize=_ASKED_MAX)  # where a walk starts is asked with every price
def displacement(stream: int, step: int) -> int:
    """Return how far the walk is from its middle at a step, in millionths."""
    return _slow(stream, step, 0)


def first_within(stream: int, start: int, end: int, *, bound: int, below: bool) -> int:
    """Return the first step from `start` on that is at or beyond a bound, at most `end`.

    It may return an earlier step than that, where the search would take too long.
    """
    step, octave = start, 0
    for _ in range(SEARCH_MAX):
        if step >= end:
            return end
        # The largest block that begins here; smaller ones until one can be skipped.
        octave = min(_OCTAVES - 1, (step & -step).bit_length() - 1) if step else _OCTAVES - 1
        while _may_cross(stream, step, octave, bound=bound, below=below):
            if octave == 0:
                return step
            octave -= 1
        step += 1 << octave
    return min(step, end)


def _may_cross(stream: int, step: int, octave: int, *, bound: int, below: bool) -> bool:
    """Tell whether the block of 2^octave steps from `step` may touch the bound."""
    here = _slow(stream, step, octave)
    there = _slow(stream, step + (1 << octave), octave) if octave else here
    reach = _REACHES[octave]
    return min(here, there) - reach <= bound if below else max(here, there) + reach >= bound


def _slow(stream: int, step: int, fastest: int) -> int:
    """Return the sum of the noises from an octave on."""
    total = 0
    for octave in range(fastest, _OCTAVES):
        index, rest = divmod(step, 1 << octave)
        here = _noise(stream, octave, index)
        there = _noise(stream, octave, index + 1) if rest else 0
        total += _AMPLITUDES[octave] * (
            (here * ((1 << octave) - rest) + there * rest) >> octave
        )
    return total // _NOISE_MAX


@lru_cache(maxsize=_REMEMBERED_MAX)
def _noise(stream: int, octave: int, index: int) -> int:
    return mix(stream, octave, index) % (2 * _NOISE_MAX) - _NOISE_MAX


def mix(stream: int, first: int, second: int) -> int:
    """Return 64 well mixed bits of three numbers: the finaliser of splitmix64."""
    word = (stream + first * 0x9E3779B97F4A7C15 + second * 0xD1B54A32D192ED03) & MASK
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)

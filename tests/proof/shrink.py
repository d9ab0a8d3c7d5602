"""The smallest story that still fails.

Owns: delta debugging over the parts of a story (Zeller's ddmin): pieces are left out, ever smaller
ones, for as long as the same invariant is broken. Knows nothing of how a story is judged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from proof.story import Story

TRIES_MAX: Final = 300

# Tells whether a story fails as the one did that is being made smaller.
Fails = Callable[[Story], bool]


def shrink(story: Story, fails: Fails, tries: int = TRIES_MAX) -> Story:
    """Return the smallest story found that still fails, after so many tries at most."""
    parts, pieces = story.parts(), 2
    while len(parts) > 1 and tries > 0:
        size = -(-len(parts) // pieces)
        for start in range(0, len(parts), size):
            rest = parts[:start] + parts[start + size :]
            tries -= 1
            if fails(story.only(rest)):
                parts, pieces = rest, max(pieces - 1, 2)
                break
            if tries == 0:
                break
        else:
            if size == 1:
                break
            pieces = min(len(parts), pieces * 2)
    return story.only(parts)

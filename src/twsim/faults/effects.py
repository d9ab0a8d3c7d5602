"""Every fault with what does it.

Owns: the table from id to effect. Does not know when they strike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from twsim.faults import executions, link, orders, positions, queries, sessions
from twsim.faults.engine import Effect

EFFECTS: Final[Mapping[str, Effect]] = {
    **link.EFFECTS,
    **sessions.EFFECTS,
    **orders.EFFECTS,
    **executions.EFFECTS,
    **positions.EFFECTS,
    **queries.EFFECTS,
}

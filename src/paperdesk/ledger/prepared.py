"""Statements that are made once, when the program starts.

Owns: how a statement names what is told it at each run. To make a statement takes longer than
the database takes to run it, so what is on the way of an order stands beside its function, made
already, and is run with its values by name. Knows no table.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def given(name: str) -> sa.BindParameter[Any]:
    """Return the place of one value."""
    return sa.bindparam(name)


def among(name: str) -> sa.BindParameter[Any]:
    """Return the place of a list of values, for the right side of an IN."""
    return sa.bindparam(name, expanding=True)

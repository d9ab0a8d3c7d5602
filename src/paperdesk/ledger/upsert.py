"""Insert, or change what is there.

Owns: the one statement whose spelling differs between SQLite and PostgreSQL. Knows no table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    values: Mapping[str, Any],
    *,
    change: Mapping[str, Any],
) -> None:
    """Insert a row of `values`; where its primary key is there, make the `change` instead."""
    is_postgres = connection.dialect.name == "postgresql"
    insert = postgresql.insert if is_postgres else sqlite.insert
    connection.execute(
        insert(table)
        .values(values)
        .on_conflict_do_update(index_elements=list(table.primary_key), set_=change)
    )

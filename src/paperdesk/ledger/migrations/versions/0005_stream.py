"""The public stream of events.

Owns: the step from 0004 to 0005. What happened before it is not told again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from paperdesk.ledger.columns import Instant, Number

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step. There is no way back: restore a backup instead."""
    op.create_table(
        "stream",
        sa.Column("id", Number, autoincrement=False, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(32)),
        sa.Column("batch_id", sa.String(16)),
        sa.Column("client", sa.String(255)),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stream"),
    )
    op.create_index("ix_stream_batch_id_id", "stream", ["batch_id", "id"])
    connections = sa.text("type IN ('connection.up', 'connection.down')")
    op.create_index(
        "ix_stream_connections",
        "stream",
        ["account_id", "id"],
        sqlite_where=connections,
        postgresql_where=connections,
    )
    _guard()


def _guard() -> None:
    """Let the database refuse to change or delete what was told."""
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER stream_no_{change.lower()} BEFORE {change} ON stream "
                "BEGIN SELECT RAISE(ABORT, 'stream is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION stream_stays() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'stream is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER stream_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON stream "
        "FOR EACH STATEMENT EXECUTE FUNCTION stream_stays()"
    )

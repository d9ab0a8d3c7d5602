"""API keys, limits set while the service runs, and the audit trail.

Owns: the step from 0002 to 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from paperdesk.ledger.columns import Instant, Words

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step. There is no way back: restore a backup instead."""
    _create_keys()
    op.create_table(
        "account_limits",
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("limits", sa.JSON(none_as_null=True)),
        sa.Column("set_at", Instant, nullable=False),
        sa.Column("set_by", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_account_limits"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("client", sa.String(255), nullable=False),
        sa.Column("key_id", sa.String(16)),
        sa.Column("source", Words),
        sa.Column("request_id", sa.String(64)),
        sa.Column("account_id", sa.String(32)),
        sa.Column("batch_id", sa.String(16)),
        sa.Column("before", sa.JSON(none_as_null=True)),
        sa.Column("after", sa.JSON(none_as_null=True)),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_account_id_id", "audit", ["account_id", "id"])
    _guard("events")
    _guard("audit")


def _create_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("client", sa.String(255), nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("accounts", sa.JSON(none_as_null=True)),
        sa.Column("symbols", sa.JSON(none_as_null=True)),
        sa.Column("expires_at", Instant),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.String(255), nullable=False),
        sa.Column("revoked_at", Instant),
        sa.Column("revoked_by", sa.String(255)),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_keys"),
        sa.UniqueConstraint("sha256", name="uq_api_keys_sha256"),
    )
    op.create_table(
        "key_uses",
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("used_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_key_uses"),
    )


def _guard(table: str) -> None:
    """Let the database refuse to change or delete what was written."""
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_stays() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_stays()"
    )

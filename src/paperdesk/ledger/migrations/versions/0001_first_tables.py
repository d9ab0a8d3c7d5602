"""The first tables.

Owns: the step from nothing to 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from paperdesk.ledger.columns import Instant, Money, Number, Words

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step. There is no way back: restore a backup instead."""
    op.create_table(
        "batches",
        sa.Column("id", Number, nullable=False),
        sa.Column("batch_id", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("client", sa.String(length=255), nullable=False),
        sa.Column("submitted_at", Instant(length=26), nullable=False),
        sa.Column("send_before", Instant(length=26), nullable=False),
        sa.Column("in_session", sa.Boolean(), nullable=False),
        sa.Column("valid_until", Instant(length=26), nullable=True),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("batch_id", name=op.f("uq_batches_batch_id")),
        sa.UniqueConstraint(
            "client", "idempotency_key", name=op.f("uq_batches_client_idempotency_key")
        ),
    )
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.create_index(
            "ix_batches_open",
            ["id"],
            unique=False,
            sqlite_where=sa.text("is_open = 1"),
            postgresql_where=sa.text("is_open"),
        )
        batch_op.create_index("ix_batches_client_id", ["client", "id"], unique=False)

    op.create_table(
        "commissions",
        sa.Column("exec_id", Words(), nullable=False),
        sa.Column("commission", Money(), nullable=True),
        sa.Column("currency", Words(), nullable=False),
        sa.Column("realized_pnl", Money(), nullable=True),
        sa.PrimaryKeyConstraint("exec_id", name=op.f("pk_commissions")),
    )
    op.create_table(
        "contracts",
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("conid", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("fetched_at", Instant(length=26), nullable=False),
        sa.PrimaryKeyConstraint("symbol", name=op.f("pk_contracts")),
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", Instant(length=26), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=True),
        sa.Column("batch_id", sa.String(length=16), nullable=True),
        sa.Column("gateway", Words(), nullable=True),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
    )
    op.create_table(
        "executions",
        sa.Column("seq", Number, nullable=False),
        sa.Column("exec_id", Words(), nullable=False),
        sa.Column("base", Words(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("is_newest", sa.Boolean(), nullable=False),
        sa.Column("is_own", sa.Boolean(), nullable=False),
        sa.Column("is_outside", sa.Boolean(), nullable=False),
        sa.Column("account_id", Words(), nullable=False),
        sa.Column("conid", sa.Integer(), nullable=False),
        sa.Column("symbol", Words(), nullable=False),
        sa.Column("side", sa.String(length=4), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", Money(), nullable=False),
        sa.Column("executed_at", Instant(length=26), nullable=False),
        sa.Column("learnt_at", Instant(length=26), nullable=False),
        sa.Column("ref", Words(), nullable=True),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("client_id", sa.BigInteger(), nullable=True),
        sa.Column("perm_id", sa.BigInteger(), nullable=True),
        sa.Column("exchange", Words(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_executions")),
        sa.UniqueConstraint("exec_id", name=op.f("uq_executions_exec_id")),
    )
    with op.batch_alter_table("executions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_executions_account_id_conid_learnt_at",
            ["account_id", "conid", "learnt_at"],
            unique=False,
        )
        batch_op.create_index(
            "ix_executions_account_id_executed_at", ["account_id", "executed_at"], unique=False
        )
        batch_op.create_index(
            "ix_executions_account_id_seq", ["account_id", "seq"], unique=False
        )
        batch_op.create_index(
            "ix_executions_account_id_symbol_seq",
            ["account_id", "symbol", "seq"],
            unique=False,
        )
        batch_op.create_index(
            "ix_executions_outside",
            ["account_id", "is_own", "is_outside"],
            unique=False,
            sqlite_where=sa.text("is_newest = 1 AND is_own IS 0 AND is_outside IS 0"),
            postgresql_where=sa.text("is_newest AND is_own IS false AND is_outside IS false"),
        )
        batch_op.create_index("ix_executions_base", ["base"], unique=False)
        batch_op.create_index("ix_executions_ref", ["ref"], unique=False)

    op.create_table(
        "findings",
        sa.Column("id", Number, nullable=False),
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("at", Instant(length=26), nullable=False),
        sa.Column("step", sa.String(length=32), nullable=False),
        sa.Column("shows", Words(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
    )
    with op.batch_alter_table("findings", schema=None) as batch_op:
        batch_op.create_index("ix_findings_ref", ["ref"], unique=False)

    op.create_table(
        "halts",
        sa.Column("id", Number, nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=True),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("by", sa.String(length=255), nullable=False),
        sa.Column("since", Instant(length=26), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.Column("resumed_at", Instant(length=26), nullable=True),
        sa.Column("resumed_by", sa.String(length=255), nullable=True),
        sa.Column("resumed_because", Words(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_halts")),
    )
    op.create_table(
        "locks",
        sa.Column("id", Number, nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("conid", sa.Integer(), nullable=True),
        sa.Column("symbol", Words(), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.Column("since", Instant(length=26), nullable=False),
        sa.Column("ours", sa.BigInteger(), nullable=True),
        sa.Column("broker", sa.BigInteger(), nullable=True),
        sa.Column("is_break", sa.Boolean(), nullable=False),
        sa.Column("cleared_at", Instant(length=26), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_locks")),
    )
    with op.batch_alter_table("locks", schema=None) as batch_op:
        batch_op.create_index(
            "ix_locks_standing",
            ["account_id"],
            unique=False,
            sqlite_where=sa.text("cleared_at IS NULL"),
            postgresql_where=sa.text("cleared_at IS NULL"),
        )

    op.create_table(
        "newest_targets",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("target_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "symbol", name=op.f("pk_newest_targets")),
    )
    op.create_table(
        "openings",
        sa.Column("id", Number, nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("conid", sa.Integer(), nullable=False),
        sa.Column("symbol", Words(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("ours", sa.BigInteger(), nullable=False),
        sa.Column("broker", sa.BigInteger(), nullable=False),
        sa.Column("why", Words(), nullable=False),
        sa.Column("adopted_at", Instant(length=26), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_openings")),
    )
    with op.batch_alter_table("openings", schema=None) as batch_op:
        batch_op.create_index(
            "ix_openings_account_id_conid", ["account_id", "conid"], unique=False
        )

    op.create_table(
        "owner",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("since", Instant(length=26), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owner")),
    )
    op.create_table(
        "positions",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("conid", sa.Integer(), nullable=False),
        sa.Column("symbol", Words(), nullable=False),
        sa.Column("opening", sa.BigInteger(), nullable=False),
        sa.Column("own", sa.BigInteger(), nullable=False),
        sa.Column("agreed_at", Instant(length=26), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "conid", name=op.f("pk_positions")),
    )
    op.create_table(
        "snapshots",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_snapshots")),
    )
    op.create_table(
        "orders",
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("batch_id", sa.String(length=16), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("conid", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("side", sa.String(length=4), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("order_type", sa.String(length=8), nullable=False),
        sa.Column("limit_price", Money(), nullable=True),
        sa.Column("time_in_force", sa.String(length=8), nullable=False),
        sa.Column("outside_rth", sa.Boolean(), nullable=False),
        sa.Column("planned_at", Instant(length=26), nullable=False),
        sa.Column("send_before", Instant(length=26), nullable=False),
        sa.Column("reference_price", Money(), nullable=True),
        sa.Column("serves", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("is_late", sa.Boolean(), nullable=False),
        sa.Column("gateway", Words(), nullable=True),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("session", sa.Integer(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=True),
        sa.Column("perm_id", sa.BigInteger(), nullable=True),
        sa.Column("wire_status", sa.String(length=16), nullable=True),
        sa.Column("is_held", sa.Boolean(), nullable=False),
        sa.Column("is_refused", sa.Boolean(), nullable=False),
        sa.Column("is_expired", sa.Boolean(), nullable=False),
        sa.Column("good_until", Instant(length=26), nullable=True),
        sa.Column("cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("filled_qty", sa.BigInteger(), nullable=False),
        sa.Column("executed_qty", sa.BigInteger(), nullable=False),
        sa.Column("filled_value", Money(), nullable=False),
        sa.Column("commission", Money(), nullable=True),
        sa.Column("broker_filled", sa.BigInteger(), nullable=False),
        sa.Column("broker_code", sa.Integer(), nullable=True),
        sa.Column("error", Words(), nullable=True),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("sent_at", Instant(length=26), nullable=True),
        sa.Column("ended_at", Instant(length=26), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.batch_id"], name=op.f("fk_orders_batch_id")
        ),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_orders")),
        sa.UniqueConstraint("batch_id", "seq", name=op.f("uq_orders_batch_id_seq")),
        sa.UniqueConstraint(
            "gateway",
            "client_id",
            "order_id",
            name=op.f("uq_orders_gateway_client_id_order_id"),
        ),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(
            "ix_orders_account_id_conid_ended_at",
            ["account_id", "conid", "ended_at"],
            unique=False,
            sqlite_where=sa.text("sent_at IS NOT NULL"),
            postgresql_where=sa.text("sent_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_orders_account_id_ended_at",
            ["account_id", "ended_at"],
            unique=False,
            sqlite_where=sa.text("ended_at IS NOT NULL"),
            postgresql_where=sa.text("ended_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_orders_account_id_sent_at",
            ["account_id", "sent_at"],
            unique=False,
            sqlite_where=sa.text("sent_at IS NOT NULL"),
            postgresql_where=sa.text("sent_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_orders_open",
            ["account_id"],
            unique=False,
            sqlite_where=sa.text("is_open = 1"),
            postgresql_where=sa.text("is_open"),
        )
        batch_op.create_index("ix_orders_perm_id", ["perm_id"], unique=False)
        batch_op.create_index("ix_orders_serves", ["serves"], unique=False)
        batch_op.create_index(
            "ix_orders_short",
            ["account_id"],
            unique=False,
            sqlite_where=sa.text("executed_qty < broker_filled"),
            postgresql_where=sa.text("executed_qty < broker_filled"),
        )
        batch_op.create_index(
            "uq_orders_open",
            ["account_id", "conid"],
            unique=True,
            sqlite_where=sa.text("is_open AND NOT is_late"),
            postgresql_where=sa.text("is_open AND NOT is_late"),
        )

    op.create_table(
        "targets",
        sa.Column("id", Number, nullable=False),
        sa.Column("batch_id", sa.String(length=16), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("requested_symbol", Words(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("limit_price", Money(), nullable=True),
        sa.Column("expected_price", Money(), nullable=True),
        sa.Column("tolerance_pct", Money(), nullable=True),
        sa.Column("time_in_force", sa.String(length=8), nullable=False),
        sa.Column("outside_rth", sa.Boolean(), nullable=False),
        sa.Column("as_of", Instant(length=26), nullable=False),
        sa.Column("is_unlisted", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("is_withdrawn", sa.Boolean(), nullable=False),
        sa.Column("conid", sa.Integer(), nullable=True),
        sa.Column("current_pos", sa.BigInteger(), nullable=True),
        sa.Column("working_qty", sa.BigInteger(), nullable=False),
        sa.Column("foreign_qty", sa.BigInteger(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=True),
        sa.Column("kept_ref", sa.String(length=32), nullable=True),
        sa.Column("superseded", sa.JSON(), nullable=False),
        sa.Column("superseded_by", sa.BigInteger(), nullable=True),
        sa.Column("error", Words(), nullable=True),
        sa.Column("error_code", sa.String(length=32), nullable=True),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.batch_id"], name=op.f("fk_targets_batch_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_targets")),
        sa.UniqueConstraint("batch_id", "seq", name=op.f("uq_targets_batch_id_seq")),
    )
    with op.batch_alter_table("targets", schema=None) as batch_op:
        batch_op.create_index("ix_targets_kept_ref", ["kept_ref"], unique=False)
        batch_op.create_index(
            "ix_targets_pending",
            ["account_id", "symbol"],
            unique=False,
            sqlite_where=sa.text("outcome = 'pending'"),
            postgresql_where=sa.text("outcome = 'pending'"),
        )

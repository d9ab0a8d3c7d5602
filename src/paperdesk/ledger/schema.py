"""The tables.

Owns: what is stored. Migrations must produce exactly this, on SQLite and on PostgreSQL; a test
compares them. Nothing of the state is ever deleted. What the gateway chooses has room: PostgreSQL
refuses a text or a number that is larger than its column.

The condition of a partial index is written as SQLAlchemy writes it in a question: SQLite uses
such an index only where the words are the same. Of indexes that begin alike at most one may
fit a question, else chance decides; so those on times leave out the orders that have none.

`events` is the history, in one gap-free sequence: every message of a gateway that is news, and
every decision of ours. The tables of state (batches, targets, newest_targets, orders, executions,
commissions, positions, openings, halts, locks, findings, api_keys, account_limits, audit) are a
fold of it (`rebuild`); owner, contracts, snapshots, equity and key_uses are not state but means. So is
`stream`: what was told to the world, and when; how messages were grouped decides that, and it is
not told anew. What is in `events`, in `audit` and in `stream` the database itself refuses to
change or delete.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from paperdesk.ledger.columns import Instant, Money, Number, Words

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Who may claim. Each start takes the next epoch; a claim in an older one changes nothing.
owner = sa.Table(
    "owner",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("since", Instant, nullable=False),
)

# T0 writes a batch, its targets and its idempotency key in one commit.
batches = sa.Table(
    "batches",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("batch_id", sa.String(16), nullable=False, unique=True),
    sa.Column("account_id", sa.String(32), nullable=False),
    sa.Column("client", sa.String(255), nullable=False),
    sa.Column("submitted_at", Instant, nullable=False),
    sa.Column("send_before", Instant, nullable=False),
    sa.Column("in_session", sa.Boolean, nullable=False),  # accepted while the market was open
    sa.Column("valid_until", Instant),
    sa.Column("warnings", sa.JSON, nullable=False),
    sa.Column("idempotency_key", sa.String(255)),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("answer", sa.LargeBinary),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.UniqueConstraint("client", "idempotency_key"),
    sa.Index(
        "ix_batches_open",
        "id",
        sqlite_where=sa.text("is_open = 1"),
        postgresql_where=sa.text("is_open"),
    ),
    sa.Index("ix_batches_client_id", "client", "id"),
)

targets = sa.Table(
    "targets",
    metadata,
    sa.Column("id", Number, primary_key=True),  # newest target = largest id
    sa.Column("batch_id", sa.ForeignKey("batches.batch_id"), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("account_id", sa.String(32), nullable=False),
    sa.Column("symbol", sa.String(32), nullable=False),
    sa.Column("requested_symbol", Words),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("limit_price", Money),
    sa.Column("expected_price", Money),
    sa.Column("tolerance_pct", Money),
    sa.Column("time_in_force", sa.String(8), nullable=False),
    sa.Column("outside_rth", sa.Boolean, nullable=False),
    sa.Column("as_of", Instant, nullable=False),  # of its client; else when it was submitted
    sa.Column("is_unlisted", sa.Boolean, nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("is_withdrawn", sa.Boolean, nullable=False),
    sa.Column("conid", sa.Integer),
    sa.Column("current_pos", sa.BigInteger),
    sa.Column("working_qty", sa.BigInteger, nullable=False),
    sa.Column("foreign_qty", sa.BigInteger, nullable=False),
    sa.Column("delta", sa.BigInteger),
    sa.Column("kept_ref", sa.String(32)),  # the older order that serves this target
    sa.Column("superseded", sa.JSON, nullable=False),  # ids of orders that had to end first
    sa.Column("superseded_by", sa.BigInteger),  # the target that took this one's place
    sa.Column("error", Words),
    sa.Column("error_code", sa.String(32)),
    sa.Column("warnings", sa.JSON, nullable=False),
    sa.UniqueConstraint("batch_id", "seq"),
    sa.Index("ix_targets_kept_ref", "kept_ref"),
    sa.Index("ix_targets_symbol_as_of", "symbol", "as_of"),
    sa.Index(
        "ix_targets_pending",
        "account_id",
        "symbol",
        sqlite_where=sa.text("outcome = 'pending'"),
        postgresql_where=sa.text("outcome = 'pending'"),
    ),
)

# In the words of its index: a plan made for any outcome at all could not use that.
IS_PENDING: Final = targets.c.outcome == sa.literal_column("'pending'")

# Per symbol the newest target that was applied: what the account is meant to hold.
newest_targets = sa.Table(
    "newest_targets",
    metadata,
    sa.Column("account_id", sa.String(32), primary_key=True),
    sa.Column("symbol", sa.String(32), primary_key=True),
    sa.Column("target_id", sa.BigInteger, nullable=False),
)

# An order is an intent from T1 on, and claimed from T2 on.
orders = sa.Table(
    "orders",
    metadata,
    sa.Column("ref", sa.String(32), primary_key=True),
    sa.Column("batch_id", sa.ForeignKey("batches.batch_id"), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("account_id", sa.String(32), nullable=False),
    sa.Column("conid", sa.Integer, nullable=False),
    sa.Column("symbol", sa.String(32), nullable=False),
    sa.Column("side", sa.String(4), nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("order_type", sa.String(8), nullable=False),
    sa.Column("limit_price", Money),
    sa.Column("time_in_force", sa.String(8), nullable=False),
    sa.Column("outside_rth", sa.Boolean, nullable=False),
    sa.Column("planned_at", Instant, nullable=False),
    sa.Column("send_before", Instant, nullable=False),
    sa.Column("reference_price", Money),
    sa.Column("serves", sa.BigInteger, nullable=False),  # the newest target that it is for
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),  # not terminal
    sa.Column("is_late", sa.Boolean, nullable=False),  # reopened: thought never placed
    sa.Column("gateway", Words),
    sa.Column("client_id", sa.Integer),
    sa.Column("order_id", sa.BigInteger),
    sa.Column("session", sa.Integer),
    sa.Column("epoch", sa.Integer),
    sa.Column("perm_id", sa.BigInteger),
    sa.Column("wire_status", sa.String(16)),
    sa.Column("is_held", sa.Boolean, nullable=False),
    sa.Column("is_refused", sa.Boolean, nullable=False),
    sa.Column("is_expired", sa.Boolean, nullable=False),
    sa.Column("good_until", Instant),
    sa.Column("cancel_asked", sa.Boolean, nullable=False),
    sa.Column("filled_qty", sa.BigInteger, nullable=False),
    sa.Column("executed_qty", sa.BigInteger, nullable=False),
    sa.Column("filled_value", Money, nullable=False),
    sa.Column("commission", Money),
    sa.Column("broker_filled", sa.BigInteger, nullable=False),
    # A person said what it came to. Histories of before it was kept do not name it.
    sa.Column("is_said", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("broker_code", sa.Integer),
    sa.Column("error", Words),
    sa.Column("warnings", sa.JSON, nullable=False),
    sa.Column("sent_at", Instant),
    sa.Column("ended_at", Instant),
    sa.UniqueConstraint("batch_id", "seq"),
    sa.UniqueConstraint("gateway", "client_id", "order_id"),
    sa.Index("ix_orders_perm_id", "perm_id"),
    sa.Index(
        "ix_orders_account_id_conid_ended_at",
        "account_id",
        "conid",
        "ended_at",
        sqlite_where=sa.text("sent_at IS NOT NULL"),
        postgresql_where=sa.text("sent_at IS NOT NULL"),
    ),
    sa.Index("ix_orders_serves", "serves"),
    sa.Index(
        "ix_orders_account_id_sent_at",
        "account_id",
        "sent_at",
        sqlite_where=sa.text("sent_at IS NOT NULL"),
        postgresql_where=sa.text("sent_at IS NOT NULL"),
    ),
    sa.Index(
        "ix_orders_account_id_ended_at",
        "account_id",
        "ended_at",
        sqlite_where=sa.text("ended_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    ),
    sa.Index(
        "ix_orders_short",
        "account_id",
        sqlite_where=sa.text("executed_qty < broker_filled"),
        postgresql_where=sa.text("executed_qty < broker_filled"),
    ),
    sa.Index(
        "ix_orders_open",
        "account_id",
        sqlite_where=sa.text("is_open = 1"),
        postgresql_where=sa.text("is_open"),
    ),
    # One live order per account and contract, whatever the code does. A late arrival is not
    # of our making: it must be recorded beside whatever lives by then.
    sa.Index(
        "uq_orders_open",
        "account_id",
        "conid",
        unique=True,
        sqlite_where=sa.text("is_open AND NOT is_late"),
        postgresql_where=sa.text("is_open AND NOT is_late"),
    ),
)

# Without an order PostgreSQL gives rows as they lie on its pages: another one after each change.
AS_PLANNED: Final = (orders.c.planned_at, orders.c.batch_id, orders.c.seq)

# One row per revision; the newest of each base counts. `is_own`: it belongs to an intent.
# `is_outside`: of an order placed elsewhere, and part of the opening position.
executions = sa.Table(
    "executions",
    metadata,
    sa.Column("seq", Number, primary_key=True),
    sa.Column("exec_id", Words, nullable=False, unique=True),
    sa.Column("base", Words, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("is_newest", sa.Boolean, nullable=False),
    sa.Column("is_own", sa.Boolean, nullable=False),
    sa.Column("is_outside", sa.Boolean, nullable=False),
    sa.Column("account_id", Words, nullable=False),
    sa.Column("conid", sa.Integer, nullable=False),
    sa.Column("symbol", Words, nullable=False),
    sa.Column("side", sa.String(4), nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("price", Money, nullable=False),
    sa.Column("executed_at", Instant, nullable=False),
    sa.Column("learnt_at", Instant, nullable=False),
    sa.Column("ref", Words),
    sa.Column("order_id", sa.BigInteger),
    sa.Column("client_id", sa.BigInteger),
    sa.Column("perm_id", sa.BigInteger),
    sa.Column("exchange", Words, nullable=False),
    sa.Index("ix_executions_base", "base"),
    sa.Index("ix_executions_ref", "ref"),
    sa.Index("ix_executions_account_id_conid_learnt_at", "account_id", "conid", "learnt_at"),
    sa.Index("ix_executions_account_id_seq", "account_id", "seq"),
    sa.Index("ix_executions_account_id_symbol_seq", "account_id", "symbol", "seq"),
    sa.Index("ix_executions_account_id_executed_at", "account_id", "executed_at"),
    sa.Index(
        "ix_executions_outside",
        "account_id",
        "is_own",
        "is_outside",
        sqlite_where=sa.text("is_newest = 1 AND is_own IS 0 AND is_outside IS 0"),
        postgresql_where=sa.text("is_newest AND is_own IS false AND is_outside IS false"),
    ),
)

# Apart from the executions: a report may come first, late, or never.
commissions = sa.Table(
    "commissions",
    metadata,
    sa.Column("exec_id", Words, primary_key=True),
    sa.Column("commission", Money),
    sa.Column("currency", Words, nullable=False),
    sa.Column("realized_pnl", Money),
)

# The sum kept at hand: opening position and own executions, by contract.
positions = sa.Table(
    "positions",
    metadata,
    sa.Column("account_id", sa.String(32), primary_key=True),
    sa.Column("conid", sa.Integer, primary_key=True),
    sa.Column("symbol", Words, nullable=False),
    sa.Column("opening", sa.BigInteger, nullable=False),
    sa.Column("own", sa.BigInteger, nullable=False),
    sa.Column("agreed_at", Instant),  # when both figures agreed, since an order of ours
)

# Why the opening position is what it is: each change, and both figures that led to it.
openings = sa.Table(
    "openings",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("account_id", sa.String(32), nullable=False),
    sa.Column("conid", sa.Integer, nullable=False),
    sa.Column("symbol", Words, nullable=False),
    sa.Column("change", sa.BigInteger, nullable=False),
    sa.Column("ours", sa.BigInteger, nullable=False),
    sa.Column("broker", sa.BigInteger, nullable=False),
    sa.Column("why", Words, nullable=False),
    sa.Column("adopted_at", Instant, nullable=False),
    sa.Index("ix_openings_account_id_conid", "account_id", "conid"),
)

contracts = sa.Table(
    "contracts",
    metadata,
    sa.Column("symbol", sa.String(32), primary_key=True),
    sa.Column("conid", sa.Integer, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("fetched_at", Instant, nullable=False),
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("account_id", sa.String(32), primary_key=True),
    sa.Column("body", sa.JSON, nullable=False),
)

# What an account was worth, by the minute since 1970: the latest that was told in it.
equity = sa.Table(
    "equity",
    metadata,
    sa.Column("account_id", sa.String(32), primary_key=True),
    sa.Column("minute", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("net_liquidation", Money, nullable=False),
)

# Who stopped new orders. One that was lifted stays, with who lifted it.
halts = sa.Table(
    "halts",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("account_id", sa.String(32)),  # null: every account
    sa.Column("mode", sa.String(16), nullable=False),
    sa.Column("by", sa.String(255), nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("reason", Words, nullable=False),
    sa.Column("resumed_at", Instant),
    sa.Column("resumed_by", sa.String(255)),
    sa.Column("resumed_because", Words),
)

# What may not be traded until a question is answered. conid null: the whole account.
locks = sa.Table(
    "locks",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("account_id", sa.String(32), nullable=False),
    sa.Column("conid", sa.Integer),
    sa.Column("symbol", Words, nullable=False),
    sa.Column("reason", Words, nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("ours", sa.BigInteger),
    sa.Column("broker", sa.BigInteger),
    sa.Column("is_break", sa.Boolean, nullable=False),  # clears itself when both agree again
    sa.Column("cleared_at", Instant),
    sa.Index(
        "ix_locks_standing",
        "account_id",
        sqlite_where=sa.text("cleared_at IS NULL"),
        postgresql_where=sa.text("cleared_at IS NULL"),
    ),
)

# How it was found out what became of an order: each pass over the broker's lists.
findings = sa.Table(
    "findings",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("ref", sa.String(32), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("step", sa.String(32), nullable=False),
    sa.Column("shows", Words, nullable=False),
    sa.Column("is_complete", sa.Boolean, nullable=False),
    sa.Index("ix_findings_ref", "ref"),
)

# Everything that happened, in one sequence without gaps. A message has the gateway's raw
# fields, word for word; a decision of ours has the rows it wrote.
events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("account_id", sa.String(32)),
    sa.Column("batch_id", sa.String(16)),
    sa.Column("gateway", Words),
    sa.Column("client_id", sa.Integer),
    sa.Column("version", sa.Integer),  # of the protocol, by which the fields are laid out
    sa.Column("body", sa.JSON, nullable=False),
)

# Who may call: the digest of each key ever made, never the key. null: every account, every
# symbol, no end.
api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("key_id", sa.String(16), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("client", sa.String(255), nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("accounts", sa.JSON(none_as_null=True)),
    sa.Column("symbols", sa.JSON(none_as_null=True)),
    sa.Column("expires_at", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.String(255), nullable=False),
    sa.Column("revoked_at", Instant),
    sa.Column("revoked_by", sa.String(255)),
)

# About when a key was last presented, so that one knows which is not needed any more.
key_uses = sa.Table(
    "key_uses",
    metadata,
    sa.Column("key_id", sa.String(16), primary_key=True),
    sa.Column("used_at", Instant, nullable=False),
)

# Limits that were set while the service ran. They stand in the place of the configuration's;
# null: the configuration's hold again.
account_limits = sa.Table(
    "account_limits",
    metadata,
    sa.Column("account_id", sa.String(32), primary_key=True),
    sa.Column("limits", sa.JSON(none_as_null=True)),
    sa.Column("set_at", Instant, nullable=False),
    sa.Column("set_by", sa.String(255), nullable=False),
)

# Who changed what, from where, and what it was before: written with the change.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("client", sa.String(255), nullable=False),
    sa.Column("key_id", sa.String(16)),
    sa.Column("source", Words),
    sa.Column("request_id", sa.String(64)),
    sa.Column("account_id", sa.String(32)),  # null: every account
    sa.Column("batch_id", sa.String(16)),
    sa.Column("before", sa.JSON(none_as_null=True)),
    sa.Column("after", sa.JSON(none_as_null=True)),
    sa.Index("ix_audit_account_id_id", "account_id", "id"),
)

# What listeners are told, in one sequence without gaps: written with the change that it tells, each
# body as the change left it. `client` is whose batch it is about.
stream = sa.Table(
    "stream",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("account_id", sa.String(32)),  # null: every account
    sa.Column("batch_id", sa.String(16)),
    sa.Column("client", sa.String(255)),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("ix_stream_batch_id_id", "batch_id", "id"),
    sa.Index(
        "ix_stream_connections",
        "account_id",
        "id",
        sqlite_where=sa.text("type IN ('connection.up', 'connection.down')"),
        postgresql_where=sa.text("type IN ('connection.up', 'connection.down')"),
    ),
)

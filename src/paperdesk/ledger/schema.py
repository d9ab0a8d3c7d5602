"""The tables.

Owns: what is stored and how money and time are written. Migrations must produce exactly this, on
SQLite and on PostgreSQL; a test compares them. Nothing is ever deleted. What the gateway chooses
has room: PostgreSQL refuses a text or a number that is larger than its column.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine


class Money(TypeDecorator[Decimal]):
    """An exact decimal, written as its digits: SQLite has no decimal type."""

    impl = sa.String
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """Write the digits, without an exponent."""
        del dialect
        return None if value is None else format(value, "f")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        """Read the digits."""
        del dialect
        return None if value is None else Decimal(value)


class Instant(TypeDecorator[datetime]):
    """A moment in UTC; in SQLite written so that text order is order of time."""

    impl = sa.String(26)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use PostgreSQL's own type: how it orders text depends on the database's locale."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.DateTime(timezone=True))
        return super().load_dialect_impl(dialect)

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> str | datetime | None:
        """Write UTC, to the microsecond."""
        if value is None:
            return None
        assert value.tzinfo is not None
        if dialect.name == "postgresql":
            return value.astimezone(UTC)
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Read it as UTC."""
        del dialect
        if value is None or isinstance(value, datetime):
            return None if value is None else value.astimezone(UTC)
        return datetime.fromisoformat(value).replace(tzinfo=UTC)


class Words(TypeDecorator[str]):
    """Text that somebody else chose: of any length, and nothing in it is refused."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Write "?" for what PostgreSQL or UTF-8 cannot hold: NUL and lone surrogates."""
        del dialect
        if value is None:
            return None
        return value.replace("\0", "?").encode("utf-8", "replace").decode()


# Numbers rows in their order. SQLite numbers by itself only what it calls INTEGER.
Number: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")

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
    sa.Column("idempotency_key", sa.String(255)),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("answer", sa.LargeBinary),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.UniqueConstraint("client", "idempotency_key"),
    sa.Index(
        "ix_batches_open",
        "id",
        sqlite_where=sa.text("is_open"),
        postgresql_where=sa.text("is_open"),
    ),
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
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("limit_price", Money),
    sa.Column("expected_price", Money),
    sa.Column("tolerance_pct", Money),
    sa.Column("time_in_force", sa.String(8), nullable=False),
    sa.Column("outside_rth", sa.Boolean, nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("is_withdrawn", sa.Boolean, nullable=False),
    sa.Column("conid", sa.Integer),
    sa.Column("current_pos", sa.BigInteger),
    sa.Column("working_qty", sa.BigInteger, nullable=False),
    sa.Column("delta", sa.BigInteger),
    sa.Column("error", Words),
    sa.Column("error_code", sa.String(32)),
    sa.Column("warnings", sa.JSON, nullable=False),
    sa.UniqueConstraint("batch_id", "seq"),
    sa.Index("ix_targets_account_id_symbol", "account_id", "symbol"),
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
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),  # not terminal
    sa.Column("gateway", Words),
    sa.Column("client_id", sa.Integer),
    sa.Column("order_id", sa.BigInteger),
    sa.Column("session", sa.Integer),
    sa.Column("epoch", sa.Integer),
    sa.Column("perm_id", sa.BigInteger),
    sa.Column("wire_status", sa.String(16)),
    sa.Column("is_held", sa.Boolean, nullable=False),
    sa.Column("is_expired", sa.Boolean, nullable=False),
    sa.Column("good_until", Instant),
    sa.Column("cancel_asked", sa.Boolean, nullable=False),
    sa.Column("filled_qty", sa.BigInteger, nullable=False),
    sa.Column("executed_qty", sa.BigInteger, nullable=False),
    sa.Column("filled_value", Money, nullable=False),
    sa.Column("commission", Money),
    sa.Column("broker_filled", sa.BigInteger, nullable=False),
    sa.Column("broker_code", sa.Integer),
    sa.Column("error", Words),
    sa.Column("warnings", sa.JSON, nullable=False),
    sa.Column("sent_at", Instant),
    sa.Column("ended_at", Instant),
    sa.UniqueConstraint("batch_id", "seq"),
    sa.UniqueConstraint("gateway", "client_id", "order_id"),
    sa.Index("ix_orders_perm_id", "perm_id"),
    sa.Index("ix_orders_account_id_conid", "account_id", "conid"),
    # One live order per account and contract, whatever the code does.
    sa.Index(
        "uq_orders_open",
        "account_id",
        "conid",
        unique=True,
        sqlite_where=sa.text("is_open"),
        postgresql_where=sa.text("is_open"),
    ),
)

# One row per revision; the newest of each base counts. `is_own`: it belongs to an intent.
executions = sa.Table(
    "executions",
    metadata,
    sa.Column("seq", Number, primary_key=True),
    sa.Column("exec_id", Words, nullable=False, unique=True),
    sa.Column("base", Words, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("is_newest", sa.Boolean, nullable=False),
    sa.Column("is_own", sa.Boolean, nullable=False),
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
    sa.Index("ix_executions_account_id_conid", "account_id", "conid"),
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

# What the gateway said about orders, executions, commissions, positions and errors, word for
# word and in its order; the state above is a fold of it.
raw_messages = sa.Table(
    "raw_messages",
    metadata,
    sa.Column("seq", Number, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("gateway", Words, nullable=False),
    sa.Column("client_id", sa.Integer, nullable=False),
    sa.Column("fields", sa.JSON, nullable=False),
)

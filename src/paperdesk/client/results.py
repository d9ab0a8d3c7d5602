"""What the service answers, as typed objects.

Owns: the fields of each answer as a program wants them: None for what is not there, Decimal for
money, datetime for times; and what can be done with a list of them. A test holds them against the
bodies of `wire`. Knows nothing of how they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Final, Generic, TypeVar

from msgspec import Struct, field

from paperdesk.client.frames import frame_of, html_of, spelled

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R", bound=Struct)

# What a person looks at first of an order; the rest is in the DataFrame.
_ASKED: Final = (
    "symbol", "current_pos", "desired_pos", "action", "qty", "order_type", "limit_price",
)  # fmt: skip
_REMARKS: Final = ("working_qty", "unlisted", "provisional", "error", "warnings")

FINAL: Final = frozenset({"Filled", "Cancelled", "Inactive", "no_change", "error"})
REACHED: Final = frozenset({"Filled", "no_change"})


class Listing(Struct, Generic[R], frozen=True, kw_only=True):
    """An answer that is above all a list: iterate it, count it, or make a DataFrame of it."""

    _row: ClassVar[type[Struct]]  # what each row is, also where there is none
    _rows: ClassVar[str]  # the field that they are in
    _index: ClassVar[str | None] = None
    _shown: ClassVar[tuple[str, ...]] = ()  # in a notebook; every column by default

    @property
    def rows(self) -> tuple[R, ...]:
        """The rows, in the service's order."""
        found: tuple[R, ...] = getattr(self, self._rows)
        return found

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: int) -> R:
        return self.rows[at]

    def __bool__(self) -> bool:
        return True  # an answer without rows is an answer

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame: always the same columns and dtypes, also without any row."""
        return frame_of(self.rows, self._row, index=self._index)

    @property
    def words(self) -> str:
        """Say in a line what it is."""
        return f"{type(self).__name__}: {len(self):,}"

    def html(self, title: str) -> str:
        """Return it as a table for a person."""
        warnings = getattr(self, "warnings", ())
        return html_of(self.rows, self._row, title, shown=self._shown, warnings=warnings)

    def _repr_html_(self) -> str:
        return self.html(self.words)


# ── Orders ────────────────────────────────────────────────────────────────────────────────────


class Successor(Struct, frozen=True, kw_only=True):
    """The newer target that an order gave way to."""

    batch_id: str
    ibkr_order_id: int | None = None


class Kept(Struct, frozen=True, kw_only=True):
    """An older order that works on, because it will reach this target too."""

    batch_id: str
    ibkr_order_id: int | None = None
    limit_price: Decimal | None = None
    status: str | None = None
    filled_qty: int = 0
    avg_fill_price: Decimal | None = None


class Order(Struct, frozen=True, kw_only=True):
    """One requested target and what became of it."""

    symbol: str
    status: str
    current_pos: int | None = None
    desired_pos: int
    delta: int | None = None
    action: str | None = None
    qty: int | None = None
    filled_qty: int | None = None  # not told right after it was sent: look again, or wait
    avg_fill_price: Decimal | None = None
    commission: Decimal | None = None
    order_type: str | None = None
    limit_price: Decimal | None = None
    ibkr_order_id: int | None = None
    perm_id: int | None = None
    error: str | None = None
    error_code: str | None = None
    broker_code: int | None = None
    warnings: tuple[str, ...] = ()
    requested_symbol: str | None = None
    working_qty: int | None = None
    foreign_qty: int | None = None
    kept: Kept | None = None
    kept_by: str | None = None
    superseded: tuple[int, ...] = ()
    superseded_by: Successor | None = None
    unlisted: bool = False
    provisional: bool = False

    @property
    def is_final(self) -> bool:
        """Tell whether nothing more will become of it."""
        return self.status in FINAL and not (self.status == "no_change" and self.kept)

    @property
    def is_failed(self) -> bool:
        """Tell whether it ended, and not on its target."""
        return self.is_final and self.status not in REACHED


class Summary(Struct, frozen=True, kw_only=True):
    """A batch at a glance."""

    final: bool
    on_target: bool
    short: tuple[str, ...] = ()


class BatchState(Listing[Order], frozen=True, kw_only=True):
    """A batch as it was when it was asked for; `summary` is None right after it was sent."""

    _row: ClassVar[type[Struct]] = Order
    _rows: ClassVar[str] = "orders"
    _shown: ClassVar[tuple[str, ...]] = (
        *_ASKED, "status", "filled_qty", "avg_fill_price", "commission", *_REMARKS,
    )  # fmt: skip

    batch_id: str
    account_id: str
    client: str | None = None
    submitted_at: datetime
    summary: Summary | None = None
    orders: tuple[Order, ...]
    warnings: tuple[str, ...] = ()


class SubmitAnswer(Struct, frozen=True, kw_only=True):
    """What POST answers: the orders are called results there."""

    batch_id: str
    account_id: str
    submitted_at: datetime
    results: tuple[Order, ...]
    warnings: tuple[str, ...] = ()

    def state(self) -> BatchState:
        """Return it as every other answer about a batch is shaped."""
        return BatchState(
            batch_id=self.batch_id,
            account_id=self.account_id,
            submitted_at=self.submitted_at,
            orders=self.results,
            warnings=self.warnings,
        )


class PreviewOrder(Order, frozen=True, kw_only=True):
    """What would become of one target."""

    reference_price: Decimal | None = None
    estimated_notional: Decimal | None = None


class Preview(Listing[PreviewOrder], frozen=True, kw_only=True):
    """The exact orders that would be sent. `preview_id` None: they cannot be."""

    _row: ClassVar[type[Struct]] = PreviewOrder
    _rows: ClassVar[str] = "orders"
    _shown: ClassVar[tuple[str, ...]] = (
        *_ASKED, "reference_price", "estimated_notional", *_REMARKS,
    )  # fmt: skip

    preview_id: str | None
    account_id: str
    orders: tuple[PreviewOrder, ...] = field(name="results")
    estimated_notional: Decimal | None = None
    estimated_send_seconds: Decimal
    warnings: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Say in a line what it is."""
        orders = sum(bool(order.qty) and not order.is_failed for order in self)
        notional = self.estimated_notional
        about = "" if notional is None else f", about ${spelled(notional)}"
        return f"Preview for {self.account_id}: {orders:,} of {len(self):,} rows trade{about}"


class BatchHead(Struct, frozen=True, kw_only=True):
    """A batch in a list."""

    batch_id: str
    account_id: str
    client: str
    submitted_at: datetime


class Batches(Listing[BatchHead], frozen=True, kw_only=True):
    """Batches, newest first."""

    _row: ClassVar[type[Struct]] = BatchHead
    _rows: ClassVar[str] = "batches"

    batches: tuple[BatchHead, ...]
    next_cursor: str | None = None


class Cancelled(Struct, frozen=True, kw_only=True):
    """The cancel of one order."""

    symbol: str
    ibkr_order_id: int | None = None
    cancelled: bool
    status: str
    filled_qty: int = 0
    cancel_requested: bool = False
    kept_by: str | None = None


class Cancellation(Listing[Cancelled], frozen=True, kw_only=True):
    """A withdrawn batch: what became of each of its orders."""

    _row: ClassVar[type[Struct]] = Cancelled
    _rows: ClassVar[str] = "results"

    batch_id: str
    results: tuple[Cancelled, ...]


# ── What an account holds ─────────────────────────────────────────────────────────────────────


class Position(Struct, frozen=True, kw_only=True):
    """Shares held."""

    symbol: str
    quantity: int
    avg_cost: Decimal | None = None
    market_price: Decimal | None = None
    market_value: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    conid: int


class OtherPosition(Struct, frozen=True, kw_only=True):
    """Something held that is no USD stock or ETF: never traded here."""

    symbol: str
    sec_type: str
    currency: str
    quantity: Decimal
    avg_cost: Decimal | None = None
    conid: int


class Positions(Listing[Position], frozen=True, kw_only=True):
    """Non-zero positions of an account, by symbol."""

    _row: ClassVar[type[Struct]] = Position
    _rows: ClassVar[str] = "positions"
    _index: ClassVar[str | None] = "symbol"
    _shown: ClassVar[tuple[str, ...]] = (
        "symbol", "quantity", "avg_cost", "market_price", "market_value", "unrealized_pnl",
    )  # fmt: skip

    account_id: str
    positions: tuple[Position, ...]
    other_positions: tuple[OtherPosition, ...] = ()
    net_liquidation: Decimal | None = None
    updated_at: datetime
    stale: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Say in a line what it is."""
        worth = self.net_liquidation
        return (
            f"Positions of {self.account_id}: {len(self):,}"
            + ("" if worth is None else f" · net liquidation ${spelled(worth)}")
            + (f" · {len(self.other_positions):,} others" if self.other_positions else "")
            + f" · {self.updated_at:%Y-%m-%d %H:%M:%S} UTC{', stale' if self.stale else ''}"
        )


class Target(Struct, frozen=True, kw_only=True):
    """The newest target of a symbol, and how far it has come."""

    symbol: str
    target: int
    position: int
    working_qty: int
    gap: int
    state: str
    reason: str | None = None
    batch_id: str | None = None
    client: str
    set_at: datetime


class Targets(Listing[Target], frozen=True, kw_only=True):
    """Is the account on target? The newest target of every symbol."""

    _row: ClassVar[type[Struct]] = Target
    _rows: ClassVar[str] = "targets"
    _index: ClassVar[str | None] = "symbol"

    account_id: str
    on_target: int
    total: int
    targets: tuple[Target, ...]

    @property
    def words(self) -> str:
        """Say in a line what it is."""
        return f"Targets of {self.account_id}: {self.on_target:,} of {self.total:,} reached"


class Execution(Struct, frozen=True, kw_only=True):
    """One trade of one order."""

    exec_id: str
    account_id: str
    symbol: str
    side: str
    quantity: int
    price: Decimal
    executed_at: datetime
    commission: Decimal | None = None
    currency: str | None = None
    realized_pnl: Decimal | None = None
    batch_id: str | None = None
    ibkr_order_id: int | None = None
    perm_id: int | None = None
    order_ref: str | None = None
    conid: int
    exchange: str


class Executions(Listing[Execution], frozen=True, kw_only=True):
    """Executions, newest first."""

    _row: ClassVar[type[Struct]] = Execution
    _rows: ClassVar[str] = "executions"
    _shown: ClassVar[tuple[str, ...]] = (
        "executed_at", "account_id", "symbol", "side", "quantity", "price", "commission",
        "realized_pnl", "exchange", "batch_id",
    )  # fmt: skip

    executions: tuple[Execution, ...]
    next_cursor: str | None = None


class Slipped(Struct, frozen=True, kw_only=True):
    """What one order cost beyond its expected price. Positive is a cost."""

    batch_id: str
    account_id: str
    client: str
    symbol: str
    ibkr_order_id: int | None = None
    side: str
    filled_qty: int
    expected_price: Decimal
    avg_fill_price: Decimal
    order_type: str
    limit_price: Decimal | None = None
    slippage_per_share: Decimal
    slippage_bps: Decimal
    slippage_usd: Decimal
    commission: Decimal | None = None
    status: str
    sent_at: datetime


class SlippageTotal(Struct, frozen=True, kw_only=True):
    """Over every order that matches."""

    orders: int
    shares: int
    expected_notional: Decimal
    filled_notional: Decimal
    slippage_usd: Decimal
    slippage_bps: Decimal | None = None
    commission: Decimal
    commission_missing: int
    without_expected_price: int


class Slippage(Listing[Slipped], frozen=True, kw_only=True):
    """Expected price against average fill, and in sum."""

    _row: ClassVar[type[Struct]] = Slipped
    _rows: ClassVar[str] = "orders"
    _shown: ClassVar[tuple[str, ...]] = (
        "sent_at", "symbol", "side", "filled_qty", "expected_price", "avg_fill_price",
        "slippage_bps", "slippage_usd", "commission", "batch_id",
    )  # fmt: skip

    orders: tuple[Slipped, ...]
    total: SlippageTotal
    next_cursor: str | None = None

    @property
    def words(self) -> str:
        """Say in a line what it is."""
        total = self.total
        bps = "" if total.slippage_bps is None else f" · {spelled(total.slippage_bps)} bps"
        return (
            f"Slippage of {total.orders:,} orders: ${spelled(total.slippage_usd)}{bps}"
            f" · commission ${spelled(total.commission)}"
        )


class EquityPoint(Struct, frozen=True, kw_only=True):
    """What an account was worth in one minute."""

    at: datetime
    net_liquidation: Decimal


class Equity(Listing[EquityPoint], frozen=True, kw_only=True):
    """What an account was worth, the oldest first."""

    _row: ClassVar[type[Struct]] = EquityPoint
    _rows: ClassVar[str] = "points"
    _index: ClassVar[str | None] = "at"

    account_id: str
    points: tuple[EquityPoint, ...]

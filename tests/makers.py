"""One constructor per value: each argument a test does pass is one that matters to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from paperdesk.domain.batch import Batch, BatchHead, ErrorCode, Outcome, Row, Target
from paperdesk.domain.client import Actor, Origin
from paperdesk.domain.contract import Contract, TickLadder, tick_at
from paperdesk.domain.execution import Execution
from paperdesk.domain.halt import Halt
from paperdesk.domain.order import Order, OrderState, Terms, WireStatus
from paperdesk.domain.planning import Goal, Previous, Situation
from paperdesk.domain.reports import (
    CommissionReport,
    CompletedReport,
    Effect,
    ErrorReport,
    ExecutionReport,
    OrderReport,
    Recorded,
    Report,
    StatusReport,
    Told,
)
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ClientName,
    ConId,
    ExecId,
    HaltMode,
    KeyId,
    OrderId,
    OrderRef,
    OrderType,
    PermId,
    Side,
    Symbol,
    TimeInForce,
)

NOW = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)
SEND_BEFORE = NOW + timedelta(seconds=60)
ACCOUNT = AccountId("DU8730189")
BATCH = BatchId("a1b2c3d4e5f67890")
OPS = Actor(ClientName("ops"), Origin(KeyId("0f0f0f0f"), "192.0.2.7", "req-1"))
CLIENT_ID = 17
GATEWAY = "127.0.0.1:4002"
AAPL, MSFT = ConId(265598), ConId(272093)
SYMBOLS = {AAPL: Symbol("AAPL"), MSFT: Symbol("MSFT")}
# As an account without limits shows them.
NO_LIMITS = {
    "max_order_quantity": None,
    "max_order_notional": None,
    "max_position_notional": None,
    "max_gross_notional": None,
    "max_orders_per_minute": None,
    "max_orders_per_day": None,
    "max_attempts_per_target": None,
    "price_collar_pct": None,
    "allow_short": True,
    "symbols": None,
    "restricted_symbols": None,
}


def make_contract(conid: ConId = AAPL, symbol: str | None = None) -> Contract:
    name = Symbol(symbol or SYMBOLS[conid])
    return Contract(conid, name, primary_exchange="NASDAQ", long_name=f"{name} INC")


def make_target(
    symbol: str = "AAPL",
    quantity: int = 100,
    *,
    limit: str | None = None,
    expected: str | None = None,
    tolerance: str | None = None,
    tif: TimeInForce = TimeInForce.DAY,
    outside_rth: bool = False,
    requested: str | None = None,
) -> Target:
    return Target(
        symbol=Symbol(symbol),
        quantity=quantity,
        limit_price=None if limit is None else Decimal(limit),
        expected_price=None if expected is None else Decimal(expected),
        tolerance_pct=None if tolerance is None else Decimal(tolerance),
        time_in_force=tif,
        outside_rth=outside_rth,
        requested_symbol=requested,
    )


def make_goal(
    quantity: int = 100,
    *,
    seq: int = 0,
    conid: ConId = AAPL,
    target: Target | None = None,
    send_before: datetime = SEND_BEFORE,
    client: str = "client1",
) -> Goal:
    contract = make_contract(conid, None if conid in SYMBOLS else f"S{conid}")
    return Goal(
        seq,
        contract,
        target or make_target(contract.symbol, quantity),
        send_before=send_before,
        client=ClientName(client),
    )


def make_order(
    *,
    batch: str = BATCH,
    seq: int = 0,
    conid: ConId = AAPL,
    side: Side = Side.BUY,
    quantity: int = 100,
    filled: int = 0,
    price: str = "150.00",
    limit: str | None = None,
    state: OrderState = OrderState.WORKING,
    broker_filled: int = 0,
    ended_at: datetime | None = None,
    cancel_asked: bool = False,
    order_id: int | None = None,
    perm_id: int | None = None,
    status: WireStatus | None = None,
    commission: str | None = None,
    error: str | None = None,
    broker_code: int | None = None,
    warnings: tuple[str, ...] = (),
) -> Order:
    return Order(
        ref=OrderRef(f"pd-{batch}-{seq}"),
        batch_id=BatchId(batch),
        seq=seq,
        account=ACCOUNT,
        conid=conid,
        symbol=SYMBOLS.get(conid, Symbol(f"S{conid}")),
        side=side,
        quantity=quantity,
        terms=Terms(
            OrderType.MKT if limit is None else OrderType.LMT,
            None if limit is None else Decimal(limit),
        ),
        planned_at=NOW,
        send_before=SEND_BEFORE,
        state=state,
        filled_qty=filled,
        executed_qty=filled,
        filled_value=filled * Decimal(price),
        broker_filled=broker_filled,
        ended_at=ended_at,
        cancel_asked=cancel_asked,
        order_id=None if order_id is None else OrderId(order_id),
        perm_id=None if perm_id is None else PermId(perm_id),
        wire_status=status,
        commission=None if commission is None else Decimal(commission),
        error=error,
        broker_code=broker_code,
        warnings=warnings,
    )


def make_situation(
    positions: Mapping[ConId, int] | None = None,
    *orders: Order,
    locks: Mapping[ConId | None, str] | None = None,
    halt: Halt | None = None,
    previous: Mapping[Symbol, Previous] | None = None,
    sent_last_minute: int = 0,
) -> Situation:
    """Return what the ledger would tell, at NOW, of an account with these orders."""
    unsettled: Sequence[Order] = [order for order in orders if not order.is_settled(NOW)]
    return Situation(
        at=NOW,
        positions=positions or {},
        unsettled=unsettled,
        working=[order for order in unsettled if not order.is_terminal],
        locks=locks or {},
        halt=halt,
        previous=previous or {},
        sent_last_minute=sent_last_minute,
    )


def make_halt(
    mode: HaltMode = HaltMode.ALL, *, account: str | None = ACCOUNT, at: datetime = NOW
) -> Halt:
    """Return a halt; account None halts all."""
    halted = None if account is None else AccountId(account)
    return Halt(halted, mode, by="client1", since=at, reason="drill")


def make_row(
    target: Target | None = None,
    *,
    outcome: Outcome | None = None,
    order: Order | None = None,
    current_pos: int | None = 50,
    delta: int | None = 50,
    error: str | None = None,
    error_code: ErrorCode | None = None,
    warnings: tuple[str, ...] = (),
    working_qty: int = 0,
) -> Row:
    return Row(
        seq=0,
        target=target or make_target(),
        outcome=outcome or (Outcome.ORDERED if order else Outcome.PENDING),
        conid=AAPL,
        current_pos=current_pos,
        working_qty=working_qty,
        delta=delta,
        order=order,
        error=error,
        error_code=error_code,
        warnings=warnings,
    )


def make_head(batch: str = BATCH, *, client: str = "client1", at: datetime = NOW) -> BatchHead:
    return BatchHead(BatchId(batch), ACCOUNT, ClientName(client), at)


def make_batch(*rows: Row) -> Batch:
    return Batch(make_head(), rows)


def make_execution(
    exec_id: str = "0000e0d5.67fe667b.01.01",
    *,
    ref: str | None = "pd-a1b2c3d4e5f67890-0",
    quantity: int = 100,
    price: str = "150.00",
    side: Side = Side.BUY,
    conid: ConId = AAPL,
    perm_id: int = 9001,
    at: datetime = NOW,
    symbol: str | None = None,
    exchange: str = "IEX",
    order_id: int = 1,
    client_id: int = CLIENT_ID,
    account: AccountId = ACCOUNT,
) -> Execution:
    return Execution(
        exec_id=ExecId(exec_id),
        account=account,
        conid=conid,
        symbol=Symbol(symbol) if symbol else SYMBOLS.get(conid, Symbol(f"S{conid}")),
        side=side,
        quantity=quantity,
        price=Decimal(price),
        executed_at=at,
        order_ref=None if ref is None else OrderRef(ref),
        order_id=OrderId(order_id),
        client_id=client_id,
        perm_id=PermId(perm_id),
        exchange=exchange,
    )


def order_report(
    told: Told = Told.SUBMITTED,
    *,
    ref: str = "pd-a1b2c3d4e5f67890-0",
    order_id: int = 1,
    perm_id: int = 9001,
    client_id: int = CLIENT_ID,
    conid: ConId = AAPL,
    side: Side = Side.BUY,
    quantity: int = 100,
    order_type: str = "MKT",
    limit: str | None = None,
    has_conditions: bool = False,
) -> OrderReport:
    return OrderReport(
        order_ref=OrderRef(ref),
        client_id=client_id,
        order_id=OrderId(order_id),
        perm_id=PermId(perm_id),
        account=ACCOUNT,
        conid=conid,
        quantity=Decimal(quantity),
        told=told,
        symbol=SYMBOLS.get(conid, f"S{conid}"),
        side=side,
        order_type=order_type,
        limit_price=None if limit is None else Decimal(limit),
        has_conditions=has_conditions,
    )


def status_report(
    told: Told = Told.SUBMITTED,
    *,
    filled: int = 0,
    order_id: int = 1,
    perm_id: int = 9001,
    client_id: int = CLIENT_ID,
) -> StatusReport:
    return StatusReport(
        client_id=client_id,
        order_id=OrderId(order_id),
        perm_id=PermId(perm_id),
        told=told,
        filled=Decimal(filled),
    )


def execution_report(*args: str, **values: object) -> ExecutionReport:
    return ExecutionReport(make_execution(*args, **values))  # type: ignore[arg-type]


def commission_report(
    exec_id: str = "0000e0d5.67fe667b.01.01", commission: str | None = "0.35"
) -> CommissionReport:
    amount = None if commission is None else Decimal(commission)
    return CommissionReport(ExecId(exec_id), amount, "USD", None)


def completed_report(
    told: Told = Told.CANCELLED,
    *,
    of: str = "pd-a1b2c3d4e5f67890-0",
    perm_id: int = 9001,
    conid: ConId = AAPL,
    filled: int = 0,
    words: str = "Cancelled by Trader",
) -> CompletedReport:
    return CompletedReport(
        order_ref=OrderRef(of),
        perm_id=PermId(perm_id),
        account=ACCOUNT,
        conid=conid,
        told=told,
        filled=Decimal(filled),
        words=words,
    )


def error_report(
    code: int = 201,
    words: str = "Order rejected - reason: no",
    *,
    effect: Effect = Effect.REJECTED,
    request_id: int = 1,
) -> ErrorReport:
    return ErrorReport(request_id, code, words, effect)


def recorded(
    report: Report | None, *, at: datetime = NOW, client_id: int = CLIENT_ID
) -> Recorded:
    return Recorded(at, GATEWAY, client_id, ("0", "raw"), report, version=178)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def is_on_tick(price: Decimal, ladder: TickLadder) -> bool:
    """Tell, by division and not by rounding, whether an order at `price` conforms."""
    return price > 0 and price % tick_at(price, ladder) == 0

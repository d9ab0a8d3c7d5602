"""Rendering: what the exchange holds, in the words of the protocol.

Owns: how orders, executions, positions, accounts and contracts look on the wire, and how
a gateway writes times. Does not know who asked, nor to whom it goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from twsim.exchange.accounts import Figures, Holding, Position
from twsim.exchange.contracts import (
    MARKET_RULE_ID,
    SMART,
    STOCK,
    TICK_LADDER,
    USD,
    VALID_EXCHANGES,
    Contract,
    tick_at,
)
from twsim.exchange.hours import NEW_YORK, Hours
from twsim.exchange.orders import Execution, Order
from twsim.exchange.preview import Preview
from twsim.exchange.vocabulary import AccountId, ClientId, Side
from twsim.wire.fields import plain
from twsim.wire.market import ContractData, MarketRule, SymbolSample, TickReqParams
from twsim.wire.orders import CompletedOrder, OpenOrder, OrderStatus
from twsim.wire.responses import (
    AccountUpdateTime,
    CommissionReport,
    ExecDetails,
    PortfolioValue,
    PositionRow,
)

ZONE: Final = "US/Eastern"
LIVE: Final = -1  # the request id of executions that nobody asked for (§2.3)
_ZONED_SINCE: Final = 174
_SIDES: Final = {Side.BUY: "BOT", Side.SELL: "SLD"}
_HOURS_DAYS: Final = 6
_DIGITS: Final = Decimal("0.00000001")
_CENT: Final = Decimal("0.01")
# A limit order shows its limit and one more here, others DMAX: PF-4, PF-5 (§2.4).
_TRAIL_OFFSET: Final = Decimal("1.00")
# Where a US stock may go to IBKRATS: RS-2.
_RULE_80A_BY_HAND: Final = "0"  # §2.4
_COMPETE_SIZE: Final = 100
_COMPETE_OFFSET: Final = Decimal("0.02")
_BBO_EXCHANGE: Final = "9c0001"
_SNAPSHOT_PERMISSIONS: Final = 3
# What this exchange takes, in a gateway's words for it: RS-7.
_ORDER_TYPES: Final = "ACTIVETIM,DAY,GTC,IOC,LMT,MKT,OPG,RTH"


def open_order(order: Order, contract: Contract) -> OpenOrder:
    """Show an order with all its terms."""
    limit = order.limit_price
    return OpenOrder(
        order_id=order.order_id,
        con_id=contract.con_id,
        symbol=contract.symbol,
        sec_type=STOCK,
        exchange=order.exchange,
        currency=USD,
        local_symbol=contract.symbol,
        trading_class=contract.trading_class,
        action=order.side,
        total_quantity=Decimal(order.quantity),
        order_type=order.order_type,
        limit_price=Decimal(0) if limit is None else limit,
        tif=order.tif,
        account=order.account,
        order_ref=order.order_ref,
        client_id=order.client_id,
        perm_id=order.perm_id,
        outside_rth=order.outside_rth,
        oca_group=order.oca_group,
        parent_id=order.parent_id,
        rule_80a=_RULE_80A_BY_HAND if order.is_by_hand else "",
        shares_allocation=f"{order.perm_id}.{order.modifications}/{order.account}/100",
        status=order.status,
        commission=order.commission,
        commission_currency="" if order.commission is None else USD,
        trail_stop_price_2=None if limit is None else limit + _TRAIL_OFFSET,
        min_compete_size=_COMPETE_SIZE,
        compete_against_best_offset=_COMPETE_OFFSET,
    )


def what_if(preview: Preview, contract: Contract) -> OpenOrder:
    """Show what an order would do to its account."""
    before, after = preview.before, preview.after
    equity = after.net_liquidation - before.net_liquidation
    return replace(
        open_order(preview.order, contract),
        what_if=True,
        init_margin_before=before.initial_margin,
        maint_margin_before=before.maintenance_margin,
        equity_with_loan_before=before.net_liquidation,
        init_margin_change=after.initial_margin - before.initial_margin,
        maint_margin_change=after.maintenance_margin - before.maintenance_margin,
        equity_with_loan_change=equity,
        init_margin_after=after.initial_margin,
        maint_margin_after=after.maintenance_margin,
        equity_with_loan_after=after.net_liquidation,
        commission=preview.commission,
        min_commission=preview.commission,
        max_commission=preview.commission,
        commission_currency=USD,
    )


def order_status(order: Order, *, cancelled_by: ClientId | None = None) -> OrderStatus:
    """Show where an order stands; another client that cancelled it is named (§4.2)."""
    return OrderStatus(
        order_id=order.order_id,
        status=order.status,
        filled=Decimal(order.filled),
        remaining=Decimal(order.remaining),
        average_fill_price=average(order.average_price),
        perm_id=order.perm_id,
        parent_id=order.parent_id,
        last_fill_price=order.last_price,
        client_id=order.client_id if cancelled_by is None else cancelled_by,
        why_held=order.why_held,
    )


def completed_order(order: Order, contract: Contract) -> CompletedOrder:
    """Show an order that is done; the quantity is 0 once it filled: RS-5."""
    assert order.completed_at is not None
    limit = order.limit_price
    return CompletedOrder(
        con_id=contract.con_id,
        symbol=contract.symbol,
        sec_type=STOCK,
        exchange=order.exchange,
        currency=USD,
        local_symbol=contract.symbol,
        trading_class=contract.trading_class,
        action=order.side,
        total_quantity=Decimal(order.remaining),
        order_type=order.order_type,
        limit_price=Decimal(0) if limit is None else limit,
        tif=order.tif,
        account=order.account,
        order_ref=order.order_ref,
        perm_id=order.perm_id,
        outside_rth=order.outside_rth,
        oca_group=order.oca_group,
        rule_80a=_RULE_80A_BY_HAND if order.is_by_hand else "",
        parent_perm_id=order.parent_perm_id or None,
        status=order.status,
        filled_quantity=Decimal(order.filled),
        completed_time=zoned(order.completed_at),
        completed_status=order.completed_words,
    )


def exec_details(
    execution: Execution, contract: Contract, req_id: int, *, server_version: int
) -> ExecDetails:
    """Show an execution, live or as the answer to a request."""
    return ExecDetails(
        req_id=req_id,
        order_id=execution.order_id,
        con_id=contract.con_id,
        symbol=contract.symbol,
        sec_type=STOCK,
        exchange=execution.venue,
        currency=USD,
        local_symbol=contract.symbol,
        trading_class=contract.trading_class,
        exec_id=execution.exec_id,
        time=_execution_time(execution.at, server_version, live=req_id == LIVE),
        account=execution.account,
        venue=execution.venue,
        side=_SIDES[execution.side],
        shares=Decimal(execution.shares),
        price=execution.price,
        perm_id=execution.perm_id,
        client_id=execution.client_id,
        cumulative_quantity=Decimal(execution.cumulative),
        average_price=average(execution.average_price),
        order_ref=execution.order_ref,
        last_liquidity=execution.liquidity,
    )


def commission_report(execution: Execution) -> CommissionReport:
    """Show what an execution cost."""
    return CommissionReport(
        exec_id=execution.exec_id,
        commission=execution.commission,
        currency=USD,
        realized_pnl=execution.realized,
    )


def position_row(position: Position, contract: Contract) -> PositionRow:
    """Show a position; the exchange is the one where the stock is listed (§2.3)."""
    return PositionRow(
        account=position.account,
        con_id=contract.con_id,
        symbol=contract.symbol,
        sec_type=STOCK,
        exchange=contract.primary_exchange,
        currency=USD,
        local_symbol=contract.symbol,
        trading_class=contract.trading_class,
        position=Decimal(position.quantity),
        average_cost=average(position.average_cost),
    )


def portfolio_value(holding: Holding, contract: Contract) -> PortfolioValue:
    """Show a position with what it is worth."""
    position = holding.position
    return PortfolioValue(
        con_id=contract.con_id,
        symbol=contract.symbol,
        sec_type=STOCK,
        primary_exchange=contract.primary_exchange,
        currency=USD,
        local_symbol=contract.symbol,
        trading_class=contract.trading_class,
        position=Decimal(position.quantity),
        market_price=holding.price,
        market_value=_cents(holding.value),
        average_cost=average(position.average_cost),
        unrealized_pnl=_cents(holding.unrealized),
        realized_pnl=_cents(position.realized),
        account=position.account,
    )


def account_values(account: AccountId, sums: Figures) -> Iterator[tuple[str, str, str]]:
    """Yield an account's values as key, value and currency, by key as a gateway does."""
    words = {
        "AccountCode": account,
        "AccountReady": "true",
        "AccountType": "INDIVIDUAL",
        "Cushion": _cushion(sums),
        "LookAheadNextChange": "0",
    }
    ledger = {
        "CashBalance": sums.cash,
        "NetLiquidationByCurrency": sums.net_liquidation,
        "RealizedPnL": sums.realized,
        "StockMarketValue": sums.stock_value,
        "TotalCashBalance": sums.cash,
        "UnrealizedPnL": sums.unrealized,
    }
    rows = [(key, value, "") for key, value in words.items()]
    rows += [(key, f"{value:.2f}", USD) for key, value in _money(sums).items()]
    for currency in ("BASE", USD):
        rows.append(("Currency", currency, currency))
        rows.append(("ExchangeRate", "1.00", currency))
        rows += [(key, f"{value:.2f}", currency) for key, value in ledger.items()]
    yield from sorted(rows)


def _money(sums: Figures) -> dict[str, Decimal]:
    equity = {
        "AvailableFunds": sums.available_funds,
        "ExcessLiquidity": sums.net_liquidation - sums.maintenance_margin,
        "InitMarginReq": sums.initial_margin,
        "MaintMarginReq": sums.maintenance_margin,
    }
    rows = {
        "AccruedCash": Decimal(0),
        "BuyingPower": sums.buying_power,
        "EquityWithLoanValue": sums.net_liquidation,
        "GrossPositionValue": sums.gross_value,
        "NetLiquidation": sums.net_liquidation,
        "TotalCashValue": sums.cash,
    }
    for key, value in equity.items():
        for prefix in ("", "Full", "LookAhead"):
            rows[prefix + key] = value
    return rows


def _cushion(sums: Figures) -> str:
    if not sums.net_liquidation:
        return "0"
    left = (sums.net_liquidation - sums.maintenance_margin) / sums.net_liquidation
    return plain(left.quantize(Decimal("0.000001")))


def account_time(now: datetime) -> AccountUpdateTime:
    """Show when an account's values were computed."""
    return AccountUpdateTime(time=f"{now.astimezone(NEW_YORK):%H:%M}")


def contract_data(
    contract: Contract, req_id: int, now: datetime, *, hours: Hours
) -> ContractData:
    """Show all that is known of a contract."""
    today = now.astimezone(NEW_YORK).date()
    return ContractData(
        req_id=req_id,
        symbol=contract.symbol,
        sec_type=STOCK,
        exchange=SMART,
        currency=USD,
        local_symbol=contract.symbol,
        market_name=contract.trading_class,
        trading_class=contract.trading_class,
        con_id=contract.con_id,
        min_tick=tick_at(Decimal(1)),
        order_types=_ORDER_TYPES,
        valid_exchanges=",".join(VALID_EXCHANGES),
        long_name=contract.long_name,
        primary_exchange=contract.primary_exchange,
        industry=contract.industry,
        time_zone_id=ZONE,
        trading_hours=hours_from(today, hours, extended=True),
        liquid_hours=hours_from(today, hours, extended=False),
        aggregate_group=1,
        market_rule_ids=",".join([str(MARKET_RULE_ID)] * len(VALID_EXCHANGES)),
        stock_type=contract.stock_type,
    )


def symbol_sample(contract: Contract) -> SymbolSample:
    """Show a contract that a search found."""
    return SymbolSample(
        con_id=contract.con_id,
        symbol=contract.symbol,
        sec_type=STOCK,
        primary_exchange=contract.primary_exchange,
        currency=USD,
        description=contract.long_name,
    )


def market_rule() -> MarketRule:
    """Show the price steps of US stocks."""
    steps = tuple((plain(floor), plain(tick)) for floor, tick in TICK_LADDER)
    return MarketRule(market_rule_id=MARKET_RULE_ID, steps=steps)


def tick_parameters(req_id: int) -> TickReqParams:
    """Show the price step of quotes, the same for every US stock."""
    return TickReqParams(
        req_id=req_id,
        min_tick=tick_at(Decimal(1)),
        bbo_exchange=_BBO_EXCHANGE,
        snapshot_permissions=_SNAPSHOT_PERMISSIONS,
    )


def hours_from(today: date, hours: Hours, *, extended: bool) -> str:
    """Return the hours of some days, in the form of RS-7."""
    days = (today + timedelta(days=ahead) for ahead in range(_HOURS_DAYS))
    return ";".join(_hours_of(day, hours, extended=extended) for day in days)


def _hours_of(day: date, hours: Hours, *, extended: bool) -> str:
    session = hours.session(day)
    if session is None:
        return f"{day:%Y%m%d}:CLOSED"
    span = (moment.astimezone(NEW_YORK) for moment in session.span(extended=extended))
    return "-".join(f"{moment:%Y%m%d:%H%M}" for moment in span)


def zoned(at: datetime) -> str:
    """Write a time with the exchange's zone."""
    return f"{at.astimezone(NEW_YORK):%Y%m%d %H:%M:%S} {ZONE}"


def greeting_time(at: datetime) -> str:
    """Write the time of the handshake, with a short zone: ib_async#143 (§1.1)."""
    return f"{at.astimezone(NEW_YORK):%Y%m%d %H:%M:%S %Z}"


def _execution_time(at: datetime, server_version: int, *, live: bool) -> str:
    """Write an execution's time: UTC with a hyphen when live, zoned when asked for (§2.3)."""
    if server_version < _ZONED_SINCE:
        return f"{at.astimezone(NEW_YORK):%Y%m%d  %H:%M:%S}"
    return f"{at.astimezone(UTC):%Y%m%d-%H:%M:%S}" if live else zoned(at)


def average(price: Decimal) -> Decimal:
    """Round an average as far as a gateway shows it, two decimals at least if any."""
    if not price:
        return Decimal(0)
    rounded = price.quantize(_DIGITS, rounding=ROUND_HALF_EVEN)
    cents = rounded.quantize(_CENT)
    return cents if cents == rounded else rounded.normalize()


def _cents(value: Decimal) -> Decimal:
    return value.quantize(_CENT, rounding=ROUND_HALF_EVEN)

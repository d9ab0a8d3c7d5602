"""Statements: what the gateway says of an account by request id.

Owns: the rows of a summary and their order (tws-facts §2.6), positions of one account,
profit and loss, families. Does not know who subscribed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from twsim import render
from twsim.exchange.accounts import Figures, Holding, Position
from twsim.exchange.contracts import STOCK, USD, Contract
from twsim.exchange.profit import Profit
from twsim.exchange.vocabulary import AccountId
from twsim.wire.accounts import FamilyCodes, PnL, PnLSingle, PositionMulti

ASSUMPTIONS: Final = (
    "A summary of several accounts is told account by account, the ledger rows last.",
    "A login with several accounts has no family: one row for each, with an empty code.",
)

Row = tuple[str, str, str]
_BASE: Final = "BASE"
_LEDGER: Final = "$LEDGER"
# Unlimited, as on any account that is large enough: PF-1.
_WITHOUT_LIMIT: Final = ("DayTradesRemaining", "-1", "")


def summary_rows(account: AccountId, sums: Figures, tags: Sequence[str]) -> list[Row]:
    """Return the values of the tags that the account has: tag, value, currency.

    Those without a currency come first, then those with one, each by name; a tag without
    a value is left out (PF-1).
    """
    values = [*render.account_values(account, sums), _WITHOUT_LIMIT]
    ledger = {key for key, _, currency in values if currency == _BASE}
    plain = {
        key: (key, value, currency)
        for key, value, currency in values
        if currency != _BASE and key not in ledger
    }
    rows = sorted((plain[tag] for tag in set(tags) & set(plain)), key=_place)
    for currency in _ledgers(tags):
        rows += sorted(row for row in values if row[0] in ledger and row[2] == currency)
    return rows


def _place(row: Row) -> tuple[bool, str]:
    return bool(row[2]), row[0]


def _ledgers(tags: Iterable[str]) -> Iterator[str]:
    """Yield the currencies whose cash the tags ask for."""
    wanted = {tag.partition(":")[2] for tag in tags if tag.partition(":")[0] == _LEDGER}
    for currency in (_BASE, USD):
        if wanted & {currency, "ALL"} or (currency == _BASE and "" in wanted):
            yield currency


def position_multi(position: Position, contract: Contract, req_id: int) -> PositionMulti:
    """Show a position to who asked for one account's."""
    return PositionMulti(
        req_id=req_id,
        account=position.account,
        con_id=contract.con_id,
        symbol=contract.symbol,
        sec_type=STOCK,
        exchange=contract.primary_exchange,
        currency=USD,
        local_symbol=contract.symbol,
        trading_class=contract.trading_class,
        position=Decimal(position.quantity),
        average_cost=render.average(position.average_cost),
    )


def pnl(profit: Profit, req_id: int) -> PnL:
    """Show an account's profit and loss."""
    return PnL(
        req_id=req_id,
        daily=profit.daily,
        unrealized=profit.unrealized,
        realized=profit.realized,
    )


def pnl_single(profit: Profit, holding: Holding, req_id: int) -> PnLSingle:
    """Show one position's profit and loss."""
    return PnLSingle(
        req_id=req_id,
        position=Decimal(holding.position.quantity),
        daily=profit.daily,
        unrealized=profit.unrealized,
        realized=profit.realized,
        value=holding.value,
    )


def families(accounts: Sequence[str]) -> FamilyCodes:
    """Show that no account belongs to a family; a single one is a star (§2.3)."""
    if len(accounts) == 1:
        return FamilyCodes(families=(("*", ""),))
    return FamilyCodes(families=tuple((account, "") for account in accounts))

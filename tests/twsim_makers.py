"""Builders for twsim's tests: each argument a test passes is one that matters to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

from twsim.data import listings
from twsim.exchange.book import Opening
from twsim.exchange.contracts import Contract, ContractTable, Query
from twsim.exchange.exchange import Exchange
from twsim.exchange.orders import Order
from twsim.exchange.rules import Rules
from twsim.exchange.tickets import Ticket
from twsim.exchange.vocabulary import (
    AccountId,
    ClientId,
    ConId,
    OrderId,
    OrderStatus,
    OrderType,
    PermId,
    Side,
    TimeInForce,
)

# Recorded messages whose layout is that of server version 200, and why.
UNREADABLE = {
    ("GO-5", "5"): "openOrder of 156 fields",
    ("GO-5", "11"): "execDetails with a submitter",
}
NOW = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)
ACCOUNT = AccountId("DU8730189")
OTHER_ACCOUNT = AccountId("DUP203550")
CLIENT = ClientId(1)
RECORDINGS = Path(__file__).parent / "data" / "wire" / "real_messages.txt"
VERSION_MAX = 178  # what is recorded above it decodes as far as its layout is the same


@cache
def contracts() -> ContractTable:
    return ContractTable(listings())


def contract(symbol: str = "AAPL") -> Contract:
    return contracts().of_symbol(symbol)


def make_exchange(
    *,
    seed: int = 0,
    cash: str = "1000000",
    rules: Rules | None = None,
    at: datetime = NOW,
) -> Exchange:
    exchange = Exchange(contracts(), Opening(seed=seed, at=at), rules)
    exchange.open_account(ACCOUNT, Decimal(cash))
    return exchange


def make_ticket(
    *,
    order_id: int = 1,
    client_id: int = CLIENT,
    account: str = ACCOUNT,
    symbol: str = "AAPL",
    side: str = "BUY",
    quantity: str = "100",
    limit: str | None = None,
    tif: str = "DAY",
    outside_rth: bool = False,
) -> Ticket:
    return Ticket(
        client_id=ClientId(client_id),
        order_id=OrderId(order_id),
        account=account,
        query=Query(symbol=symbol, exchange="SMART", currency="USD"),
        side=side,
        quantity=Decimal(quantity),
        order_type="MKT" if limit is None else "LMT",
        limit_price=None if limit is None else Decimal(limit),
        tif=tif,
        outside_rth=outside_rth,
        order_ref="ref-1",
    )


def make_order(*, status: OrderStatus = OrderStatus.SUBMITTED, filled: int = 0) -> Order:
    order = Order(
        perm_id=PermId(600745656),
        order_id=OrderId(5),
        client_id=ClientId(100),
        account=AccountId("DU1234567"),
        con_id=ConId(265598),
        exchange="SMART",
        side=Side.BUY,
        quantity=100,
        order_type=OrderType.MKT,
        limit_price=None,
        tif=TimeInForce.DAY,
        outside_rth=False,
        order_ref="",
        status=status,
        placed_at=NOW,
    )
    return replace(order, filled=filled, value=filled * Decimal("201.94"))


@dataclass(frozen=True, slots=True)
class Recorded:
    """One frame of a recording of a real gateway."""

    sequence: str
    server_version: int
    direction: str
    fields: tuple[str, ...]

    @property
    def is_message(self) -> bool:
        return len(self.fields) > 2 or self.fields[0] not in ("173", "176")

    @property
    def is_readable(self) -> bool:
        return (self.sequence, self.fields[0]) not in UNREADABLE


def recordings() -> Iterator[Recorded]:
    """Yield every recorded frame; the two handshakes are frames, but no messages."""
    sequence, server_version = "", 0
    for line in RECORDINGS.read_text(encoding="utf-8").splitlines():
        if line.startswith("@seq"):
            sequence = line.split()[1]
            server_version = int(line.split("server_version=")[1].split(" ")[0])
        elif line[:3] in ("S> ", "C> "):
            fields = tuple(line[3:].replace("\\n", "\n").split("|")[:-1])
            yield Recorded(sequence, min(server_version, VERSION_MAX), line[0], fields)


def recorded(sequence: str, number: int) -> list[Recorded]:
    wanted = str(number)
    return [r for r in recordings() if r.sequence == sequence and r.fields[0] == wanted]

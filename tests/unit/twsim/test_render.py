"""What twsim says, beside what real gateways were recorded to say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from twsim import render
from twsim.exchange.accounts import Account as Cash
from twsim.exchange.accounts import Holding, Position, figures
from twsim.exchange.contracts import VALID_EXCHANGES
from twsim.exchange.hours import Hours
from twsim.exchange.orders import Execution
from twsim.exchange.vocabulary import (
    AccountId,
    ConId,
    ExecId,
    OrderStatus,
    OrderType,
    PermId,
    Side,
    TimeInForce,
)
from twsim_makers import contract, make_order, recorded

AAPL = contract("AAPL")
MASKED = AccountId("DU1234567")
FILLED_AT = datetime(2025, 4, 15, 23, 38, 31, tzinfo=UTC)


def make_execution() -> Execution:
    order = make_order(status=OrderStatus.FILLED, filled=100)
    return Execution(
        exec_id=ExecId("0000e0d5.67fe667b.01.01"),
        perm_id=order.perm_id,
        order_id=order.order_id,
        client_id=order.client_id,
        account=MASKED,
        con_id=AAPL.con_id,
        side=Side.BUY,
        shares=100,
        price=Decimal("201.94"),
        venue="IEX",
        liquidity=2,
        cumulative=100,
        average_price=Decimal("201.94"),
        order_ref="",
        at=FILLED_AT,
        commission=Decimal("1.0"),
        realized=None,
    )


@pytest.mark.parametrize(
    ("status", "row"), [(OrderStatus.PRE_SUBMITTED, 0), (OrderStatus.FILLED, 1)]
)
def test_a_market_order_looks_as_recorded(status: OrderStatus, row: int) -> None:
    shown = render.open_order(make_order(status=status, filled=100 * row), AAPL)

    assert tuple(shown.encode(173)) == recorded("RS-2", 5)[row].fields


@pytest.mark.parametrize(
    ("status", "row"), [(OrderStatus.PRE_SUBMITTED, 0), (OrderStatus.FILLED, 1)]
)
def test_its_status_looks_as_recorded(status: OrderStatus, row: int) -> None:
    order = make_order(status=status, filled=100 * row)
    order = replace(order, last_price=Decimal("201.94") if row else Decimal(0))

    assert tuple(render.order_status(order).encode(173)) == recorded("RS-2", 3)[row].fields


def test_a_commission_appears_in_the_order_as_recorded() -> None:
    order = replace(make_order(status=OrderStatus.FILLED), commission=Decimal("1.0"))
    before = render.open_order(replace(order, commission=None), AAPL).encode(165)
    after = render.open_order(order, AAPL).encode(165)
    changed = [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    filled, costed = recorded("RS-3", 5)[1:]

    assert [(n, after[n]) for n in changed] == [
        (n, b)
        for n, (a, b) in enumerate(zip(filled.fields, costed.fields, strict=True))
        if a != b
    ]


def test_a_limit_order_has_the_sentinels_of_a_recorded_one() -> None:
    order = replace(
        make_order(),
        order_type=OrderType.LMT,
        limit_price=Decimal("86.78"),
        tif=TimeInForce.GTC,
        quantity=1,
    )
    ours = render.open_order(order, AAPL).encode(176)
    real = recorded("PF-5", 5)[0].fields
    named = {n for n, (a, b) in enumerate(zip(ours, real, strict=True)) if a != b}

    # What differs is the contract, the ids, and what only US stocks have at the end.
    assert named == {1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 23, 24, 25, 30, 132, 133}


def test_an_execution_looks_as_recorded() -> None:
    shown = render.exec_details(make_execution(), AAPL, -1, server_version=173)

    assert tuple(shown.encode(173)) == recorded("RS-2", 11)[0].fields


@pytest.mark.parametrize(
    ("req_id", "version", "time"),
    [
        (-1, 178, "20250415-23:38:31"),
        (7, 178, "20250415 19:38:31 US/Eastern"),
        (7, 173, "20250415  19:38:31"),
    ],
)
def test_the_time_of_an_execution_has_three_forms(req_id: int, version: int, time: str) -> None:
    shown = render.exec_details(make_execution(), AAPL, req_id, server_version=version)

    assert shown.time == time


def test_a_commission_report_looks_as_recorded() -> None:
    execution = replace(make_execution(), exec_id=ExecId("00025b46.63f8f39c.01.01"))

    assert (
        tuple(render.commission_report(execution).encode(165)) == recorded("RS-3", 59)[0].fields
    )


def test_a_completed_order_looks_as_recorded() -> None:
    order = replace(
        make_order(status=OrderStatus.FILLED, filled=100),
        perm_id=PermId(1824933227),
        completed_at=datetime(2023, 3, 6, 20, 28, 30, tzinfo=UTC),
        completed_words="Filled Size: 100",
    )
    ours = render.completed_order(order, AAPL).encode(169)
    real = list(recorded("RS-5", 101)[0].fields)
    time = real.index("20230306 12:28:30 America/Los_Angeles")

    assert ours[time] == "20230306 15:28:30 US/Eastern"
    assert ours[:time] + ours[time + 1 :] == real[:time] + real[time + 1 :]


def test_a_position_and_a_portfolio_row_look_as_recorded() -> None:
    position = Position(MASKED, ConId(265598), -100, Decimal("-29126.60812"), Decimal("-71.44"))
    holding = Holding(position=position, price=Decimal("291.6234436"))
    shown = list(render.portfolio_value(holding, AAPL).encode(178))
    real = list(recorded("GO-2", 7)[0].fields)

    assert shown == real

    real_position = recorded("GO-2", 61)[0].fields
    amazon = Position(MASKED, ConId(3691937), 15, Decimal("3003.75"))
    assert tuple(render.position_row(amazon, contract("AMZN")).encode(178)) == real_position


def test_a_contract_has_the_fields_of_a_recorded_one() -> None:
    ours = render.contract_data(AAPL, 9000, FILLED_AT, hours=Hours()).encode(173)
    real = recorded("RS-7", 10)[0].fields
    same = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 19]

    same.remove(ours.index(",".join(VALID_EXCHANGES)))  # shortened
    same.remove(ours.index("Apple Inc."))  # APPLE INC there

    assert [ours[n] for n in same] == [real[n] for n in same]
    assert ours[-4:] == list(real[-4:])
    assert len(ours) + 2 == len(real)  # the recorded one names its ISIN


def test_hours_never_end() -> None:
    hours = render.hours_from(date(2026, 12, 30), Hours(), extended=True).split(";")

    assert hours[1] == "20261231:0000-20270101:0000"
    assert len(hours) == 6


def test_the_greeting_names_a_short_zone() -> None:
    assert render.greeting_time(FILLED_AT) == "20250415 19:38:31 EDT"


@pytest.mark.parametrize(
    ("exact", "shown"),
    [("0", "0"), ("150", "150.00"), ("292.315", "292.315"), ("10.1234567891", "10.12345679")],
)
def test_an_average_has_two_decimals_or_what_it_needs(exact: str, shown: str) -> None:
    assert str(render.average(Decimal(exact))) == shown


def test_account_values_are_sorted_and_an_empty_account_has_no_cushion() -> None:
    rows = list(render.account_values(MASKED, figures(Cash(MASKED, Decimal(0)), [])))

    assert rows == sorted(rows)
    assert ("Cushion", "0", "") in rows
    assert ("NetLiquidation", "0.00", "USD") in rows

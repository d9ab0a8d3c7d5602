from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.exchange.accounts import (
    Account,
    Holding,
    Position,
    Trade,
    begin_day,
    book_cash,
    book_correction,
    book_shares,
    figures,
)
from twsim.exchange.vocabulary import ConId, Side
from twsim_makers import ACCOUNT

FLAT = Position(ACCOUNT, ConId(265598))


def make_trade(signed: int, price: str, *, commission: str = "0") -> Trade:
    return Trade(
        side=Side.BUY if signed > 0 else Side.SELL,
        shares=abs(signed),
        price=Decimal(price),
        commission=Decimal(commission),
    )


def after(*trades: Trade) -> tuple[Position, Decimal | None]:
    position, realized = FLAT, None
    for trade in trades:
        position, realized = book_shares(position, trade)
    return position, realized


def test_opening_realises_nothing_and_costs_its_commission() -> None:
    position, realized = after(make_trade(50, "150.01", commission="0.35"))

    assert realized is None
    assert position.quantity == 50
    assert position.average_cost == Decimal("150.017")


def test_a_flat_position_has_no_average_cost() -> None:
    assert FLAT.average_cost == 0


def test_a_short_and_its_cover_come_out_as_recorded() -> None:
    # tws-facts §4.6: short 100 at 292.312 for 1.621963, cover 40 at 292.44, then 60.
    short = make_trade(-100, "292.312", commission="1.621963")
    position, _ = after(short)

    assert position.average_cost == Decimal("292.29578037")

    cover = make_trade(40, "292.44", commission="1.00012")
    position, realized = after(short, cover)

    assert realized == pytest.approx(Decimal("-6.768905"), abs=Decimal("0.0001"))
    assert position.quantity == -60


def test_closing_all_leaves_no_cost_behind() -> None:
    position, realized = after(
        make_trade(3, "10.00", commission="0.35"), make_trade(-3, "11.00", commission="0.35")
    )

    assert realized == Decimal(3) - Decimal("0.70")
    assert position.quantity == position.cost == 0
    assert position.realized == realized


def test_through_zero_the_commission_is_shared_by_both_parts() -> None:
    position, realized = after(
        make_trade(20, "100.00"), make_trade(-50, "110.00", commission="0.50")
    )

    assert realized == Decimal(200) - Decimal("0.20")
    assert position.quantity == -30
    assert position.average_cost == Decimal("109.99")


trades = st.builds(
    Trade,
    side=st.sampled_from(Side),
    shares=st.integers(1, 10_000),
    price=st.decimals(min_value="0.01", max_value=5000, places=2),
    commission=st.decimals(min_value=0, max_value=50, places=4),
)


@settings(deadline=None)
@given(done=st.lists(trades, max_size=20))
def test_cash_and_cost_always_add_up_to_what_was_realised(done: list[Trade]) -> None:
    account, position = Account(ACCOUNT, Decimal(1_000_000)), FLAT
    for trade in done:
        account = book_cash(account, trade)
        position, _ = book_shares(position, trade)

    assert position.quantity == sum(trade.side.sign * trade.shares for trade in done)
    total = account.cash + position.cost - position.realized
    assert total == pytest.approx(Decimal(1_000_000), abs=Decimal("0.000001"))
    assert position.cost == 0 or position.quantity != 0


@settings(deadline=None)
@given(done=st.lists(trades, min_size=1, max_size=20))
def test_a_trade_realises_exactly_where_it_closes_something(done: list[Trade]) -> None:
    position = FLAT
    for trade in done:
        closes = position.quantity * trade.side.sign < 0
        position, realized = book_shares(position, trade)

        assert (realized is not None) == closes


def test_figures_add_up() -> None:
    long = Position(ACCOUNT, ConId(1), 100, Decimal(10_000), Decimal(5))
    short = Position(ACCOUNT, ConId(2), -50, Decimal(-5_000), Decimal(-1))
    sums = figures(
        Account(ACCOUNT, Decimal(1_000)),
        [
            Holding(position=long, price=Decimal(110)),
            Holding(position=short, price=Decimal(120)),
        ],
    )

    assert sums.stock_value == 11_000 - 6_000
    assert sums.gross_value == 17_000
    assert sums.net_liquidation == 6_000
    assert sums.unrealized == 1_000 - 1_000
    assert sums.realized == 4
    assert sums.initial_margin == sums.maintenance_margin == 4_250
    assert sums.available_funds == 1_750
    assert sums.buying_power == 4 * 1_750


def test_buying_power_is_never_negative() -> None:
    position = Position(ACCOUNT, ConId(1), 100, Decimal(10_000))
    sums = figures(
        Account(ACCOUNT, Decimal(-9_000)), [Holding(position=position, price=Decimal(100))]
    )

    assert sums.available_funds < 0
    assert sums.buying_power == 0


def test_a_day_counts_what_was_held_and_what_was_traded() -> None:
    held = Position(ACCOUNT, ConId(1), 100, Decimal(9_000), Decimal(7))
    morning = begin_day(Holding(position=held, price=Decimal(100)))
    traded, _ = book_shares(morning, make_trade(-100, "103.00", commission="1"))
    again, _ = book_shares(traded, make_trade(10, "103.00", commission="1"))

    assert morning.realized == 0
    assert morning.cost == 9_000
    assert Holding(position=morning, price=Decimal(101)).daily == 100
    assert Holding(position=traded, price=Decimal(999)).daily == 299
    assert Holding(position=again, price=Decimal(105)).daily == 299 + 19


@pytest.mark.parametrize(
    ("done", "corrected", "expected"),
    [
        # What opened: the cost is another one.
        ([make_trade(100, "10")], make_trade(100, "11"), (100, "1100", "0")),
        ([make_trade(100, "10")], make_trade(90, "10"), (90, "900", "0")),
        # What closed: the result is.
        ([make_trade(100, "10"), make_trade(-60, "12")], make_trade(-60, "13"),
         (40, "400", "180")),
        ([make_trade(100, "10"), make_trade(-60, "12")], make_trade(-50, "12"),
         (50, "500", "100")),
        # To zero, from zero and through it.
        ([make_trade(100, "10"), make_trade(-60, "12")], make_trade(-100, "12"),
         (0, "0", "200")),
        ([make_trade(100, "10"), make_trade(-100, "12")], make_trade(-90, "12"),
         (10, "120", "200")),
        ([make_trade(100, "10"), make_trade(-60, "12")], make_trade(-110, "12"),
         (-10, "-120", "200")),
    ],
)  # fmt: skip
def test_a_correction_falls_on_cost_or_result_and_adds_up(
    done: list[Trade], corrected: Trade, expected: tuple[int, str, str]
) -> None:
    position, realized = after(*done)
    found = book_correction(position, done[-1], corrected, opened=realized is None)
    paid = sum((trade.paid for trade in done[:-1]), corrected.paid)

    assert (found.quantity, found.cost, found.realized) == (
        expected[0], Decimal(expected[1]), Decimal(expected[2]),
    )  # fmt: skip
    assert found.cost - found.realized == found.spent == paid

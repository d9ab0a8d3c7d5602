from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from broker_support import AAPL, FIRST, SECOND
from paperdesk.broker.translate import NetLiquidation, PortfolioRow
from paperdesk.broker.views import Views
from paperdesk.domain.reports import PositionReport
from paperdesk.domain.views import Holding
from paperdesk.domain.vocabulary import Symbol

HELD = PositionReport(FIRST, AAPL, "AAPL", "STK", "USD", Decimal(50), Decimal("148.5"))
HOLDING = Holding(AAPL, Symbol("AAPL"), 50, market_price=Decimal(150))


def test_an_account_nobody_spoke_of_is_empty() -> None:
    views = Views()

    assert views.positions(FIRST) == {}
    assert views.portfolio(FIRST) == {}
    assert views.net_liquidation(FIRST) is None


def test_the_newest_position_counts() -> None:
    views = Views()
    views.take_position(HELD)
    views.take_position(replace(HELD, quantity=Decimal(60)))

    assert views.positions(FIRST)[AAPL].quantity == 60
    assert views.positions(SECOND) == {}


def test_a_position_of_zero_is_none() -> None:
    views = Views()
    views.take_position(HELD)
    views.take_position(replace(HELD, quantity=Decimal(0)))
    views.take_position(replace(HELD, quantity=Decimal(0)))

    assert views.positions(FIRST) == {}


def test_a_holding_of_zero_is_none() -> None:
    views = Views()
    views.take_holding(PortfolioRow(FIRST, HOLDING))
    assert views.portfolio(FIRST) == {AAPL: HOLDING}

    views.take_holding(PortfolioRow(FIRST, replace(HOLDING, quantity=0)))

    assert views.portfolio(FIRST) == {}


def test_net_liquidation_is_kept_per_account() -> None:
    views = Views()
    views.take_net_liquidation(NetLiquidation(FIRST, Decimal(1)))
    views.take_net_liquidation(NetLiquidation(FIRST, Decimal(2)))

    assert views.net_liquidation(FIRST) == 2
    assert views.net_liquidation(SECOND) is None


def test_what_is_handed_out_does_not_change_later() -> None:
    views = Views()
    before = views.positions(FIRST)
    views.take_position(HELD)

    assert before == {}

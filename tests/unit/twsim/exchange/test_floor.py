"""Orders that wait: for the open, for shares to borrow, or for their one chance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from twsim.exchange.exchange import Exchange
from twsim.exchange.hours import NEW_YORK, Calendar, Hours
from twsim.exchange.outcomes import Cancelled, Outcome, Refused, Warned
from twsim.exchange.prices import STEP
from twsim.exchange.rules import REAL_PRICE_BAND, Rules
from twsim.exchange.vocabulary import OrderId
from twsim_makers import ACCOUNT, CLIENT, NOW, contract, contracts, make_exchange, make_ticket

AAPL = contract("AAPL")
REAL = Hours(Calendar(frozenset(), frozenset({date(2026, 3, 10)})))


def ny(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


MONDAY_NOON, MONDAY_NIGHT = ny(9, 12), ny(9, 21)
TUESDAY_OPEN, TUESDAY_CLOSE = ny(10, 9, 30), ny(10, 13)  # a half day


def make_real(at: datetime = MONDAY_NOON, *, cancels_wait: bool = False) -> Exchange:
    return make_exchange(rules=Rules(hours=REAL, cancels_wait=cancels_wait), at=at)


def told(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        f"{type(outcome).__name__} {getattr(outcome, 'order').status}"  # noqa: B009
        if hasattr(outcome, "order")
        else type(outcome).__name__
        for outcome in outcomes
    ]


def until(exchange: Exchange, begin: datetime, end: datetime) -> list[Outcome]:
    """Let time pass, stopping wherever something is due."""
    outcomes: list[Outcome] = []
    now = begin
    while (due := exchange.next_due(now)) is not None and due <= end:
        assert due >= now
        now = due
        outcomes += exchange.advance(now)
    return outcomes + exchange.advance(end)


class TestClosed:
    def test_a_market_order_is_warned_of_and_waits_for_the_open(self) -> None:
        exchange = make_real()
        placed = exchange.place(make_ticket(), MONDAY_NIGHT)

        assert told(placed) == ["Warned PreSubmitted", "Acknowledged PreSubmitted"]
        assert isinstance(placed[0], Warned)
        assert placed[0].refusal.code == 399
        assert placed[0].refusal.text == (
            "Order Message:\nBUY 100 AAPL NASDAQ.NMS\nWarning: Your order will not be placed"
            " at the exchange until 2026-03-10 09:30:00 US/Eastern."
        )
        assert exchange.next_due(MONDAY_NIGHT) == TUESDAY_OPEN
        assert exchange.set_price(AAPL, Decimal(140), MONDAY_NIGHT) == []
        assert told(exchange.advance(TUESDAY_OPEN)) == ["Executed Filled"]

    def test_a_limit_order_comes_to_the_exchange_at_the_open(self) -> None:
        exchange = make_real()
        exchange.place(make_ticket(limit="100"), MONDAY_NIGHT)

        assert told(until(exchange, MONDAY_NIGHT, TUESDAY_OPEN)) == ["Acknowledged Submitted"]

    def test_a_sale_at_the_open_is_submitted_and_then_filled(self) -> None:
        exchange = make_real()
        exchange.place(make_ticket(side="SELL"), MONDAY_NIGHT)

        assert told(exchange.advance(TUESDAY_OPEN)) == [
            "Acknowledged Submitted",
            "Executed Filled",
        ]

    def test_outside_rth_counts_for_limit_orders_in_extended_hours(self) -> None:
        exchange = make_real()
        evening = ny(9, 18)

        def place(order_id: int, limit: str | None) -> list[str]:
            ticket = make_ticket(order_id=order_id, limit=limit, outside_rth=True)
            return told(exchange.place(ticket, evening))

        assert place(1, "160") == ["Acknowledged PreSubmitted", "Executed Filled"]
        assert place(2, None) == ["Warned PreSubmitted", "Acknowledged PreSubmitted"]

    @pytest.mark.parametrize(
        ("outside_rth", "end"), [(False, TUESDAY_CLOSE), (True, ny(10, 17))]
    )
    def test_a_day_order_ends_with_the_session_it_works_in(
        self,
        outside_rth: bool,  # noqa: FBT001
        end: datetime,
    ) -> None:
        exchange = make_real()
        ticket = make_ticket(limit="100", outside_rth=outside_rth)
        exchange.place(ticket, MONDAY_NIGHT)
        until(exchange, MONDAY_NIGHT, end - timedelta(seconds=1))

        assert exchange.next_due(end - timedelta(seconds=1)) == end
        (ended,) = exchange.advance(end)
        assert isinstance(ended, Cancelled)
        assert (ended.order.completed_words, ended.order.completed_at) == ("Expired", end)

    def test_an_order_that_is_good_till_cancelled_stays_over_days_unheard(self) -> None:
        exchange = make_real()
        exchange.place(make_ticket(limit="100", tif="GTC"), MONDAY_NOON)

        assert until(exchange, MONDAY_NOON, ny(16, 12)) == []
        assert told(exchange.set_price(AAPL, Decimal(90), ny(16, 21))) == []
        assert told(until(exchange, ny(16, 21), ny(17, 12))) == [
            "Executed Filled", "CommissionKnown Filled", "HoldingChanged",
        ]  # fmt: skip

    def test_a_change_while_closed_waits_too(self) -> None:
        exchange = make_real()
        exchange.place(make_ticket(limit="100"), MONDAY_NIGHT)

        assert told(exchange.place(make_ticket(), MONDAY_NIGHT)) == [
            "Acknowledged PreSubmitted"
        ]
        assert told(exchange.advance(TUESDAY_OPEN)) == ["Executed Filled"]

    def test_what_waits_lives_through_a_restart(self) -> None:
        exchange = make_real()
        exchange.place(make_ticket(), MONDAY_NIGHT)
        other = Exchange(contracts(), exchange.opening, Rules(hours=REAL))
        other.restore([exchange.everything()], MONDAY_NIGHT)

        assert other.next_due(MONDAY_NIGHT) == TUESDAY_OPEN
        assert told(other.advance(TUESDAY_OPEN)) == ["Executed Filled"]

    def test_a_held_market_order_fills_after_a_restart(self) -> None:
        exchange = make_exchange()
        exchange.hold()
        exchange.place(make_ticket(), NOW)
        other = Exchange(contracts(), exchange.opening)
        other.restore([exchange.everything()], NOW)

        assert told(until(other, NOW, NOW + STEP))[0] == "Executed Filled"


class TestCancelling:
    def test_a_cancel_while_closed_is_pending_first_and_confirmed_at_once(self) -> None:
        exchange = make_real()
        exchange.place(make_ticket(), MONDAY_NIGHT)

        assert told(exchange.cancel(CLIENT, OrderId(1), MONDAY_NIGHT)) == [
            "CancelPending PendingCancel",
            "CancelPending PendingCancel",
            "Cancelled Cancelled",
        ]

    def test_it_may_be_confirmed_only_at_the_open(self) -> None:
        exchange = make_real(cancels_wait=True)
        exchange.place(make_ticket(), MONDAY_NIGHT)
        told_now = told(exchange.cancel(CLIENT, OrderId(1), MONDAY_NIGHT))
        (again,) = exchange.cancel(CLIENT, OrderId(1), MONDAY_NIGHT)
        (change,) = exchange.place(make_ticket(quantity="5"), MONDAY_NIGHT)
        price_moved = exchange.set_price(AAPL, Decimal(140), MONDAY_NIGHT)

        assert told_now == ["CancelPending PendingCancel"] * 2
        assert isinstance(again, Refused)
        assert again.refusal.code == 161
        assert again.refusal.text.endswith(f"state.  Order permId ={_perm_id(exchange)}")
        assert isinstance(change, Refused)
        assert change.refusal.code == 201
        assert price_moved == []
        assert told(until(exchange, MONDAY_NIGHT, TUESDAY_OPEN)) == ["Cancelled Cancelled"]

    def test_while_open_it_is_confirmed_at_once_in_any_case(self) -> None:
        exchange = make_real(cancels_wait=True)
        exchange.place(make_ticket(limit="100"), MONDAY_NOON)

        assert told(exchange.cancel(CLIENT, OrderId(1), MONDAY_NOON)) == ["Cancelled Cancelled"]


def _perm_id(exchange: Exchange) -> int:
    return exchange.open_orders()[0].perm_id


class TestOneChance:
    def test_fill_or_kill_fills_whole_or_is_inactive(self) -> None:
        exchange = make_exchange()
        exchange.set_size(AAPL, 40, NOW)
        whole = exchange.place(make_ticket(limit="150.01", quantity="40", tif="FOK"), NOW)
        part = exchange.place(make_ticket(order_id=2, limit="150.01", tif="FOK"), NOW)
        none = exchange.place(make_ticket(order_id=3, limit="140", tif="FOK"), NOW)

        assert told(whole) == ["Acknowledged PreSubmitted", "Executed Filled"]
        assert told(part) == told(none) == ["Acknowledged PreSubmitted", "Killed Inactive"]
        assert exchange.open_orders() == []

    def test_a_held_fill_or_kill_order_has_its_chance_when_released(self) -> None:
        exchange = make_exchange()
        exchange.hold()
        exchange.place(make_ticket(limit="140", tif="FOK"), NOW)

        assert told(exchange.release(NOW)) == ["Killed Inactive"]

    def test_at_the_opening_fills_at_the_next_open_and_not_before(self) -> None:
        exchange = make_real()
        placed = exchange.place(make_ticket(tif="OPG"), MONDAY_NOON)

        assert told(placed) == ["Acknowledged PreSubmitted"]
        assert exchange.set_price(AAPL, Decimal(140), MONDAY_NOON) == []
        assert told(until(exchange, MONDAY_NOON, TUESDAY_OPEN)) == ["Executed Filled"]

    def test_what_the_opening_does_not_fill_is_cancelled(self) -> None:
        exchange = make_real()
        exchange.place(make_ticket(limit="100", tif="OPG"), MONDAY_NOON)

        assert told(until(exchange, MONDAY_NOON, TUESDAY_OPEN)) == [
            "Acknowledged Submitted", "CancelPending PendingCancel", "Cancelled Cancelled",
        ]  # fmt: skip

    def test_where_it_is_always_open_the_day_opens_at_midnight(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(tif="OPG"), NOW)

        assert told(until(exchange, NOW, ny(10, 0))) == ["Executed Filled"]

    def test_an_order_for_the_open_that_is_held_over_it_ends_at_the_close(self) -> None:
        exchange = make_real()
        exchange.place(make_ticket(tif="OPG"), MONDAY_NOON)
        exchange.hold()

        assert told(until(exchange, MONDAY_NOON, TUESDAY_CLOSE)) == ["Cancelled Cancelled"]


class TestPriceBand:
    @pytest.mark.parametrize(
        ("side", "price", "inside", "beyond", "edge"),
        [
            ("BUY", "292.34", "300.93", "300.94", "300.934796"),
            ("SELL", "257.68", "250.11", "250.10", "250.104208"),
        ],
    )
    def test_a_limit_beyond_the_band_is_turned_away_in_the_recorded_words(
        self, side: str, price: str, inside: str, beyond: str, edge: str
    ) -> None:
        exchange = make_exchange(rules=Rules(price_band=REAL_PRICE_BAND))
        exchange.set_price(AAPL, Decimal(price), NOW)
        fine = exchange.place(make_ticket(side=side, limit=inside), NOW)
        away = exchange.place(make_ticket(order_id=2, side=side, limit=beyond), NOW)
        market = exchange.place(make_ticket(order_id=3, side=side), NOW)

        assert told(fine)[-1] == told(market)[-1] == "Executed Filled"
        assert told(away) == [
            "Acknowledged PreSubmitted",
            "CancelPending PendingCancel",
            "CancelPending PendingCancel",
            "Cancelled Cancelled",
        ]
        assert isinstance(away[-1], Cancelled)
        assert away[-1].reason == (
            "We cannot accept an order at a limit price at or more aggressive than"
            f" {edge}. Please submit your order <br>using a limit price that is closer to the"
            f" current market price of {price}. or convert your order to an <br>algorithmic"
            " Order (IBALGO)"
        )


class TestBorrowing:
    def test_a_short_sale_waits_for_its_shares_and_then_fills(self) -> None:
        exchange = make_exchange()
        exchange.set_hard_to_borrow(AAPL.con_id, timedelta(seconds=30))
        placed = exchange.place(make_ticket(side="SELL"), NOW)
        located = NOW + timedelta(seconds=30)

        assert told(placed) == ["Acknowledged PreSubmitted", "Warned PreSubmitted"]
        assert isinstance(placed[1], Warned)
        assert placed[1].refusal.text == "Order held while securities are located."
        assert exchange.open_orders()[0].why_held == "locate"
        assert exchange.set_price(AAPL, Decimal(149), NOW) == []
        assert exchange.next_due(NOW) == located
        assert told(exchange.advance(located)) == ["Acknowledged Submitted", "Executed Filled"]

    def test_it_may_wait_until_it_is_told(self) -> None:
        exchange = make_exchange()
        exchange.set_hard_to_borrow(AAPL.con_id, None)
        exchange.place(make_ticket(side="SELL", tif="GTC"), NOW)

        assert exchange.next_due(NOW) is None
        assert told(exchange.set_easy_to_borrow(AAPL.con_id, NOW))[-1] == "Executed Filled"
        assert told(exchange.place(make_ticket(order_id=2, side="SELL"), NOW))[0] == (
            "Acknowledged Submitted"
        )

    def test_what_is_held_is_sold_without_borrowing(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(), NOW)
        exchange.set_hard_to_borrow(AAPL.con_id, None)
        exchange.place(make_ticket(order_id=2, symbol="MSFT", side="SELL"), NOW)
        exchange.place(make_ticket(order_id=3, side="SELL", quantity="60", limit="200"), NOW)
        exchange.place(make_ticket(order_id=4, side="SELL", quantity="60", limit="200"), NOW)

        assert [o.why_held for o in exchange.open_orders()] == ["", "locate"]

    def test_shares_located_while_closed_are_sold_at_the_open(self) -> None:
        exchange = make_real()
        exchange.set_hard_to_borrow(AAPL.con_id, timedelta(seconds=30))
        exchange.place(make_ticket(side="SELL"), MONDAY_NIGHT)
        located = MONDAY_NIGHT + timedelta(seconds=30)

        assert told(until(exchange, MONDAY_NIGHT, located)) == ["Acknowledged PreSubmitted"]
        assert told(until(exchange, located, TUESDAY_OPEN)) == [
            "Acknowledged Submitted",
            "Executed Filled",
        ]


def test_orders_that_wait_are_looked_at_in_the_order_of_their_moments() -> None:
    exchange = make_exchange()
    exchange.set_hard_to_borrow(AAPL.con_id, timedelta(seconds=30))
    exchange.place(make_ticket(side="SELL"), NOW)
    exchange.set_hard_to_borrow(AAPL.con_id, timedelta(seconds=10))
    exchange.place(make_ticket(order_id=2, side="SELL"), NOW)
    exchange.advance(NOW + timedelta(minutes=1))

    assert [each.order_id for each in exchange.executions()] == [2, 1]
    assert exchange.position(ACCOUNT, AAPL.con_id).quantity == -200

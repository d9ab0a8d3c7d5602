"""Summaries, positions, profit, families and quotes, message by message."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise

import pytest

from twsim.answers.market import GENERIC_TICKS
from twsim.exchange.vocabulary import AccountId
from twsim.subscriptions import REFRESH, SUBSCRIPTIONS_MAX
from twsim.ticker import Ticker
from twsim.wire.market import TickPrice
from twsim.wire.requests import (
    CancelAccountSummary,
    CancelMktData,
    CancelPnL,
    CancelPnLSingle,
    CancelPositionsMulti,
    ReqAccountSummary,
    ReqAccountUpdates,
    ReqAccountUpdatesMulti,
    ReqFamilyCodes,
    ReqMarketDataType,
    ReqMktData,
    ReqPnL,
    ReqPnLSingle,
    ReqPositionsMulti,
)
from twsim_makers import ACCOUNT, NOW, OTHER_ACCOUNT, contract
from twsim_world import Client, World, names

AAPL = 265598


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> Client:
    return Client(world)


def set_price(world: World, price: str) -> None:
    exchange, now = world.simulator.exchange, world.clock.now()
    world.simulator.publish(exchange.set_price(contract(), Decimal(price), now))
    world.simulator.settle()


class TestSummaries:
    def test_what_has_no_currency_comes_first_and_each_part_is_by_name(
        self, client: Client
    ) -> None:
        tags = (
            "NetLiquidation,AccountType,SettledCash,Cushion,AvailableFunds,DayTradesRemaining"
        )
        told = client.ask(ReqAccountSummary(req_id=7, group="All", tags=tags))

        assert told[:-1] == [
            ["63", "1", "7", ACCOUNT, "AccountType", "INDIVIDUAL", ""],
            ["63", "1", "7", ACCOUNT, "Cushion", "1.000000", ""],
            ["63", "1", "7", ACCOUNT, "DayTradesRemaining", "-1", ""],
            ["63", "1", "7", ACCOUNT, "AvailableFunds", "1000000.00", "USD"],
            ["63", "1", "7", ACCOUNT, "NetLiquidation", "1000000.00", "USD"],
        ]
        assert told[-1] == ["64", "1", "7"]

    @pytest.mark.parametrize(
        ("tag", "currencies"),
        [
            ("$LEDGER", ["BASE"]),
            ("$LEDGER:USD", ["USD"]),
            ("$LEDGER:ALL", ["BASE", "USD"]),
            ("$LEDGER:EUR", []),
        ],
    )
    def test_the_ledger_is_told_by_currency(
        self, client: Client, tag: str, currencies: list[str]
    ) -> None:
        told = client.ask(ReqAccountSummary(req_id=7, group=ACCOUNT, tags=tag))[:-1]

        assert sorted({row[6] for row in told}) == currencies
        assert ("CashBalance" in {row[4] for row in told}) == bool(currencies)

    def test_two_at_a_time_and_no_more(self, client: Client) -> None:
        for req_id in (1, 2, 1):
            told = client.ask(ReqAccountSummary(req_id=req_id, group="All", tags="Cushion"))
            assert names(told) == ["63", "64"]
        (error,) = client.ask(ReqAccountSummary(req_id=3, group="All", tags="Cushion"))

        assert error[2:4] == ["3", "322"]
        assert "Maximum number of account summary requests exceeded" in error[4]

        client.ask(CancelAccountSummary(req_id=1))
        told = client.ask(ReqAccountSummary(req_id=3, group="All", tags="Cushion"))
        assert names(told) == ["63", "64"]

    def test_an_unknown_group_is_refused(self, client: Client) -> None:
        told = client.ask(ReqAccountSummary(req_id=3, group="Friends", tags="Cushion"))

        assert names(told) == ["error 321"]

    def test_what_changed_is_told_again_every_three_minutes(
        self, world: World, client: Client
    ) -> None:
        client.ask(ReqAccountSummary(req_id=7, group="All", tags="NetLiquidation,AccountType"))
        client.place(1)
        world.later(REFRESH.total_seconds() - 10)
        client.wire.heard()
        world.later(10)

        assert [row[4] for row in client.wire.heard()] == ["NetLiquidation"]

        client.ask(CancelAccountSummary(req_id=7))
        world.later(2 * REFRESH.total_seconds())

        assert client.wire.heard() == []
        assert client.session.subscriptions.refresh_due is None

    def test_account_values_are_refreshed_as_prices_move(
        self, world: World, client: Client
    ) -> None:
        client.place(1)
        world.later(1)
        client.ask(ReqAccountUpdates(subscribe=True, account=ACCOUNT))
        client.ask(ReqAccountUpdatesMulti(req_id=3, account=ACCOUNT))
        set_price(world, "180.00")
        world.later(REFRESH.total_seconds())
        told = client.wire.heard()

        assert {row[0] for row in told} == {"73", "6", "8"}
        assert "UnrealizedPnL" in {row[2] for row in told}


class TestPositionsOfOneAccount:
    def test_rows_then_the_end_then_what_changes(self, world: World, client: Client) -> None:
        world.simulator.exchange.open_account(OTHER_ACCOUNT, Decimal(1000))
        world.simulator.exchange.set_position(ACCOUNT, contract().con_id, 15, Decimal(3000))
        told = client.ask(ReqPositionsMulti(req_id=4, account=ACCOUNT))
        other = client.ask(ReqPositionsMulti(req_id=5, account=OTHER_ACCOUNT))
        every = client.ask(ReqPositionsMulti(req_id=6))

        assert told == [
            ["71", "1", "4", ACCOUNT, str(AAPL), "AAPL", "STK", "", "0.0", "", "", "NASDAQ",
             "USD", "AAPL", "NMS", "15", "200.0", ""],
            ["72", "1", "4"],
        ]  # fmt: skip
        assert names(other) == ["72"]
        assert names(every) == ["71", "72"]

        client.place(1)
        world.later(1)
        assert [row[2] for row in client.wire.heard() if row[0] == "71"] == ["4", "6"]

        client.ask(CancelPositionsMulti(req_id=4))
        client.place(2)
        world.later(1)
        assert [row[2] for row in client.wire.heard() if row[0] == "71"] == ["6"]

    def test_an_unknown_account_is_refused(self, client: Client) -> None:
        assert names(client.ask(ReqPositionsMulti(req_id=4, account="DU9"))) == ["error 321"]

    def test_there_is_an_end_to_them(self, client: Client) -> None:
        for req_id in range(SUBSCRIPTIONS_MAX):
            client.ask(ReqPositionsMulti(req_id=req_id))

        assert names(client.ask(ReqPositionsMulti(req_id=-5))) == ["error 321"]


class TestProfit:
    def test_it_is_told_at_once_and_as_prices_move(self, world: World, client: Client) -> None:
        first = client.ask(ReqPnL(req_id=4, account=ACCOUNT))

        assert first == [["94", "4", "0.0", "0.0", "0.0"]]

        set_price(world, "150.00")
        client.place(1)
        set_price(world, "160.00")
        client.wire.heard()
        world.later(1)
        (row,) = [row for row in client.wire.heard() if row[0] == "94"]
        assert Decimal(row[2]) == Decimal(row[3]) > 900
        assert row[4] == "0.0"

        client.ask(CancelPnL(req_id=4))
        world.later(5)
        assert "94" not in {row[0] for row in client.wire.heard()}

    def test_of_one_position(self, world: World, client: Client) -> None:
        set_price(world, "150.00")
        world.simulator.exchange.set_position(ACCOUNT, contract().con_id, 10, Decimal(1000))
        (row,) = client.ask(ReqPnLSingle(req_id=4, account=ACCOUNT, con_id=AAPL))

        assert row[:3] == ["95", "4", "10"]
        assert Decimal(row[4]) == 500
        assert row[5:] == ["0.0", "1500.0"]
        client.place(1, action="SELL", total_quantity=Decimal(10))
        world.later(1)
        told = [row for row in client.wire.heard() if row[0] == "95"]
        assert told[-1][2] == "0"
        assert Decimal(told[-1][5]) > 0

        client.ask(CancelPnLSingle(req_id=4))
        assert not client.session.subscriptions.follows_prices

    def test_the_day_begins_at_midnight(self, world: World, client: Client) -> None:
        world.simulator.exchange.set_position(ACCOUNT, contract().con_id, 10, Decimal(1000))
        world.clock.advance(24 * 3600)
        world.simulator.tick()
        (row,) = client.ask(ReqPnL(req_id=4, account=ACCOUNT))

        assert row[2] == "0.0"
        assert Decimal(row[3]) > 0

    @pytest.mark.parametrize(
        "request_",
        [
            ReqPnL(req_id=4, account="DU9"),
            ReqPnLSingle(req_id=4, account="DU9", con_id=AAPL),
            ReqPnLSingle(req_id=4, account=ACCOUNT, con_id=5),
        ],
    )
    def test_of_nothing_it_is_refused(
        self, client: Client, request_: ReqPnL | ReqPnLSingle
    ) -> None:
        assert names(client.ask(request_)) == ["error 321"]

    def test_there_is_an_end_to_them(self, client: Client) -> None:
        for req_id in range(SUBSCRIPTIONS_MAX):
            client.ask(ReqPnL(req_id=req_id, account=ACCOUNT))

        assert names(client.ask(ReqPnL(req_id=-5, account=ACCOUNT))) == ["error 321"]


class TestFamilies:
    def test_one_account_is_a_star(self, client: Client) -> None:
        assert client.ask(ReqFamilyCodes()) == [["78", "1", "*", ""]]

    def test_several_are_named(self, world: World, client: Client) -> None:
        world.simulator.exchange.open_account(AccountId("DU5"), Decimal(1))

        assert client.ask(ReqFamilyCodes()) == [["78", "2", ACCOUNT, "", "DU5", ""]]


class TestQuotes:
    def ask(self, client: Client, **more: object) -> list[list[str]]:
        make: Callable[..., ReqMktData] = ReqMktData
        return client.ask(make(**{"req_id": 8, "symbol": "AAPL", "sec_type": "STK", **more}))

    @pytest.mark.parametrize("kind", [3, 4])
    def test_delayed_quotes_have_ticks_of_their_own(self, client: Client, kind: int) -> None:
        client.ask(ReqMarketDataType(market_data_type=kind))
        told = self.ask(client)

        assert told[0][2:4] == ["8", "10167"]
        assert told[1] == ["58", "1", "8", "3"]
        assert {int(row[3]) for row in told[3:]} == {*range(66, 77), 88}

    @pytest.mark.parametrize("kind", [1, 2])
    def test_others_are_live_while_the_market_moves(self, client: Client, kind: int) -> None:
        client.ask(ReqMarketDataType(market_data_type=kind))
        told = self.ask(client)

        assert told[0] == ["58", "1", "8", "1"]
        assert {int(row[3]) for row in told[2:]} == {*range(10), 14, 45, 49}

    def test_a_type_that_is_none_is_refused(self, client: Client) -> None:
        assert names(client.ask(ReqMarketDataType(market_data_type=5))) == ["error 321"]

    def test_the_shortable_tick_is_told_where_it_is_asked_for(self, client: Client) -> None:
        told = self.ask(client, generic_ticks="233,236")

        assert ["45", "6", "8", "46", "3.0"] in told

    def test_wrong_generic_ticks_are_refused_with_the_right_ones(self, client: Client) -> None:
        (error,) = self.ask(client, generic_ticks="233,999")

        assert error[3] == "321"
        assert "Incorrect generic tick list of 233,999.  Legal ones for (STK)" in error[4]
        assert all(tick in error[4] for tick in GENERIC_TICKS)

    def test_a_snapshot_has_no_generic_ticks(self, client: Client) -> None:
        assert names(self.ask(client, snapshot=True, generic_ticks="233")) == ["error 321"]

    def test_a_regulatory_snapshot_ends_as_well(self, client: Client) -> None:
        assert self.ask(client, regulatory_snapshot=True)[-1] == ["57", "1", "8"]
        assert client.world.simulator.next_due() is None

    def test_an_id_is_good_for_one_stream(self, client: Client) -> None:
        self.ask(client)

        assert names(self.ask(client)) == ["error 102"]

    def test_nothing_can_be_cancelled_twice(self, client: Client) -> None:
        self.ask(client)

        assert client.ask(CancelMktData(req_id=8)) == []
        (error,) = client.ask(CancelMktData(req_id=8))
        assert error[2:5] == ["8", "300", "Can't find EId with tickerId:8"]

    def test_the_day_of_a_quote_grows_while_it_is_watched(
        self, world: World, client: Client
    ) -> None:
        self.ask(client)
        volumes = []
        for price in ("170.00", "130.00"):
            set_price(world, price)
            world.later(1)
            told = client.wire.heard()
            volumes += [int(row[4]) for row in told if row[0] == "2" and row[3] == "8"]

        assert all(before < after for before, after in pairwise(volumes))
        ticker = next(iter(client.session.subscriptions.tickers.values()))
        assert (ticker.low < 140, ticker.high > 160) == (True, True)

    def test_a_quote_that_stands_still_is_not_told_again(self, world: World) -> None:
        quote = world.simulator.exchange.quote(contract(), NOW)
        ticker = Ticker(contract(), delayed=False)

        first = list(ticker.ticks(1, quote, NOW))

        assert isinstance(first[0], TickPrice)
        assert list(ticker.ticks(1, quote, NOW)) == []

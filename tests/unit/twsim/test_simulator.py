"""Sessions and their world, driven with bytes and a clock in the hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256

import pytest

from twsim.exchange.hours import Calendar, Hours
from twsim.exchange.rules import REAL_PRICE_BAND, Rules
from twsim.exchange.settlement import COMMISSION_DELAY
from twsim.exchange.vocabulary import AccountId
from twsim.simulator import ACCOUNT_DELAY, SESSIONS_MAX
from twsim.subscriptions import QUOTES_MAX, SUBSCRIPTIONS_MAX
from twsim.transcript import Direction
from twsim.wire.framing import frame
from twsim.wire.requests import (
    CancelAccountUpdatesMulti,
    CancelMktData,
    CancelOrder,
    CancelPositions,
    ReqAccountUpdates,
    ReqAccountUpdatesMulti,
    ReqCompletedOrders,
    ReqContractDetails,
    ReqExecutions,
    ReqIds,
    ReqManagedAccts,
    ReqMarketRule,
    ReqMktData,
    ReqPositions,
    SetServerLogLevel,
    StartApi,
)
from twsim_makers import ACCOUNT, NOW, OTHER_ACCOUNT, contract
from twsim_world import Client, Wire, World, names

FARMS = [2104, 2106, 2158]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> Client:
    return Client(world)


class TestStarting:
    def test_the_greeting_is_alone_and_the_rest_waits_for_the_start(
        self, client: Client
    ) -> None:
        assert client.greeting == [["178", "20260309 10:30:00 EDT"]]
        assert client.started[:2] == [["15", "1", ACCOUNT], ["9", "1", "1"]]
        assert names(client.started[2:]) == [f"error {code}" for code in FARMS]
        assert len(client.wire.bursts) == 2

    def test_even_an_impatient_client_gets_the_greeting_in_a_write_of_its_own(
        self, world: World
    ) -> None:
        wire = Wire(world.log)
        session = world.simulator.connect(wire)
        assert session is not None
        start = frame(b"71\0002\0001\0\0")
        world.simulator.receive(session, b"API\0" + frame(b"v157..178") + start)

        assert [burst.count(b"178\x00") for burst in wire.bursts] == [1, 0]

    def test_a_client_id_has_one_session(self, world: World, client: Client) -> None:
        second = Client(world)

        assert names(second.started) == ["error 326"]
        assert second.wire.closed
        second.send(b"anything")
        world.simulator.lost(second.session)
        assert client.ask(ReqManagedAccts()) == [["15", "1", ACCOUNT]]
        world.simulator.lost(client.session)
        world.simulator.lost(client.session)
        assert Client(world).started[0] == ["15", "1", ACCOUNT]

    def test_nobody_starts_twice(self, client: Client) -> None:
        assert names(client.ask(StartApi(client_id=2))) == ["error 321"]

    def test_nonsense_ends_that_line_only(self, world: World, client: Client) -> None:
        other = Client(world, client_id=2)
        client.send(frame(b"61\0"))

        assert client.wire.closed
        assert not other.wire.closed

    def test_a_gateway_serves_so_many_clients_and_no_more(self, world: World) -> None:
        for client_id in range(SESSIONS_MAX):
            Client(world, client_id=client_id)

        assert world.simulator.connect(Wire(world.log)) is None

    def test_all_of_a_login_is_told_and_later_changes_too(self, client: Client) -> None:
        client.world.simulator.set_managed_accounts(["DU1", "U2"])
        client.world.simulator.settle()

        assert client.wire.heard() == [["15", "1", "DU1,U2"]]


class TestTrading:
    def test_a_market_buy_is_told_in_the_order_of_a_real_gateway(
        self, world: World, client: Client
    ) -> None:
        client.ask(ReqPositions())
        client.ask(ReqAccountUpdates(subscribe=True, account=ACCOUNT))

        assert names(client.place(total_quantity=Decimal(50))) == [
            "oo", "os PreSubmitted 0/50", "exec", "oo", "os Filled 50/0",
        ]  # fmt: skip

        world.later(COMMISSION_DELAY.total_seconds())

        assert names(client.wire.heard()) == [
            "oo", "os Filled 50/0", "comm", "position", "portfolio",
        ]  # fmt: skip

        world.later(ACCOUNT_DELAY.total_seconds())
        news = client.wire.heard()

        assert {fields[0] for fields in news} == {"6", "8"}
        assert news[-1] == ["8", "1", "10:30"]
        assert ["6", "2", "TotalCashValue", "992499.15", "USD", ACCOUNT] in news
        assert "AccountCode" not in {fields[2] for fields in news}

    def test_a_market_sell_starts_submitted(self, client: Client) -> None:
        told = names(client.place(action="SELL"))

        assert told[:2] == ["oo", "os Submitted 0/100"]

    def test_partial_fills_stay_submitted(self, world: World, client: Client) -> None:
        world.simulator.exchange.set_size(contract("AAPL"), 40, NOW)

        assert names(client.place()) == [
            "oo", "os Submitted 0/100", "exec",
            "oo", "os Submitted 40/60", "exec",
            "oo", "os Submitted 80/20", "exec",
            "oo", "os Filled 100/0",
        ]  # fmt: skip

    def test_a_resting_limit_is_cancelled_without_an_open_order(self, client: Client) -> None:
        placed = client.place(order_type="LMT", limit_price=Decimal("100.10"))

        assert names(placed) == ["oo", "os Submitted 0/100"]
        assert names(client.ask(CancelOrder(order_id=1))) == [
            "os Cancelled 0/100",
            "error 202",
        ]

    def test_immediate_or_cancel_is_pending_first(self, client: Client) -> None:
        told = names(client.place(order_type="LMT", limit_price=Decimal(100), tif="IOC"))

        assert told == [
            "oo", "os Submitted 0/100", "oo", "os PendingCancel 0/100",
            "os Cancelled 0/100", "error 202",
        ]  # fmt: skip

    def test_a_rejection_by_risk_leaves_an_inactive_order(self, client: Client) -> None:
        told = names(client.place(total_quantity=Decimal(10_000_000)))

        assert told == ["error 201", "oo", "os Inactive 0/10000000"]

    def test_an_empty_time_in_force_is_a_day_order(self, client: Client) -> None:
        assert client.place(tif="")[0][18] == "DAY"

    def test_an_untransmitted_order_is_not_heard_of(self, client: Client) -> None:
        assert client.place(transmit=False) == []
        assert names(client.place())[0] == "oo"

    @pytest.mark.parametrize(
        ("terms", "code", "words"),
        [
            ({"what_if": True, "symbol": "NOPE"}, 200, "No security definition"),
            ({"sec_type": "bogus"}, 321, "Please enter a valid security type"),
            ({"sec_type": "OPT"}, 200, "No security definition"),
            ({"symbol": "TWIN"}, 200, "specified for TWIN is ambiguous."),
            ({"order_type": "STP"}, 321, "Invalid order type was entered"),
            ({"electronic_trade_only": True}, 10268, "The 'EtradeOnly' order attribute is not"),
            ({"firm_quote_only": True}, 10269, "The 'FirmQuoteOnly' order attribute is not"),
        ],
    )
    def test_a_bad_order_gets_only_an_error(
        self, client: Client, terms: dict[str, object], code: int, words: str
    ) -> None:
        (error,) = client.place(7, **terms)

        assert error[2:4] == ["7", str(code)]
        assert words in error[4]

    def test_changes_are_kept_before_anything_is_told(
        self, world: World, client: Client
    ) -> None:
        world.log.clear()
        client.place()

        assert world.log == ["kept", "wrote"]

        world.later(1)

        assert world.log == ["kept", "wrote"] * 2

    def test_an_order_lives_on_without_its_client(self, world: World, client: Client) -> None:
        world.simulator.exchange.hold()
        client.place()
        world.simulator.lost(client.session)
        world.simulator.publish(world.simulator.exchange.release(NOW))
        world.later(1)

        assert len(Client(world).ask(ReqExecutions(req_id=3))) == 3


class TestAsking:
    def test_executions_pass_the_filter(self, world: World, client: Client) -> None:
        client.place(1)
        client.place(2, symbol="MSFT", action="SELL")
        other = Client(world, client_id=2)
        other.place(1)

        def found(**wanted: object) -> int:
            make: Callable[..., ReqExecutions] = ReqExecutions
            told = client.ask(make(req_id=5, **wanted))
            assert told[-1] == ["55", "1", "5"]
            return sum(fields[0] == "11" for fields in told)

        assert found() == 3
        assert found(client_id=2) == 1
        assert found(symbol="MSFT") == 1
        assert found(side="SELL") == found(side="SLD") == 1
        assert found(side="BUY") == 2
        assert found(side="nonsense") == 0
        assert found(account=OTHER_ACCOUNT) == 0
        assert found(sec_type="STK", exchange="SMART") == 3
        assert found(sec_type="OPT") == 0
        assert found(exchange="LSE") == 0
        assert found(time="20260309-14:29:00") == 3
        assert found(time="20260309-14:31:00") == 0
        assert found(time="20260309 10:29:00") == 3
        assert found(time="20260309 10:31:00 US/Eastern") == 0
        assert found(time="20260309 14:29:00 UTC") == 3

    @pytest.mark.parametrize(
        "time",
        [
            "yesterday",
            "20261309 10:00:00",
            "20260309 10:00:00 Mars/Base",
            "20260309 10:00:00 ../x",
        ],
    )
    def test_a_time_that_is_none_is_refused(self, client: Client, time: str) -> None:
        assert names(client.ask(ReqExecutions(req_id=5, time=time))) == ["error 321"]

    def test_all_executions_come_before_all_commissions(
        self, world: World, client: Client
    ) -> None:
        client.place(1)
        client.place(2)
        world.later(1)
        client.place(3)
        client.wire.heard()

        assert names(client.ask(ReqExecutions(req_id=5))) == [
            "exec", "exec", "exec", "comm", "comm", "55",
        ]  # fmt: skip

    def test_account_updates_end_with_the_time_and_the_end(self, client: Client) -> None:
        client.place()
        told = client.ask(ReqAccountUpdates(subscribe=True))
        order = [fields[0] for fields in told]

        assert order == sorted(order, key=["6", "7", "8", "54"].index)
        assert told[-1] == ["54", "1", ACCOUNT]
        assert client.ask(ReqAccountUpdates(subscribe=False)) == []

    def test_an_unknown_account_is_refused(self, client: Client) -> None:
        for request in (
            ReqAccountUpdates(subscribe=True, account="DU9"),
            ReqAccountUpdatesMulti(req_id=4, account="DU9"),
        ):
            assert names(client.ask(request)) == ["error 321"]

    def test_account_updates_by_request_id_are_pushed_until_cancelled(
        self, world: World, client: Client
    ) -> None:
        first = client.ask(ReqAccountUpdatesMulti(req_id=4, account=ACCOUNT))

        assert first[-1] == ["74", "1", "4"]
        assert {fields[0] for fields in first[:-1]} == {"73"}

        client.place()
        world.later(1)
        pushed = [fields for fields in client.wire.heard() if fields[0] == "73"]

        assert {fields[2] for fields in pushed} == {"4"}
        assert len(pushed) < len(first)

        client.ask(CancelAccountUpdatesMulti(req_id=4))
        client.place(2)
        world.later(1)

        assert "73" not in {fields[0] for fields in client.wire.heard()}

    def test_subscriptions_have_an_end(self, client: Client) -> None:
        for req_id in range(SUBSCRIPTIONS_MAX):
            client.ask(ReqAccountUpdatesMulti(req_id=req_id, account=ACCOUNT))

        request = ReqAccountUpdatesMulti(req_id=SUBSCRIPTIONS_MAX, account=ACCOUNT)
        assert names(client.ask(request)) == ["error 321"]

    def test_positions_go_to_every_subscriber_until_cancelled(
        self, world: World, client: Client
    ) -> None:
        other = Client(world, client_id=2)

        assert other.ask(ReqPositions()) == [["62", "1"]]

        client.place()
        world.later(1)

        assert names(other.wire.heard()) == ["position"]

        other.ask(CancelPositions())
        client.place(2)
        world.later(1)

        assert other.wire.heard() == []

    def test_a_closed_position_is_still_listed_with_nothing(self, client: Client) -> None:
        client.place(1)
        client.place(2, action="SELL")
        row, end = client.ask(ReqPositions())

        assert row[-2:] == ["0", "0.0"]
        assert end == ["62", "1"]

    def test_the_next_order_id_is_the_clients_own(self, world: World, client: Client) -> None:
        client.place(41)

        assert client.ask(ReqIds()) == [["9", "1", "42"]]
        assert Client(world, client_id=2).ask(ReqIds()) == [["9", "1", "1"]]

    def test_an_unknown_contract_has_no_end_but_an_error(self, client: Client) -> None:
        for wanted in ({"symbol": "NOPE", "sec_type": "STK"}, {"sec_type": "STK", "con_id": 5}):
            make: Callable[..., ReqContractDetails] = ReqContractDetails
            assert names(client.ask(make(req_id=4, **wanted))) == ["error 200"]
        bogus = ReqContractDetails(req_id=4, symbol="AAPL", sec_type="bogus")
        assert names(client.ask(bogus)) == ["error 321"]

    def test_what_needs_no_answer_gets_none(self, client: Client) -> None:
        assert client.ask(SetServerLogLevel(level=5)) == []
        assert client.session.log_level == 5

    def test_an_unknown_market_rule_is_refused(self, client: Client) -> None:
        assert names(client.ask(ReqMarketRule(market_rule_id=1))) == ["error 321"]

    @pytest.mark.parametrize(
        ("fields", "req_id", "code", "words"),
        [
            ("87|9001|0|AAPL", "9001", "162", "market data permissions"),
            ("10|5|9002|0|AAPL", "9002", "10092", "Deep market data"),
            ("11|1|9003", "9003", "310", "market depth with tickerId:9003"),
            ("25|1|7", "7", "366", "ticker id:7"),
            ("98|8", "8", "300", "Can't find EId with tickerId:8"),
            ("18|1|1", "-1", "321", "FA data operations"),
            ("52|2", "-1", "430", "fundamentals"),
            ("87|99999999999999|", "-1", "162", "permissions"),
            ("87|x|", "-1", "162", "permissions"),
            ("40|1|", "-1", "320", "unknown message id 40"),
        ],
    )
    def test_what_is_not_served_is_refused_by_its_id_and_the_line_stays(
        self, client: Client, fields: str, req_id: str, code: str, words: str
    ) -> None:
        client.send(frame(f"{fields}|".replace("|", "\0").encode()))
        (error,) = client.wire.heard()

        assert error[2:4] == [req_id, code]
        assert words in error[4]
        assert not client.wire.closed

    def test_whoever_asks_for_news_bulletins_just_never_gets_any(self, client: Client) -> None:
        client.send(frame(b"12\x001\x001\0"))

        assert client.wire.heard() == []

    def test_long_messages_have_the_number_of_fields_of_178(self, client: Client) -> None:
        placed = client.place()
        (completed, _end) = client.ask(ReqCompletedOrders(api_only=False))

        assert {fields[0]: len(fields) for fields in [*placed, completed]} == {
            "5": 135, "3": 12, "11": 32, "101": 100,
        }  # fmt: skip

    def test_an_old_client_is_answered_in_its_own_layout(self, world: World) -> None:
        old = Client(world, client_id=9, version=157)
        told = old.place()

        assert old.greeting[0][0] == "157"
        assert len(told[0]) == 128
        assert old.ask(ReqContractDetails(req_id=1, symbol="AAPL", sec_type="STK"))[0][1] == "8"


class TestQuotes:
    def make(self, **more: object) -> ReqMktData:
        make: Callable[..., ReqMktData] = ReqMktData
        return make(**{"req_id": 8, "symbol": "AAPL", "sec_type": "STK", **more})

    def test_a_snapshot_ends(self, client: Client) -> None:
        told = client.ask(self.make(snapshot=True))

        assert [(fields[0], fields[3]) for fields in told[2:-1]] == [
            ("1", "1"), ("2", "0"), ("1", "2"), ("2", "3"), ("1", "4"), ("2", "5"),
            ("46", "45"), ("2", "8"), ("1", "6"), ("1", "7"), ("1", "9"), ("1", "14"),
            ("45", "49"),
        ]  # fmt: skip
        assert [told[0][0], told[1][0], told[-1][0]] == ["58", "81", "57"]
        assert client.world.simulator.next_due() is None

    def test_a_stream_tells_what_moved_until_it_is_cancelled(
        self, world: World, client: Client
    ) -> None:
        client.ask(self.make())
        world.later(0.5)

        assert client.wire.heard() == []

        due = world.simulator.next_due()
        assert due is not None
        world.later((due - world.clock.now()).total_seconds())

        assert {fields[0] for fields in client.wire.heard()} == {"1", "2", "46"}

        client.ask(CancelMktData(req_id=8))
        world.later(5)

        assert client.wire.heard() == []

    @pytest.mark.parametrize(
        ("wanted", "code"),
        [({"symbol": "NOPE"}, 200), ({"symbol": "TWIN"}, 200), ({"sec_type": "x"}, 321)],
    )
    def test_quotes_of_no_contract_are_refused(
        self, client: Client, wanted: dict[str, object], code: int
    ) -> None:
        assert names(client.ask(self.make(**wanted))) == [f"error {code}"]

    def test_there_are_only_so_many_lines(self, client: Client) -> None:
        for req_id in range(QUOTES_MAX):
            client.ask(self.make(req_id=req_id))

        assert names(client.ask(self.make(req_id=QUOTES_MAX))) == ["error 101"]
        assert client.ask(self.make(req_id=QUOTES_MAX, snapshot=True))[-1][0] == "57"


class TestTime:
    def test_nothing_wakes_the_simulator_while_nothing_waits(self, client: Client) -> None:
        assert client.world.simulator.next_due() is None

    def test_a_resting_order_wakes_it_when_its_price_may_come(self, client: Client) -> None:
        client.place(1, order_type="LMT", limit_price=Decimal(100))
        far = client.world.simulator.next_due()
        client.place(2, order_type="LMT", limit_price=Decimal("150.00"))
        near = client.world.simulator.next_due()

        assert far is not None
        assert near is not None
        assert (near - NOW).total_seconds() < 60 < (far - NOW).total_seconds()

    def test_the_same_inputs_give_the_same_transcript(self) -> None:
        def run() -> list[str]:
            world = World()
            client = Client(world)
            client.ask(ReqAccountUpdates(subscribe=True, account=ACCOUNT))
            client.place(1, total_quantity=Decimal(5000))
            client.place(2, order_type="LMT", limit_price=Decimal("149.95"))
            for _ in range(120):
                world.later(1)
            return [str(frame) for frame in world.simulator.transcript.frames()]

        assert run() == run()


SUNDAY = datetime(2026, 3, 8, 20, tzinfo=UTC)  # the day on which the clocks went forward
REAL = Rules(hours=Hours(Calendar(frozenset({date(2026, 3, 9)}), frozenset())))


class TestWaiting:
    def test_an_order_that_waits_for_the_open_is_told_as_a_real_gateway_does(self) -> None:
        world = World(rules=REAL, at=SUNDAY)
        client = Client(world)
        placed = client.place()

        assert names(placed) == ["error 399", "oo", "os PreSubmitted 0/100"]
        assert placed[0][4] == (
            "Order Message:\nBUY 100 AAPL NASDAQ.NMS\nWarning: Your order will not be placed"
            " at the exchange until 2026-03-10 09:30:00 US/Eastern."
        )
        assert names(client.ask(CancelOrder(order_id=1))) == [
            "oo", "os PendingCancel 0/100", "oo", "os PendingCancel 0/100",
            "os Cancelled 0/100", "error 202",
        ]  # fmt: skip

    def test_contract_details_name_closed_days_and_the_hours_of_summer(self) -> None:
        world = World(rules=REAL, at=SUNDAY)
        details = Client(world).ask(
            ReqContractDetails(req_id=1, symbol="AAPL", sec_type="STK")
        )[0]
        place = details.index("US/Eastern")

        assert details[place + 1].split(";")[:3] == [
            "20260308:CLOSED", "20260309:CLOSED", "20260310:0400-20260310:2000",
        ]  # fmt: skip
        assert details[place + 2].split(";")[2] == "20260310:0930-20260310:1600"

    def test_a_short_sale_is_held_while_its_shares_are_located(
        self, world: World, client: Client
    ) -> None:
        exchange = world.simulator.exchange
        exchange.set_hard_to_borrow(contract("AAPL").con_id, timedelta(seconds=3))
        placed = client.place(action="SELL")

        assert names(placed) == ["oo", "os PreSubmitted 0/100", "error 404"]
        assert placed[1][-3:] == ["1", "locate", "0"]
        assert placed[2][4] == "Order held while securities are located."

        world.later(3)
        released = client.wire.heard()

        assert names(released) == [
            "oo", "os Submitted 0/100", "exec", "oo", "os Filled 100/0",
        ]  # fmt: skip
        assert released[1][-3:] == ["1", "", "0"]

    def test_an_order_that_is_not_filled_at_once_is_killed(self, client: Client) -> None:
        told = names(client.place(order_type="LMT", limit_price=Decimal(100), tif="FOK"))

        assert told == ["oo", "os PreSubmitted 0/100", "oo", "os Inactive 0/100"]

    def test_a_limit_beyond_the_band_is_cancelled_with_a_reason(self) -> None:
        client = Client(World(rules=Rules(price_band=REAL_PRICE_BAND)))
        told = client.place(order_type="LMT", limit_price=Decimal(155))

        assert names(told) == [
            "oo", "os PreSubmitted 0/100", "oo", "os PendingCancel 0/100",
            "oo", "os PendingCancel 0/100", "os Cancelled 0/100", "error 202",
        ]  # fmt: skip
        assert told[-1][4].startswith(
            "Order Canceled - reason:We cannot accept an order at a limit price at or more"
            " aggressive than 154.410000. Please"
        )

    def test_a_day_order_is_cancelled_unasked_and_completed_as_expired(
        self, world: World, client: Client
    ) -> None:
        client.place(order_type="LMT", limit_price=Decimal(100))
        world.later(24 * 3600)

        assert names(client.wire.heard()) == ["os Cancelled 0/100", "error 202"]
        (completed, _end) = client.ask(ReqCompletedOrders(api_only=False))
        assert completed[94] == "Expired"

    def test_a_correction_is_an_execution_with_the_next_number(
        self, world: World, client: Client
    ) -> None:
        (exec_id,) = [fields[14] for fields in client.place() if fields[0] == "11"]
        world.later(1)
        client.wire.heard()
        corrected = world.simulator.exchange.correct(exec_id, world.clock.now(), shares=90)
        world.simulator.publish([corrected])
        world.later(1)
        told = client.wire.heard()

        assert names(told)[:6] == [
            "exec", "oo", "os Filled 90/10", "oo", "os Filled 90/10", "comm",
        ]  # fmt: skip
        assert told[0][14] == told[5][2] == f"{exec_id[:-3]}.02"
        assert [f[14] for f in client.ask(ReqExecutions(req_id=1)) if f[0] == "11"] == [
            f"{exec_id[:-3]}.02"
        ]

    def test_what_is_due_happens_before_a_request_is_answered(
        self, world: World, client: Client
    ) -> None:
        client.place()
        world.clock.advance(24 * 3600)

        assert client.ask(ReqExecutions(req_id=1))[-1] == ["55", "1", "1"]
        assert client.ask(ReqExecutions(req_id=2)) == [["55", "1", "2"]]


class TestRepeating:
    def run(self, seed: int, rules: Rules) -> str:
        """Live through two days of real hours; return the hash of all that was said."""
        world = World(seed=seed, rules=rules, at=SUNDAY)
        client = Client(world)
        exchange = world.simulator.exchange
        exchange.set_hard_to_borrow(contract("MSFT").con_id, timedelta(minutes=3))
        client.ask(ReqAccountUpdates(subscribe=True, account=ACCOUNT))
        client.ask(ReqPositions())
        for order_id in range(1, 61):
            terms: dict[str, object] = {
                "symbol": ["AAPL", "MSFT", "SPY"][order_id % 3],
                "action": ["BUY", "SELL"][order_id // 3 % 2],
                "total_quantity": Decimal(order_id * 37),
                "tif": ["DAY", "GTC", "IOC", "FOK", "OPG"][order_id % 5],
            }
            if order_id % 4:
                quote = exchange.quote(contract(str(terms["symbol"])), world.clock.now())
                away = Decimal((order_id % 7 - 3) * order_id).scaleb(-2)
                terms |= {"order_type": "LMT", "limit_price": quote.last + away}
            client.place(order_id, **terms)
            world.later(3000)
        world.later(3600)
        exchange.reset_account(ACCOUNT, Decimal(5), world.clock.now())
        frames = world.simulator.transcript.frames()
        assert len({frame.name for frame in frames}) > 12
        return sha256("\n".join(map(str, frames)).encode()).hexdigest()

    def test_the_same_seed_and_inputs_give_the_same_bytes_and_another_seed_others(
        self,
    ) -> None:
        assert self.run(1, REAL) == self.run(1, REAL)
        assert self.run(1, REAL) != self.run(2, REAL)


def test_the_transcript_is_readable(client: Client) -> None:
    client.place(3, order_ref="pd-1")
    transcript = client.world.simulator.transcript
    (placed,) = transcript.frames("placeOrder")

    assert (placed.direction, placed.client_id) == (Direction.CLIENT, 1)
    assert placed.fields[26] == "pd-1"
    assert str(placed).startswith("1 C> placeOrder 3|3|0|AAPL|STK|")
    assert [frame.name for frame in transcript.frames()][:4] == [
        "178", "startApi", "managedAccounts", "nextValidId",
    ]  # fmt: skip
    assert str(transcript.frames()[0]).startswith("? S> 178 178|2026")
    assert len(transcript.frames("error", direction=Direction.SERVER)) == len(FARMS)
    transcript.clear()
    assert transcript.frames() == []


def test_an_account_that_nobody_listens_to_is_told_to_nobody(
    world: World, client: Client
) -> None:
    world.simulator.exchange.open_account(AccountId("DU5"), Decimal(1000))
    client.ask(ReqAccountUpdates(subscribe=True, account="DU5"))
    client.place()
    world.later(1)

    assert "6" not in {fields[0] for fields in client.wire.heard()}

"""What an order service asks of orders beyond placing one, message by message."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from twsim.exchange.drafts import DRAFTS_MAX
from twsim.exchange.refusals import Refusal
from twsim.exchange.vocabulary import ClientId, OrderId
from twsim.rules import SessionRules
from twsim.wire.framing import frame
from twsim.wire.requests import (
    CancelOrder,
    ReqAllOpenOrders,
    ReqAutoOpenOrders,
    ReqCompletedOrders,
    ReqExecutions,
    ReqGlobalCancel,
    ReqIds,
    ReqOpenOrders,
    SetServerLogLevel,
)
from twsim_makers import CLIENT, NOW, contract, make_exchange, make_ticket
from twsim_world import Client, Wire, World, names

LIMIT = Decimal("100.00")
RESTING = {"order_type": "LMT", "limit_price": LIMIT}
PLACED = ["oo", "os Submitted 0/100"]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> Client:
    return Client(world)


def column(frames: list[list[str]], message: str, place: int) -> list[str]:
    return [fields[place] for fields in frames if fields[0] == message]


def tomorrow(world: World) -> None:
    world.clock.advance(24 * 3600)
    world.simulator.tick()


class TestModifying:
    def test_the_new_terms_are_told_under_the_same_perm_id(self, client: Client) -> None:
        (first, _) = client.place(1, **RESTING)
        (second, _) = client.place(1, order_type="LMT", limit_price=Decimal("101.00"))
        (third, _) = client.place(1, total_quantity=Decimal(70), **RESTING)

        perm_id = first[25]
        assert [first[16], second[16], third[16]] == ["100.0", "101.0", "100.0"]
        assert [second[25], third[25]] == [perm_id, perm_id]
        assert third[14] == "70"
        assert [told[30].split("/")[0] for told in (first, second, third)] == [
            f"{perm_id}.{count}" for count in range(3)
        ]

    def test_the_quantity_is_the_new_total_with_what_filled(
        self, world: World, client: Client
    ) -> None:
        world.simulator.exchange.set_size(contract(), 10, NOW)
        quote = world.simulator.exchange.quote(contract(), NOW)
        client.place(1, order_type="LMT", limit_price=quote.ask)
        (opened, status) = client.place(
            1, order_type="LMT", limit_price=LIMIT, total_quantity=Decimal(60)
        )

        assert (opened[14], status[3], status[4]) == ("60", "10", "50")
        for total in (10, 5):
            (error,) = client.place(1, total_quantity=Decimal(total), **RESTING)
            assert error[3] == "104"

    def test_a_limit_order_can_become_a_market_order(self, client: Client) -> None:
        client.place(1, **RESTING)

        assert names(client.place(1)) == [
            "oo", "os Submitted 0/100", "exec", "oo", "os Filled 100/0",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("terms", "code"),
        [
            ({"action": "SELL"}, "105"),
            ({"symbol": "MSFT"}, "105"),
            ({"limit_price": Decimal("100.005")}, "110"),
            ({"total_quantity": Decimal(10_000_000)}, "201"),
            ({"tif": "NOW"}, "10052"),
        ],
    )
    def test_a_refused_change_leaves_the_order_as_it_was(
        self, client: Client, terms: dict[str, object], code: str
    ) -> None:
        placed = client.place(1, **RESTING)
        (error,) = client.place(1, **{**RESTING, **terms})
        (still, _, _) = client.ask(ReqOpenOrders())

        assert error[2:4] == ["1", code]
        assert still == placed[0]

    def test_a_change_can_be_refused_by_hand(self, world: World, client: Client) -> None:
        client.place(1, **RESTING)
        world.simulator.exchange.reject_next(Refusal(201, "Order rejected - reason:no"))

        assert names(client.place(1)) == ["error 201"]
        assert names(client.ask(ReqOpenOrders())) == [*PLACED, "53"]

    def test_a_finished_order_cannot_be_changed(self, client: Client) -> None:
        client.place(1)
        client.place(2, **RESTING)
        client.ask(CancelOrder(order_id=2))

        assert names(client.place(1)) == ["error 104"]
        assert names(client.place(2)) == ["error 201"]


class TestFamilies:
    def test_nothing_is_heard_until_one_of_the_family_is_transmitted(
        self, client: Client
    ) -> None:
        assert client.place(5, transmit=False, **RESTING) == []
        child = {"action": "SELL", "order_type": "LMT", "limit_price": Decimal("200.00")}
        assert client.place(6, parent_id=5, transmit=False, **child) == []
        assert client.ask(ReqOpenOrders()) == [["53", "1"]]

        told = client.place(7, parent_id=5, **{**child, "limit_price": Decimal("210.00")})

        assert names(told) == [*PLACED, *["oo", "os PreSubmitted 0/100"] * 2]
        assert column(told, "3", 1) == ["5", "6", "7"]
        assert column(told, "3", 7) == ["0", "5", "5"]
        assert column(told, "3", 10) == ["", "child", "child"]
        perm_id = told[0][25]
        assert column(told, "5", 19) == ["", perm_id, perm_id]
        assert column(told, "5", 57) == ["0", "5", "5"]

    def test_a_resent_order_is_transmitted_under_its_id(self, client: Client) -> None:
        client.place(5, transmit=False)
        client.place(6, **RESTING)

        assert client.ask(ReqIds()) == [["9", "1", "7"]]
        assert names(client.place(5, **RESTING)) == PLACED
        assert names(client.place(5, **RESTING)) == PLACED

    def test_a_change_can_be_held_back_as_well(self, client: Client) -> None:
        client.place(1, **RESTING)

        assert client.place(1, transmit=False, total_quantity=Decimal(50)) == []
        assert client.place(1, transmit=False, total_quantity=Decimal(40), **RESTING) == []
        told = client.place(1, total_quantity=Decimal(40), **RESTING)
        assert names(told) == ["oo", "os Submitted 0/40"]

    def test_an_id_that_is_used_up_is_refused_when_it_is_transmitted(
        self, client: Client
    ) -> None:
        client.place(5, **RESTING)

        assert client.place(3, transmit=False) == []
        assert names(client.place(3)) == ["error 103"]

    def test_children_work_once_the_parent_filled_and_one_fill_ends_the_rest(
        self, world: World, client: Client
    ) -> None:
        child = {"action": "SELL", "order_type": "LMT", "parent_id": 5}
        client.place(5, transmit=False)
        client.place(6, transmit=False, limit_price=Decimal("200.00"), **child)
        told = client.place(7, limit_price=Decimal("300.00"), **child)

        assert names(told) == [
            "oo", "os PreSubmitted 0/100", "exec", "oo", "os Filled 100/0", *PLACED, *PLACED,
        ]  # fmt: skip

        world.simulator.publish(
            world.simulator.exchange.set_price(contract(), Decimal("250.00"), NOW)
        )
        world.simulator.settle()

        assert names(client.wire.heard()) == [
            "exec", "oo", "os Filled 100/0", "os Cancelled 0/100", "error 202",
        ]  # fmt: skip

    def test_a_child_that_can_trade_ends_its_siblings_before_they_work(
        self, world: World, client: Client
    ) -> None:
        world.simulator.exchange.hold()
        client.place(5, **RESTING)
        for order_id in (6, 7):
            client.place(order_id, action="SELL", parent_id=5)
        world.simulator.exchange.release(NOW)
        client.place(5)

        statuses = [o.status for o in world.simulator.exchange.completed_orders()]
        assert statuses == ["Filled", "Filled", "Cancelled"]

    def test_children_end_with_their_parent(self, client: Client) -> None:
        client.place(5, transmit=False, **RESTING)
        client.place(6, parent_id=5, action="SELL")

        assert names(client.ask(CancelOrder(order_id=5))) == [
            "os Cancelled 0/100", "error 202", "os Cancelled 0/100", "error 202",
        ]  # fmt: skip
        assert names(client.place(7, parent_id=5)) == ["error 10006"]
        assert names(client.place(8, parent_id=4)) == ["error 10006"]

    def test_day_orders_end_together_at_midnight(self, world: World, client: Client) -> None:
        client.place(5, transmit=False, **RESTING)
        client.place(6, parent_id=5, action="SELL", order_type="LMT", limit_price=LIMIT)
        tomorrow(world)

        assert names(client.wire.heard()) == ["os Cancelled 0/100", "error 202"] * 2

    def test_the_child_of_a_filled_parent_works_at_once(self, client: Client) -> None:
        client.place(5)
        told = client.place(6, parent_id=5, action="SELL", **RESTING | {"limit_price": 300})

        assert names(told) == PLACED
        assert told[1][7] == "5"

    def test_a_family_outlasts_the_gateway_and_drafts_do_not(self) -> None:
        before, after = make_exchange(), make_exchange()
        before.place(make_ticket(order_id=5, limit="100"), NOW)
        before.place(replace(make_ticket(order_id=6, side="SELL"), parent_id=OrderId(5)), NOW)
        before.hold_back(make_ticket(order_id=7))
        after.restore([before.everything()], NOW)

        assert [order.why_held for order in after.open_orders()] == ["", "child"]
        assert not after.drop_draft(CLIENT, OrderId(7))
        assert after.next_order_id(CLIENT) == 8
        assert len(after.cancel(CLIENT, OrderId(5), NOW)) == 2

    def test_what_was_held_back_can_be_withdrawn(self, client: Client) -> None:
        client.place(5, transmit=False)

        assert names(client.ask(CancelOrder(order_id=5))) == ["error 202"]
        assert names(client.ask(CancelOrder(order_id=5))) == ["error 10147"]

    def test_only_so_much_is_held_back(self, world: World, client: Client) -> None:
        exchange = world.simulator.exchange
        for order_id in range(1, DRAFTS_MAX + 1):
            assert exchange.hold_back(make_ticket(order_id=order_id)) is None

        assert names(client.place(DRAFTS_MAX + 1, transmit=False)) == ["error 201"]

    def test_a_family_is_of_one_client(self, world: World) -> None:
        exchange = world.simulator.exchange
        exchange.hold_back(make_ticket(order_id=1, client_id=2))
        family = exchange.take_family(make_ticket(order_id=1))

        assert [ticket.client_id for ticket in family] == [ClientId(1)]


class TestWhatIf:
    def test_one_open_order_tells_margins_and_commission(self, client: Client) -> None:
        (told,) = client.place(1, what_if=True, order_type="LMT", limit_price=LIMIT)

        assert told[92:94] == ["1", "PreSubmitted"]
        assert told[94:97] == ["0.0", "0.0", "1000000.0"]
        assert told[103:107] == ["0.35", "0.35", "0.35", "USD"]
        before, change, after = (Decimal(told[at]) for at in (94, 97, 100))
        assert before + change == after > 0

    def test_nothing_of_it_stays(self, client: Client) -> None:
        client.place(1, what_if=True)

        assert client.ask(ReqOpenOrders()) == [["53", "1"]]
        assert client.ask(ReqCompletedOrders(api_only=False)) == [["102"]]
        assert client.ask(ReqIds()) == [["9", "1", "1"]]
        assert names(client.place(1, **RESTING)) == PLACED

    def test_it_sees_what_is_held_and_frees_what_it_would_close(self, client: Client) -> None:
        client.place(1)
        client.place(2, symbol="MSFT")
        (told,) = client.place(3, what_if=True, action="SELL")

        assert Decimal(told[97]) < 0 < Decimal(told[100])

    def test_a_wrong_one_gets_its_error(self, client: Client) -> None:
        assert names(client.place(1, what_if=True, order_type="STP")) == ["error 321"]


class TestSeveralClients:
    def test_each_sees_its_own_orders_and_all_where_it_asks_for_all(
        self, world: World, client: Client
    ) -> None:
        other = Client(world, client_id=2)
        client.place(1, **RESTING)
        other.place(1, **RESTING)

        assert column(client.ask(ReqOpenOrders()), "5", 24) == ["1"]
        assert column(other.ask(ReqOpenOrders()), "5", 24) == ["2"]
        assert column(client.ask(ReqAllOpenOrders()), "5", 24) == ["1", "2"]

    def test_pushes_go_to_the_owner_and_to_the_master(self) -> None:
        world = World(SessionRules(master_client_id=9))
        client, other, master = (Client(world, client_id=each) for each in (1, 2, 9))
        told = client.place(1)

        assert other.wire.heard() == []
        assert names(master.wire.heard()) == names(told)
        assert names(master.place(1, **RESTING)) == PLACED

    def test_nobody_cancels_the_order_of_another(self, world: World, client: Client) -> None:
        client.place(7, **RESTING)
        (error,) = Client(world, client_id=2).ask(CancelOrder(order_id=7))

        assert error[2:5] == [
            "7", "10147", "OrderId 7 that needs to be cancelled is not found.",
        ]  # fmt: skip
        assert client.wire.heard() == []

    def test_a_switch_lets_everybody_cancel_and_names_who_did(self) -> None:
        world = World(SessionRules(cancels_across_clients=True))
        client, other = Client(world, client_id=1), Client(world, client_id=2)
        client.place(7, **RESTING)
        told = other.ask(CancelOrder(order_id=7))

        assert names(told) == ["os Cancelled 0/100", "error 202"]
        assert told[0][9] == "2"
        assert client.wire.heard() == told
        assert names(other.ask(CancelOrder(order_id=8))) == ["error 10147"]

    def test_only_the_owner_changes_an_order(self, world: World, client: Client) -> None:
        client.place(7, **RESTING)
        told = Client(world, client_id=2).place(7, **RESTING)

        assert names(told) == PLACED
        assert len(world.simulator.exchange.open_orders()) == 2

    def test_order_ids_must_rise(self, client: Client) -> None:
        client.place(7, **RESTING)
        (error,) = client.place(6)

        assert error[2:5] == ["6", "103", "Duplicate order id"]

    def test_everybodys_executions_are_told_unless_one_client_is_named(
        self, world: World, client: Client
    ) -> None:
        other = Client(world, client_id=2)
        client.place(1)
        other.place(1)

        assert column(client.ask(ReqExecutions(req_id=1)), "11", 22) == ["1", "2"]
        assert column(client.ask(ReqExecutions(req_id=1, client_id=2)), "11", 22) == ["2"]

    def test_a_log_level_that_is_none_is_refused(self, client: Client) -> None:
        assert names(client.ask(SetServerLogLevel(level=6))) == ["error 321"]


class TestGlobalCancel:
    def test_working_orders_end_and_finished_ones_are_said_to_be(
        self, world: World, client: Client
    ) -> None:
        other = Client(world, client_id=2)
        client.place(1)
        client.place(2, **RESTING)
        client.place(3, transmit=False)
        other.place(5, **RESTING)
        other.place(6, parent_id=5, action="SELL")
        perm_id = world.simulator.exchange.completed_orders()[0].perm_id
        told = client.ask(ReqGlobalCancel())

        assert names(told) == ["os Cancelled 0/100", "error 202", "error 161"]
        assert told[-1][2:4] == ["1", "161"]
        assert told[-1][4].endswith(f"cancellable state.  Order permId ={perm_id}")
        assert names(other.wire.heard()) == ["os Cancelled 0/100", "error 202"] * 2
        assert names(client.ask(CancelOrder(order_id=3))) == ["error 10147"]


class TestByHand:
    def place(self, world: World, limit: str = "100") -> None:
        ticket = make_ticket(order_id=0, client_id=0, limit=limit)
        world.simulator.place_by_hand(replace(ticket, id_is_free=True))
        world.simulator.settle()

    def test_an_order_made_by_hand_has_no_id_and_no_client(
        self, world: World, client: Client
    ) -> None:
        self.place(world)
        self.place(world)
        told = client.ask(ReqAllOpenOrders())

        assert client.ask(ReqOpenOrders()) == [["53", "1"]]
        assert column(told, "5", 1) == column(told, "5", 24) == ["0", "0"]
        assert column(told, "5", 36) == ["0", "0"]
        assert names(client.ask(CancelOrder(order_id=0))) == ["error 10147"]

    def test_client_0_binds_what_there_is_when_it_asks_for_its_orders(
        self, world: World
    ) -> None:
        zero = Client(world, client_id=0)
        self.place(world)

        assert zero.wire.heard() == []

        told = zero.ask(ReqOpenOrders())
        again = zero.ask(ReqOpenOrders())

        assert told[0] == ["100", told[1][25], "0", "-1"]
        assert column(told, "5", 1) == column(told, "3", 1) == ["-1"]
        assert names(again) == [*PLACED, "53"]
        assert names(zero.ask(CancelOrder(order_id=-1))) == ["os Cancelled 0/100", "error 202"]

    def test_client_0_can_have_what_comes_bound_at_once(self, world: World) -> None:
        zero = Client(world, client_id=0)
        zero.ask(ReqAutoOpenOrders(auto_bind=True))
        self.place(world)

        assert names(zero.wire.heard()) == ["100", *PLACED]
        told = zero.place(-1, order_type="LMT", limit_price=Decimal("101.00"))
        assert names(told) == PLACED
        zero.ask(ReqAutoOpenOrders(auto_bind=False))
        self.place(world)
        assert zero.wire.heard() == []

    def test_a_wrong_order_by_hand_is_bound_to_nobody(self, world: World) -> None:
        zero = Client(world, client_id=0)
        zero.ask(ReqAutoOpenOrders(auto_bind=True))
        self.place(world, limit="100.001")

        assert zero.wire.heard() == []

    def test_an_order_is_bound_once_and_a_person_can_cancel_it(self, world: World) -> None:
        self.place(world)
        (order,) = world.simulator.exchange.open_orders()
        exchange = world.simulator.exchange

        assert exchange.bind(order.perm_id) == exchange.bind(order.perm_id)
        assert len(exchange.cancel_by_hand(order.perm_id, NOW)) == 1
        assert exchange.open_orders() == []

    def test_no_other_client_binds(self, client: Client) -> None:
        assert names(client.ask(ReqAutoOpenOrders(auto_bind=True))) == ["error 327"]

    def test_completed_orders_can_leave_out_what_was_made_by_hand(
        self, world: World, client: Client
    ) -> None:
        self.place(world, limit="400")
        client.place(1)

        assert names(client.ask(ReqCompletedOrders(api_only=True))) == ["101", "102"]
        assert names(client.ask(ReqCompletedOrders(api_only=False))) == ["101", "101", "102"]

    def test_finished_orders_made_by_hand_are_forgotten_at_midnight(
        self, world: World, client: Client
    ) -> None:
        self.place(world, limit="400")
        client.place(1, tif="GTC", **RESTING)
        tomorrow(world)

        assert world.simulator.exchange.completed_orders() == []


class TestPacing:
    def test_too_many_messages_in_a_second_are_one_error_and_the_end(self) -> None:
        world = World(SessionRules(messages_per_second_max=5))
        client = Client(world)
        for _ in range(4):
            assert names(client.ask(ReqIds())) == ["9"]

        assert names(client.ask(ReqIds())) == ["error 100"]
        assert client.wire.closed

    def test_slow_enough_is_never_too_many(self) -> None:
        world = World(SessionRules(messages_per_second_max=5))
        client = Client(world)
        for _ in range(50):
            world.later(0.25)
            assert names(client.ask(ReqIds())) == ["9"]

    def test_by_default_nothing_is_too_fast(self, client: Client) -> None:
        for _ in range(200):
            assert names(client.ask(ReqIds())) == ["9"]


def test_an_older_server_version_can_be_announced() -> None:
    world = World(SessionRules(server_version_max=176))
    wire = Wire([])
    session = world.simulator.connect(wire)
    assert session is not None
    world.simulator.receive(session, b"API\0" + frame(b"v157..178"))
    client = Client(world, version=176)

    assert [fields[0] for fields in wire.heard()] == ["176"]
    assert len(client.place(1)[0]) == 136


def test_a_notice_goes_to_every_client_that_has_started(world: World, client: Client) -> None:
    world.simulator.notify(2103, "Market data farm connection is broken:usfarm")
    world.simulator.settle()

    assert client.wire.heard() == [
        ["4", "2", "-1", "2103", "Market data farm connection is broken:usfarm", ""]
    ]

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from makers import ACCOUNT, BATCH, NOW
from paperdesk.domain.client import Client
from paperdesk.domain.execution import BookedExecution, Execution
from paperdesk.domain.views import (
    Holding,
    OtherHolding,
    Positions,
    Targets,
    TargetState,
    TargetView,
)
from paperdesk.domain.vocabulary import ClientName, ConId, ExecId, Scope, Side, Symbol
from paperdesk.wire import holdings
from paperdesk.wire.encoding import encode


def written(answer: object) -> Any:
    return json.loads(encode(answer), parse_float=Decimal)


def client_with(scope: Scope, name: str = "client1") -> Client:
    return Client(ClientName(name), frozenset({scope}), frozenset({ACCOUNT}))


def make_target_view(
    symbol: str,
    state: TargetState,
    *,
    position: int = 40,
    working_qty: int = 0,
    reason: str | None = None,
) -> TargetView:
    return TargetView(
        Symbol(symbol), 100, position, working_qty, state, reason, BATCH,
        ClientName("client1"), NOW,
    )  # fmt: skip


def test_positions_are_as_the_contract_shows() -> None:
    holding = Holding(ConId(265598), Symbol("AAPL"), 100, Decimal("148.50"))
    bond = OtherHolding(ConId(1), "T", "BOND", "USD", Decimal("2.5"), Decimal("99.10"))
    positions = Positions(ACCOUNT, (holding,), (bond,), Decimal("500000.00"), NOW)

    assert written(holdings.PositionsAnswer.of(positions)) == {
        "account_id": "DU8730189",
        "positions": [
            {
                "symbol": "AAPL", "quantity": 100, "avg_cost": Decimal("148.5"),
                "conid": 265598, "market_price": None, "market_value": None,
                "unrealized_pnl": None,
            }
        ],
        "other_positions": [
            {
                "symbol": "T", "sec_type": "BOND", "currency": "USD", "conid": 1,
                "quantity": Decimal("2.5"), "avg_cost": Decimal("99.1"),
            }
        ],
        "net_liquidation": 500000,
        "updated_at": "2026-03-09T14:30:00+00:00",
    }  # fmt: skip


def test_stale_positions_say_so() -> None:
    stale = Positions(ACCOUNT, (), (), None, NOW, stale=True, warnings=("w",))
    answer = written(holdings.PositionsAnswer.of(stale))

    assert answer["stale"] is True
    assert answer["warnings"] == ["w"]
    assert answer["net_liquidation"] is None


def test_an_execution_has_its_commission_once_it_is_reported() -> None:
    execution = Execution(
        ExecId("0001"), ACCOUNT, ConId(265598), Symbol("AAPL"), Side.BUY, 50,
        Decimal("150.25"), NOW,
    )  # fmt: skip
    booked = BookedExecution(1, execution, None, None, None, BATCH)

    (shown,) = written(holdings.ExecutionsAnswer.of([booked], 1))["executions"]

    assert shown == {
        "exec_id": "0001", "account_id": "DU8730189", "symbol": "AAPL", "conid": 265598,
        "side": "BUY", "quantity": 50, "price": Decimal("150.25"),
        "executed_at": "2026-03-09T14:30:00+00:00", "commission": None, "currency": None,
        "realized_pnl": None, "ibkr_order_id": None, "perm_id": None, "order_ref": None,
        "batch_id": BATCH, "exchange": "",
    }  # fmt: skip


def test_targets_say_how_far_each_has_come() -> None:
    reached = make_target_view("AAPL", TargetState.REACHED, position=100)
    working = make_target_view("MSFT", TargetState.WORKING, working_qty=60)
    locked = make_target_view(
        "TSLA", TargetState.LOCKED, position=140, reason="positions differ"
    )
    targets = Targets(ACCOUNT, (reached, working, locked))

    answer = written(holdings.TargetsAnswer.of(targets, client_with(Scope.READ)))

    assert (answer["account_id"], answer["on_target"], answer["total"]) == (ACCOUNT, 1, 3)
    assert answer["targets"][1] == {
        "symbol": "MSFT", "target": 100, "position": 40, "working_qty": 60, "gap": 60,
        "state": "working", "reason": None, "batch_id": BATCH, "client": "client1",
        "set_at": "2026-03-09T14:30:00+00:00",
    }  # fmt: skip
    assert [row["state"] for row in answer["targets"]] == ["reached", "working", "locked"]
    assert [row["gap"] for row in answer["targets"]] == [0, 60, -40]
    assert answer["targets"][2]["reason"] == "positions differ"


@pytest.mark.parametrize(
    ("scope", "name", "shown"),
    [
        (Scope.READ, "client1", BATCH),
        (Scope.TRADE, "rival", None),
        (Scope.AUDIT, "rival", BATCH),
        (Scope.ADMIN, "rival", BATCH),
    ],
)
def test_a_target_names_the_batch_only_to_whoever_may_see_it(
    scope: Scope, name: str, shown: str | None
) -> None:
    targets = Targets(ACCOUNT, (make_target_view("AAPL", TargetState.SHORT),))

    (row,) = written(holdings.TargetsAnswer.of(targets, client_with(scope, name)))["targets"]

    assert row["batch_id"] == shown
    assert row["client"] == "client1"

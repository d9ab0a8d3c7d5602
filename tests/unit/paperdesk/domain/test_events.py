"""Which event an order's state is told as, and who is told."""

from __future__ import annotations

import pytest

from paperdesk.domain.events import OF_BATCH, OF_STATE, EventType
from paperdesk.domain.order import OrderState


@pytest.mark.parametrize(
    ("event", "states"),
    [
        ("order.submitted", {"sending"}),
        ("order.acknowledged", {"working"}),
        ("order.filled", {"filled"}),
        ("order.cancelled", {"cancelled", "dropped"}),
        ("order.rejected", {"rejected", "not_placed", "lapsed"}),
        ("order.unknown", {"unknown", "quarantined"}),
    ],
)
def test_an_order_that_came_to_a_state_is_told_as(event: str, states: set[str]) -> None:
    assert {state for state, kind in OF_STATE.items() if kind == event} == states


def test_only_an_order_that_is_planned_is_told_to_nobody() -> None:
    assert set(OrderState) - set(OF_STATE) == {OrderState.PLANNED}


def test_batches_and_their_orders_are_told_to_their_client_only() -> None:
    others = {"target", "fill", "position", "account", "connection", "halt", "reconcile"}

    assert {kind.partition(".")[0] for kind in OF_BATCH} == {"batch", "order"}
    assert {kind.partition(".")[0] for kind in set(EventType) - OF_BATCH} == others

from __future__ import annotations

from decimal import Decimal

import pytest

from twsim.exchange.orders import FINAL, TRANSITIONS, Step, fill, finish, move
from twsim.exchange.vocabulary import OrderStatus
from twsim_makers import NOW, make_order


@pytest.mark.parametrize("status", list(OrderStatus))
@pytest.mark.parametrize("step", list(Step))
def test_an_order_moves_as_the_table_says_or_not_at_all(
    status: OrderStatus, step: Step
) -> None:
    order = make_order(status=status)
    target = TRANSITIONS.get((status, step))

    if target is None:
        with pytest.raises(KeyError):
            move(order, step)
    else:
        assert move(order, step).status is target


def test_nothing_leaves_a_final_state() -> None:
    assert not {status for status, _ in TRANSITIONS} & FINAL


def test_fills_add_up_and_the_last_one_ends_the_order() -> None:
    part = fill(make_order(), 40, Decimal("292.30"))
    done = fill(part, 60, Decimal("292.40"))

    assert (part.status, part.filled, part.leaves, part.remaining) == (
        OrderStatus.SUBMITTED, 40, 60, 60,
    )  # fmt: skip
    assert (done.status, done.leaves) == (OrderStatus.FILLED, 0)
    assert done.average_price == Decimal("292.36")
    assert done.last_price == Decimal("292.40")


def test_no_fill_goes_beyond_the_order() -> None:
    with pytest.raises(AssertionError):
        fill(make_order(), 101, Decimal(1))


def test_an_order_without_fills_has_no_average_price() -> None:
    assert make_order().average_price == 0


def test_only_what_is_over_can_be_finished() -> None:
    with pytest.raises(AssertionError):
        finish(make_order(), NOW, "Cancelled by Trader")

    cancelled = finish(move(make_order(filled=40), Step.CANCEL), NOW, "Cancelled by Trader")

    assert (cancelled.leaves, cancelled.remaining) == (0, 60)
    assert cancelled.completed_at == NOW

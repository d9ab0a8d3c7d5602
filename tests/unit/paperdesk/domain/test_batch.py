"""What became of the targets of a batch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from makers import BATCH, make_batch, make_order, make_row
from paperdesk.domain.batch import Outcome, Row
from paperdesk.domain.order import TERMINAL, OrderState, ShownStatus, shown_status


@pytest.mark.parametrize(
    ("outcome", "status", "is_final", "is_on_target"),
    [
        (Outcome.PENDING, ShownStatus.PENDING_SUBMIT, False, False),
        (Outcome.NO_CHANGE, ShownStatus.NO_CHANGE, True, True),
        (Outcome.ERROR, ShownStatus.ERROR, True, False),
        (Outcome.WITHDRAWN, ShownStatus.CANCELLED, True, False),
    ],
)
def test_a_row_without_an_order_shows_its_outcome(
    outcome: Outcome,
    status: ShownStatus,
    is_final: bool,  # noqa: FBT001
    is_on_target: bool,  # noqa: FBT001
) -> None:
    row = make_row(outcome=outcome)

    assert (row.status, row.is_final, row.is_on_target) == (status, is_final, is_on_target)


@pytest.mark.parametrize("state", OrderState)
def test_a_row_with_an_order_shows_the_orders_state(state: OrderState) -> None:
    order = make_order(state=state, filled=40)
    row = make_row(order=order)

    assert row.status is shown_status(order)
    assert row.is_final is (state in TERMINAL)
    assert not row.is_on_target


@pytest.mark.parametrize("state", OrderState)
def test_a_row_that_keeps_an_order_ends_with_it_and_stays_no_change(state: OrderState) -> None:
    row = replace(make_row(outcome=Outcome.NO_CHANGE), kept=make_order(state=state, filled=40))

    assert row.status is ShownStatus.NO_CHANGE
    assert row.is_final is (state in TERMINAL)
    assert not row.is_on_target


def test_a_row_is_on_target_when_its_own_or_its_kept_order_filled() -> None:
    filled = make_order(state=OrderState.FILLED, filled=100)

    assert make_row(order=filled).is_on_target
    assert replace(make_row(outcome=Outcome.NO_CHANGE), kept=filled).is_on_target


def test_an_order_whose_shares_were_taken_back_did_not_reach_its_target() -> None:
    corrected = replace(make_order(state=OrderState.FILLED, filled=100), filled_qty=90)

    assert not make_row(order=corrected).is_on_target


@pytest.mark.parametrize(
    "row",
    [
        make_row(outcome=Outcome.NO_CHANGE),
        make_row(order=make_order(state=OrderState.FILLED, filled=100)),
    ],
)
def test_a_target_that_orders_of_others_had_to_reach_was_not_reached(row: Row) -> None:
    assert row.is_on_target
    assert not replace(row, foreign_qty=30).is_on_target


def test_a_batch_is_final_when_every_row_is() -> None:
    done, working = make_row(outcome=Outcome.ERROR), make_row(order=make_order())

    assert make_batch().is_final
    assert make_batch(done, done).is_final
    assert not make_batch(done, working).is_final


def test_a_batch_is_withdrawn_when_every_row_has_ended_or_is_kept_by_another_batch() -> None:
    done, working = make_row(outcome=Outcome.ERROR), make_row(order=make_order())
    kept = replace(working, kept_by=BATCH)

    assert make_batch(done, kept).is_withdrawn
    assert make_batch(done).is_withdrawn
    assert not make_batch(done, kept, working).is_withdrawn

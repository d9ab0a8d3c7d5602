from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import order_report, status_report
from paperdesk.broker.reading import open_orders_of
from paperdesk.desk.ports import LineDown
from paperdesk.domain.reports import OpenOrder, Report, Told


def test_an_order_and_its_status_are_one() -> None:
    (found,) = open_orders_of([order_report(quantity=100), status_report(filled=40)])

    assert found == OpenOrder(order_report(quantity=100), Decimal(40))
    assert found.leaves == 60


def test_the_newest_word_on_an_order_counts() -> None:
    told: list[Report] = [
        order_report(Told.PRE_SUBMITTED),
        status_report(Told.PRE_SUBMITTED),
        order_report(Told.SUBMITTED),
        status_report(Told.CANCELLED, filled=10),
    ]
    (found,) = open_orders_of(told)

    assert found.report.told is Told.CANCELLED
    assert (found.filled, found.leaves) == (Decimal(10), Decimal(0))


def test_an_order_without_a_status_makes_the_list_incomplete() -> None:
    with pytest.raises(LineDown, match="order 9002 without its status"):
        open_orders_of([order_report(), status_report(), order_report(perm_id=9002)])


def test_a_status_of_an_order_that_was_not_listed_is_of_no_interest() -> None:
    assert open_orders_of([status_report()]) == ()


def test_orders_without_perm_ids_are_told_apart_by_client_and_order_id() -> None:
    told: list[Report] = []
    for order_id, filled in ((1, 10), (2, 20)):
        told.append(order_report(perm_id=0, order_id=order_id))
        told.append(status_report(perm_id=0, order_id=order_id, filled=filled))

    assert [found.filled for found in open_orders_of(told)] == [10, 20]


def test_orders_by_hand_are_told_apart_by_perm_id() -> None:
    told: list[Report] = []
    for perm_id in (9001, 9002):
        told.append(order_report(perm_id=perm_id, order_id=0, client_id=0))
        told.append(status_report(perm_id=perm_id, order_id=0, client_id=17))

    assert [found.report.perm_id for found in open_orders_of(told)] == [9001, 9002]


@given(st.lists(st.integers(1, 50), unique=True), st.data())
def test_every_order_is_listed_once_however_often_it_is_told(
    perm_ids: list[int], data: st.DataObject
) -> None:
    pairs = data.draw(st.permutations(perm_ids * 2))
    told: list[Report] = []
    for perm_id in pairs:
        told += [order_report(perm_id=perm_id), status_report(perm_id=perm_id)]

    found = [each.report.perm_id for each in open_orders_of(told)]
    assert found == list(dict.fromkeys(pairs))


@given(st.integers(0, 200), st.integers(0, 200), st.sampled_from(Told))
def test_what_may_still_trade_is_never_negative(quantity: int, filled: int, told: Told) -> None:
    leaves = OpenOrder(order_report(told, quantity=quantity), Decimal(filled)).leaves

    assert 0 <= leaves <= quantity

from __future__ import annotations

from datetime import timedelta

import pytest

from twsim.exchange.numbers import Numbers
from twsim.exchange.vocabulary import ClientId, OrderId
from twsim_makers import NOW

ONE, TWO = ClientId(1), ClientId(2)


def test_perm_ids_and_execution_ids_never_repeat() -> None:
    numbers = Numbers.starting(NOW)
    moments = [NOW, NOW, NOW + timedelta(seconds=1), NOW + timedelta(hours=1), NOW]

    assert len({numbers.take_perm_id() for _ in range(100)}) == 100
    assert len({numbers.take_exec_id(moment) for moment in moments}) == len(moments)


def test_an_execution_id_looks_like_a_real_one() -> None:
    assert Numbers.starting(NOW).take_exec_id(NOW) == "0000e0d5.69aed969.01.01"


def test_order_ids_belong_to_the_client_and_only_rise() -> None:
    numbers = Numbers.starting(NOW)
    numbers.use_order_id(ONE, OrderId(7))

    assert numbers.next_order_id(ONE) == 8
    assert numbers.next_order_id(TWO) == 1

    with pytest.raises(AssertionError):
        numbers.use_order_id(ONE, OrderId(7))

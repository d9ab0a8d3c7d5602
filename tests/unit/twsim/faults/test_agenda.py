from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from twsim.faults import agenda as agenda_module
from twsim.faults.agenda import Agenda
from twsim_makers import NOW

SECOND = timedelta(seconds=1)


def test_what_is_due_is_done_in_order_and_the_rest_waits() -> None:
    agenda, done = Agenda(), list[str]()
    for name, delay in (("late", 3), ("first", 1), ("second", 1)):
        agenda.add(NOW + delay * SECOND, partial(done.append, name))

    assert agenda.next_due() == NOW + SECOND

    agenda.run(NOW + 2 * SECOND)

    assert done == ["first", "second"]
    assert len(agenda) == 1
    assert agenda.next_due() == NOW + 3 * SECOND


def test_healing_does_what_ends_faults_and_forgets_what_begins_them() -> None:
    agenda, done = Agenda(), list[str]()
    agenda.add(NOW + SECOND, partial(done.append, "ends"))
    agenda.add(NOW, partial(done.append, "begins"), heals=False)
    agenda.heal()

    assert done == ["ends"]
    assert agenda.next_due() is None


def test_too_much_is_done_early_and_never_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agenda_module, "ENTRIES_MAX", 2)
    agenda, done = Agenda(), list[int]()
    for number in range(4):
        agenda.add(NOW + number * SECOND, partial(done.append, number))

    assert done == [0, 1]
    assert len(agenda) == 2

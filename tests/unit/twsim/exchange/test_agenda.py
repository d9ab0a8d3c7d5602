from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.exchange.agenda import Agenda
from twsim.exchange.vocabulary import PermId
from twsim_makers import NOW

puts = st.lists(
    st.tuples(st.integers(1, 9).map(PermId), st.none() | st.integers(0, 50)), max_size=300
)


@settings(deadline=None)
@given(puts=puts, seconds=st.integers(0, 50))
def test_an_order_is_taken_once_at_its_latest_moment_in_order(
    puts: list[tuple[PermId, int | None]], seconds: int
) -> None:
    agenda, expected = Agenda(), {}
    for perm_id, due in puts:
        agenda.put(perm_id, None if due is None else NOW + timedelta(seconds=due))
        expected[perm_id] = due
    left = sorted((due, perm_id) for perm_id, due in expected.items() if due is not None)
    taken = [perm_id for due, perm_id in left if due <= seconds]

    assert agenda.take(NOW + timedelta(seconds=seconds)) == taken
    assert agenda.take(NOW + timedelta(seconds=seconds)) == []
    later = [due for due, _ in left if due > seconds]
    assert agenda.next_due() == (NOW + timedelta(seconds=later[0]) if later else None)


def test_what_was_put_off_a_thousand_times_takes_no_more_room() -> None:
    agenda = Agenda()
    for seconds in range(1000):
        agenda.put(PermId(1), NOW + timedelta(seconds=1000 + seconds))

    assert len(agenda._heap) < 100
    assert agenda.next_due() == NOW + timedelta(seconds=1999)

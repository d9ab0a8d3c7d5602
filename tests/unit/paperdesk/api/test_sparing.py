"""One line a second."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from paperdesk.api.sparing import EVERY_SECONDS, KEYS_MAX, Sparing


@given(st.lists(st.floats(0, 0.7), max_size=200))
def test_every_line_is_written_or_counted_and_one_a_second_is_written(
    pauses: list[float],
) -> None:
    sparing, now, written, counted, last = Sparing(), 0.0, 0, 0, -EVERY_SECONDS
    for pause in pauses:
        now += pause
        left_out = sparing.left_out("one", now)
        if left_out is not None:
            assert now - last >= EVERY_SECONDS - 1e-9
            last, written, counted = now, written + 1, counted + left_out
    rest = sparing.left_out("one", now + 2 * EVERY_SECONDS)

    assert written + counted + (rest or 0) == len(pauses)


def test_callers_do_not_take_each_others_lines_and_are_not_remembered_for_ever() -> None:
    sparing = Sparing()

    assert [sparing.left_out(key, 0.0) for key in ("a", "b", "a")] == [0, 0, None]
    for number in range(2 * KEYS_MAX):
        assert sparing.left_out(f"caller {number}", 0.5) == 0
    assert len(sparing._last) <= KEYS_MAX

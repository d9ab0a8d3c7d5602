"""The bytes of one line in trouble, without a socket."""

from __future__ import annotations

from datetime import timedelta

import pytest

from twsim.faults import wire as wire_module
from twsim.faults.agenda import Agenda
from twsim.faults.wire import Wire
from twsim.wire.framing import frame
from twsim_makers import NOW

HELLO = frame(b"178\0now\0")
ONE, TWO = frame(b"62\x001\0"), frame(b"49\x001\x007\0")


class Ends:
    """A line, and the gateway behind it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.delivered: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def write_pieces(self, data: bytes, size: int) -> None:
        self.written += [data[start : start + size] for start in range(0, len(data), size)]

    def close(self) -> None:
        self.closed = True

    def pause(self, *, paused: bool) -> None:
        raise NotImplementedError

    def reset(self) -> None:
        raise NotImplementedError


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def agenda() -> Agenda:
    return Agenda()


@pytest.fixture
def wire(ends: Ends, agenda: Agenda) -> Wire:
    return Wire(ends, agenda, ends.delivered.append)


def test_without_trouble_bytes_pass(wire: Wire, ends: Ends) -> None:
    wire.write(ONE, NOW)
    wire.read(TWO, NOW)
    wire.thaw()

    assert (ends.written, ends.delivered) == ([ONE], [TWO])


def test_bytes_are_lost_either_way(wire: Wire, ends: Ends) -> None:
    wire.deaf = wire.mute = True
    wire.write(ONE, NOW)
    wire.read(TWO, NOW)

    assert (ends.written, ends.delivered) == ([], [])


@pytest.mark.parametrize(("cut_at", "left"), [(3, 3), (100, len(ONE) - 1), (0, 0)])
def test_a_frame_is_cut_in_its_middle_and_nothing_follows(
    wire: Wire, ends: Ends, cut_at: int, left: int
) -> None:
    wire.cut_at = cut_at
    wire.write(ONE + TWO, NOW)
    wire.write(TWO, NOW)

    assert b"".join(ends.written) == ONE[:left]
    assert ends.closed


def test_a_greeting_announces_another_version_once(wire: Wire, ends: Ends) -> None:
    wire.version = 201
    wire.write(HELLO, NOW)
    wire.write(HELLO, NOW)

    assert ends.written == [frame(b"201\0now\0"), HELLO]


def test_what_a_stalled_line_keeps_has_a_bound(
    wire: Wire, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_module, "KEPT_BYTES_MAX", len(ONE))
    wire.stalled = True
    wire.write(ONE, NOW)
    wire.write(TWO, NOW)
    wire.stalled = False
    wire.thaw()

    assert ends.written == [ONE]


def test_frames_leave_in_heaps_and_a_heap_has_a_bound(
    wire: Wire, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.frames_min = 3
    wire.write(ONE + TWO, NOW)

    assert ends.written == []

    wire.write(ONE, NOW)

    assert ends.written == [ONE + TWO + ONE]

    monkeypatch.setattr(wire_module, "KEPT_BYTES_MAX", 1)
    wire.write(ONE, NOW)

    assert ends.written[1:] == [ONE]


def test_bytes_come_in_pieces_either_way(wire: Wire, ends: Ends) -> None:
    wire.size = 2
    wire.write(ONE, NOW)
    wire.read(ONE, NOW)

    assert ends.written == ends.delivered
    assert [len(piece) for piece in ends.written] == [2, 2, 2, 2, 1]


def test_what_is_late_keeps_its_order(wire: Wire, ends: Ends, agenda: Agenda) -> None:
    wire.late_in = wire.late_out = True
    wire.delay, wire.jitter = timedelta(seconds=2), timedelta(seconds=5)
    sent = [frame(b"%d\0" % number) for number in range(100)]
    for number, data in enumerate(sent):
        now = NOW + number * timedelta(milliseconds=10)
        wire.read(data, now)
        wire.write(data, now)
    agenda.run(NOW + timedelta(seconds=2) - timedelta(microseconds=1))

    assert ends.written == []

    agenda.run(NOW + timedelta(seconds=8))

    assert ends.written == ends.delivered == sent


def test_the_clients_end_comes_behind_what_it_has_sent(
    wire: Wire, ends: Ends, agenda: Agenda
) -> None:
    wire.late_in, wire.delay = True, timedelta(seconds=2)
    wire.read(ONE, NOW)
    wire.end(lambda: ends.delivered.append(b"end"), NOW + timedelta(seconds=1))

    assert ends.delivered == []

    agenda.run(NOW + timedelta(seconds=2))

    assert ends.delivered == [ONE, b"end"]


@pytest.mark.parametrize("seconds", [0, 2])
def test_the_end_of_a_client_from_which_nothing_is_awaited_comes_at_once(
    wire: Wire, ends: Ends, agenda: Agenda, seconds: int
) -> None:
    wire.late_in, wire.delay = bool(seconds), timedelta(seconds=seconds)
    wire.read(ONE, NOW)
    later = NOW + timedelta(seconds=3)
    agenda.run(later)
    wire.end(lambda: ends.delivered.append(b"end"), later)

    assert ends.delivered == [ONE, b"end"]


def test_the_end_comes_at_once_where_healing_let_everything_arrive(
    wire: Wire, ends: Ends, agenda: Agenda
) -> None:
    wire.late_in, wire.delay = True, timedelta(seconds=30)
    wire.read(ONE, NOW)
    agenda.heal()
    wire.end(lambda: ends.delivered.append(b"end"), NOW)

    assert ends.delivered == [ONE, b"end"]

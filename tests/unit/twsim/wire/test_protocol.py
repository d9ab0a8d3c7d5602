from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.wire.fields import FIELDS_MAX
from twsim.wire.framing import FRAME_BYTES_MAX, frame
from twsim.wire.place_order import PlaceOrder
from twsim.wire.protocol import (
    HELLO_BYTES_MAX,
    Broken,
    Connection,
    Event,
    Hello,
    Received,
    State,
    Unrecognised,
)
from twsim.wire.requests import ReqAccountUpdates, ReqCurrentTime, ReqPositions, StartApi
from twsim.wire.responses import CurrentTime, ErrorMessage

GREETING = b"API\0" + frame(b"v157..178")


def message(text: str) -> bytes:
    return frame(text.replace("|", "\0").encode())


START = message("71|2|7||")
SESSION = (
    GREETING
    + START
    + message("61|1|")
    + message("6|2|1|DU8730189|")
    + message("999|1|something|")
    + message("|".join(PlaceOrder(order_id=9, symbol="AAPL").encode(178)) + "|")
    + message("49|1|")
)
EVENTS: list[Event] = [
    Hello(157, 178, ""),
    Received(StartApi(client_id=7), ("71", "2", "7", "")),
    Received(ReqPositions(), ("61", "1")),
    Received(
        ReqAccountUpdates(subscribe=True, account="DU8730189"), ("6", "2", "1", "DU8730189")
    ),
    Unrecognised(999, ("999", "1", "something")),
    Received(
        PlaceOrder(order_id=9, symbol="AAPL"),
        tuple(PlaceOrder(order_id=9, symbol="AAPL").encode(178)),
    ),
    Received(ReqCurrentTime(), ("49", "1")),
]


def feed(connection: Connection, *pieces: bytes) -> list[Event]:
    return [event for piece in pieces for event in connection.receive_data(piece)]


def opened() -> Connection:
    connection = Connection()
    feed(connection, GREETING, START)
    return connection


def test_a_session_is_read_from_its_bytes() -> None:
    assert feed(Connection(), SESSION) == EVENTS


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, len(SESSION)), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_events(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SESSION)]
    pieces = [SESSION[start:end] for start, end in pairwise(edges)]

    assert feed(Connection(), *pieces) == EVENTS


def test_byte_by_byte_gives_the_same_events() -> None:
    assert feed(Connection(), *(bytes([byte]) for byte in SESSION)) == EVENTS


@settings(deadline=None)
@given(
    position=st.integers(0, len(SESSION) - 1),
    junk=st.binary(min_size=0, max_size=8),
    cut=st.integers(0, 16),
)
def test_corruption_is_one_broken_at_the_end_or_still_a_message(
    position: int, junk: bytes, cut: int
) -> None:
    corrupt = SESSION[:position] + junk + SESSION[position + cut :]
    connection = Connection()
    events = feed(connection, corrupt)

    assert all(not isinstance(event, Broken) for event in events[:-1])
    assert len(connection._cutter) <= 4 + FRAME_BYTES_MAX
    if events and isinstance(events[-1], Broken):
        assert connection.state is State.BROKEN
        assert connection.receive_data(SESSION) == []
        assert len(connection._cutter) == 0


@settings(deadline=None)
@given(noise=st.binary(max_size=200))
def test_noise_after_the_start_never_raises(noise: bytes) -> None:
    connection = opened()
    feed(connection, frame(noise + b"\0"))
    feed(connection, noise)


@pytest.mark.parametrize(
    ("greeting", "version", "hello"),
    [
        (b"v157..178", 178, Hello(157, 178, "")),
        (b"v157..176", 176, Hello(157, 176, "")),
        (b"v100..157", 157, Hello(100, 157, "")),
        (b"v100..226", 178, Hello(100, 226, "")),
        (b"v176..176", 176, Hello(176, 176, "")),
        (b"v176", 176, Hello(176, 176, "")),
        (b"v200..226", 178, Hello(200, 226, "")),
        (b"v100..178 +PACEAPI", 178, Hello(100, 178, "+PACEAPI")),
    ],
)
def test_the_server_version_is_the_lower_of_both_maxima(
    greeting: bytes, version: int, hello: Hello
) -> None:
    connection = Connection()

    assert feed(connection, b"API\0", frame(greeting)) == [hello]
    assert connection.server_version == version


def test_a_server_may_announce_less() -> None:
    connection = Connection(server_version_max=157)
    feed(connection, GREETING)

    assert connection.server_version == 157


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", "no API preamble"),
        (b"API\0" + frame(b"157..178"), "no versions"),
        (b"API\0" + frame(b"v157..178\n"), "no versions"),
        (b"API\0" + frame(b"v157 " + b"x" * HELLO_BYTES_MAX), "no versions"),
        (b"API\0" + frame(b"v100..156"), "at most version 156"),
        (b"API\0\0\0\0\0", "a frame of 0 bytes"),
        (GREETING + message("61|1|"), "before startApi"),
        (GREETING + message("999|"), "before startApi"),
        (GREETING + START + frame(b"61\0001"), "does not end a field"),
        (GREETING + START + message("|"), "without a number"),
        (GREETING + START + message("x|"), "not an integer"),
        (GREETING + START + message("61|"), "ends early"),
        (GREETING + START + message("61|1|1|"), "too many"),
        (GREETING + START + message("6|2|yes|DU1|"), "neither 0 nor 1"),
        (GREETING + START + frame(b"81\0001\0\xff\0"), "not text"),
        (GREETING + START + frame(b"81" + b"\0" * (FIELDS_MAX + 1)), "fields"),
    ],
)
def test_nonsense_breaks_the_connection_for_good(stream: bytes, reason: str) -> None:
    connection = Connection()
    last = feed(connection, stream)[-1]

    assert isinstance(last, Broken)
    assert reason in last.reason
    assert connection.receive_data(GREETING) == []


def test_the_answer_to_hello_is_two_fields_without_a_number() -> None:
    connection = Connection()
    feed(connection, GREETING)

    assert connection.hello("20250425 15:23:54 EST") == message("178|20250425 15:23:54 EST|")


def test_a_message_leaves_in_the_layout_of_the_clients_version() -> None:
    old, new = Connection(), opened()
    feed(old, b"API\0", frame(b"v157..165"))
    error = ErrorMessage(req_id=-1, code=2104, text="Market data farm connection is OK:usfarm")

    assert old.send(error) == message("4|2|-1|2104|Market data farm connection is OK:usfarm|")
    assert new.send(error) == message("4|2|-1|2104|Market data farm connection is OK:usfarm||")
    assert new.send(CurrentTime(time=5)) == message("49|1|5|")


def test_text_beyond_seven_bits_leaves_escaped() -> None:
    error = ErrorMessage(code=200, text="Est\xe9e Lauder \u2013 O\u2019Reilly")

    assert opened().send(error) == message(
        "4|2|-1|200|Est\\xe9e Lauder \\u2013 O\\u2019Reilly||"
    )

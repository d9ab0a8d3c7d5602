"""Bytes that no decent client would send, and a twsim to send them to.

Owns: the corpus of decent frames, the ways of spoiling and splitting them, and what must
hold of a simulator whatever it was fed. Tests and the fuzz target share it; every choice
comes from the Random that is passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import cache
from random import Random
from typing import Final

from twsim.clock import ManualClock
from twsim.session import Session
from twsim.simulator import Simulator
from twsim.subscriptions import QUOTES_MAX, SUBSCRIPTIONS_MAX, SUMMARIES_MAX
from twsim.transcript import Transcript
from twsim.wire.errors import ProtocolError
from twsim.wire.framing import FRAME_BYTES_MAX, FrameCutter, frame
from twsim.wire.layout import Message
from twsim.wire.place_order import PlaceOrder
from twsim.wire.requests import REQUESTS, ReqContractDetails, ReqMktData, StartApi
from twsim_makers import ACCOUNT, NOW, make_exchange

VERSIONS: Final = (157, 166, 176, 178)
FRAMES_PER_STREAM: Final = 12
BLANKS_MAX: Final = 200
HISTORY_FRAMES_MAX: Final = 1_000
# What fields are made of where somebody errs or means harm.
NASTY: Final = (
    "", "0", "1", "-1", "-0", "00", "+1", "1_000", " 1", "0x10", "1.", ".5", "-.5", "1e5",
    "1E400", "1e-400", "-1e999", "NaN", "nan", "-inf", "Infinity", "Infinite", "sNaN",
    "2147483647", "2147483648", "-2147483648", "9223372036854775807", "9223372036854775808",
    "1.7976931348623157E308", "1.7976931348623157e308", "9" * 19, "9" * 64, "9" * 5_000,
    "٣", "１", "é", "🜁", "\x7f", "\n", "\r\n", "%s", "{0}", "\\u0000", "a" * 300,
    "AAPL", "BRK B", "TWIN", "STK", "OPT", "BAG", "SMART", "USD", "EUR", ACCOUNT, "All",
    "BUY", "SELL", "SSHORT", "MKT", "LMT", "STP", "PEG BENCH", "PEGBEST", "DAY", "GTC", "IOC",
    "OPG", "FOK", "20260309 10:00:00", "20260309-10:00:00", "20260309 10:00:00 US/Eastern",
    "20260309 10:00:00 America", "20260309 10:00:00 ../zone", "20260309 10:00:00 " + "z" * 300,
    "00000000 00:00:00", "99999999 99:99:99", "00010101 00:00:00 Asia/Tokyo",
    "99991231 23:59:59 America/New_York", "99991231-23:59:59",
)  # fmt: skip

Fields = list[str]


def blank(kind: type[Message], version: int) -> Message:
    """Return a message of nothing but empty fields, as many as it wants."""
    for count in range(BLANKS_MAX):
        with suppress(ProtocolError):
            return kind.decode([str(kind.ID), *[""] * count], version)
    raise AssertionError(f"{kind.NAME} cannot be empty")


@cache
def corpus(version: int) -> tuple[tuple[str, ...], ...]:
    """Return decent messages of every kind, and several orders."""
    order = PlaceOrder(
        order_id=1,
        symbol="AAPL",
        sec_type="STK",
        exchange="SMART",
        currency="USD",
        action="BUY",
        total_quantity=Decimal(100),
        order_type="LMT",
        limit_price=Decimal("149.50"),
        tif="DAY",
        account=ACCOUNT,
        transmit=True,
    )
    ask = ReqContractDetails(req_id=7, symbol="AAPL", exchange="SMART", currency="USD")
    quote = ReqMktData(req_id=8, symbol="AAPL", exchange="SMART", currency="USD")
    messages: list[Message] = [
        replace(order, order_type="MKT", limit_price=None),
        replace(order, order_id=2, action="SELL", limit_price=Decimal(900)),
        replace(order, order_id=3, tif="IOC", limit_price=Decimal(10)),
        replace(order, order_id=4, what_if=True),
        order,
        replace(ask, sec_type="STK"),
        replace(quote, sec_type="STK"),
        replace(quote, sec_type="STK", req_id=9, snapshot=True),
        *(blank(kind, version) for kind in REQUESTS.values() if kind is not StartApi),
    ]
    return tuple(tuple(message.encode(version)) for message in messages)


def payload(fields: Fields) -> bytes:
    """Return the fields as they stand in a frame, whatever is in them."""
    return "".join(f"{field}\0" for field in fields).encode("utf-8", "surrogateescape")


# Ways of spoiling one message's fields, and ways of spoiling the finished bytes.


def _nasty_field(random: Random, fields: Fields) -> None:
    fields[random.randrange(len(fields))] = random.choice(NASTY)


def _lost_field(random: Random, fields: Fields) -> None:
    del fields[random.randrange(len(fields))]


def _surplus_fields(random: Random, fields: Fields) -> None:
    at = random.randrange(len(fields) + 1)
    fields[at:at] = random.choice(([random.choice(NASTY)], ["1", ""], ["1"] * 5_000))


def _swapped_fields(random: Random, fields: Fields) -> None:
    one, two = random.randrange(len(fields)), random.randrange(len(fields))
    fields[one], fields[two] = fields[two], fields[one]


def _other_number(random: Random, fields: Fields) -> None:
    fields[0] = str(random.randrange(120))


def _flipped_bit(random: Random, data: bytearray) -> None:
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _lost_bytes(random: Random, data: bytearray) -> None:
    at = random.randrange(len(data))
    del data[at : at + random.choice((1, 2, 4, 50))]


def _random_bytes(random: Random, data: bytearray) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.randbytes(random.choice((1, 4, 64)))


def _repeated_bytes(random: Random, data: bytearray) -> None:
    at = random.randrange(len(data))
    data[at:at] = data[at : at + random.randrange(200)]


def _end_too_soon(random: Random, data: bytearray) -> None:
    del data[random.randrange(len(data)) :]


FIELD_HARM: Final[tuple[Callable[[Random, Fields], None], ...]] = (
    _nasty_field, _nasty_field, _nasty_field, _lost_field, _surplus_fields, _swapped_fields,
    _other_number,
)  # fmt: skip
BYTE_HARM: Final[tuple[Callable[[Random, bytearray], None], ...]] = (
    _flipped_bit, _lost_bytes, _random_bytes, _repeated_bytes, _end_too_soon,
)  # fmt: skip


def stream(random: Random) -> bytes:
    """Return what one client sends: decent at first, spoilt in a few places."""
    version = random.choice(VERSIONS)
    data = bytearray(b"API\0" + frame(f"v100..{version}".encode()))
    data += frame(payload(["71", "2", str(random.randrange(3)), ""]))
    for _ in range(random.randrange(FRAMES_PER_STREAM)):
        fields = list(random.choice(corpus(version)))
        for _ in range(random.choice((0, 0, 1, 1, 1, 2, 3))):
            if fields:
                random.choice(FIELD_HARM)(random, fields)
        data += frame(payload(fields) or b"\0")
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        if data:
            random.choice(BYTE_HARM)(random, data)
    return bytes(data)


def pieces(random: Random, data: bytes) -> Iterator[bytes]:
    """Split bytes as a network might."""
    size = random.choice((1, 3, 100, 4096, 1 << 20))
    while data:
        count = random.randint(1, size)
        yield data[:count]
        data = data[count:]


class FarEnd:
    """A line that keeps what was written, and insists that it is whole frames."""

    def __init__(self) -> None:
        self.cutter = FrameCutter()
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed, "it writes after the end"
        self.cutter.feed(data)

    def close(self) -> None:
        self.closed = True

    def write_pieces(self, data: bytes, size: int) -> None:
        assert size
        self.write(data)

    def pause(self, *, paused: bool) -> None:
        raise AssertionError("no fault was wished for")

    def reset(self) -> None:
        raise AssertionError("no fault was wished for")

    def heard(self) -> list[Fields]:
        found = []
        while (read := self.cutter.next_frame()) is not None:
            assert read.endswith(b"\0")
            found.append(read.decode("ascii").split("\0")[:-1])
        assert not len(self.cutter), "half a frame was written"
        return found


class Victim:
    """A simulator with one good client, to which others send what they like."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        history = Transcript(HISTORY_FRAMES_MAX)
        self.simulator = Simulator(make_exchange(), self.clock, transcript=history)
        self.good, self.good_line = self.newcomer(77)

    def newcomer(self, client_id: int) -> tuple[Session, FarEnd]:
        """Connect one client decently."""
        line = FarEnd()
        session = self._connect(line)
        start = frame(payload(["71", "2", str(client_id), ""]))
        self.simulator.receive(session, b"API\0" + frame(b"v157..178") + start)
        line.heard()
        return session, line

    def suffer(self, random: Random) -> None:
        """Take one client's nonsense; AssertionError, or any other, where that harms."""
        line = FarEnd()
        session = self._connect(line)
        for piece in pieces(random, stream(random)):
            self.simulator.receive(session, piece)
            if line.closed:
                break
        line.heard()
        self._demand_bounds(session)
        self.simulator.lost(session)
        self.clock.advance(random.choice((0.001, 0.3, 2.0)))
        self.simulator.tick()
        self._demand_an_answer()

    def _connect(self, line: FarEnd) -> Session:
        session = self.simulator.connect(line)
        assert session is not None, "sessions are left over"
        return session

    def _demand_bounds(self, session: Session) -> None:
        assert len(session.connection._cutter) <= FRAME_BYTES_MAX + 4
        subscribed = session.subscriptions
        assert len(subscribed.tickers) <= QUOTES_MAX
        assert len(subscribed.summaries) <= SUMMARIES_MAX
        for of_a_kind in (subscribed.accounts, subscribed.positions, subscribed.profits):
            assert len(of_a_kind) <= SUBSCRIPTIONS_MAX
        assert not session._outbox
        assert len(self.simulator.transcript.frames()) <= HISTORY_FRAMES_MAX

    def _demand_an_answer(self) -> None:
        self.simulator.receive(self.good, frame(payload(["49", "1"])))
        (answer,) = [each for each in self.good_line.heard() if each[0] == "49"]
        assert answer == ["49", "1", str(int(self.clock.now().timestamp()))]

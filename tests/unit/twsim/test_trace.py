"""The trace of the wire, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from twsim.trace import line
from twsim.transcript import Direction, Frame
from twsim.wire.layout import Message
from twsim.wire.place_order import PlaceOrder
from twsim.wire.requests import ReqOpenOrders
from twsim.wire.responses import ErrorMessage

AT = datetime(2026, 3, 9, 14, 30, 1, 500, tzinfo=UTC)


def traced(message: Message, direction: Direction) -> str:
    payload = "".join(f"{field}\0" for field in message.encode(178)).encode()
    return line(Frame(direction, 7, payload, 178), AT)


@pytest.mark.parametrize(
    ("message", "direction", "words"),
    [
        (
            PlaceOrder(order_id=3, symbol="BRK B", action="BUY", limit_price=Decimal("150.10")),
            Direction.CLIENT,
            '  7 -> placeOrder order_id=3 symbol="BRK B" action=BUY limit_price=150.1',
        ),
        (
            ErrorMessage(req_id=3, code=202, text="Order Canceled - reason:"),
            Direction.SERVER,
            '  7 <- error req_id=3 code=202 text="Order Canceled - reason:"',
        ),
        (ErrorMessage(code=1, text="a\nb"), Direction.SERVER, "  7 <- error code=1 text=a\\nb"),
        (ErrorMessage(code=1, text=""), Direction.SERVER, '  7 <- error code=1 text=""'),
        (ReqOpenOrders(), Direction.CLIENT, "  7 -> reqOpenOrders"),
    ],
)
def test_a_frame_is_a_line_of_what_it_says(
    message: Message, direction: Direction, words: str
) -> None:
    assert traced(message, direction) == f"14:30:01.000500 {words}"


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"178\x0020260309 10:30:00 EDT\x00", "178 178|20260309 10:30:00 EDT|"),
        (b"9\x001\x00x\x00", "nextValidId 9|1|x|"),
    ],
)
def test_what_has_no_reading_is_shown_as_it_is(payload: bytes, words: str) -> None:
    told = line(Frame(Direction.SERVER, None, payload, 178), AT)

    assert told == f"14:30:01.000500   ? <- {words}"

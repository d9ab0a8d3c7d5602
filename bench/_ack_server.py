"""A server that does nothing but acknowledge: what a TWS client costs by itself.

Owns: the shortest answers with which ib_async connects, and for each placeOrder the same
openOrder and orderStatus with its order id in it. Prints the port that it listens on.
"""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal

from twsim.wire.framing import FrameCutter, frame
from twsim.wire.orders import OpenOrder, OrderStatus
from twsim.wire.protocol import SERVER_VERSION_MAX

ACCOUNT = "DU8730189"
ORDER_ID = 987_654_321  # stands in the templates where the order id comes
# What ib_async asks when it connects, and the end of each answer.
ENDS = {"61": ("62", "1"), "5": ("53", "1"), "99": ("102",), "6": ("54", "1", ACCOUNT)}
ENDS_WITH_ID = {"76": "74", "7": "55"}  # the id is the third field


def message(*fields: str) -> bytes:
    """Return a frame."""
    return frame("".join(f"{field}\0" for field in fields).encode())


def templates() -> list[list[bytes]]:
    """Return the two payloads of an acknowledgement, cut where the order id comes."""
    order = OpenOrder(
        order_id=ORDER_ID,
        con_id=265598,
        symbol="AAPL",
        local_symbol="AAPL",
        trading_class="NMS",
        perm_id=ORDER_ID,
        sec_type="STK",
        exchange="SMART",
        currency="USD",
        action="BUY",
        total_quantity=Decimal(1),
        order_type="LMT",
        limit_price=Decimal("1.25"),
        tif="GTC",
        account=ACCOUNT,
        client_id=1,
        status="Submitted",
    )
    status = OrderStatus(
        order_id=ORDER_ID,
        status="Submitted",
        filled=Decimal(0),
        remaining=Decimal(1),
        perm_id=ORDER_ID,
        client_id=1,
    )
    texts = ("\0".join(each.encode(SERVER_VERSION_MAX)) + "\0" for each in (order, status))
    return [text.encode().split(str(ORDER_ID).encode()) for text in texts]


class Acknowledger(asyncio.Protocol):
    """One client's line."""

    PARTS = templates()

    def __init__(self) -> None:
        self.cutter = FrameCutter()
        self.greeted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember whom to answer."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Acknowledge everything."""
        self.cutter.feed(data)
        if not self.greeted:
            self.cutter.next_raw(4)
            self.greeted = True
        answers = bytearray()
        while (payload := self.cutter.next_frame()) is not None:
            answers += self.answer(payload)
        self.transport.write(bytes(answers))

    def answer(self, payload: bytes) -> bytes:
        """Return the acknowledgement of one frame."""
        if payload.startswith(b"3\0"):
            order_id = payload.split(b"\0", 2)[1]
            return b"".join(frame(order_id.join(parts)) for parts in self.PARTS)
        fields = payload.decode().split("\0")
        number = fields[0]
        if number.startswith("v"):
            return message(str(SERVER_VERSION_MAX), "20260309 10:30:00 EST")
        if number == "71":
            return message("15", "1", ACCOUNT) + message("9", "1", "1")
        if number in ENDS:
            return message(*ENDS[number])
        if number in ENDS_WITH_ID:
            return message(ENDS_WITH_ID[number], "1", fields[2])
        return b""


async def main() -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Acknowledger, "127.0.0.1", 0)
    sys.stdout.write(f"acknowledging on 127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

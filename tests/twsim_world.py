"""A simulator driven with bytes, its clients, and the time in a test's hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from twsim.clock import ManualClock
from twsim.exchange.book import Changes
from twsim.exchange.rules import Rules
from twsim.rules import SessionRules
from twsim.session import Session
from twsim.simulator import Simulator
from twsim.transcript import Transcript
from twsim.wire.framing import FrameCutter, frame
from twsim.wire.layout import Message
from twsim.wire.place_order import PlaceOrder
from twsim.wire.requests import StartApi
from twsim_makers import ACCOUNT, NOW, make_exchange


class Wire:
    """A line whose far end is a list."""

    def __init__(self, log: list[str]) -> None:
        self.cutter = FrameCutter()
        self.bursts: list[bytes] = []
        self.closed = False
        self.log = log

    def write(self, data: bytes) -> None:
        self.log.append("wrote")
        self.bursts.append(data)
        self.cutter.feed(data)

    def close(self) -> None:
        self.closed = True

    def heard(self) -> list[list[str]]:
        found = []
        while (payload := self.cutter.next_frame()) is not None:
            found.append(payload.decode().split("\0")[:-1])
        return found


class Client:
    def __init__(self, world: World, *, client_id: int = 1, version: int = 178) -> None:
        self.world = world
        self.version = version
        self.wire = Wire(world.log)
        session = world.simulator.connect(self.wire)
        assert session is not None
        self.session: Session = session
        self.send(b"API\0" + frame(f"v100..{version}".encode()))
        self.greeting = self.wire.heard()
        self.started = self.ask(StartApi(client_id=client_id))

    def send(self, data: bytes) -> None:
        self.world.simulator.receive(self.session, data)

    def ask(self, message: Message) -> list[list[str]]:
        text = "".join(f"{field}\0" for field in message.encode(self.version))
        self.send(frame(text.encode()))
        return self.wire.heard()

    def place(self, order_id: int = 1, **terms: object) -> list[list[str]]:
        described: dict[str, object] = {
            "symbol": "AAPL",
            "sec_type": "STK",
            "exchange": "SMART",
            "currency": "USD",
            "action": "BUY",
            "total_quantity": Decimal(100),
            "order_type": "MKT",
            "tif": "DAY",
            "account": ACCOUNT,
        }
        make: Callable[..., PlaceOrder] = PlaceOrder
        return self.ask(make(order_id=order_id, **{**described, **terms}))


class World:
    """A simulator, its clock, and the order in which it keeps and tells."""

    def __init__(
        self,
        session_rules: SessionRules | None = None,
        *,
        seed: int = 0,
        rules: Rules | None = None,
        at: datetime = NOW,
    ) -> None:
        self.log: list[str] = []
        self.clock = ManualClock(at)
        self.simulator = Simulator(
            make_exchange(seed=seed, rules=rules, at=at),
            self.clock,
            keeper=self,
            transcript=Transcript(),
            rules=session_rules,
        )
        self.simulator.settle()
        self.log.clear()

    def keep(self, changes: Changes) -> None:
        assert isinstance(changes, Changes)
        self.log.append("kept")

    def later(self, seconds: float) -> None:
        end = self.clock.now() + timedelta(seconds=seconds)
        while (due := self.simulator.next_due()) is not None and due <= end:
            self.clock.move_to(due)
            self.simulator.tick()
        self.clock.move_to(end)
        self.simulator.tick()


def names(frames: list[list[str]]) -> list[str]:
    """Write frames as tws-facts §4.1 does: oo, os with its status, exec, comm, error."""
    words = {"5": "oo", "11": "exec", "59": "comm", "61": "position", "7": "portfolio"}
    told = []
    for fields in frames:
        if fields[0] == "3":
            told.append(f"os {fields[2]} {fields[3]}/{fields[4]}")
        elif fields[0] == "4":
            told.append(f"error {fields[3]}")
        else:
            told.append(words.get(fields[0], fields[0]))
    return told

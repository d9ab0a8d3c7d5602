"""Plans: which fault strikes when, decided by a seed or by whoever asked for it.

Owns: FaultPlan, what a user writes for one fault, the deck from which each opportunity
draws, and the log of what struck. Does not know what any fault does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, Self

from twsim.faults.catalogue import CATALOGUE, fault_of
from twsim.faults.chance import Chance
from twsim.faults.kinds import Fault, FaultError, Point, Value

ARMED_MAX: Final = 1000
LOG_MAX: Final = 10_000
_ANY: Final = "any"


@dataclass(frozen=True, slots=True)
class Target:
    """Whom and what an opportunity is about; what is not known fits every wish."""

    client: int | None = None
    account: str = ""
    symbol: str = ""
    listing: str = ""  # the kind of list that was asked for
    order_id: int | None = None


@dataclass(frozen=True, slots=True)
class Fired:
    """A fault that strikes, with its parameters."""

    fault: Fault
    values: Mapping[str, Value]
    symbol: str = ""
    account: str = ""
    client: int | None = None

    def seconds(self, name: str) -> timedelta:
        """Return a parameter that is a time."""
        return timedelta(milliseconds=int(Decimal(self.values[name]) * 1000))

    def count(self, name: str) -> int:
        """Return a parameter that is a whole number."""
        return int(self.values[name])

    def word(self, name: str) -> str:
        """Return a parameter that is a word."""
        return str(self.values[name])


@dataclass(slots=True, kw_only=True)
class Wish:
    """A fault that somebody asked for: where, on whom, how often, with which parameters."""

    fault: Fault
    point: Point
    values: dict[str, Value] = field(default_factory=dict)
    symbol: str = ""
    account: str = ""
    client: int | None = None
    times: int = 1  # 0 is always
    rate: Decimal | None = None

    def fits(self, point: Point, target: Target) -> bool:
        """Tell whether an opportunity is one of those wished for."""
        listing = self.values.get("of", _ANY)
        return (
            point is self.point
            and (not self.symbol or target.symbol in ("", self.symbol))
            and (not self.account or target.account in ("", self.account))
            and self.client in (None, target.client)
            and (not target.listing or listing in (_ANY, target.listing))
        )

    def __str__(self) -> str:
        about: dict[str, object] = {"on": self.point, "symbol": self.symbol}
        about |= {"account": self.account, "client": self.client}
        about |= {"times": self.times} if self.rate is None else {}
        words = {k: v for k, v in {**about, **self.values}.items() if v not in ("", None)}
        rate = "" if self.rate is None else f"@{self.rate}"
        return f"{self.fault.id}:{','.join(f'{k}={v}' for k, v in words.items())}{rate}"

    def fired(self, chance: Chance | None = None) -> Fired:
        """Return the fault as it strikes; what is not set is drawn, or is the default."""
        values: dict[str, Value] = {}
        for parameter in self.fault.parameters:
            value = self.values.get(parameter.name)
            if value is None:
                value = parameter.default if chance is None else parameter.draw(chance)
            values[parameter.name] = value
        return Fired(self.fault, values, self.symbol, self.account, self.client)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Rates by fault: `FaultPlan(seed=7, rates={"O03": 0.05, "L11:delay=2": "0.01"})`.

    Each opportunity draws once for each fault; the same seed and the same opportunities
    give the same faults. Parameters that are not set are drawn from their range. What is
    in `once` strikes as if it were injected at the start.
    """

    seed: int = 0
    rates: Mapping[str, Decimal | float | str] = field(default_factory=dict)
    once: tuple[str, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str], seed: int = 0) -> Self:
        """Return the plan of `ID[:k=v,...][@rate]` texts. Raises FaultError."""
        rates: dict[str, Decimal | float | str] = {}
        once: list[str] = []
        for text in texts:
            head, at, rate = text.partition("@")
            parse_fault(text)
            if at:
                rates[head] = rate
            else:
                once.append(head)
        return cls(seed, rates, tuple(once))

    def wishes(self) -> list[Wish]:
        """Return a wish for each rate, in the order of the catalogue. Raises FaultError."""
        wishes = []
        for text, rate in self.rates.items():
            wish = parse_fault(f"{text}@{rate}")
            wish.times = 0
            if "on=" not in text:
                wish.point = wish.fault.plan_point
            wishes.append(wish)
        order = list(CATALOGUE)
        return sorted(wishes, key=lambda wish: order.index(wish.fault.id))


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """One line of the log: which fault struck when, where, and on whose order."""

    at: datetime
    id: str
    point: Point
    client: int | None
    symbol: str
    order_id: int | None
    values: Mapping[str, Value]

    def __str__(self) -> str:
        about = [f"{name}={value}" for name, value in self.values.items()]
        if self.symbol:
            about.insert(0, self.symbol)
        if self.order_id is not None:
            about.insert(0, f"order {self.order_id}")
        if self.client is not None:
            about.insert(0, f"client {self.client}")
        return (
            f"{self.at:%Y-%m-%d %H:%M:%S.%f} {self.id} {self.point} {' '.join(about)}".rstrip()
        )


class Deck:
    """What may strike next."""

    def __init__(self) -> None:
        self.log: deque[FaultRecord] = deque(maxlen=LOG_MAX)
        self._wishes: list[Wish] = []
        self._plan: list[Wish] = []
        self._chance = Chance(0)

    def __bool__(self) -> bool:
        return bool(self._wishes or self._plan)

    def arm(self, wish: Wish) -> None:
        """Let a wish wait for its opportunity. Raises FaultError where too many wait."""
        if len(self._wishes) + len(self._plan) >= ARMED_MAX:
            raise FaultError(f"more than {ARMED_MAX} faults wait for their opportunity")
        (self._wishes if wish.rate is None else self._plan).append(wish)

    def waiting(self) -> list[str]:
        """Return what may still strike, as a user writes it."""
        return [str(wish) for wish in (*self._wishes, *self._plan)]

    def follow(self, plan: FaultPlan) -> None:
        """Draw by a plan from now on. Raises FaultError where it makes no sense."""
        self._plan = plan.wishes()
        self._chance = Chance(plan.seed)

    def clear(self) -> None:
        """Let nothing strike any more."""
        self._wishes.clear()
        self._plan.clear()

    def draw(self, point: Point, target: Target) -> Iterator[Fired]:
        """Yield what strikes at an opportunity: first what was asked for, then by rate."""
        for wish in tuple(self._wishes):
            if not wish.fits(point, target):
                continue
            if wish.times == 1:
                self._wishes.remove(wish)
            elif wish.times:
                wish.times -= 1
            yield wish.fired()
        for wish in self._plan:
            if wish.fits(point, target) and self._chance.happens(wish.rate or Decimal(0)):
                yield wish.fired(self._chance)

    def note(self, at: datetime, fired: Fired, point: Point, target: Target) -> None:
        """Write into the log what struck."""
        self.log.append(
            FaultRecord(
                at,
                fired.fault.id,
                point,
                target.client,
                target.symbol or fired.symbol,
                target.order_id,
                fired.values,
            )
        )


def make_wish(fault_id: str, words: Mapping[str, object]) -> Wish:
    """Return a wish for a fault with its parameters by name. Raises FaultError."""
    fault = fault_of(fault_id)
    wish = Wish(fault=fault, point=fault.points[0])
    for name, given in words.items():
        text = str(given)
        match name:
            case "symbol":
                wish.symbol = text
            case "account":
                wish.account = text
            case "client":
                wish.client = _whole(name, text)
            case "times":
                wish.times = _whole(name, text)
            case "on":
                wish.point = _point(fault, text)
            case "rate":
                wish.rate = _rate(fault_id, text)
            case _:
                wish.values[name] = fault.parameter(name).read(text)
    if wish.rate is not None and "on" not in words:
        wish.point = fault.plan_point
    return wish


def parse_fault(text: str) -> Wish:
    """Read `ID[:k=v,...][@rate]`, as `O03:delay=5,symbol=AAPL@0.05`. Raises FaultError."""
    head, at, rate = text.partition("@")
    fault_id, _, rest = head.partition(":")
    words: dict[str, object] = {}
    for pair in filter(None, rest.split(",")):
        name, equals, value = pair.partition("=")
        if not equals:
            raise FaultError(f"{text}: {pair} is not name=value")
        words[name] = value
    wish = make_wish(fault_id, words)
    if at:
        wish.rate = _rate(text, rate)
    return wish


def _rate(text: str, rate: str) -> Decimal:
    try:
        number = Decimal(rate)
    except InvalidOperation:
        raise FaultError(f"{text}: {rate} is no rate") from None
    if not 0 <= number <= 1:
        raise FaultError(f"{text}: a rate is between 0 and 1")
    return number


def _whole(name: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > len("2147483647"):
        raise FaultError(f"{name}={text}: not a whole number")
    return int(text)


def _point(fault: Fault, text: str) -> Point:
    for point in fault.points:
        if point == text:
            return point
    raise FaultError(f"{fault.id} does not strike on {text}, but on: {', '.join(fault.points)}")

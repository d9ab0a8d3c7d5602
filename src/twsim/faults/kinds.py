"""What a fault is: its id, its words, where it may strike, and its parameters.

Owns: Point, Parameter, Fault, and FaultError for what there is not. Does not know any
particular fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from twsim.faults.chance import Chance

Value = Decimal | int | str


class FaultError(ValueError):
    """A fault, or a parameter of one, that there is not."""


class Point(StrEnum):
    """Where a fault may strike; behind each the trigger points of the reliability plan."""

    NOW = "now"  # when it is asked for, or at a time: TP10
    CONNECT = "connect"  # a line was accepted: TP1
    START = "start"  # a client said who it is: TP2
    PLACE = "place"  # a new order arrived: TP4, and TP5 and TP6 of what is said of it
    MODIFY = "modify"  # an order arrived whose id works already: TP4
    CANCEL = "cancel"  # a cancel arrived: TP7
    FILL = "fill"  # an order traded: TP8
    QUERY = "query"  # a list was asked for: TP3, TP9


@dataclass(frozen=True, slots=True)
class Parameter:
    """A word with a default; a plan draws numbers from the range, if there is one."""

    name: str
    default: Value
    low: Value | None = None
    high: Value | None = None
    choices: tuple[str, ...] = ()

    def read(self, text: str) -> Value:
        """Return a value as a user writes it. Raises FaultError."""
        if self.choices and text not in self.choices:
            raise FaultError(f"{self.name}={text}: not one of {', '.join(self.choices)}")
        try:
            value = type(self.default)(text)
        except (InvalidOperation, ValueError):
            raise FaultError(f"{self.name}={text}: not a number") from None
        if isinstance(value, Decimal | int) and not self._is_in_range(Decimal(value)):
            raise FaultError(f"{self.name}={text}: not {self.low} to {self.high}")
        return value

    def draw(self, chance: Chance) -> Value:
        """Return a value by chance: any choice, or a number up to twice the default."""
        if self.choices:
            return self.choices[chance.below(len(self.choices))]
        if self.low is None or self.high is None or not self.default:
            return self.default
        high = min(Decimal(self.high), 2 * Decimal(self.default))
        if isinstance(self.default, Decimal):
            return chance.between(Decimal(self.low), high)
        return int(self.low) + chance.below(int(high) - int(self.low) + 1)

    def _is_in_range(self, value: Decimal) -> bool:
        if not value.is_finite():
            return False
        if self.low is None or self.high is None:
            return True
        return Decimal(self.low) <= value <= Decimal(self.high)

    def __str__(self) -> str:
        if self.choices:
            return f"{self.name}={'|'.join(self.choices)}"
        span = "" if self.low is None else f" ({self.low}..{self.high})"
        return f"{self.name}={self.default}{span}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the catalogue; it strikes at the first point where nobody says otherwise."""

    id: str
    words: str
    points: tuple[Point, ...]
    parameters: tuple[Parameter, ...] = ()

    @property
    def plan_point(self) -> Point:
        """Return where a plan draws: the first point that comes by itself."""
        return next(point for point in self.points if point is not Point.NOW)

    def parameter(self, name: str) -> Parameter:
        """Return a parameter. Raises FaultError where there is none of this name."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        known = ", ".join(parameter.name for parameter in self.parameters) or "none"
        raise FaultError(f"{self.id} has no parameter {name}; it has: {known}")


def seconds(name: str, default: str, low: str, high: str) -> Parameter:
    """Return a parameter that is a time."""
    return Parameter(name, Decimal(default), Decimal(low), Decimal(high))


def count(name: str, default: int, low: int, high: int) -> Parameter:
    """Return a parameter that is a whole number."""
    return Parameter(name, default, low, high)


def choice(name: str, *choices: str) -> Parameter:
    """Return a parameter that is one of some words, by default the first."""
    return Parameter(name, choices[0], choices=choices)

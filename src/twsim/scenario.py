"""Scenarios: what is to happen at which time or at which message, one line each.

Owns: the language, its errors that name the line, and the scenarios that are shipped.
Does not know how anything of it is done: a gateway does it.

    # a comment; an empty line means nothing
    at 2.5: set_price AAPL 151.20
    at 90s: hold AAPL
    at 23:45: inject A02 on=now delay=60
    on connect: notify 2104
    on place 3: inject O03 delay=5
    on cancel 1 MSFT: reject 201 Order rejected - reason:Not today
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Final, Protocol, Self

from twsim.data import listings
from twsim.exchange.hours import NEW_YORK, trading_day
from twsim.faults.engine import Faults
from twsim.faults.kinds import FaultError, Point
from twsim.faults.plan import make_wish
from twsim.faults.scene import Scene
from twsim.notices import TEXTS

LINES_MAX: Final = 10_000
_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_SPAN: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(s|m|h|d)?")
_UNITS: Final = {None: 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_CODE: Final = re.compile(r"[0-9]{1,5}")
_SHIPPED: Final = ".txt"


class ScenarioError(ValueError):
    """A line that makes no sense."""


class Stage(Protocol):
    """What a scenario moves: a gateway."""

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Set a price."""

    def set_size(self, symbol: str, shares: int | None) -> None:
        """Set the shares on show."""

    def hold_fills(self, symbol: str | None = None) -> None:
        """Let orders work without trading."""

    def release_fills(self, symbol: str | None = None) -> None:
        """Let orders trade again."""

    def reject_next(self, code: int, text: str) -> None:
        """Refuse the next order."""

    def inject(self, fault: str, /, **words: object) -> None:
        """Let a fault strike."""

    def clear_faults(self) -> None:
        """Heal."""

    def drop_connections(self) -> None:
        """Cut every line."""

    def silence(self) -> None:
        """Freeze."""

    def resume(self) -> None:
        """Thaw."""

    def notify(self, code: int, text: str | None = None) -> None:
        """Say a notice to every client."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""


Act = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class At:
    """When the time has come: after so long, or at the next such time in New York."""

    after: timedelta | None
    clock: time | None

    def moment(self, start: datetime) -> datetime:
        """Return the time."""
        if self.after is not None:
            return start + self.after
        assert self.clock is not None
        due = datetime.combine(trading_day(start), self.clock, NEW_YORK)
        return due if due > start else due + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class On:
    """When something arrives: the nth, or every one; of a symbol, or any."""

    point: Point
    nth: int
    symbol: str


@dataclass(frozen=True, slots=True)
class Step:
    """One line."""

    number: int
    trigger: At | On
    words: str
    act: Act = field(compare=False)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script, understood."""

    steps: tuple[Step, ...]

    @classmethod
    def load(cls, what: Path | str) -> Self:
        """Read a file, a shipped scenario by its name, or a text of several lines.

        Raises ScenarioError naming the line, and OSError where there is no such file.
        """
        if isinstance(what, str) and "\n" in what:
            return cls.parse(what)
        shipped = files("twsim.scenarios").joinpath(f"{what}{_SHIPPED}")
        if isinstance(what, str) and what.isidentifier() and shipped.is_file():
            return cls.parse(shipped.read_text(encoding="utf-8"))
        return cls.parse(Path(what).read_text(encoding="utf-8"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a script. Raises ScenarioError naming the line."""
        lines = text.splitlines()
        if len(lines) > LINES_MAX:
            raise ScenarioError(f"more than {LINES_MAX} lines")
        steps = (_step(number, line.strip()) for number, line in enumerate(lines, 1))
        return cls(tuple(step for step in steps if step is not None))

    def check(self, *, time_can_be_moved: bool) -> None:
        """Raise ScenarioError where a line moves a time that passes by itself."""
        for step in self.steps:
            if step.words.startswith("advance") and not time_can_be_moved:
                raise ScenarioError(f"line {step.number}: advance needs a ManualClock")

    def play(self, stage: Stage, faults: Faults) -> None:
        """Let everything happen at its time, counted from now."""
        now = faults.now()
        for step in self.steps:
            if isinstance(step.trigger, At):
                faults.script.add(step.trigger.moment(now), partial(step.act, stage))
            else:
                _watch(stage, faults, step.trigger, step.act)


def _watch(stage: Stage, faults: Faults, trigger: On, act: Act) -> None:
    seen = 0

    def watcher(scene: Scene) -> None:
        nonlocal seen
        if trigger.symbol and scene.target.symbol != trigger.symbol:
            return
        seen += 1
        if trigger.nth in (0, seen):
            act(stage)

    faults.watch(trigger.point, watcher)


def shipped() -> list[str]:
    """Return the names of the scenarios that come with twsim."""
    names = (path.name for path in files("twsim.scenarios").iterdir())
    return sorted(name.removesuffix(_SHIPPED) for name in names if name.endswith(_SHIPPED))


def _step(number: int, line: str) -> Step | None:
    if not line or line.startswith("#"):
        return None
    try:
        trigger, words, act = _read(line)
    except (ScenarioError, FaultError) as error:
        raise ScenarioError(f"line {number}: {error}") from None
    return Step(number, trigger, words, act)


def _read(line: str) -> tuple[At | On, str, Act]:
    head, colon, rest = line.partition(": ")
    if not colon:
        raise ScenarioError(f"{line!r} is not `at TIME: ACTION` or `on WHAT: ACTION`")
    kind, *words = head.split()
    match kind:
        case "at":
            trigger: At | On = _at(words)
        case "on":
            trigger = _on(words)
        case _:
            raise ScenarioError(f"{kind!r} is neither `at` nor `on`")
    name, *arguments = rest.split()
    action = _ACTIONS.get(name)
    if action is None:
        raise ScenarioError(f"there is no action {name}; there are: {', '.join(_ACTIONS)}")
    return trigger, rest, action(arguments)


def _at(words: list[str]) -> At:
    text = " ".join(words)
    clock, span = _CLOCK.fullmatch(text), _SPAN.fullmatch(text)
    if clock is not None:
        return At(None, time(int(clock[1]), int(clock[2])))
    if span is None:
        raise ScenarioError(f"{text!r} is no time: 2.5, 90s, 5m, 8h, 1d, or 23:45")
    milliseconds = int(Decimal(span[1]) * _UNITS[span[2]] * 1000)
    return At(timedelta(milliseconds=milliseconds), None)


def _on(words: list[str]) -> On:
    points = {str(point): point for point in Point if point is not Point.NOW}
    if not words or words[0] not in points:
        raise ScenarioError(f"on what? There are: {', '.join(points)}")
    nth, symbol = 0, ""
    for word in words[1:]:
        if word.isdecimal():
            nth = int(word)
        else:
            symbol = _symbol(word)
    return On(points[words[0]], nth, symbol)


# The words behind each action.


def _set_price(words: list[str]) -> Act:
    symbol, price = _words(words, "SYMBOL", "PRICE")
    known, number = _symbol(symbol), _number(price)
    return lambda stage: stage.set_price(known, number)


def _set_size(words: list[str]) -> Act:
    symbol, shares = _words(words, "SYMBOL", "SHARES")
    known, number = _symbol(symbol), int(_number(shares)) or None
    return lambda stage: stage.set_size(known, number)


def _hold(words: list[str]) -> Act:
    symbol = _maybe_symbol(words)
    return lambda stage: stage.hold_fills(symbol)


def _release(words: list[str]) -> Act:
    symbol = _maybe_symbol(words)
    return lambda stage: stage.release_fills(symbol)


def _reject(words: list[str]) -> Act:
    code, text = _code_and_text(words)
    return lambda stage: stage.reject_next(code, text)


def _notify(words: list[str]) -> Act:
    code, text = _code_and_text(words)
    if not text and code not in TEXTS:
        raise ScenarioError(f"{code} needs words of yours")
    return lambda stage: stage.notify(code, text or None)


def _inject(words: list[str]) -> Act:
    if not words:
        raise ScenarioError("inject needs the id of a fault")
    pairs = {}
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if not equals:
            raise ScenarioError(f"{word!r} is not name=value")
        pairs[name] = value
    make_wish(words[0], pairs)
    return lambda stage: stage.inject(words[0], **pairs)


def _advance(words: list[str]) -> Act:
    (seconds,) = _words(words, "SECONDS")
    number = float(_number(seconds))
    return lambda stage: stage.advance(number)


def _plain(call: Act) -> Callable[[list[str]], Act]:
    def read(words: list[str]) -> Act:
        _words(words)
        return call

    return read


_ACTIONS: Final[Mapping[str, Callable[[list[str]], Act]]] = {
    "set_price": _set_price,
    "set_size": _set_size,
    "hold": _hold,
    "release": _release,
    "reject": _reject,
    "notify": _notify,
    "inject": _inject,
    "clear_faults": _plain(lambda stage: stage.clear_faults()),
    "disconnect": _plain(lambda stage: stage.drop_connections()),
    "silence": _plain(lambda stage: stage.silence()),
    "resume": _plain(lambda stage: stage.resume()),
    "advance": _advance,
}


def _words(words: list[str], *names: str) -> list[str]:
    if len(words) != len(names):
        wanted = " ".join(names) or "nothing"
        raise ScenarioError(f"wants {wanted}, not {' '.join(words) or 'nothing'}")
    return words


def _symbol(word: str) -> str:
    symbol = word.replace(".", " ")  # IBKR's spelling of share classes
    if all(listing.symbol != symbol for listing in listings()):
        raise ScenarioError(f"there is no symbol {word}")
    return symbol


def _maybe_symbol(words: list[str]) -> str | None:
    if not words:
        return None
    (word,) = _words(words, "SYMBOL")
    return _symbol(word)


def _number(word: str) -> Decimal:
    try:
        number = Decimal(word)
    except InvalidOperation:
        raise ScenarioError(f"{word!r} is no number") from None
    if not number.is_finite():
        raise ScenarioError(f"{word!r} is no number")
    if number < 0:
        raise ScenarioError(f"{word!r} is below 0")
    return number


def _code_and_text(words: list[str]) -> tuple[int, str]:
    if not words or not _CODE.fullmatch(words[0]):
        raise ScenarioError("wants CODE TEXT")
    return int(words[0]), " ".join(words[1:])

"""Every state that can be reached, and random ways through them.

Owns: `explore`, breadth first with every state visited once, `sample`, seeded, and Report. A
breach comes with the shortest schedule that leads to it. Seconds are those of the processor: the
machine may have others to serve. Knows no law and no move.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import process_time
from typing import Final

from paperdesk.domain.order import InvalidTransition
from smallscope import laws, service, surroundings
from smallscope.core import Core
from smallscope.model import Bounds, Move, State, Twist, initial

STEPS: Final = {**service.STEPS, **surroundings.STEPS}
# Something new: a target, a fault, a quirk. Where nothing else can happen, the world is at rest.
NEW: Final = frozenset(
    {
        "accept",
        "lapse",
        "crash",
        "drop",
        "lose",
        "receive odd",
        "end",
        "hold",
        "fill late",
        "read half",
    }
)
NEW_SHARE: Final = 0.15
SCHEDULE_MAX: Final = 500
KEPT_MAX: Final = 200_000


@dataclass(frozen=True, slots=True)
class Breach:
    """A law that does not hold, and the schedule that shows it."""

    words: str
    schedule: tuple[Move, ...]

    def __str__(self) -> str:
        steps = [f"{m.name} {m.what or m.which}" for m in self.schedule]
        return "\n".join(
            [self.words, *(f"  {n:>3}  {step}" for n, step in enumerate(steps, 1))]
        )


@dataclass(slots=True)
class Report:
    """What was looked at, and what was wrong."""

    states: int = 0
    transitions: int = 0
    at_rest: int = 0
    schedules: int = 0
    depth: int = 0
    seconds: float = 0.0
    breach: Breach | None = None
    moves: dict[str, int] = field(default_factory=dict)


def enabled(core: Core, state: State) -> Iterator[Move]:
    """Yield all that may happen next."""
    yield from service.moves(core, state)
    yield from surroundings.moves(core, state)


def apply(core: Core, state: State, move: Move) -> State:
    """Return the world after a move."""
    return STEPS[move.name](core, state, move)


class _Search:
    """One exploration, state by state."""

    def __init__(self, bounds: Bounds, twists: frozenset[Twist]) -> None:
        self.core: Final = Core(bounds.targets, twists)
        self.bounds: Final = bounds
        self.report: Final = Report()
        first = initial(bounds)
        self.states: list[State] = [first]
        self.numbers: dict[State, int] = {first: 0}
        self.parents = array("l", [-1])
        self.depths = array("l", [0])
        self.ways: list[int] = [1]  # shortest schedules that lead here
        # Edges of what goes on by itself, backwards: from where rest can be reached.
        self.sources = array("l")
        self.goals = array("l")
        self.resting: list[int] = []

    def run(self) -> Report:
        begun, number = process_time(), 0
        while number < len(self.states) and self.report.breach is None:
            self._expand(number)
            number += 1
        report = self.report
        if report.breach is None:
            self._never_rests()
        report.states, report.at_rest = len(self.states), len(self.resting)
        report.schedules = sum(self.ways[number] for number in self.resting)
        report.depth = self.depths[-1]
        report.seconds = process_time() - begun
        return report

    def _expand(self, number: int) -> None:
        state, core, is_resting = self.states[number], self.core, True
        for move in enabled(core, state):
            try:
                after = apply(core, state, move)
            except InvalidTransition as error:
                return self._breach(number, f"InvalidTransition: {error}", move)
            if after == state:
                continue
            self.report.transitions += 1
            self.report.moves[move.name] = self.report.moves.get(move.name, 0) + 1
            reached = self._reach(number, after)
            if move.name not in NEW:
                is_resting = False
                self.sources.append(number)
                self.goals.append(reached)
            words = laws.breach_of_step(core, state, move, after)
            if words is not None:
                return self._breach(number, words, move)
        if is_resting:
            self.resting.append(number)
            words = laws.breach_at_rest(core, state, self.bounds)
            if words is not None:
                return self._breach(number, words)
        return None

    def _reach(self, number: int, after: State) -> int:
        reached = self.numbers.setdefault(after, len(self.states))
        if reached == len(self.states):
            self.states.append(after)
            self.parents.append(number)
            self.depths.append(self.depths[number] + 1)
            self.ways.append(0)
            for words in laws.breaches(self.core, after):
                self._breach(reached, words)
        if self.depths[reached] == self.depths[number] + 1:
            self.ways[reached] += self.ways[number]
        return reached

    def _never_rests(self) -> None:
        """Look for a state from which rest is out of reach: it would go round for ever."""
        before: dict[int, list[int]] = {}
        for source, goal in zip(self.sources, self.goals, strict=True):
            before.setdefault(goal, []).append(source)
        comes, left = bytearray(len(self.states)), list(self.resting)
        for number in left:
            comes[number] = 1
        while left:
            for source in before.get(left.pop(), ()):
                if not comes[source]:
                    comes[source] = 1
                    left.append(source)
        if (number := comes.find(0)) >= 0:
            self._breach(number, "INV-CONVERGE: from here it never comes to rest")

    def _breach(self, number: int, words: str, *last: Move) -> None:
        if self.report.breach is None:
            self.report.breach = Breach(words, (*self._schedule(number), *last))

    def _schedule(self, number: int) -> tuple[Move, ...]:
        """Return the moves to a state: between it and its parent any that leads there."""
        steps = []
        while (parent := self.parents[number]) >= 0:
            state = self.states[parent]
            steps.append(
                next(
                    move
                    for move in enabled(self.core, state)
                    if apply(self.core, state, move) == self.states[number]
                )
            )
            number = parent
        return tuple(reversed(steps))


def explore(bounds: Bounds, *twists: Twist) -> Report:
    """Visit every state once, until a law is broken."""
    return _Search(bounds, frozenset(twists)).run()


class Ways:
    """The steps from each state, kept as long as there is room: schedules share their begins."""

    def __init__(self, core: Core) -> None:
        self.core: Final = core
        self._kept: dict[State, list[tuple[Move, State]]] = {}
        self._lawful: set[State] = set()

    def step(self, state: State, chance: random.Random) -> tuple[Move, State] | None:
        """Take a random step that changes anything; None where there is none.

        What is new comes seldom, or it would all have happened before anything was sent.
        """
        ways = self._kept.get(state)
        if ways is None:
            ways = self._keep(state)
        if chance.random() > NEW_SHARE:
            ways = [way for way in ways if way[0].name not in NEW] or ways
        return ways[int(chance.random() * len(ways))] if ways else None

    def breach(self, state: State) -> str | None:
        """Return what is wrong in a state, None for nothing."""
        if state in self._lawful:
            return None
        words = next(laws.breaches(self.core, state), None)
        if words is None:
            self._lawful.add(state)
        return words

    def _keep(self, state: State) -> list[tuple[Move, State]]:
        if len(self._kept) > KEPT_MAX:
            self._kept.clear()
            self._lawful.clear()
        found = ((move, apply(self.core, state, move)) for move in enabled(self.core, state))
        ways = [(move, after) for move, after in found if after != state]
        self._kept[state] = ways
        return ways


def sample(bounds: Bounds, *, seed: int, schedules: int) -> Report:
    """Follow random schedules to rest, and check the same laws on the way."""
    ways, chance, report = Ways(Core(bounds.targets)), random.Random(seed), Report()
    begun = process_time()
    for _ in range(schedules):
        report.breach = _follow(ways, bounds, chance, report)
        report.schedules += 1
        if report.breach is not None:
            break
    report.seconds = process_time() - begun
    return report


def _follow(ways: Ways, bounds: Bounds, chance: random.Random, report: Report) -> Breach | None:
    """Take one schedule until nothing more can happen."""
    state = initial(bounds)
    schedule: list[Move] = []
    while len(schedule) < SCHEDULE_MAX:
        taken = ways.step(state, chance)
        if taken is None:
            words = laws.breach_at_rest(ways.core, state, bounds)
            report.at_rest += 1
            return None if words is None else Breach(words, tuple(schedule))
        move, after = taken
        schedule.append(move)
        report.transitions += 1
        report.moves[move.name] = report.moves.get(move.name, 0) + 1
        words = laws.breach_of_step(ways.core, state, move, after) or ways.breach(after)
        if words is not None:
            return Breach(words, tuple(schedule))
        state = after
    return None

"""What happens in one seed, as data.

Owns: Story and Step, how a seed draws one, and its form in JSON. Every part of a story may be
left out and what is left is a story still: so the smallest one that fails can be found. Knows
nothing of how it is played.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

SYMBOLS: Final = ("AAPL", "AMZN", "GOOGL", "JPM", "KO", "META", "MSFT", "NVDA")
ACCOUNTS: Final = ("DU8730189", "DUP203550")
PROGRAMS: Final = (
    "trader",
    "rival",
    "admin",
    "other",
)  # `other` may use the second account only
PRICE: Final = 100
# Mondays, Fridays, the day before a holiday, both days on which the clocks change, a half day;
# in the morning, before the close, before midnight in New York, before the nightly restart.
DAYS: Final = (
    "2026-03-09",
    "2026-03-06",
    "2026-07-02",
    "2026-10-30",
    "2026-11-25",
    "2026-06-10",
)
TIMES: Final = ("14:30", "19:50", "03:45", "04:55", "16:00")
QUANTITIES: Final = range(-100, 101, 25)
FAULTS_MAX: Final = 8
SLOW_PACE: Final = 5
DRILLS_SHARE: Final = 0.2
NEW_YORK: Final = ZoneInfo("America/New_York")
PACES: Final = (45, 45, 45, 15)  # a session begins with some dozen frames
RATES: Final = (0.02, 0.1, 0.3, 1.0)
# Some seeds have the faults of two chapters only, and often: what needs several of a kind at
# once hardly ever comes of a few out of them all.
CHAPTERS: Final = "LAOCEPQ"
CHAPTERS_SHARE: Final = 0.35
CHAPTERS_RATES: Final = (0.3, 1.0)
MINUTES: Final = (0.5, 1, 1, 2, 3, 5, 10, 30)
LONG_MINUTES: Final = (4 * 60, 24 * 60, 72 * 60)
LONG_SHARE: Final = 0.01
# A list of thousands of rows takes a second to read, each time: some hundred show the same.
TAMED: Final = {"Q06": "Q06:rows=300"}
# Of the points at which a process may die: around writes and transactions, and by name.
POINTS: Final = (
    "before write", "after write", "before transaction", "after transaction",
    *(f"CP{number:02}" for number in range(1, 29)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that somebody does: when (virtual seconds), what, and its particulars."""

    at: float
    kind: str
    of: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A seed, drawn: when it plays, what goes wrong at which rate, and who does what."""

    seed: int
    start: datetime
    seconds: float
    symbols: tuple[str, ...]
    hours: str
    pace: int
    desk: dict[str, Any]
    limits: dict[str, Any]
    positions: tuple[tuple[str, str, int, int], ...]
    faults: dict[str, float]
    steps: tuple[Step, ...]

    def parts(self) -> list[str]:
        """Return the names of what may be left out: faults, then steps by their number."""
        return [*self.faults, *(f"step {n}" for n in range(len(self.steps)))]

    def only(self, parts: Sequence[str]) -> Story:
        """Return the story with these parts and no others."""
        kept = set(parts)
        return replace(
            self,
            faults={name: rate for name, rate in self.faults.items() if name in kept},
            steps=tuple(s for n, s in enumerate(self.steps) if f"step {n}" in kept),
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `of_json` reads."""
        return {**asdict(self), "start": self.start.isoformat()}

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> Self:
        """Return the story that `as_json` wrote."""
        return cls(
            **told
            | {
                "start": datetime.fromisoformat(told["start"]),
                "symbols": tuple(told["symbols"]),
                "positions": tuple(tuple(row) for row in told["positions"]),
                "steps": tuple(Step(**step) for step in told["steps"]),
            }
        )


def draw(seed: int, faults: Sequence[str]) -> Story:
    """Return the story of a seed; `faults` are the ids to choose from."""
    random = Random(f"story {seed}")
    is_long = random.random() < LONG_SHARE
    seconds = 60.0 * random.choice(LONG_MINUTES if is_long else MINUTES)
    symbols = tuple(sorted(random.sample(SYMBOLS, random.randint(1, len(SYMBOLS)))))
    programs = PROGRAMS[: random.randint(1, len(PROGRAMS))]
    steps = [
        *_calls(random, seconds, programs, symbols),
        *_market(random, seconds, symbols),
        *_accidents(random, seconds),
    ]
    story = Story(
        seed=seed,
        start=_start(random),
        seconds=seconds,
        symbols=symbols,
        hours=random.choice(("always", "always", "always", "real")),
        pace=random.choice(PACES),
        desk=_desk(random),
        limits=_limits(random),
        positions=_positions(random, symbols),
        faults=_rates(random, faults),
        steps=_in_order(steps),
    )
    return random.choice(DRILLS)(random, story) if random.random() < DRILLS_SHARE else story


def _in_order(steps: Iterable[Step]) -> tuple[Step, ...]:
    return tuple(sorted(steps, key=lambda step: step.at))


def _start(random: Random) -> datetime:
    day = datetime.fromisoformat(f"{random.choice(DAYS)}T{random.choice(TIMES)}:00")
    return day.replace(tzinfo=UTC) + timedelta(seconds=random.randint(0, 599))


def _desk(random: Random) -> dict[str, Any]:
    """Return settings: mostly those out of the box."""
    if random.random() < 0.6:
        return {}
    return {
        "keep": random.choice(("within_tolerance", "exact")),
        "foreign_orders": random.choice(("count", "ignore", "refuse")),
        "position_breaks": random.choice(("adopt", "lock")),
    }


def _limits(random: Random) -> dict[str, Any]:
    if random.random() < 0.7:
        return {}
    every: dict[str, Any] = {
        "max_order_quantity": random.choice((50, 100, 150)),
        "max_orders_per_minute": random.choice((3, 10, 30)),
        "max_orders_per_day": random.choice((3, 10, 30)),
        "allow_short": False,
    }
    return {name: every[name] for name in random.sample(sorted(every), random.randint(1, 2))}


def _positions(random: Random, symbols: Sequence[str]) -> tuple[tuple[str, str, int, int], ...]:
    if random.random() < 0.5:
        return ()
    return tuple(
        (account, symbol, random.choice((-60, 40, 110)), PRICE)
        for account in ACCOUNTS
        for symbol in symbols
        if random.random() < 0.5
    )


def _rates(random: Random, faults: Sequence[str]) -> dict[str, float]:
    """Return a random few of the faults, each at a rate of its own."""
    rates: Sequence[float] = RATES
    if random.random() < CHAPTERS_SHARE:
        chapters, rates = random.sample(CHAPTERS, 2), CHAPTERS_RATES
        faults = [name for name in faults if name[0] in chapters]
    chosen = random.sample(list(faults), random.randint(0, min(FAULTS_MAX, len(faults))))
    return {TAMED.get(name, name): random.choice(rates) for name in sorted(chosen)}


# What programs ask.


def _calls(
    random: Random, seconds: float, programs: Sequence[str], symbols: Sequence[str]
) -> list[Step]:
    """Return calls in bursts: a program posts, posts again, withdraws, halts, looks."""
    steps: list[Step] = []
    for program in programs:
        at = random.uniform(0, 5)
        for number in range(random.randint(1, random.choice((4, 10, 30)))):
            steps.append(_call(random, at, program, symbols, number))
            pause = random.choice((0.0, 0.05, 0.5, 3.0, 30.0, seconds / 10))
            at += random.uniform(0, pause)
            if at > seconds:
                break
    return steps


def _call(random: Random, at: float, program: str, symbols: Sequence[str], number: int) -> Step:
    kinds = ("post", "again", "withdraw", "look", "preview", "halt", "resume", "restrict")
    weights = (60, 10, 8, 10, 3, 2, 5, 2)
    (kind,) = random.choices(kinds, weights)
    account = ACCOUNTS[1] if program == "other" else random.choice((*ACCOUNTS, ACCOUNTS[0]))
    of: dict[str, Any] = {"program": program}
    match kind:
        case "post" | "preview":
            of |= {"key": f"{program}-{number}", "body": _body(random, account, symbols)}
            of["wait"] = random.choice((0, 0, 0.5, 4, 20))
        case "again":
            of |= {"nth": random.randint(0, 5), "as_written": random.random() < 0.8}
        case "withdraw" | "look":
            of |= {"nth": random.randint(0, 5), "wait": random.choice((0, 1, 10))}
        case "halt":
            mode = random.choice(("all", "reduce_only"))
            of |= {"account": account, "mode": mode, "cancel": random.random() < 0.5}
        case "resume":
            of |= {"account": account}
        case _:
            of |= {"account": account, "limits": _limits(random)}
    return Step(round(at, 3), kind, of)


def _body(random: Random, account: str, symbols: Sequence[str]) -> dict[str, Any]:
    few = random.sample(list(symbols), min(len(symbols), random.randint(1, 4)))
    body: dict[str, Any] = {
        "account_id": account,
        "orders": [_row(random, symbol) for symbol in few],
    }
    if random.random() < 0.04:
        body["unlisted"] = "close"
    return body


def _row(random: Random, symbol: str) -> dict[str, Any]:
    """Return a target: at market, at a limit near or far, or with a tolerance."""
    prices: list[dict[str, Any]] = [
        {},
        {"limit_price": random.randint(9_800, 10_200) / 100},
        {"limit_price": random.choice((70.0, 130.0))},
        {"expected_price": float(PRICE), "tolerance_pct": random.choice((0.1, 1.0))},
    ]
    (price,) = random.choices(prices, (5, 3, 2, 2))
    row = {"symbol": symbol, "quantity": random.choice(QUANTITIES), **price}
    if random.random() < 0.15:
        row["time_in_force"] = random.choice(("GTC", "IOC"))
    return row


# What the market, other people and misfortune do.


def _market(random: Random, seconds: float, symbols: Sequence[str]) -> list[Step]:
    steps = []
    for _ in range(random.randint(0, 15)):
        kinds = ("price", "size", "hold", "release", "fill", "correct", "hand", "modify")
        (kind,) = random.choices(kinds, (6, 4, 3, 3, 3, 1, 0.5, 0.5))
        of: dict[str, Any] = {"symbol": random.choice(symbols)}
        match kind:
            case "price":
                of["price"] = random.randint(9_700, 10_300) / 100
            case "size":
                of["shares"] = random.choice((1, 7, 20, 0))
            case "fill":
                of["share"] = random.random()
            case "hand":
                of |= {"account": random.choice(ACCOUNTS), "shares": random.choice((-5, 5))}
        steps.append(Step(_moment(random, seconds), kind, of))
    return steps


def _accidents(random: Random, seconds: float) -> list[Step]:
    """Return crashes of the service, restarts of the gateway, and cut lines."""
    steps = []
    for _ in range(random.choice((0, 0, 1, 1, 2, 3, 6))):
        down = round(random.choice((0.1, 2, 30, seconds / 20)) * random.random(), 3)
        if random.random() < 0.3:
            steps.append(Step(_moment(random, seconds), "crash", {"down": down}))
            continue
        of = {"point": random.choice(POINTS), "pass": random.randint(1, 4), "down": down}
        steps.append(Step(_moment(random, seconds), "arm", of))
    for _ in range(random.choice((0, 0, 0, 1, 2, 3))):
        kind = random.choice(("gateway", "cut"))
        down = round(random.uniform(0, 20), 3)
        steps.append(Step(_moment(random, seconds), kind, {"down": down}))
    return steps


# Drills: what chance hardly ever puts together, and a mistake would need.


def _halted_over_a_restart(random: Random, story: Story) -> Story:
    """Halt an account, end the service, and ask it for orders once it is back."""
    at = story.seconds * random.uniform(0.2, 0.6)
    of = {"account": ACCOUNTS[0], "mode": random.choice(("all", "reduce_only"))}
    crash_at = at + random.uniform(0.05, 3)
    halt = {"program": "admin", "cancel": random.random() < 0.5, **of}
    steps = [
        Step(round(at, 3), "halt", halt),
        Step(round(crash_at, 3), "crash", {"down": round(random.uniform(0.1, 2), 3)}),
    ]
    for number in range(3):
        asked_at = round(crash_at + random.uniform(2, 8), 3)
        steps.append(_drill_post(random, story, asked_at, "trader", number, ACCOUNTS[0]))
    return replace(story, steps=_in_order([*story.steps, *steps]))


def _sent_before_midnight(random: Random, story: Story) -> Story:
    """Lose the line with an order just before the account's day ends: it fills unheard."""
    into = random.uniform(5, 40)
    day = datetime.fromisoformat(random.choice(DAYS)).replace(tzinfo=NEW_YORK)
    start = (day - timedelta(seconds=into)).astimezone(UTC).replace(microsecond=0)
    midnight = (day - start).total_seconds()
    asked = [round(midnight - random.uniform(0.1, 2), 3) for _ in range(3)]
    steps = [
        _drill_post(random, story, at, "trader", number, ACCOUNTS[0])
        for number, at in enumerate(asked)
    ]
    return replace(
        story,
        start=start,
        hours="always",
        seconds=max(story.seconds, 120.0),
        faults={**story.faults, random.choice(("L05", "L10", "L16")): 1.0},
        steps=_in_order([*story.steps, *steps]),
    )


def _stopped_in_a_queue(random: Random, story: Story) -> Story:
    """Ask for more than the pace lets through, and stop it while it waits."""
    story = replace(story, symbols=SYMBOLS, pace=SLOW_PACE)
    at = round(story.seconds * random.uniform(0.2, 0.6), 3)
    posts = [
        _drill_post(random, story, at, program, 0, account, len(SYMBOLS))
        for program, account in (("trader", ACCOUNTS[0]), ("other", ACCOUNTS[1]))
    ]
    stopped_at = round(at + random.uniform(0.2, 1.5), 3)
    of = {"program": "admin", "account": ACCOUNTS[0], "mode": "all", "cancel": False}
    stops = (
        Step(stopped_at, "halt", of),
        _drill_post(random, story, stopped_at, "admin", 1, ACCOUNTS[0], len(SYMBOLS)),
        Step(stopped_at, "crash", {"down": 0.5}),
    )
    return replace(story, steps=_in_order([*story.steps, *posts, random.choice(stops)]))


def _drill_post(
    random: Random,
    story: Story,
    at: float,
    program: str,
    number: int,
    account: str,
    most: int = 3,
) -> Step:
    """Return a post of so many symbols, at market."""
    few = story.symbols[:most]
    rows = [{"symbol": symbol, "quantity": random.choice(QUANTITIES)} for symbol in few]
    body = {"account_id": account, "orders": rows}
    return Step(
        at, "post", {"program": program, "key": f"drill-{number}", "body": body, "wait": 0}
    )


DRILLS: Final = (_halted_over_a_restart, _sent_before_midnight, _stopped_in_a_queue)


def _moment(random: Random, seconds: float) -> float:
    """Return a moment: rather early, where most of the calls are."""
    return round(seconds * random.random() ** 2, 3)

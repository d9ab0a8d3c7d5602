"""Clients that trade through every kill, each with a key of its own, and keep what they were told.

Owns: what they ask, drawn from a seed; how they outlive a cut line (the same key and body again,
until there is an answer); and every answer, in memory. In what order they come is the machine's
choice: the seed repeats what is asked, not the run. Knows nothing of processes.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any, Final

import httpx

from storms.gateway import ACCOUNT, PRICE, SYMBOLS

NAMES: Final = ("ann", "bob", "cem", "dan")
AUDITOR: Final = "auditor"
ORDERS: Final = "/api/v1/orders"
ROWS_MAX: Final = 4
SHARES: Final = range(-100, 101, 25)  # few, so that some targets are asked for twice
KEYED_SHARE: Final = 0.9
PAUSE_SECONDS_MAX: Final = 0.1
RECENT: Final = 8
TIMEOUT_SECONDS: Final = 60.0
LOOKS: Final = (
    "/api/v1/targets", "/api/v1/positions?allow_stale=true", "/api/v1/executions", ORDERS,
    "/health",
)  # fmt: skip
HALTED: Final = "halted"
# Answers of a service that cannot take a batch now: nothing is stored, or nobody knows.
REFUSALS: Final = frozenset(
    {
        "broker-unavailable", "ledger-unavailable", "outcome-unknown",
        "idempotency-in-progress", "rate-limited", "too-many-requests",
    }
)  # fmt: skip


def key_of(name: str) -> str:
    """Return the API key of a client."""
    return f"key-of-{name}"


def tables_of_clients() -> str:
    """Return the part of the configuration that lets the clients in."""
    scopes = dict.fromkeys(NAMES, '"trade"') | {AUDITOR: '"audit", "admin", "trade"'}
    return "".join(
        f'[[clients]]\nname = "{name}"\n'
        f'key_sha256 = "{hashlib.sha256(key_of(name).encode()).hexdigest()}"\n'
        f'scopes = [{scope}]\naccounts = ["{ACCOUNT}"]\n'
        for name, scope in scopes.items()
    )


def caller_of(name: str) -> httpx.Client:
    """Return who asks with the key of a client."""
    # Without TLS there is nothing to verify, and the trust store takes long to load.
    return httpx.Client(
        headers={"X-API-Key": key_of(name)},
        timeout=TIMEOUT_SECONDS,
        trust_env=False,
        verify=False,  # noqa: S501
    )


class Door:
    """Where the service is at the moment, and whether callers may come."""

    def __init__(self) -> None:
        self._is_open = threading.Event()
        self.url = ""
        self.is_calm = False  # nothing new is asked
        self.may_be_halted = False
        self.is_over = False

    def open_at(self, url: str) -> None:
        """Let callers come."""
        self.url = url
        self.is_calm = False
        self._is_open.set()

    def shut(self) -> None:
        """Keep callers from coming; who is inside is not told."""
        self._is_open.clear()

    def until_open(self) -> bool:
        """Wait until callers may come; return False where it is all over."""
        while not self.is_over:
            if self._is_open.wait(0.1):
                return True
        return False


@dataclass
class Post:
    """One batch that was asked for, and the first whole answer to it."""

    client: str
    key: str | None
    rows: list[dict[str, Any]]
    answer: bytes | None = None

    @property
    def batch(self) -> Any:
        """The answer, read."""
        assert self.answer is not None
        return json.loads(self.answer, parse_float=Decimal)


@dataclass
class Caller:
    """One client. Runs in a thread of its own."""

    name: str
    door: Door
    random: Random
    counts: Counter[str] = field(default_factory=Counter)
    posts: list[Post] = field(default_factory=list)  # answered
    lost: list[Post] = field(default_factory=list)  # without a key, and without an answer
    wrong: list[str] = field(default_factory=list)
    changed: list[tuple[str, str]] = field(default_factory=list)  # replays, by batch
    _open: Post | None = None
    _is_busy: bool = False
    _numbers: Iterator[int] = field(default_factory=count)

    def run(self) -> None:
        """Trade until it is all over."""
        with caller_of(self.name) as http:
            while self.door.until_open():
                self._is_busy = True
                if self._open is not None:
                    self.submit(http, self._open)
                elif not self.door.is_calm:
                    self._do_something(http)
                self._is_busy = False
                threading.Event().wait(self.random.uniform(0, PAUSE_SECONDS_MAX))

    @property
    def is_quiet(self) -> bool:
        """Tell whether nothing is asked, and nothing has no answer yet."""
        return self._open is None and not self._is_busy

    def _do_something(self, http: httpx.Client) -> None:
        (act,) = self.random.choices(
            (self._post, self._replay, self._withdraw, self._look), (60, 10, 10, 20)
        )
        act(http)

    # -- what is done ------------------------------------------------------------------------
    def _post(self, http: httpx.Client) -> None:
        symbols = self.random.sample(SYMBOLS, self.random.randint(1, ROWS_MAX))
        is_keyed = self.random.random() < KEYED_SHARE
        key = f"{self.name} {next(self._numbers)}" if is_keyed else None
        self._open = Post(self.name, key, [self._target(symbol) for symbol in symbols])
        self.submit(http, self._open)

    def _target(self, symbol: str) -> dict[str, Any]:
        """Return a row: at market, at a limit near the price, or at one that is far away."""
        near = self.random.randint(98 * PRICE, 102 * PRICE) / 100
        far = round(self.random.choice((0.7, 1.3)) * PRICE, 2)
        limits: list[dict[str, Any]] = [
            {}, {"limit_price": near}, {"limit_price": far},
            {"expected_price": near, "tolerance_pct": 1},
        ]  # fmt: skip
        (limit,) = self.random.choices(limits, (5, 2, 2, 1))
        return {"symbol": symbol, "quantity": self.random.choice(SHARES)} | limit

    def submit(self, http: httpx.Client, post: Post) -> None:
        """Ask for a batch, for the first time or again."""
        answer = self.ask(http, "POST", self._wait(ORDERS), post)
        is_certain = answer is not None and _code(answer) != "outcome-unknown"
        if answer is not None and answer.status_code == 200:
            post.answer = answer.content
            self.posts.append(post)
            self._open = None
            self.counts["batches acknowledged"] += 1
        elif post.key is None:  # it cannot be asked for again: that might be a second batch
            self._open = None
            if not is_certain:
                self.lost.append(post)
        elif answer is not None and _code(answer) == HALTED:
            self._open = None

    def _wait(self, path: str) -> str:
        wait = self.random.choice(("", "?wait=0", "?wait=0.5"))
        return f"{path}{wait}"

    def _replay(self, http: httpx.Client) -> None:
        """Ask again for what was answered: the answer must be the same."""
        keyed = [post for post in self.posts if post.key is not None]
        if keyed:
            self.replay(http, self.random.choice(keyed))

    def replay(self, http: httpx.Client, post: Post) -> None:
        """Ask again for a batch."""
        answer = self.ask(http, "POST", ORDERS, post)
        if answer is None or answer.status_code != 200:
            return
        self.counts["replays"] += 1
        if answer.content != post.answer:
            words = f"{post.key}: was {post.answer!r}, the replay {answer.content!r}"
            self.changed.append((post.batch["batch_id"], words))
        if answer.headers.get("Idempotency-Replayed") != "true":
            self.wrong.append(f"{post.key}: a replay that does not say so")

    def _withdraw(self, http: httpx.Client) -> None:
        if self.posts:
            batch_id = self.random.choice(self.posts[-RECENT:]).batch["batch_id"]
            answer = self.ask(http, "DELETE", f"{ORDERS}/{batch_id}")
            self.counts["batches withdrawn"] += answer is not None

    def _look(self, http: httpx.Client) -> None:
        paths = list(LOOKS)
        if self.posts:
            post = self.random.choice(self.posts[-RECENT:])
            paths += 3 * [f"{ORDERS}/{post.batch['batch_id']}"]
        self.ask(http, "GET", self.random.choice(paths))

    # -- asking ------------------------------------------------------------------------------
    def ask(
        self, http: httpx.Client, method: str, path: str, post: Post | None = None
    ) -> httpx.Response | None:
        """Ask, and judge the status; None where the line was cut before a whole answer came."""
        headers = {} if post is None or post.key is None else {"Idempotency-Key": post.key}
        body = None if post is None else {"orders": post.rows}
        self.counts["calls"] += 1
        try:
            answer = http.request(method, f"{self.door.url}{path}", json=body, headers=headers)
        except httpx.TransportError:
            self.counts["calls cut"] += 1
            return None
        if answer.status_code != 200:
            self.counts[f"answers {answer.status_code} {_code(answer)}"] += 1
            if not self._is_allowed(_code(answer)):
                self.wrong.append(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer

    def _is_allowed(self, code: str) -> bool:
        return code in REFUSALS or (code == HALTED and self.door.may_be_halted)


def _code(answer: httpx.Response) -> str:
    return "" if answer.status_code == 200 else str(answer.json().get("code"))


class Crowd:
    """All callers and their threads, and a closer, who only does what he is told."""

    def __init__(self, seed: str) -> None:
        self.door = Door()
        self.callers = [Caller(name, self.door, Random(f"{seed} {name}")) for name in NAMES]
        self.closer = Caller(AUDITOR, self.door, Random(f"{seed} {AUDITOR}"))
        self._threads = [
            threading.Thread(target=caller.run, name=caller.name, daemon=True)
            for caller in self.callers
        ]

    def start(self) -> None:
        """Let everybody begin, as soon as the door opens."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Let everybody go home."""
        self.door.is_over = True
        for thread in self._threads:
            if thread.is_alive():
                thread.join(TIMEOUT_SECONDS)

    @property
    def everybody(self) -> list[Caller]:
        """Return the callers and the closer."""
        return [*self.callers, self.closer]

    @property
    def is_quiet(self) -> bool:
        """Tell whether nobody asks for something that has no answer yet."""
        return all(caller.is_quiet for caller in self.callers)

    @property
    def is_whole(self) -> bool:
        """Tell whether everybody still trades: a thread that died asks nothing."""
        return all(thread.is_alive() for thread in self._threads)

    @property
    def posts(self) -> list[Post]:
        """Return every batch that was acknowledged."""
        return [post for caller in self.everybody for post in tuple(caller.posts)]

    @property
    def counts(self) -> Counter[str]:
        """Return what everybody counted."""
        return sum((caller.counts for caller in self.everybody), Counter())

    @property
    def wrong(self) -> list[str]:
        """Return every answer that must not be."""
        return [words for caller in self.everybody for words in tuple(caller.wrong)]

    def changed(self, but: Collection[str]) -> list[str]:
        """Return every replay that was not the first answer, but those of some batches."""
        found = [entry for caller in self.everybody for entry in tuple(caller.changed)]
        return [words for batch_id, words in found if batch_id not in but]

    def last_targets(self) -> dict[str, int]:
        """Return the newest target of each symbol that was acknowledged."""
        last: dict[str, tuple[str, int]] = {}
        for post in self.posts:
            batch = post.batch
            for row in batch["results"]:
                asked = (batch["submitted_at"], row["desired_pos"])
                last[row["symbol"]] = max(last.get(row["symbol"], asked), asked)
        return {symbol: target for symbol, (_, target) in last.items()}

"""What a machine can do to the service beside killing it, done to a real one that trades.

Owns: each harm as a function on a Scene, and what must be true while it lasts. Knows nothing of
the table, and nothing of what must be true afterwards, whatever the harm: that is `judging`.
"""

from __future__ import annotations

import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx

from e2e.processes import command
from embedded import Server, database_of
from storms.callers import ORDERS, Post, caller_of
from storms.gateway import ACCOUNT
from storms.world import CONFIG_NAME, Life, World, auditing

BLIP_SECONDS: Final = 4.0
LONG_SECONDS: Final = 15.0  # beyond desk.halt_after_ledger_loss
HALTED_WITHIN_SECONDS: Final = 10.0  # of the first write that succeeds again
LEFT_SECONDS: Final = 2.0  # by then what was claimed before has left
STOPPED_SECONDS: Final = 20.0  # heartbeats are missed by then
RESTARTED_SECONDS: Final = (5.0, 40.0)
REFUSED_WITHIN_SECONDS: Final = 30.0
FULL_BYTES: Final = 0  # so little may a file be long


@dataclass
class Scene:
    """A world whose service trades, and what of it was wrong so far."""

    world: World
    server: Server | None
    stack: ExitStack
    disk: Path | None = None
    wrong: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    _life: Life | None = None

    @property
    def life(self) -> Life:
        """The service that callers are sent to."""
        assert self._life is not None
        return self._life

    @property
    def database(self) -> str:
        """The ledger's database."""
        return database_of(self.world.ledger_url)

    @property
    def sent(self) -> int:
        """How many orders came over the wire."""
        return self.world.gateway.wire.orders

    def check(self, is_true: object, words: str) -> None:
        """Note what is wrong."""
        if not is_true:
            self.wrong.append(words)

    def start(self) -> Life:
        """Start a service, and send callers to it; return it once its session is up."""
        self._life = self.stack.enter_context(self.world.service())
        self.world.crowd.door.open_at(self._life.until_serving())
        self._life.until_up()
        return self._life

    def trade(self, seconds: float) -> None:
        """Let callers trade; say so if they cannot."""
        before = len(self.world.crowd.posts)
        time.sleep(seconds)
        self.check(len(self.world.crowd.posts) > before, "nothing was accepted any more")

    def resume(self, *, is_halted_surely: bool = True) -> None:
        """See that the account is halted, and end it, as a person does."""
        door = self.world.crowd.door
        path = f"/api/v1/accounts/{ACCOUNT}/resume"
        with auditing(door.url) as http:
            is_halted = until(lambda: _account(http)["halted"], HALTED_WITHIN_SECONDS)
            self.check(
                is_halted or not is_halted_surely,
                "a long loss of the ledger did not halt the account",
            )
            if is_halted:
                answer = http.post(path, json={"reason": "harmed on purpose"})
                self.check(answer.status_code == 200, f"resume: {answer.text}")
        door.may_be_halted = False
        self.seen.append("halted, then resumed" if is_halted else "not halted")


# -- the ledger that cannot be written -------------------------------------------------------
def lock_for_a_moment(scene: Scene) -> None:
    """Another process locks the ledger, and lets go."""
    with _locked(scene):
        _nothing_leaves(scene, BLIP_SECONDS)


def lock_for_long(scene: Scene) -> None:
    """Another process locks the ledger until the account is halted for it."""
    scene.world.crowd.door.may_be_halted = True
    with _locked(scene):
        _nothing_leaves(scene, LONG_SECONDS)
    scene.resume()


def fill_quota_for_a_moment(scene: Scene) -> None:
    """The process may write no byte more, into its log neither; then it may again."""
    with _quota(scene.life):
        _nothing_leaves(scene, BLIP_SECONDS)


def fill_quota_for_long(scene: Scene) -> None:
    """The process may write no byte more until the account is halted for it."""
    scene.world.crowd.door.may_be_halted = True
    with _quota(scene.life):
        _nothing_leaves(scene, LONG_SECONDS)
    scene.resume()


def fill_disk_for_a_moment(scene: Scene) -> None:
    """Somebody else fills the disk that the ledger is on, and clears it."""
    with _full(scene):
        _nothing_leaves(scene, BLIP_SECONDS)


def fill_disk_for_long(scene: Scene) -> None:
    """Somebody else fills the disk that the ledger is on, for so long that the account is halted.

    Unless little things still fit: a write-ahead log that begins anew has room for them.
    """
    scene.world.crowd.door.may_be_halted = True
    with _full(scene):
        _nothing_leaves(scene, LONG_SECONDS)
    scene.resume(is_halted_surely=False)


def _nothing_leaves(scene: Scene, seconds: float) -> None:
    """Wait; nothing may leave that cannot be written down before."""
    time.sleep(min(LEFT_SECONDS, seconds / 2))
    before = scene.sent
    time.sleep(seconds - min(LEFT_SECONDS, seconds / 2))
    scene.check(scene.sent == before, f"{scene.sent - before} orders left unwritten")
    scene.seen.append(f"nothing left for {seconds:.0f} s")


_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


@contextmanager
def _locked(scene: Scene) -> Iterator[None]:
    if scene.server is not None:
        tables = scene.server.run(_TABLES, database=scene.database)
        statement = f"LOCK TABLE {', '.join(name for (name,) in tables)}"
        with scene.server.holding(scene.database, statement):
            yield
        return
    path = scene.world.ledger_file
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as file:
        file.execute("BEGIN IMMEDIATE")
        yield
        file.execute("ROLLBACK")


@contextmanager
def _quota(life: Life) -> Iterator[None]:
    soft, hard = resource.prlimit(life.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(life.pid, resource.RLIMIT_FSIZE, (FULL_BYTES, hard))
    try:
        yield
    finally:
        resource.prlimit(life.pid, resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def _full(scene: Scene) -> Iterator[None]:
    assert scene.disk is not None
    filler = scene.disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    try:
        yield
    finally:
        filler.unlink()


# -- PostgreSQL that dies --------------------------------------------------------------------
def kill_postgresql(scene: Scene, times: int, random: Random) -> None:
    """Kill PostgreSQL in the middle of what is committed, again and again."""
    assert scene.server is not None
    done: list[str] = []
    for _ in range(times):
        scene.trade(random.uniform(*RESTARTED_SECONDS))
        name, kill = random.choice(_DEATHS)
        kill(scene.server, scene.database)
        done.append(name)
    scene.trade(RESTARTED_SECONDS[0])
    told = (f"{done.count(name)} × {name}" for name, _ in _DEATHS if name in done)
    scene.seen.append(", ".join(told))


def _kill_server(server: Server, _database: str) -> None:
    server.kill()
    server.restart()


def _crash_server(server: Server, _database: str) -> None:
    server.stop(signal.SIGQUIT)
    server.start()


def _end_sessions(server: Server, database: str) -> None:
    server.end_sessions(database)


_DEATHS: Final[tuple[tuple[str, Callable[[Server, str], None]], ...]] = (
    ("kill -9", _kill_server),
    ("immediate stop", _crash_server),
    ("sessions ended", _end_sessions),
)


# -- a service or a gateway that stands still ------------------------------------------------
def stop_gateway(scene: Scene) -> None:
    """The gateway stands still: its line is up, and nobody is there."""
    scene.world.gateway.pause()
    time.sleep(STOPPED_SECONDS)
    scene.world.gateway.resume()
    _until_health(scene, scene.world.crowd.door.url)
    scene.seen.append(f"its line was given up within {STOPPED_SECONDS:.0f} s")


def stop_service_while_another_starts(scene: Scene) -> None:
    """The service stands still and loses its session; another is started, and is refused."""
    scene.life.signal(signal.SIGSTOP)
    scene.world.gateway.kill_and_restart()
    words = ("serve", "--config", CONFIG_NAME, "--port", "0")
    with command("paperdesk", *words, cwd=scene.world.folder) as second:
        second.process.wait(timeout=REFUSED_WITHIN_SECONDS)
    is_refused = "another process owns the ledger" in second.text()
    scene.check(second.process.returncode == 1, f"the second ended {second.process.returncode}")
    scene.check(is_refused, f"the second was not refused: {second.text()}")
    time.sleep(STOPPED_SECONDS)
    scene.life.signal(signal.SIGCONT)
    _until_health(scene, scene.world.crowd.door.url)
    scene.trade(5)
    scene.seen.append("the second was refused; the first went on")


def stop_service_while_another_takes_over(scene: Scene) -> None:
    """The service stands still and loses gateway and database; another takes its ledger over.

    Then the first goes on: it must never send again, while the other lives and after it.
    """
    assert scene.server is not None
    first, first_url, door = scene.life, scene.world.crowd.door.url, scene.world.crowd.door
    first.signal(signal.SIGSTOP)
    scene.world.gateway.kill_and_restart()
    scene.server.end_sessions(scene.database)
    second = scene.start()
    _is_taken(scene)  # callers may still wait for the first, which neither answers nor ends
    door.is_calm = True
    first.signal(signal.SIGCONT)
    scene.check(until(lambda: scene.world.crowd.is_quiet), "somebody never got an answer")
    time.sleep(LEFT_SECONDS)
    _is_fenced(scene, first_url, "while the other lives")
    door.shut()
    second.running.end()
    _is_fenced(scene, first_url, "when the other has gone")
    first.running.end(signal.SIGTERM)
    scene.start()
    scene.trade(3)
    scene.seen.append("the first took nothing and sent nothing")


def _is_taken(scene: Scene) -> None:
    """See that the service that callers are sent to takes a batch and trades it."""
    closer = scene.world.crowd.closer
    post = Post(closer.name, "after the takeover", [{"symbol": "KO", "quantity": 3}])
    with caller_of(closer.name) as http:
        closer.submit(http, post)
        scene.check(post.answer is not None, "the one that took over takes no batch")
        path = f"{scene.world.crowd.door.url}{ORDERS}"
        if post.answer is not None:
            shown = http.get(f"{path}/{post.batch['batch_id']}?wait=20").json()
            scene.check(shown["summary"]["on_target"], f"it does not trade: {shown}")


def _is_fenced(scene: Scene, url: str, when: str) -> None:
    """Ask the service at `url` for orders: it may take none, and send none."""
    before = scene.sent
    for number in range(5):
        rows = [{"symbol": symbol, "quantity": 7 + number} for symbol in ("AAPL", "JPM")]
        with auditing(url) as http:
            answer = http.post(ORDERS, json={"orders": rows})
            ready = http.get("/readyz")
        scene.check(answer.status_code in {500, 503}, f"{when} the first answers {answer.text}")
        scene.check(ready.status_code == 503, f"{when} the first says that it is ready")
        time.sleep(1)
    scene.check(scene.sent == before, f"{when} {scene.sent - before} orders left")


# -- looking ---------------------------------------------------------------------------------
def _until_health(scene: Scene, url: str) -> None:
    with auditing(url) as http:
        is_up = until(lambda: http.get("/health").json()["accounts"] == {ACCOUNT: True})
    scene.check(is_up, "its session never came back")


def _account(http: httpx.Client) -> Any:
    (account,) = http.get("/api/v1/accounts").json()["accounts"]
    return account


def until(is_so: Callable[[], object], within_seconds: float = 60.0) -> bool:
    """Wait until it is so; return False where it never was."""
    deadline = time.monotonic() + within_seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True

"""Kill the service at random moments while clients trade: `make storm`.

    python -m storms.storm [KILLS [LEDGER [SEED]]]

Owns: when it is killed, drawn from the seed (up to a second and a half after its session is up, and
some of the times while it starts), when all is compared, and when a world with a long history gives
way to a fresh one. Nothing is reset between two kills of a world. Ctrl-C ends it after one more
comparison, a second one at once.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import httpx

from embedded import Server, running_server
from promises.showing import ROOT, say
from storms.judging import Verdict, be_calm, judge, with_alarms
from storms.nursery import Nursery
from storms.tally import Tally
from storms.world import LEDGERS, POSTGRESQL, SQLITE, Life, World, a_world, auditing
from twsim.exchange.hours import next_midnight

KILLS: Final = 1_000
KILLED_WITHIN_SECONDS: Final = 1.5
START_SHARE: Final = 0.15  # of the kills: while the service starts
KILLS_A_ROUND: Final = 50
# Each start reads the day's orders and executions: a world with a long day starts slowly.
ROUNDS_A_WORLD: Final = 3
# At midnight in New York a gateway forgets the day, and what is unknown then is for a person: a
# round begins where there is time for it.
KILL_SECONDS: Final = 6
COMPARE_SECONDS: Final = 60


class Storm:
    """One run."""

    def __init__(
        self, ledger: str, seed: int, server: Server | None, nursery: Nursery | None = None
    ) -> None:
        self.tally = Tally(ledger, seed)
        self.is_ending = False
        self._random = Random(f"{seed} kills")
        self._server = server
        self._nursery = nursery
        self._start_seconds = 1.0

    def run(self, kills: int) -> None:
        """Kill so often, unless it is ended."""
        while self._left(kills) and not self.is_ending:
            seed = f"{self.tally.seed} {self.tally.counts['worlds']}"
            with a_world(seed, self._server, nursery=self._nursery) as world:
                try:
                    self._live(world, kills)
                except (AssertionError, httpx.HTTPError) as error:
                    world.is_kept = True
                    self.tally.failed(f"{type(error).__name__}: {error}")
                    return
                finally:
                    if world.is_kept:
                        say(f"what is left of this world is in {world.folder}")
                    self.tally.world_ended()

    def _left(self, kills: int) -> int:
        return kills - self.tally.counts["kills"]

    def _live(self, world: World, kills: int) -> None:
        """Let a world live for some rounds."""
        for _ in range(ROUNDS_A_WORLD):
            times = min(KILLS_A_ROUND, self._left(kills))
            wait_for_midnight(COMPARE_SECONDS + KILL_SECONDS * times)
            for _ in range(times):
                if not self.is_ending:
                    self._kill(world)
            self.tally.judged(world, self._compare(world))
            if self.is_ending or not self._left(kills):
                return

    def _kill(self, world: World) -> None:
        """Start the service, and kill it."""
        with self._service(world) as life:
            if self._random.random() < START_SHARE:
                self.tally.counts["kills_during_start"] += 1
                seconds = self._random.uniform(0, self._start_seconds)
                _let_in_until(world, life, life.began + seconds)
            else:
                self._open(world, life)
                time.sleep(self._random.uniform(0, KILLED_WITHIN_SECONDS))
            assert not life.is_dead, f"it ended by itself:\n{life.running.text()[-2000:]}"
            life.running.end(signal.SIGKILL)
            self.tally.counts["kills"] += 1

    def _compare(self, world: World) -> Verdict:
        with self._service(world) as life, auditing(self._open(world, life)) as http:
            verdict = judge(world, http, be_calm(world, http))
        return with_alarms(verdict, world)

    @contextmanager
    def _service(self, world: World) -> Iterator[Life]:
        self.tally.counts["restarts"] += world.lives > 0
        try:
            with world.service() as life:
                yield life
        finally:
            world.crowd.door.shut()

    def _open(self, world: World, life: Life) -> str:
        """Let callers in as soon as it listens; return its address once its session is up."""
        url = life.until_serving()
        world.crowd.door.open_at(url)
        life.until_up()
        assert life.up_seconds is not None
        self._start_seconds = life.up_seconds
        self.tally.starts.append(life.up_seconds)
        return url


def _let_in_until(world: World, life: Life, moment: float) -> None:
    """Let callers in if it listens before the moment has come."""
    while time.monotonic() < moment:
        url = life.url
        if url is not None:
            world.crowd.door.open_at(url)
        time.sleep(0.01)


def wait_for_midnight(needed_seconds: float, margin_seconds: float = 0.0) -> None:
    """Let midnight pass, and a margin behind it, if either would come too soon."""
    now = datetime.now(UTC) - timedelta(seconds=margin_seconds)
    seconds = (next_midnight(now) - now) / timedelta(seconds=1)
    if seconds < needed_seconds + 2 * margin_seconds:
        say(f"the account's day ends soon: waiting {seconds:.0f} s for the next one")
        time.sleep(seconds + 5)


def main(kills: int = KILLS, ledger: str = SQLITE, seed: int = 0) -> int:
    """Let it storm; print the table and add it to the file; return 0 where nothing differs."""
    if ledger not in LEDGERS:
        say(f"LEDGER={ledger}? One of {', '.join(LEDGERS)}")
        return 2
    with _a_server(ledger) as server, Nursery() as nursery:
        storm = Storm(ledger, seed, server, nursery)

        def end(_number: int, _frame: Any) -> None:
            if storm.is_ending:
                raise KeyboardInterrupt
            storm.is_ending = True
            say("ending: everything is compared once more; Ctrl-C again leaves that out")

        signal.signal(signal.SIGINT, end)
        try:
            storm.run(kills)
        except KeyboardInterrupt:
            say("left: what came after the last comparison is not judged")
        storm.tally.table()
        say(f"added to {storm.tally.write(ROOT / 'build')}")
    return 0 if storm.tally.is_fine else 1


@contextmanager
def _a_server(ledger: str) -> Iterator[Server | None]:
    if ledger != POSTGRESQL:
        yield None
        return
    with running_server(fsync=True) as server:
        yield server


if __name__ == "__main__":
    given = dict(zip(("kills", "ledger", "seed"), sys.argv[1:], strict=False))
    sys.exit(
        main(
            int(given.get("kills", KILLS)),
            given.get("ledger", SQLITE),
            int(given.get("seed", 0)),
        )
    )

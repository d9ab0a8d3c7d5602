"""Every harm beside a kill, on each database where it can be done: `make harms`.

    python -m storms.harms [NAME ...]

Owns: the cases and their table. Each is a world of its own, in which a real service trades before,
during and after the harm; then all is compared as after a storm.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import httpx

from embedded import Server, running_server
from promises.showing import say
from storms import harming
from storms.clock_jumps import JUMP_SECONDS, jump
from storms.harming import Scene
from storms.judging import Outcome, be_calm, judge, outcome_of, with_alarms
from storms.storm import wait_for_midnight
from storms.world import POSTGRESQL, SQLITE, a_world, auditing

TRADES_SECONDS: Final = 3.0
DISK_MIB: Final = 32
DEATHS: Final = 10
HARM_SECONDS: Final = 420  # so long the longest may take
HEADS: Final = ("harm", "ledger", "s", "batches", "orders", "executions", "seen", "verdict")
NOT_HERE: Final = "not possible here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """A case."""

    name: str
    do: Callable[[Scene], None]
    ledgers: Sequence[str] = (SQLITE, POSTGRESQL)
    needs_disk: bool = False


def _on_disk(name: str, do: Callable[[Scene], None]) -> Harm:
    return Harm(name=name, do=do, ledgers=(SQLITE,), needs_disk=True)


HARMS: Final = (
    Harm(name="locked-moment", do=harming.lock_for_a_moment),
    Harm(name="locked-long", do=harming.lock_for_long),
    Harm(name="quota-moment", do=harming.fill_quota_for_a_moment, ledgers=(SQLITE,)),
    Harm(name="quota-long", do=harming.fill_quota_for_long, ledgers=(SQLITE,)),
    _on_disk("disk-moment", harming.fill_disk_for_a_moment),
    _on_disk("disk-long", harming.fill_disk_for_long),
    Harm(name="gateway-stopped", do=harming.stop_gateway),
    Harm(name="service-stopped", do=harming.stop_service_while_another_starts),
    Harm(
        name="service-replaced",
        do=harming.stop_service_while_another_takes_over,
        ledgers=(POSTGRESQL,),
    ),
    Harm(
        name="postgresql-killed",
        do=partial(harming.kill_postgresql, times=DEATHS, random=Random("deaths")),
        ledgers=(POSTGRESQL,),
    ),
)
CLOCK: Final = "clock-jumps"


def play(harm: Harm, server: Server | None, disk: Path | None = None) -> Outcome:
    """Do a harm to a service that trades; return what came of it."""
    began = time.monotonic()
    with a_world(harm.name, server, disk=disk) as world:
        with ExitStack() as stack:
            scene = Scene(world, server, stack, disk)
            scene.start()
            scene.trade(TRADES_SECONDS)
            harm.do(scene)
            scene.trade(TRADES_SECONDS)
            with auditing(world.crowd.door.url) as http:
                unended = be_calm(world, http)
                verdict = judge(world, http, [*scene.wrong, *unended])
            world.crowd.door.shut()
        return outcome_of(world, with_alarms(verdict, world), scene.seen, began)


@contextmanager
def a_disk() -> Iterator[Path | None]:
    """Mount a small disk; None where this user may not."""
    with tempfile.TemporaryDirectory(prefix="pd-disk-") as name:
        words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", name]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            yield None
            return
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def row_of(harm: Harm, server: Server | None) -> Outcome:
    """Do a harm; whatever goes wrong is told in its row."""
    try:
        if not harm.needs_disk:
            return play(harm, server)
        with a_disk() as disk:
            if disk is None:
                return Outcome(seen=f"{NOT_HERE}: only root may mount a disk")
            return play(harm, server, disk)
    except (AssertionError, OSError, httpx.HTTPError) as error:
        return Outcome(wrong=[" ".join(f"{type(error).__name__}: {error}".split())])


def say_row(name: str, ledger: str, outcome: Outcome) -> None:
    """Print a row, and below it whatever is wrong."""
    verdict = f"{len(outcome.wrong)} WRONG" if outcome.wrong else "ok"
    if outcome.seen.startswith(NOT_HERE):
        verdict = "not done"
    cells = [name, ledger, f"{outcome.seconds:.0f}", f"{outcome.batches}", f"{outcome.orders}"]
    cells += [f"{outcome.executions}", outcome.seen, verdict]
    say(f"| {' | '.join(cells)} |")
    for words in outcome.wrong:
        say(f"    {words}")


def main(names: Sequence[str]) -> int:
    """Print the table as it grows; return 1 where a row is wrong."""
    bad = 0
    chosen = [harm for harm in HARMS if not names or harm.name in names]
    say(f"| {' | '.join(HEADS)} |")
    say(f"|{'---|' * len(HEADS)}")
    with running_server(fsync=True) as server:
        for harm in chosen:
            for ledger in harm.ledgers:
                wait_for_midnight(HARM_SECONDS)
                outcome = row_of(harm, server if ledger == POSTGRESQL else None)
                say_row(harm.name, ledger, outcome)
                bad += bool(outcome.wrong)
        if not names or CLOCK in names:
            for ledger in (SQLITE, POSTGRESQL):
                wait_for_midnight(HARM_SECONDS, JUMP_SECONDS)
                outcome = jump(server if ledger == POSTGRESQL else None)
                say_row(CLOCK, ledger, outcome)
                bad += bool(outcome.wrong)
    say(f"\n{bad} rows are wrong")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

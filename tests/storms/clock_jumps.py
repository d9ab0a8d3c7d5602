"""The machine's clock jumps ten minutes forward and back while clients trade.

Owns: the clock that jumps, given to a service through its port Clock, and how that service runs in
a thread of this process, before a gateway whose clock is right. (A clock of a process alone can
only be moved by a library that is put before it, and no machine has that installed.)
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from embedded import Server
from paperdesk.bootstrap import running
from paperdesk.config import load_settings
from promises.served import listening
from promises.showing import be_quiet
from storms.judging import Outcome, be_calm, judge, outcome_of, with_alarms
from storms.world import CONFIG_NAME, UP_WITHIN_SECONDS, World, a_world, auditing

JUMP_SECONDS: Final = 600
JUMPS: Final = 12
BETWEEN_SECONDS: Final = (1.0, 4.0)
OFFSETS: Final = (-JUMP_SECONDS, 0, JUMP_SECONDS)


class JumpingClock:
    """The machine's clock, and what it is wrong by."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        """Return what it shows."""
        return datetime.now(UTC) + self.offset


def jump(server: Server | None) -> Outcome:
    """Let the clock jump under a service that trades; return what came of it."""
    be_quiet()
    began, clock, random = time.monotonic(), JumpingClock(), Random("jumps")
    jumps: Counter[int] = Counter()
    with a_world("clock jumps", server) as world, _serving(world, clock) as url:
        world.crowd.door.open_at(url)
        for _ in range(JUMPS):
            time.sleep(random.uniform(*BETWEEN_SECONDS))
            offset = random.choice([o for o in OFFSETS if o != clock.offset.total_seconds()])
            jumps[offset - int(clock.offset.total_seconds())] += 1
            clock.offset = timedelta(seconds=offset)
        time.sleep(BETWEEN_SECONDS[1])
        with auditing(url) as http:
            verdict = judge(world, http, be_calm(world, http))
        world.crowd.door.shut()
        seen = [f"{times} × {by / 60:+.0f} min" for by, times in sorted(jumps.items())]
        return outcome_of(world, with_alarms(verdict, world), seen, began)


@contextmanager
def _serving(world: World, clock: JumpingClock) -> Iterator[str]:
    """Run a service by this clock in a thread; yield its address."""
    address: Future[str] = Future()
    loop, ended = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        settings = load_settings(world.folder / CONFIG_NAME, {})
        async with running(settings, home=world.folder / "home", clock=clock) as service:
            assert await service.desk.until_up(UP_WITHIN_SECONDS)
            async with listening(service.app) as url:
                address.set_result(url)
                await ended.wait()
                assert not service.lanes.done(), "it died"

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            try:
                runner.run(serve())
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                _fail(address, world, error)

    thread = threading.Thread(target=run, name="service")
    thread.start()
    try:
        yield address.result(UP_WITHIN_SECONDS)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(UP_WITHIN_SECONDS)


def _fail(address: Future[str], world: World, error: BaseException) -> None:
    if address.done():
        world.wrong.append(f"the service ended: {error!r}")
    else:
        address.set_exception(error)

"""The whole stack in one simulated world.

Owns: World: a twsim gateway, the service in a process of its own that can be killed and started
again on the same ledger, and callers of its HTTP application. Knows nothing of what a test
checks.
"""

from __future__ import annotations

import asyncio
import functools
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

from emptied import empty_ledger
from front import BOTH, CLIENTS
from harness import UP_WITHIN_SECONDS, settings_for
from paperdesk import crash
from paperdesk.bootstrap import Service, running
from paperdesk.config import Settings
from paperdesk.ledger.engine import Owned
from paperdesk.runtime import SeededRandom
from sim.clock import START, LoopClock
from sim.loop import SimLoop, running_loop
from sim.process import Killed, Point, Process, reach
from twsim import Gateway

T = TypeVar("T")
Change = Callable[[Settings], Settings]

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a directory of random name is made in it


class Disk:
    """The executor of one process: one transaction after the other, none after its death.

    What was committed stays; whoever waits for an answer then waits for ever.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._owned: list[Owned] = []
        process.at_death(self._close)

    async def run(self, function: Callable[[], T]) -> T:
        """Run `function` on the loop, a moment from now."""
        loop = asyncio.get_running_loop()
        if not self._process.is_dead:
            done = await loop.run_in_executor(self, lambda: self._run(function))  # type: ignore[arg-type]  # a name for a queue
            if not self._process.is_dead:
                return done[0]
        return await loop.create_future()  # type: ignore[no-any-return]

    def _run(self, function: Callable[[], T]) -> list[T]:
        """Return what it returned, in a list; none where the process is dead."""
        self._process.reach(Point.BEFORE_TRANSACTION)
        if self._process.is_dead:
            return []
        self._process.is_in_transaction = True
        try:
            result = function()
        except Killed:
            self._process.kill()
            return []
        finally:
            self._process.is_in_transaction = False
        if isinstance(result, Owned):
            self._owned.append(result)
        self._process.reach(Point.AFTER_TRANSACTION)
        return [result]

    def _close(self) -> None:
        """Do what the operating system does for a process that is gone."""
        for owned in self._owned:
            owned.reader.dispose()
            owned.close()


class World:
    """A gateway, a service and their network, in the hand of a scenario."""

    def __init__(self, home: Path, gateway: Gateway, clock: LoopClock, change: Change) -> None:
        self.home = home
        self.gateway = gateway
        self.clock = clock
        self.loop: SimLoop = running_loop()
        self.network = self.loop.network
        self._change = change
        self._starts = 0
        self._watch: Callable[[str], bool] | None = None
        self._outside = copy_context()
        self._burial: asyncio.Task[None] | None = None
        self._service: Service | None = None
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    @property
    def service(self) -> Service:
        """The service. It must run."""
        assert self._service is not None, "the service does not run"
        return self._service

    @property
    def process(self) -> Process:
        """The process of the service, alive or dead."""
        assert self._process is not None, "the service was never started"
        return self._process

    @property
    def is_serving(self) -> bool:
        """Tell whether the service runs."""
        return self._service is not None

    @property
    def ledger(self) -> Path:
        """The file of the ledger."""
        return self.home / "ledger.db"

    async def start(self, *, is_up: bool = True) -> None:
        """Start the service, after a crash on what it left, and wait until it is up.

        Returns, too, once it died at a point it was told to. Raises what `running` does.
        """
        assert self._serving is None, "the service runs"
        await self._buried()
        self._starts += 1
        self._process = Process(f"service {self._starts}")
        self._process.at_death(functools.partial(self.network.kill, self._process))
        self._process.watch = self._watch
        self._process.kill = self._die
        self._stopping = asyncio.Event()
        started: asyncio.Future[Service] = self.loop.create_future()
        self._serving = self._process.start(self._serve(started), "main")
        begun: list[asyncio.Future[Any]] = [self._serving, started, self._process.died]
        await asyncio.wait(begun, return_when=asyncio.FIRST_COMPLETED)
        if self._process.is_dead:
            return
        if not started.done():
            serving, self._serving = self._serving, None
            await serving  # which raises why it could not start
        self._service = started.result()
        if is_up and not await self._service.desk.until_up(UP_WITHIN_SECONDS):
            assert self._process.is_dead, "the service does not come up"

    async def stop(self) -> None:
        """Stop the service as Ctrl-C does. Raises what its lanes died of."""
        if self._serving is None or self.process.is_dead:
            return
        self.check()
        self._stopping.set()
        await self._serving
        self._end()

    async def crash(self) -> None:
        """Kill the service: what it had committed or sent stays, nothing else happens."""
        if self._serving is not None:
            self._die()
        await self._buried()

    def forget(self) -> None:
        """Give the service, which must not run, a new ledger."""
        assert self._serving is None, "the service runs"
        self.ledger.write_bytes(empty_ledger())
        for suffix in ("-wal", "-shm"):
            self.ledger.with_name(self.ledger.name + suffix).unlink(missing_ok=True)

    def crash_at(self, point: str, nth: int = 1) -> None:
        """Let the service die the nth time from now that it comes to this point.

        A point is one of Point, or a name of `paperdesk.crash`. A service that does not run
        counts from its next start.
        """
        left = nth

        def count(reached: str) -> bool:
            nonlocal left
            left -= reached == point
            if left == 0:
                self._watch = None
            return left == 0

        self._watch = count
        if self._process is not None:
            self._process.watch = count

    def spare(self) -> None:
        """Let the service live, at whichever point it was told to die."""
        self._watch = None
        if self._process is not None:
            self._process.watch = None

    async def until_crashed(self) -> None:
        """Wait until the service died at the point it was told to, and unwind it."""
        await self.process.died
        await self._buried()

    def check(self) -> None:
        """Raise what ended the lanes of a service that should run."""
        if self._service is not None and self._service.lanes.done():
            self._service.lanes.result()
            raise AssertionError("the lanes ended")

    def caller(self, name: str = "trader") -> httpx.AsyncClient:
        """Return who calls the service with the key of `name`, whichever process serves."""
        return httpx.AsyncClient(
            transport=_Door(self),
            base_url="http://test",
            headers={"X-API-Key": f"key-of-{name}"},
        )

    async def _serve(self, started: asyncio.Future[Service]) -> None:
        settings = settings_for(self.gateway, self.home)
        (only,) = settings.gateways
        settings = replace(settings, gateways=(replace(only, accounts=BOTH),), clients=CLIENTS)
        async with running(
            self._change(settings),
            home=self.home,
            clock=self.clock,
            random=SeededRandom(self.loop.seed * 1_000 + self._starts),
            executor=Disk(self.process),
        ) as service:
            started.set_result(service)
            await self._stopping.wait()

    def _die(self) -> None:
        self.process.die()
        self._end()
        # From the outside: who calls this may be the process itself.
        bury = self.process.bury()
        self._burial = self.loop.create_task(bury, name="burial", context=self._outside.copy())

    async def _buried(self) -> None:
        if self._burial is not None:
            await self._burial
            self._burial = None

    def _end(self) -> None:
        self._service = self._serving = None


class _Door(httpx.AsyncBaseTransport):
    """Calls the application of whichever process serves, inside of it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer. Raises ConnectError where nobody serves, ReadError where it dies meanwhile."""
        world = self._world
        if world._service is None:
            raise httpx.ConnectError("nobody serves", request=request)
        process, app = (
            world.process,
            httpx.ASGITransport(
                world.service.app,  # type: ignore[arg-type]  # ASGI, in other words
                raise_app_exceptions=False,
            ),
        )
        asking = process.start(app.handle_async_request(request), str(request.url))
        try:
            await asyncio.wait({asking, process.died}, return_when=asyncio.FIRST_COMPLETED)
            if process.is_dead:
                raise httpx.ReadError("the service died", request=request)
            return asking.result()
        finally:
            asking.cancel()


@asynccontextmanager
async def open_world(
    *,
    start: datetime = START,
    change: Change = lambda settings: settings,
    is_up: bool = True,
    is_started: bool = True,
    **gateway_options: Any,
) -> AsyncIterator[World]:
    """Run a gateway and a service on the running SimLoop, from `start` on.

    `change` has the last word on the service's settings; what else is given is Gateway's. Who
    wants to be there before the service is starts it by himself.
    """
    loop = running_loop()
    clock = LoopClock(loop, start)
    ours: dict[str, Any] = {"seed": loop.seed, "clock": clock, "reserve": loop.network.reserve}
    gateway = Gateway(**(ours | gateway_options))
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as home:
        (Path(home) / "ledger.db").write_bytes(empty_ledger())
        async with gateway:
            world = World(Path(home), gateway, clock, change)
            crash.listen(reach)
            try:
                if is_started:
                    await world.start(is_up=is_up)
                yield world
                await world.stop()
            finally:
                await world.crash()
                crash.listen(None)

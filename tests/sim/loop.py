"""An event loop whose time is virtual.

Owns: SimLoop, `simulate`, and the order in which what is due at the same moment runs. Starts no
thread, opens no socket and never sleeps; connections are the in-memory network's.

What cannot end is an error: without a timer and without anything ready no time can pass
(Deadlock). What nobody caught is one, too (Unhandled).
"""

from __future__ import annotations

import asyncio
import heapq
import inspect
import itertools
import math
import random
import selectors
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast

from sim.net import Network
from sim.process import Task

T = TypeVar("T")

BEGINNING: Final = 1_000.0  # not 0: who compares with "never" must not be right by chance
EXECUTOR_SECONDS_MAX: Final = 0.004  # of a function in an executor: a commit on a good disk
SECONDS_MAX: Final = 14 * 86_400.0  # of virtual time, in which a scenario must end


class Deadlock(Exception):
    """Nothing is ready, no timer runs, and tasks wait: no time can pass any more."""


class Unhandled(Exception):
    """Something raised where nobody could catch it."""


@dataclass(frozen=True, slots=True)
class Ran(Generic[T]):
    """What a scenario returned, how long it took in virtual seconds, and its network's trace."""

    value: T
    seconds: float
    trace: str


def simulate(
    seed: int,
    scenario: Callable[[], Coroutine[Any, Any, T]],
    *,
    seconds_max: float = SECONDS_MAX,
) -> Ran[T]:
    """Run a scenario on a loop of its own. The same seed gives the same run.

    Raises what the scenario does, Deadlock, Unhandled, and TimeoutError where it takes more
    than `seconds_max` of virtual time.
    """
    loop = SimLoop(seed, seconds_max=seconds_max)
    try:
        value = loop.run_until_complete(scenario())
        seconds = loop.elapsed
    finally:
        loop.wind_up()
    if loop.unhandled:
        words, error = loop.unhandled[0]
        raise Unhandled(f"{words} ({len(loop.unhandled)} in all)") from error
    return Ran(value, seconds, loop.network.digest())


def running_loop() -> SimLoop:
    """Return the loop that runs, which is a SimLoop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    return loop


class _Timer(asyncio.TimerHandle):
    """A timer that runs after those of the same moment that were set before it.

    asyncio's heap compares moments only, and lets segments of a connection overtake.
    """

    _scheduled: bool  # asyncio's mark of what is in its heap

    def __init__(self, number: int, *args: Any) -> None:
        super().__init__(*args)
        self._rank = self.when(), number

    def __lt__(self, other: _Timer) -> bool:  # type: ignore[override]
        return self._rank < other._rank


class _Selector(selectors.BaseSelector):
    """Waits for nothing: where asyncio would, time passes at once."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        """Let the time pass."""
        self._loop.let_pass(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Refuse: a real file would make the run depend on the machine."""
        raise NotImplementedError(f"there are no real files here: {fileobj}")

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Refuse: nothing is registered."""
        raise KeyError(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """Return that nothing is registered."""
        return {}


class SimLoop(asyncio.SelectorEventLoop):
    """An event loop for one run of one seed.

    A function in an executor takes up to `executor_seconds_max`, which a test may change.
    """

    _scheduled: list[asyncio.TimerHandle]  # asyncio's heap of timers

    def __init__(self, seed: int, *, seconds_max: float = SECONDS_MAX) -> None:
        self.seed = seed
        self.unhandled: list[tuple[str, BaseException | None]] = []
        self._now = BEGINNING
        self._ends_at = BEGINNING + seconds_max
        self._numbers = itertools.count()
        self.executor_seconds_max = EXECUTOR_SECONDS_MAX
        self._chance = random.Random(f"{seed} executor")
        self._busy_until: dict[object, float] = {}
        self.network = Network(self, random.Random(f"{seed} network"))
        super().__init__(_Selector(self))
        self.set_task_factory(self._make_task)
        self.set_exception_handler(self._note_unhandled)

    # Time.

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._now

    @property
    def elapsed(self) -> float:
        """The virtual seconds since the loop began."""
        return self._now - BEGINNING

    def let_pass(self, seconds: float | None) -> None:
        """Move on to the next timer.

        Raises Deadlock where there is none, and TimeoutError where it is too late.
        """
        if seconds is None:
            raise Deadlock(f"no time can pass; {self._who_waits()}")
        self._now += max(seconds, 0.0)
        if self._now > self._ends_at:
            self._ends_at = math.inf  # what is left may still end
            raise TimeoutError(f"the scenario goes on; {self._who_waits()}")

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Set a timer; of equal ones the first set is the first to run."""
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        timer = _Timer(next(self._numbers), when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    # What would be a thread.

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run a function inline, a moment from now; its result comes another moment later.

        One executor does one thing after the other. Between the two moments what the function
        did is done and nobody knows: there a crash is at its worst.
        """
        future: asyncio.Future[T] = self.create_future()
        runs_at = max(self._now, self._busy_until.get(executor, 0.0)) + self._moment()
        ends_at = runs_at + self._moment()
        self._busy_until[executor] = ends_at
        self.call_at(runs_at, self._execute, future, ends_at, lambda: func(*args))
        return future

    def _moment(self) -> float:
        return self._chance.uniform(0.0, self.executor_seconds_max / 2)

    def _execute(
        self, future: asyncio.Future[T], ends_at: float, function: Callable[[], T]
    ) -> None:
        if future.cancelled():
            return
        try:
            result = function()
        except Exception as error:  # noqa: BLE001 - it is the caller's
            self.call_at(ends_at, _settle, future, future.set_exception, error)
        else:
            self.call_at(ends_at, _settle, future, future.set_result, result)

    # What would be a socket.

    async def create_connection(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | None = None,
        port: int | None = None,
        **options: Any,
    ) -> tuple[asyncio.Transport, Any]:
        """Connect in memory. Raises OSError as a real one does."""
        assert not any(options.values()), f"not simulated: {options}"
        assert port is not None
        return await self.network.connect(protocol_factory, host, port)

    async def create_server(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | None = None,
        port: int | None = None,
        *,
        sock: Any = None,
        start_serving: bool = True,
        **options: Any,
    ) -> asyncio.AbstractServer:
        """Listen in memory, on a port of its choice where none is given."""
        assert not options.get("ssl"), "not simulated: ssl"
        reserved = sock or self.network.reserve(host, port or 0)
        listener = self.network.listener(protocol_factory, reserved)
        if start_serving:
            await listener.start_serving()
        return listener

    # The end.

    def wind_up(self) -> None:
        """Cancel every task, wait for their ends, and close."""
        try:
            tasks = sorted(asyncio.all_tasks(self), key=lambda task: cast("Task", task).number)
            for task in tasks:
                task.cancel()
            if tasks:
                self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self.run_until_complete(self.shutdown_asyncgens())
        finally:
            self.close()

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any
    ) -> asyncio.Task[Any]:
        return Task(coro, number=next(self._numbers), loop=loop, **options)

    def _note_unhandled(
        self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        error = context.get("exception")
        words = context["message"]
        self.unhandled.append((words if error is None else f"{words}: {error!r}", error))

    def _who_waits(self) -> str:
        waiting = sorted(asyncio.all_tasks(self), key=lambda task: cast("Task", task).number)
        return "who waits:" + "".join(f"\n  {_describe(task)}" for task in waiting)

    # No self pipe: there is no other thread that could wake the loop.

    def _make_self_pipe(self) -> None: ...

    def _close_self_pipe(self) -> None: ...

    def _write_to_self(self) -> None: ...


def _settle(future: asyncio.Future[Any], settle: Callable[[Any], None], value: object) -> None:
    if not future.done():
        settle(value)


def _describe(task: asyncio.Task[Any]) -> str:
    """Say where a task waits: its name, and the innermost of its coroutines."""
    inner: Any = task.get_coro()
    while inspect.iscoroutine(awaited := getattr(inner, "cr_await", None)):
        inner = awaited
    frame = getattr(inner, "cr_frame", None)
    where = f"{frame.f_code.co_qualname}, line {frame.f_lineno}" if frame else repr(inner)
    return f"{task.get_name()} in {where}"

"""What dies together: the tasks and connections of one simulated process.

Owns: Process, how a task or a connection knows its own, and the points at which a test may let
one die. Knows nothing of what a process does, and runs nothing in the operating system.

Whatever is started from inside a process belongs to it: the membership is a context variable,
which asyncio hands to every task and every callback.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from enum import StrEnum
from typing import Any, Final, TypeVar

T = TypeVar("T")

TURNS_MAX: Final = 1_000  # of cancelling, until a dead process must be gone
_current: ContextVar[Process | None] = ContextVar("process", default=None)


class Point(StrEnum):
    """Where a process can be told to die, beside the names of `paperdesk.crash`.

    Around each write to a connection, and around each transaction of the ledger, those that
    only read included.
    """

    BEFORE_WRITE = "before write"
    AFTER_WRITE = "after write"
    BEFORE_TRANSACTION = "before transaction"
    AFTER_TRANSACTION = "after transaction"


class Killed(BaseException):
    """The process dies in the middle of a transaction, which must come to nothing."""


class Task(asyncio.Task[Any]):
    """A task that knows its process, and whose place in a set does not depend on its address.

    asyncio keeps tasks in sets, and a TaskGroup cancels them in the order of its set.
    """

    def __init__(self, coro: Coroutine[Any, Any, Any], *, number: int, **options: Any) -> None:
        self.number = number
        context: Context | None = options.get("context")
        self.process = _current.get() if context is None else context.get(_current)
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class Process:
    """One process of the simulated world."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.died = asyncio.get_running_loop().create_future()
        self.watch: Callable[[str], bool] | None = None  # tells whether it dies there
        self.kill: Callable[[], None] = self.die
        self.is_in_transaction = False
        self._on_death: list[Callable[[], None]] = []
        self._started: list[asyncio.Task[Any]] = []  # the loop itself keeps no task alive
        self._context = copy_context()
        self._context.run(_current.set, self)

    @property
    def is_dead(self) -> bool:
        """Tell whether it died."""
        return self.died.done()

    def start(self, coro: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run a coroutine inside the process."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(coro, name=f"{self.name}: {name}", context=self._context.copy())
        self._started.append(task)
        return task

    def at_death(self, function: Callable[[], None]) -> None:
        """Call a function when the process dies, in the order given."""
        self._on_death.append(function)

    def reach(self, point: str) -> None:
        """Note that the process is at a point; whoever watches may let it die here.

        Raises Killed inside of a transaction: whoever runs that must then call `kill`.
        """
        if self.is_dead or self.watch is None or not self.watch(point):
            return
        if self.is_in_transaction:
            raise Killed
        self.kill()

    def die(self) -> None:
        """Die at once, as by `kill -9`: nothing it still does has an effect.

        May be called from inside; the code that runs goes on to its next await. `bury` must
        follow.
        """
        if not self.is_dead:
            self.died.set_result(None)
            for function in self._on_death:
                function()

    async def bury(self) -> None:
        """Unwind what is left of a dead process. No virtual time passes."""
        assert self.is_dead
        for _ in range(TURNS_MAX):
            tasks = self._tasks()
            if not tasks:
                return
            for task in tasks:
                task.cancel()  # again and again: a cleanup that waits would wait for ever
            await asyncio.sleep(0)
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.exception()  # nobody is left to ask for it
        raise AssertionError(f"{self.name} does not end: {self._tasks()}")

    def _tasks(self) -> list[Task]:
        tasks = [t for t in asyncio.all_tasks() if isinstance(t, Task) and t.process is self]
        return sorted(tasks, key=lambda task: task.number)


def reach(point: str) -> None:
    """Note that whichever process runs is at a point."""
    process = current_process()
    if process is not None:
        process.reach(point)


def current_process() -> Process | None:
    """Return the process that runs; None for what is outside of every one."""
    return _current.get()

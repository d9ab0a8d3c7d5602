"""A gateway on a thread of its own: for tests that block, and for any event loop.

Owns: the thread, its event loop, and the way of a call into it. Every door of Gateway,
present or to come, is the same door here; it returns once the gateway has done it.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar

from twsim.gateway import Gateway

SECONDS_MAX: Final = 30.0  # a door that takes longer hangs
_TURNS: Final = 3  # of the loop: the line is told, the socket closes, the listener ends
P = ParamSpec("P")
T = TypeVar("T")


class ThreadedGateway(Gateway):
    """A Gateway whose clients may block, in this thread or elsewhere.

    ```python
    with ThreadedGateway() as gateway:
        client.connect(gateway.host, gateway.port, clientId=1)
    ```
    It takes the options of Gateway.
    """

    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self._do(functools.partial(Gateway.start, self))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._do(self._stop_whole)
        finally:
            self._end()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

    async def _stop_whole(self) -> None:
        """Stop, and let the cut lines close before their loop does."""
        await Gateway.stop(self)
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def _do(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        assert self._loop is not None, "use it as `with ThreadedGateway() as gateway`"
        return asyncio.run_coroutine_threadsafe(begin(), self._loop).result(SECONDS_MAX)

    def _end(self) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS_MAX)
        self._loop.close()
        self._loop = self._thread = None

    def _is_inside(self) -> bool:
        return threading.current_thread() is self._thread


def _across(door: Callable[P, T]) -> Callable[P, T]:
    """Return the door for callers on any thread."""

    @functools.wraps(door)
    def call(*args: P.args, **options: P.kwargs) -> T:
        __tracebackhide__ = True  # pytest shows the test's line instead
        gateway = args[0]
        assert isinstance(gateway, ThreadedGateway)
        if gateway._is_inside():  # noqa: SLF001 - of the class above
            return door(*args, **options)

        async def work() -> T:
            return door(*args, **options)

        return gateway._do(work)  # noqa: SLF001

    return call


def _across_later(
    door: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return the door for callers on any event loop."""

    @functools.wraps(door)
    async def call(*args: P.args, **options: P.kwargs) -> T:
        gateway = args[0]
        assert isinstance(gateway, ThreadedGateway)
        assert gateway._loop is not None  # noqa: SLF001 - of the class above
        work = asyncio.run_coroutine_threadsafe(door(*args, **options), gateway._loop)  # noqa: SLF001
        return await asyncio.wrap_future(work)

    return call


for _name, _door in list(vars(Gateway).items()):
    if inspect.isfunction(_door) and not _name.startswith("_"):
        _carry = _across_later if inspect.iscoroutinefunction(_door) else _across
        setattr(ThreadedGateway, _name, _carry(_door))

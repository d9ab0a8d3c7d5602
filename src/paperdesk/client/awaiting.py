"""The client that is awaited: for programs with an event loop.

Owns: AsyncClient and its AsyncBatch: sockets, sleep and the clock behind the calls of `calls`. The
twin of `blocking`, with the same names.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from functools import wraps
from types import TracebackType
from typing import Concatenate, Final, ParamSpec, Self, TypeVar, cast

from paperdesk.client.bar import bar
from paperdesk.client.batch import BatchView
from paperdesk.client.calls import RETRY_SECONDS, Calls, Flow, Lost, Pause, Time
from paperdesk.client.messages import READ_SECONDS, Request, Response, problem_of
from paperdesk.client.results import BatchState, Cancellation
from paperdesk.client.stream import SILENCE_SECONDS, Event, Following
from paperdesk.client.transport import lost, options, response_of
from paperdesk.errors import PaperdeskError
from paperdesk.whereabouts import find

P = ParamSpec("P")
T = TypeVar("T")


def _call(
    call: Callable[Concatenate[Calls, P], Flow[T]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[None, None, T]]:
    """Return a call as a method that returns when it has ended."""

    @wraps(call)
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.run(call(self.calls, *args, **kwargs))

    return cast("Callable[Concatenate[AsyncClient, P], Coroutine[None, None, T]]", method)


def _batch(
    call: Callable[Concatenate[Calls, P], Flow[BatchState]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[None, None, AsyncBatch]]:
    """Return a call whose result is a batch that can be asked further."""

    @wraps(call)
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncBatch:
        return AsyncBatch(self, await self.run(call(self.calls, *args, **kwargs)))

    return cast(
        "Callable[Concatenate[AsyncClient, P], Coroutine[None, None, AsyncBatch]]", method
    )


class AsyncBatch(BatchView):
    """A batch that was submitted or looked up."""

    def __init__(self, client: AsyncClient, state: BatchState) -> None:
        super().__init__(state)
        self._client: Final = client

    async def refresh(self) -> Self:
        """Look at it again."""
        self.state = await self._client.run(self._client.calls.batch(self.batch_id))
        return self

    async def wait(self, timeout: float | None = None) -> Self:  # noqa: ASYNC109 - no error ends it
        """Look again once it is final, or after `timeout` seconds; it tells which it was.

        In a notebook a bar shows how far it is.
        """
        flow = self._client.calls.wait(self.batch_id, timeout, bar())
        self.state = await self._client.run(flow)
        return self

    async def cancel(self) -> Cancellation:
        """Withdraw it: cancel what works, drop what is not sent."""
        return await self._client.run(self._client.calls.cancel(self.batch_id))


class AsyncClient:
    """A service of Paperdesk.

    It is found by `base_url` and `api_key`, else by PAPERDESK_URL and PAPERDESK_API_KEY (or
    PAPERDESK_KEY), else on this machine, with the key in `.paperdesk/key`. What fails for a reason
    that passes is tried again for `retry_seconds`, always under one idempotency key.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        import httpx  # noqa: PLC0415 - a tenth of a second, for whoever has a client only

        self.place: Final = find(base_url, api_key, os.environ)
        self.calls: Final = Calls(retry_seconds)
        self._http: Final = httpx.AsyncClient(**options(self.place))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    def __repr__(self) -> str:
        return f"<AsyncClient {self.place.url}>"

    submit = _batch(Calls.submit)
    preview = _call(Calls.preview)
    send = _batch(Calls.send)
    batch = _batch(Calls.batch)
    cancel = _call(Calls.cancel)
    batches = _call(Calls.batches)
    positions = _call(Calls.positions)
    targets = _call(Calls.targets)
    executions = _call(Calls.executions)
    slippage = _call(Calls.slippage)
    equity = _call(Calls.equity)
    accounts = _call(Calls.accounts)
    halt = _call(Calls.halt)
    resume = _call(Calls.resume)
    flatten = _call(Calls.flatten)
    health = _call(Calls.health)
    status = _call(Calls.status)
    simulate = _call(Calls.simulate)
    call = _call(Calls.call)

    async def events(
        self,
        types: str | Sequence[str] | None = None,
        *,
        account_id: str | None = None,
        batch_id: str | None = None,
        since_id: int | None = None,
        until: str | None = None,
        control: bool = False,
    ) -> AsyncIterator[Event]:
        """Yield what happens, from now on or after `since_id`; a lost line is taken up again.

        No event is missed and none comes twice. `types` are such as "order.*"; `until` may be
        "batch.final" of a `batch_id`, then it ends by itself. With `control` the stream's own
        events come too, such as heartbeats.
        """
        following = Following(
            types=types,
            account_id=account_id,
            batch_id=batch_id,
            since_id=since_id,
            until=until,
            retry_seconds=self.calls.retry_seconds,
        )
        while True:
            error = None
            try:
                async for event in self._stream(following):
                    if control or event.id is not None:
                        yield event
                following.end()
            except PaperdeskError as broken:
                error = broken
            if following.is_over:
                return
            await asyncio.sleep(following.pause_after(error))

    async def _stream(self, following: Following) -> AsyncIterator[Event]:
        """Yield the events of one connection. Raises PaperdeskError where there is none."""
        import httpx  # noqa: PLC0415 - as above

        asked = following.request()
        try:
            async with self._http.stream(
                asked.method,
                asked.path,
                params=asked.params,
                headers=asked.headers,
                timeout=SILENCE_SECONDS,
            ) as response:
                if not response.is_success:
                    await response.aread()
                    raise problem_of(response_of(response))
                async for data in response.aiter_bytes():
                    for event in following.feed(data):
                        yield event
        except httpx.TransportError as error:
            raise lost(self.place, error).error from error

    async def run(self, flow: Flow[T]) -> T:
        """Do what a call wants done, and return its result."""
        answer: object = None
        while True:
            try:
                effect = flow.send(answer)
            except StopIteration as end:
                return cast("T", end.value)
            match effect:
                case Request():
                    answer = await self._exchange(effect)
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                    answer = None
                case Time():
                    answer = asyncio.get_running_loop().time()

    async def _exchange(self, request: Request) -> Response | Lost:
        import httpx  # noqa: PLC0415 - as above

        try:
            return response_of(
                await self._http.request(
                    request.method,
                    request.path,
                    params=request.params,
                    content=request.body,
                    headers=request.headers,
                    timeout=httpx.Timeout(READ_SECONDS, connect=5),
                )
            )
        except httpx.TransportError as error:
            return lost(self.place, error)

"""A service of a simulated world as an ASGI application for a client in another thread.

Owns: the thread in which the world's loop runs, a step for each request, and what puts the
service right again after a client that may halt it. Knows nothing of what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from front import BOTH
from paperdesk.config import Settings
from promises.books import broker_book, differences, ledger_book
from sim import World, open_world
from sim.hand import Hand

T = TypeVar("T")
Message = dict[str, Any]
Headers = list[tuple[bytes, bytes]]

PER_SECOND: Final = 1_000  # pacing has its own tests; these should not wait for it
BETWEEN_SECONDS: Final = 0.05  # of virtual time after each answer, for orders to go on
# Whoever may ask for everything soon halts every account, and sets limits that nothing meets: then
# all that follows would be refused alike. So every so many requests a person ends both.
PUT_RIGHT_EVERY: Final = 20
# A key that was used is refused or replayed and nothing else is looked at: so most are dropped.
KEY_KEPT_EVERY: Final = 8
KEY_CHARS_MAX: Final = 255
SILENCE_SECONDS: Final = 60.0  # enough for anybody to notice
STREAM: Final = "/api/v1/events"  # an answer of it does not end,
LISTENED_SECONDS: Final = 6.0  # so its client hangs up, once it has heard a heartbeat


def _change(settings: Settings) -> Settings:
    (only,) = settings.gateways
    return replace(settings, gateways=(replace(only, max_requests_per_second=PER_SECOND),))


class ServiceInHand:
    """The application. Its time stands still unless it is asked something."""

    def __init__(self, seed: int, *, is_up: bool = True) -> None:
        self.requests = 0
        self._is_up = is_up
        self._keys: set[bytes] = set()
        self._thread = ThreadPoolExecutor(1)
        self._hand = Hand(seed, lambda: open_world(change=_change))
        self._world: World | None = None

    @property
    def world(self) -> World:
        """The world. It must be open."""
        assert self._world is not None
        return self._world

    def __enter__(self) -> Self:
        try:
            self._world = self._run(self._hand.open)
            if not self._is_up:
                self._do(self._lose_the_gateway())
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        self._close()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, or the life of the application, which is not its client's to end."""
        if scope["type"] == "lifespan":
            while (await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = await _whole(receive)
        ask = self._world_answers(scope, body)
        loop = asyncio.get_running_loop()
        for message in await loop.run_in_executor(self._thread, self._hand.do, ask):
            await send(message)

    def wrongs(self) -> list[str]:
        """Say what is wrong by the books, once all has come to rest."""
        return self._do(self._judge())

    async def _world_answers(self, scope: Message, body: bytes) -> list[Message]:
        self.requests += 1
        number = self.requests
        # Each comes from elsewhere: many wrong keys of one address are refused in another way.
        source = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        if number % PUT_RIGHT_EVERY == 0:
            await self._put_right()
        headers = self._with_few_old_keys(scope["headers"])
        scope = {**scope, "headers": headers, "client": (source, 1), "state": {}}
        messages = await self._ask(scope, body)
        await asyncio.sleep(BETWEEN_SECONDS)
        return messages

    def _with_few_old_keys(self, headers: Headers) -> Headers:
        kept = []
        for name, value in headers:
            is_key = name == b"idempotency-key" and 1 <= len(value) <= KEY_CHARS_MAX
            if not is_key or value not in self._keys or self.requests % KEY_KEPT_EVERY == 0:
                kept.append((name, value))
            if is_key:
                self._keys.add(value)
        return kept

    async def _ask(self, scope: Message, body: bytes) -> list[Message]:
        """Ask inside of the service's process, where a real server's tasks would run."""
        given = iter([{"type": "http.request", "body": body, "more_body": False}])
        messages: list[Message] = []

        async def receive() -> Message:
            for message in given:
                return message
            if scope["path"] != STREAM:
                await asyncio.get_running_loop().create_future()
            await asyncio.sleep(LISTENED_SECONDS)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            messages.append(message)

        app: Any = self.world.service.app
        await self.world.process.start(app(scope, receive, send), "request")
        if messages[-1].get("more_body"):
            await send({"type": "http.response.body"})  # what a client makes of a hang-up
        return messages

    async def _put_right(self) -> None:
        reason = {"reason": "the fuzzer goes on"}
        async with self.world.caller("admin") as admin:
            await admin.post("/api/v1/resume", json=reason)
            for account in BOTH:
                await admin.post(f"/api/v1/accounts/{account}/resume", json=reason)
                await admin.delete(f"/api/v1/accounts/{account}/limits")

    async def _lose_the_gateway(self) -> None:
        self.world.network.black_hole(self.world.gateway.port)
        await asyncio.sleep(SILENCE_SECONDS)
        assert not any(self.world.service.desk.health().accounts.values())

    async def _judge(self) -> list[str]:
        await asyncio.sleep(120)
        self.world.check()
        return differences(broker_book(self.world.gateway), ledger_book(self.world.ledger))

    def _close(self) -> None:
        try:
            self._run(self._hand.close)
        finally:
            self._thread.shutdown()

    def _do(self, step: Coroutine[Any, Any, T]) -> T:
        return self._run(lambda: self._hand.do(step))

    def _run(self, function: Callable[[], T]) -> T:
        return self._thread.submit(function).result()


async def _whole(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body", False):
            return body

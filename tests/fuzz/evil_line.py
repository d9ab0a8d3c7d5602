"""A line between the service and twsim that says whatever it likes.

Owns: the way of every byte through it, the frames that it adds, spoils, cuts and announces, and
how many. Knows nothing of what a frame means. Every choice comes from the Random that is passed.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from random import Random
from typing import Final

from broker_support import real_messages
from paperdesk.config import Settings
from twsim.wire.framing import FrameCutter, frame
from twsim_nonsense import BYTE_HARM, FIELD_HARM, Fields, payload

PORT: Final = 45_001
READ_BYTES: Final = 65_536
HEARD_MAX: Final = 200  # of twsim's own frames, to make nonsense of
EVIL: Final = 0.25  # of the frames meet something
MANAGED_ACCOUNTS: Final = "15"  # one that is not of paper latches the guard: that is meant
ANNOUNCED: Final = (0x7FFF_FFFF, 0xFFFF_FFFF, 0x00FF_FFFF)
FLOOD_BYTES: Final = 1 << 20
FLOOD_TIMES: Final = 20
FLOODS: Final = 0.03  # of what a frame meets
A_MOMENT: Final = 0.05  # enough to arrive
REAL: Final = [message.fields for message in real_messages()]


class EvilLine:
    """What the service takes for its gateway. It is honest until told otherwise."""

    def __init__(self, random: Random) -> None:
        self.is_evil = False
        self.counts: Counter[str] = Counter()
        self._random = random
        self._heard: deque[bytes] = deque(maxlen=HEARD_MAX)
        self._port = 0
        self.look: Callable[[], int] = lambda: 0  # how much the service keeps of what it heard
        self.kept_bytes = 0

    def lead(self, settings: Settings) -> Settings:
        """Return the settings of a service that comes by here."""
        (only,) = settings.gateways
        self._port = only.port
        return replace(settings, gateways=(replace(only, port=PORT),))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Take connections, and end those that are left."""
        sessions: set[asyncio.Task[None]] = set()

        def take(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
            sessions.add(asyncio.create_task(self._serve(near, back)))

        server = await asyncio.start_server(take, "127.0.0.1", PORT)
        try:
            yield
        finally:
            server.close()
            for session in sessions:
                session.cancel()
            ends = await asyncio.gather(*sessions, return_exceptions=True)
            assert not [end for end in ends if isinstance(end, Exception)], ends

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.counts["sessions"] += 1
        try:
            far, to_gateway = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            back.close()
            return
        asking = asyncio.create_task(_pass_on(near, to_gateway))
        try:
            await self._answer(far, back)
        finally:
            asking.cancel()
            for writer in (back, to_gateway):
                writer.close()

    async def _answer(self, far: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        cutter = FrameCutter()
        with suppress(OSError):
            while data := await far.read(READ_BYTES):
                cutter.feed(data)
                while (read := cutter.next_frame()) is not None:
                    if await self._ends_with(read, back):
                        return
                await back.drain()

    async def _ends_with(self, read: bytes, back: asyncio.StreamWriter) -> bool:
        """Send a frame on, or what becomes of it; tell whether the line ends with that."""
        self._heard.append(read)
        self.counts["frames"] += 1
        if not self.is_evil or self._random.random() > EVIL:
            back.write(frame(read))
            return False
        ways: tuple[Callable[[bytes, asyncio.StreamWriter], bool], ...] = (
            self._add, self._add, self._add, self._spoil, self._spoil, self._break, self._cut,
        )  # fmt: skip
        if self._random.random() > FLOODS:
            return self._random.choice(ways)(read, back)
        return await self._flood(back)

    def _add(self, read: bytes, back: asyncio.StreamWriter) -> bool:
        """Add nonsense before it."""
        for _ in range(self._random.randint(1, 5)):
            self._say(self._nonsense(), back)
        back.write(frame(read))
        return False

    def _spoil(self, read: bytes, back: asyncio.StreamWriter) -> bool:
        """Send it with other fields."""
        self._say(self._harmed(_fields(read)), back)
        return False

    def _break(self, read: bytes, back: asyncio.StreamWriter) -> bool:
        """Send it with other bytes, its length among them: all that follows is out of step."""
        data = bytearray(frame(read))
        self._random.choice(BYTE_HARM)(self._random, data)
        self.counts["frames broken"] += 1
        back.write(bytes(data))
        return False

    def _cut(self, read: bytes, back: asyncio.StreamWriter) -> bool:
        """End the line in the middle of it."""
        whole = frame(read)
        self.counts["frames cut"] += 1
        back.write(whole[: self._random.randrange(len(whole))])
        return True

    async def _flood(self, back: asyncio.StreamWriter) -> bool:
        """Announce a frame that never ends, send much of it, and end the line."""
        self.counts["frames without end"] += 1
        back.write(self._random.choice(ANNOUNCED).to_bytes(4, "big"))
        for _ in range(FLOOD_TIMES):
            back.write(bytes(FLOOD_BYTES))
            await asyncio.sleep(A_MOMENT)
            self.kept_bytes = max(self.kept_bytes, self.look())
        return True

    def _nonsense(self) -> Fields:
        heard = _fields(self._random.choice(self._heard))
        return self._harmed(self._random.choice((heard, list(self._random.choice(REAL)))))

    def _harmed(self, fields: Fields) -> Fields:
        if fields[0] == MANAGED_ACCOUNTS:
            return ["0"]
        for _ in range(self._random.randint(1, 3)):
            if fields:
                self._random.choice(FIELD_HARM)(self._random, fields)
        return fields or [""]

    def _say(self, fields: Fields, back: asyncio.StreamWriter) -> None:
        self.counts["frames of nonsense"] += 1
        back.write(frame(payload(fields)))


def _fields(read: bytes) -> Fields:
    return read.decode("utf-8", "surrogateescape").split("\0")[:-1] or [""]


async def _pass_on(near: asyncio.StreamReader, to_gateway: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await near.read(READ_BYTES):
            to_gateway.write(data)
            await to_gateway.drain()
    to_gateway.close()

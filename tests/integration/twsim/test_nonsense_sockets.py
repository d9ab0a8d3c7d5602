"""Nonsense over real sockets: it ends the line that it came on, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from ib_async import IB

from twsim import Gateway
from twsim_nonsense import pieces, stream

Connect = Callable[..., Awaitable[IB]]
CLIENTS = 60


async def harass(gateway: Gateway, random: Random) -> None:
    """Send one stream of nonsense, and read what comes until either end has enough."""
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    try:
        for piece in pieces(random, stream(random)):
            if writer.is_closing():
                break
            writer.write(piece)
            await asyncio.sleep(0)
        writer.write_eof()
        while await asyncio.wait_for(reader.read(65536), 3):
            pass
    except OSError:
        pass  # cut in the middle of it, as it should be
    finally:
        writer.close()


async def test_a_good_client_is_served_among_nonsense(
    connect: Connect, gateway: Gateway
) -> None:
    wrong: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: wrong.append(what))
    ib = await connect(77)
    for seed in range(CLIENTS):
        await harass(gateway, Random(seed))
        assert await asyncio.wait_for(ib.reqCurrentTimeAsync(), 3)
    while len(gateway._running.lines) > 1:  # noqa: ASYNC110 - the loop must turn
        await asyncio.sleep(0.001)

    assert wrong == []

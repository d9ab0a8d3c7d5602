"""Five clients, one twsim: start it, let each client play the session, collect what it said.

Owns: the environments' places, the gateway that the clients share, and its clock: time
passes, and yet the price never moves, so that each client meets the same market.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from twsim import Gateway, ManualClock

Step = dict[str, object]

CLIENTS: Final = ("ib_async", "ib_insync", "ibapi_9", "ibapi_10", "stoqey")
CASH: Final = 1_000_000
PRICE: Final = "150.00"
_TESTS: Final = Path(__file__).parents[1]
_ENVIRONMENTS: Final = _TESTS.parent / ".venv" / "clients"
_SECONDS_MAX: Final = 50


def account_of(client: str) -> str:
    """Return the account that a client trades: one each, so that all find the same."""
    return f"DU100000{1 + CLIENTS.index(client)}"


def command_of(client: str) -> list[str]:
    """Return what starts a client's driver, without its options."""
    bin_ = _ENVIRONMENTS / client / "bin"
    if client == "stoqey":
        return [str(bin_ / "node"), str(_TESTS / "clients" / "stoqey" / "driver.cjs")]
    return [str(bin_ / "python"), "-m", f"clients.{client}_driver"]


@asynccontextmanager
async def market() -> AsyncIterator[Gateway]:
    """Open a gateway with an account for each client, where AAPL stays at 150.00."""
    accounts = {account_of(client): CASH for client in CLIENTS}
    async with Gateway(accounts=accounts, clock=ManualClock()) as gateway:

        async def pass_time() -> None:
            while True:
                gateway.advance(0.01)
                gateway.set_price("AAPL", PRICE)
                await asyncio.sleep(0.005)

        passing = asyncio.create_task(pass_time())
        try:
            yield gateway
        finally:
            passing.cancel()


async def play(client: str, gateway: Gateway) -> list[Step]:
    """Let one client play the session; AssertionError with its last words where it fails."""
    modules = _ENVIRONMENTS / client / "app" / "node_modules"
    driver = await asyncio.create_subprocess_exec(
        *command_of(client),
        gateway.host,
        str(gateway.port),
        str(1 + CLIENTS.index(client)),
        account_of(client),
        cwd=_TESTS,
        env={**os.environ, "NODE_PATH": str(modules), "TZ": "UTC"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(driver.communicate(), _SECONDS_MAX)
    finally:
        if driver.returncode is None:
            driver.kill()
    steps = [json.loads(line) for line in out.decode().splitlines()]
    if driver.returncode:
        done = [step["step"] for step in steps]
        raise AssertionError(f"{client} failed after {done}:\n{err.decode()}")
    return steps


async def play_all() -> dict[str, list[Step]]:
    """Let every client play, one after the other, against one gateway."""
    async with market() as gateway:
        return {client: await play(client, gateway) for client in CLIENTS}

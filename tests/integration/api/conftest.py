from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable
from typing import Final

import httpx
import pytest
import pytest_asyncio
import uvicorn

from front import BODY, ORDERS, Front, open_front

_COUNT: Final = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def front(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    """One service for all tests of a module that leave it as they found it, but for trades."""
    async with open_front(tmp_path_factory.mktemp("front")) as opened:
        yield opened


@pytest.fixture
def anyone(front: Front) -> httpx.AsyncClient:
    """A caller without a key."""
    return front.caller()


@pytest.fixture
def trader(front: Front) -> httpx.AsyncClient:
    return front.caller("trader")


@pytest.fixture
def fresh_key() -> Callable[[], dict[str, str]]:
    """Return headers with an idempotency key that no other test of the module uses."""
    return lambda: {"Idempotency-Key": f"key-{next(_COUNT)}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def batch_id(front: Front) -> str:
    """A batch of the trader's that is final."""
    answer = await front.caller("trader").post(ORDERS, content=BODY)
    batch_id = str(answer.json()["batch_id"])
    done = await front.caller("trader").get(f"{ORDERS}/{batch_id}?wait=10")
    assert done.json()["summary"]["final"]
    return batch_id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(front: Front) -> AsyncIterator[tuple[str, int]]:
    """Serve the application on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        front.app, log_config=None, ws="none", lifespan="on", loop="asyncio"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
        await asyncio.sleep(0.001)
    yield listener.getsockname()
    server.should_exit = True
    await serving
    listener.close()


@pytest_asyncio.fixture(loop_scope="module")
async def remote(address: tuple[str, int]) -> AsyncIterator[httpx.AsyncClient]:
    """A caller with a key, over a real socket."""
    url = f"http://127.0.0.1:{address[1]}"
    # Without TLS there is nothing to verify, and the trust store takes long to load.
    async with httpx.AsyncClient(base_url=url, verify=False, trust_env=False) as client:  # noqa: S501
        client.headers["X-API-Key"] = "key-of-trader"
        yield client

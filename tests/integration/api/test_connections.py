"""Callers that take their time, on real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
import uvicorn
from litestar.types import ASGIApp

from front import Front, open_front
from paperdesk.api import body, connection
from paperdesk.api.connection import HEAD_BYTES_MAX, bounded

REQUEST = b"POST /api/v1/orders HTTP/1.1\r\nhost: x\r\nx-api-key: key-of-trader\r\n"
GET = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"


@asynccontextmanager
async def listening(app: ASGIApp, connections_max: int = 100) -> AsyncIterator[int]:
    """Serve the application as the service does; give the port."""
    config = uvicorn.Config(
        app,
        http=bounded(connections_max),
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
        await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = server.force_exit = True
    await serving
    listener.close()


async def said(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send the parts with pauses between; return all that comes until the end of the line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    with suppress(ConnectionError):  # it may be closed while we still send
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause)
        async with asyncio.timeout(10):
            answer = await reader.read()
    writer.close()
    return answer


@pytest.fixture
async def front(tmp_path: object) -> AsyncIterator[Front]:
    async with open_front(tmp_path) as opened:  # type: ignore[arg-type]
        yield opened


async def test_a_head_that_does_not_come_ends_the_connection(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    async with listening(front.app) as port:
        assert await said(port) == b""
        assert await said(port, *[b"G"] * 20, pause=0.05) == b""  # a byte now and then
        answer = await said(port, GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))

    assert b"200 OK" in answer


async def test_a_head_in_pieces_is_served_as_long_as_it_is_in_time(front: Front) -> None:
    closing = GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    async with listening(front.app) as port:
        answer = await said(port, *(closing[i : i + 7] for i in range(0, len(closing), 7)))

    assert answer.startswith(b"HTTP/1.1 200 OK")


async def test_a_head_that_is_too_large_is_refused(front: Front) -> None:
    async with listening(front.app) as port:
        answer = await said(port, REQUEST, b"x-large: " + b"a" * HEAD_BYTES_MAX)

    assert answer.startswith(b"HTTP/1.1 400")


async def test_a_body_that_does_not_come_is_answered_408_and_leaves_nothing(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0.2)
    head = REQUEST + b"content-length: 100\r\nconnection: close\r\n\r\n"
    async with listening(front.app) as port:
        answer = await said(port, head, b'{"orders": [')

    assert answer.startswith(b"HTTP/1.1 408")
    assert b"request-timeout" in answer
    assert front.stored() == 0


async def test_an_address_may_hold_half_of_the_connections_and_is_told_so(
    front: Front,
) -> None:
    async with listening(front.app, connections_max=4) as port:
        lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for _, writer in lines:
            writer.write(GET)
        heads = [await reader.readline() for reader, _ in lines]
        refused = await said(port, GET)
        lines[0][1].close()
        await asyncio.sleep(0.1)
        async with httpx.AsyncClient() as client:
            after = await client.get(f"http://127.0.0.1:{port}/livez")
        lines[1][1].close()

    assert [head.strip() for head in heads] == [b"HTTP/1.1 200 OK"] * 2
    assert refused.startswith(b"HTTP/1.1 429")
    assert b"retry-after: 1" in refused
    assert after.status_code == 200


async def test_what_is_still_sent_after_its_answer_has_its_time_too(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a connection is held for ever by a byte of a body that nobody reads any more."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    wrong = REQUEST.replace(b"key-of-trader", b"nobodys") + b"content-length: 100000\r\n\r\n"
    async with listening(front.app) as port:
        began = asyncio.get_running_loop().time()
        answer = await said(port, wrong, b"x", b"x", pause=0.1)
        took = asyncio.get_running_loop().time() - began

    assert answer.startswith(b"HTTP/1.1 401")
    assert took < 3


async def test_a_key_that_is_revoked_while_its_body_comes_opens_no_more(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "KEY_HOLDS_SECONDS", 0.1)
    async with front.caller("admin") as admin, listening(front.app) as port:
        made = (await admin.post("/api/v1/keys", json={"name": "stolen"})).json()
        head = REQUEST.replace(b"key-of-trader", made["key"].encode())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b"content-length: 49\r\n\r\n{")
        await asyncio.sleep(0.2)
        await admin.delete(f"/api/v1/keys/{made['id']}")
        writer.write(b'"orders": [{"symbol": "AAPL", "quantity": 100}]}')
        status = await reader.readline()
        writer.close()

    assert status.startswith(b"HTTP/1.1 401")
    assert front.stored() == 0


async def test_a_caller_that_does_not_read_its_answer_holds_nothing_for_ever(
    monkeypatch: pytest.MonkeyPatch, front: Front
) -> None:
    monkeypatch.setattr(connection, "TAKE_SECONDS", 0.3)
    large = GET.replace(b"/livez", b"/openapi.json")
    async with listening(front.app) as port:
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.setblocking(False)
            asked = 0
            with suppress(ConnectionError):
                async with asyncio.timeout(10):
                    while asked < 1_000_000:  # until it is cut off
                        await asyncio.get_running_loop().sock_sendall(caller, large)
                        asked += 1
                        await asyncio.sleep(0)

    assert 0 < asked < 1_000_000

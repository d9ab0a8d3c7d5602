"""What only a real connection shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import structlog

from front import BODY, ORDERS, Front

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def in_chunks(chunk: bytes, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield chunk


async def test_a_batch_goes_over_a_socket(remote: httpx.AsyncClient) -> None:
    response = await remote.post(f"{ORDERS}/", content=BODY)

    assert response.status_code == 200
    shown = await remote.get(f"{ORDERS}/{response.json()['batch_id']}/?wait=10")
    assert shown.json()["orders"][0]["desired_pos"] == 100


async def test_after_a_413_the_connection_still_serves(remote: httpx.AsyncClient) -> None:
    refused = await remote.post(ORDERS, content=in_chunks(b" " * 4096, 300))
    announced = await remote.post(ORDERS, content=b" " * (1024 * 1024 + 1))
    accepted = await remote.post(ORDERS, content=in_chunks(BODY, 1))

    assert [refused.status_code, announced.status_code] == [413, 413]
    assert accepted.status_code == 200


async def test_head_and_options_go_over_a_socket(remote: httpx.AsyncClient) -> None:
    head = await remote.head("/health")

    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0
    assert (await remote.options(ORDERS)).status_code == 200
    assert (await remote.request("BREW", ORDERS)).status_code == 405


async def test_a_symbol_of_the_query_may_be_encoded_in_any_way(
    remote: httpx.AsyncClient,
) -> None:
    body = (
        b'{"orders": [{"symbol": "BRK.B", "quantity": 3}, {"symbol": "MSFT", "quantity": 3}]}'
    )
    batch = (await remote.post(ORDERS, content=body)).json()["batch_id"]
    await remote.get(f"{ORDERS}/{batch}?wait=10")

    for spelling in ("BRK.B", "BRK%20B", "brk+b", "%42RK.B"):
        answer = await remote.get(f"/api/v1/executions?symbol={spelling}")
        found = {row["symbol"] for row in answer.json()["executions"]}
        assert found == {"BRK B"}, spelling


@pytest.mark.parametrize("announced", [b"1048577", b"9" * 18])
async def test_an_announced_length_is_refused_before_the_body_is_sent(
    address: tuple[str, int], announced: bytes
) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(
        b"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: key-of-trader\r\n"
        b"Content-Length: " + announced + b"\r\n\r\n"
    )

    assert b" 413 " in await reader.readline()
    writer.close()


async def test_a_caller_who_goes_away_leaves_nothing_behind(
    address: tuple[str, int], remote: httpx.AsyncClient, front: Front
) -> None:
    stored = front.stored()
    _, writer = await asyncio.open_connection(*address)
    writer.write(
        b"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: key-of-trader\r\n"
        b"Content-Length: 10\r\n\r\n{"
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    assert (await remote.get("/api/v1/accounts")).status_code == 200
    assert front.stored() == stored


async def test_a_websocket_is_refused(address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(
        b"GET /api/v1/orders HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )

    assert b" 401 " in await reader.readline()
    writer.close()


async def test_a_line_of_the_log_names_nothing_of_the_request_before_it(
    address: tuple[str, int],
) -> None:
    usual, lines = structlog.get_config(), structlog.testing.LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, lines])
    reader, writer = await asyncio.open_connection(*address)
    head = "POST /api/v1/orders?wait=1 HTTP/1.1\r\nHost: x\r\nX-API-Key: key-of-trader\r\n"
    length = f"Content-Length: {len(BODY)}\r\n\r\n"
    writer.write((head + length).encode() + BODY)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    await reader.read()
    writer.close()
    structlog.configure(**usual)

    first, second = (row for row in lines.entries if row["event"] == "request.served")
    assert (first["path"], second["path"]) == (ORDERS, "/livez")
    assert "batch_id" in first
    assert "batch_id" not in second

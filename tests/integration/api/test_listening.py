"""How the service listens: TLS, plain, and whose address a request has. Over real sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import uvicorn
from litestar.types import ASGIApp

from paperdesk.bootstrap import http_config, listen
from paperdesk.config import ServerSettings
from paperdesk.errors import ConfigError
from paperdesk.tls import tls_of

TLS = Path(__file__).parents[2] / "data/tls"
CERTIFICATE, KEY = TLS / "certificate.pem", TLS / "key.pem"
SECURE = ServerSettings("0.0.0.0", tls_certificate=CERTIFICATE, tls_key=KEY)  # noqa: S104


async def say_who(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the scheme, and with the other end of the socket as the server tells it."""
    del receive
    body = f"{scope['scheme']} {scope['client'][0]}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def served(server: ServerSettings) -> AsyncIterator[int]:
    """Serve `say_who` as the service would be; yield the port."""
    listening = listen("127.0.0.1", 0)
    http = uvicorn.Server(http_config(cast("ASGIApp", say_who), tls_of(server)))
    serving = asyncio.create_task(http.serve(sockets=[listening]))
    while not http.started:  # noqa: ASYNC110 - uvicorn offers no event for it
        await asyncio.sleep(0.001)
    try:
        yield listening.getsockname()[1]
    finally:
        http.should_exit = True
        await serving


async def ask(url: str, **headers: str) -> str:
    trusted = ssl.create_default_context(cafile=str(CERTIFICATE))
    async with httpx.AsyncClient(verify=trusted, trust_env=False) as client:
        return (await client.get(url, headers=headers)).text


async def test_with_a_certificate_only_tls_is_spoken() -> None:
    async with served(SECURE) as port:
        answer = await ask(f"https://localhost:{port}/")
        with pytest.raises(httpx.TransportError):
            await ask(f"http://localhost:{port}/")

    assert answer == "https 127.0.0.1"


async def handshake(port: int, least: ssl.TLSVersion, most: ssl.TLSVersion) -> str | None:
    """Return the version that was agreed on."""
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # or this end would refuse what is old by itself
    context.minimum_version, context.maximum_version = least, most
    _, writer = await asyncio.open_connection("localhost", port, ssl=context)
    version: str | None = writer.get_extra_info("ssl_object").version()
    writer.close()
    return version


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
async def test_tls_is_of_version_1_2_at_least() -> None:
    tls = ssl.TLSVersion
    async with served(SECURE) as port:
        newer = [
            await handshake(port, version, version) for version in (tls.TLSv1_2, tls.TLSv1_3)
        ]
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await handshake(port, tls.TLSv1, tls.TLSv1_1)

    assert newer == ["TLSv1.2", "TLSv1.3"]


async def test_the_server_itself_believes_no_header_about_who_calls() -> None:
    """It would believe every program of this machine; `source_of` alone says who is trusted."""
    async with served(ServerSettings()) as port:
        answer = await ask(
            f"http://127.0.0.1:{port}/",
            **{"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"},
        )

    assert answer == "http 127.0.0.1"


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        (
            "missing.pem",
            "key.pem",
            "server.tls_certificate: .*missing.pem cannot be read: No such",
        ),
        (
            "certificate.pem",
            "missing.pem",
            "server.tls_key: .*missing.pem cannot be read: No such",
        ),
        (".", "key.pem", "server.tls_certificate: .* cannot be read: Is a directory"),
        ("certificate.pem", "other-key.pem", "other-key.pem is not the key of the certificate"),
        ("certificate.pem", "encrypted-key.pem", "the key is encrypted"),
        ("key.pem", "key.pem", "are no certificate and key in PEM"),
        ("certificate.pem", "certificate.pem", "are no certificate and key in PEM"),
    ],
)
def test_what_cannot_be_used_is_named_before_anything_starts(
    certificate: str, key: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        tls_of(ServerSettings(tls_certificate=TLS / certificate, tls_key=TLS / key))

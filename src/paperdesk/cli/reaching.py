"""What no other command reaches: `paperdesk api` asks any endpoint, `paperdesk open` shows the page.

Owns: how a body is given, and that an answer is printed as it came.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from paperdesk.cli.options import Config, Url
from paperdesk.cli.output import write
from paperdesk.cli.remote import connect, import_without, place_of
from paperdesk.client.messages import READ_SECONDS, problem_of
from paperdesk.client.transport import lost, options, response_of
from paperdesk.errors import BadRequest
from paperdesk.whereabouts import Place


def api(
    method: str,
    path: str | None = None,
    /,
    *,
    data: Annotated[str | None, Parameter(name=["--data", "-d"])] = None,
    config: Config = None,
    url: Url = None,
) -> int:
    """Ask any endpoint, and print the answer as it comes: paperdesk api GET /api/v1/accounts.

    Parameters
    ----------
    method
        GET, POST, PUT or DELETE; where it is left out GET, or POST with --data.
    path
        The path, with its query.
    data
        The body: JSON, @FILE, or @- for standard input.
    """
    if path is None:
        method, path = "GET" if data is None else "POST", method
    if not path.startswith("/"):
        raise BadRequest(f"{path} is no path: paperdesk api GET /api/v1/accounts")
    body = None if data is None else _body(data)
    for text in _answer(place_of(url, config), method.upper(), path, body):
        sys.stdout.write(text)
        sys.stdout.flush()
    sys.stdout.write("\n")
    return 0


def _answer(place: Place, method: str, path: str, body: bytes | None) -> Iterator[str]:
    """Yield the body as it comes. Raises what is wrong behind the problem that says so."""
    import_without("httpx", "httpx._main")
    import httpx  # noqa: PLC0415 - only who asks pays for it

    try:
        with (
            httpx.Client(**options(place), timeout=READ_SECONDS) as http,
            http.stream(method, path, content=body) as response,
        ):
            if response.is_success:
                yield from response.iter_text()
            else:
                response.read()
                yield f"{response.text}\n"
                raise problem_of(response_of(response))
    except httpx.TransportError as error:
        raise lost(place, error).error from error


def _body(data: str) -> bytes:
    if not data.startswith("@"):
        return data.encode()
    name = data[1:]
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise BadRequest(f"{name} cannot be read: {error.strerror}") from error


def open_page(*, config: Config = None, url: Url = None) -> int:
    """Open the dashboard in a browser; where nobody looks only its address is printed."""
    place = place_of(url, config)
    with connect(place) as client:
        client.health()
    write(f"{place.url}/")
    if sys.stdout.isatty():
        import webbrowser  # noqa: PLC0415 - only here

        webbrowser.open(f"{place.url}/")
    return 0

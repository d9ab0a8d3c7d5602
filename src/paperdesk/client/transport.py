"""What both clients tell httpx, and what its failures mean.

Owns: the options of a connection, and whether a request that failed may have arrived. Knows
nothing of calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paperdesk import __version__
from paperdesk.client.calls import Lost
from paperdesk.client.messages import Response
from paperdesk.errors import Unreachable
from paperdesk.whereabouts import Place

if TYPE_CHECKING:
    import httpx


def options(place: Place) -> dict[str, Any]:
    """Return what a client of httpx is made with."""
    headers = {"User-Agent": f"paperdesk-python/{__version__}"}
    if place.key:
        headers["X-API-Key"] = place.key
    return {
        "base_url": place.url,
        "headers": headers,
        # The environment's proxies are for the world, not for a service next door.
        "trust_env": False,
        # Where nothing is encrypted no certificate is judged; to read them all takes long.
        "verify": not place.url.startswith("http://"),
    }


def lost(place: Place, error: httpx.TransportError) -> Lost:
    """Return what it means that no response came."""
    import httpx  # noqa: PLC0415 - it has been imported by whoever asked

    words = f"nothing answers at {place.url} ({error or type(error).__name__})"
    unsent = httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout
    failure = Unreachable(words)
    failure.__cause__ = error
    failure.add_note(
        "`paperdesk serve` starts one there, paperdesk.simulator() one of your own."
    )
    return Lost(failure, may_have_arrived=not isinstance(error, unsent))


def response_of(response: httpx.Response) -> Response:
    """Return a response whose body has been read."""
    return Response(response.status_code, dict(response.headers), response.content)

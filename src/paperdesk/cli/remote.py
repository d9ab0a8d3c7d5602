"""The running service, from a command line.

Owns: where it is, and how its problems read in a terminal. The questions are the SDK's. Knows
nothing of any one command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paperdesk.errors import Unauthorized, Unreachable
from paperdesk.whereabouts import (
    ENVIRONMENT_PREFIX,
    FILE_NAME,
    KEY_VARIABLE,
    URL_BY_DEFAULT,
    Place,
    find,
)

if TYPE_CHECKING:
    from paperdesk.client import Client


class NotRunning(Unreachable):
    """Nothing listens where the configuration says that the service would."""


def place_of(url: str | None, config: Path | None = None) -> Place:
    """Return where the service is: what is named, else what the configuration says."""
    return find(url, None, os.environ, otherwise=_configured_url(config))


def connect(place: Place, *, retry_seconds: float = 0) -> Client:
    """Return a client of the service. By default nothing is tried again: a person waits."""
    # httpx's own command line wants click, rich and pygments: half of its import time.
    import_without("httpx", "httpx._main")
    from paperdesk.client import Client  # noqa: PLC0415 - only who asks pays for it

    return Client(place.url, place.key, retry_seconds=retry_seconds)


def import_without(name: str, unwanted: str) -> None:
    """Import a package that can do without another, and takes long with it. Once is enough."""
    if name not in sys.modules and unwanted not in sys.modules:
        sys.modules[unwanted] = None  # type: ignore[assignment]  # Python's word for "not here"
        try:
            import_module(name)
        finally:
            del sys.modules[unwanted]


def ask(
    place: Place, method: str, path: str, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the answer of an administrator's call. Raises what the service says is wrong."""
    try:
        with connect(place) as client:
            return client.call(method, path, body=body)
    except Unauthorized as error:
        raise Unauthorized(
            f"{place.url} knows no such API key: set {KEY_VARIABLE} to an admin's key, or stop "
            "the service and run this command where its ledger is"
        ) from error
    except Unreachable as error:
        if not place.is_named and _was_refused(error):
            raise NotRunning(error.detail) from error
        raise


def _configured_url(config: Path | None) -> str:
    """Return where this folder's service listens. Raises ConfigError."""
    if config is None and not Path(FILE_NAME).exists() and not _has_settings():
        return URL_BY_DEFAULT  # most have no configuration, and need not wait for its reader
    from paperdesk.config import load_settings  # noqa: PLC0415 - as said

    server = load_settings(config, os.environ).server
    return server.url(server.port)


def _has_settings() -> bool:
    return any(name.startswith(ENVIRONMENT_PREFIX) and "__" in name for name in os.environ)


def _was_refused(error: BaseException | None) -> bool:
    """Tell whether nothing listens there: anything else may be a service that cannot be asked."""
    while error is not None:
        if isinstance(error, ConnectionRefusedError):
            return True
        error = error.__cause__ or error.__context__
    return False

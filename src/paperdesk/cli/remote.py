"""The running service, from a command line.

Owns: where it is, with which key it is asked, and how its problems read in a terminal. Knows
nothing of any one command.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from paperdesk.config import HOME, KEY_VARIABLE, URL_VARIABLE, Settings, is_loopback
from paperdesk.errors import PaperdeskError
from paperdesk.firstkey import key_in

TIMEOUT_SECONDS: Final = 70.0  # a question may wait for 60


class Unreachable(PaperdeskError):
    """Nothing answers at the service's address."""


class NotRunning(Unreachable):
    """Nothing listens where the configuration says that the service would."""


class Remote:
    """A service that can be asked."""

    def __init__(self, url: str, key: str, *, is_own: bool) -> None:
        self.url: Final = url.rstrip("/")
        self._key = key
        self._is_own = is_own  # where the configuration says, not where somebody else did

    @classmethod
    def of(cls, settings: Settings, url: str | None) -> Remote:
        """Return the service at `url`, else where the environment or the configuration says."""
        own = settings.server.url(settings.server.port)
        named = url or os.environ.get(URL_VARIABLE)
        key = os.environ.get(KEY_VARIABLE, "")
        # This machine's own key is for this machine: nobody else is shown it by mistake.
        if not key and (named is None or is_loopback(urlsplit(named).hostname or "")):
            key = key_in(HOME / "key")
        return cls(named or own, key, is_own=named is None)

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the answer. Raises Unreachable, and PaperdeskError with the service's words."""
        try:
            # The environment's proxies are for the world, not for a service next door.
            with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
                answer = client.request(
                    method, self.url + path, json=body, headers={"X-API-Key": self._key}
                )
        except httpx.TransportError as error:
            words = f"nothing answers at {self.url} ({error})"
            kind = NotRunning if self._is_own and _was_refused(error) else Unreachable
            raise kind(words) from error
        return self._read(answer)

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise PaperdeskError(f"what answers at {self.url} is not Paperdesk")
        if answer.is_success:
            return document
        words = str(document.get("detail") or f"HTTP {answer.status_code}")
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            words = (
                f"{self.url} knows no such API key: set {KEY_VARIABLE} to an admin's key, or "
                "stop the service and run this command where its ledger is"
            )
        raise PaperdeskError(words)


def _was_refused(error: BaseException | None) -> bool:
    """Tell whether nothing listens there: anything else may be a service that cannot be asked."""
    while error is not None:
        if isinstance(error, ConnectionRefusedError):
            return True
        error = error.__cause__ or error.__context__
    return False

"""The running service, from a command line.

Owns: where it is, with which key it is asked, and how its problems read in a terminal. Knows
nothing of any one command.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from paperdesk.config import KEY_VARIABLE, URL_VARIABLE, Settings
from paperdesk.errors import PaperdeskError
from paperdesk.firstkey import key_in

TIMEOUT_SECONDS: Final = 70.0  # a question may wait for 60
HOME: Final = Path(".paperdesk")


class Unreachable(PaperdeskError):
    """Nothing answers at the service's address."""


class Remote:
    """A service that can be asked."""

    def __init__(self, url: str, key: str) -> None:
        self.url: Final = url.rstrip("/")
        self._key = key

    @classmethod
    def of(cls, settings: Settings, url: str | None) -> Remote:
        """Return the service at `url`, else where the environment or the configuration says."""
        host = settings.server.host
        inside = f"[{host}]" if ":" in host else host
        address = (
            url
            or os.environ.get(URL_VARIABLE)
            or f"{settings.server.scheme}://{inside}:{settings.server.port}"
        )
        return cls(address, os.environ.get(KEY_VARIABLE) or key_in(HOME / "key"))

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
            raise Unreachable(f"nothing answers at {self.url} ({error})") from error
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

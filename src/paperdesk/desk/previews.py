"""Previews that may be sent as they were shown.

Owns: Previews: each is kept for ten minutes, in memory only, for the client and the account it
was made for, and can be taken once. Knows nothing of what a preview shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from paperdesk.desk.ports import Clock, Random, Stamp, Submission
from paperdesk.domain.client import Client
from paperdesk.domain.vocabulary import ClientName
from paperdesk.errors import PreviewStale

KEPT_FOR: Final = timedelta(minutes=10)
KEPT_MAX: Final = 1_000
DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class KeptPreview:
    """What was previewed, for whom, and what it was computed from."""

    client: ClientName
    submission: Submission
    stamp: Stamp
    made_at: datetime


class Previews:
    """The previews of this process."""

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._kept: dict[str, KeptPreview] = {}

    def keep(self, client: Client, submission: Submission, stamp: Stamp) -> str:
        """Keep a preview; return its id."""
        now = self._clock.now()
        self._kept = {
            identity: kept
            for identity, kept in self._kept.items()
            if now - kept.made_at < KEPT_FOR
        }
        if len(self._kept) >= KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        identity = self._random.token_hex(DIGITS)
        self._kept[identity] = KeptPreview(client.name, submission, stamp, now)
        return identity

    def look(self, client: Client, identity: str) -> KeptPreview:
        """Return a preview of this client. Raises PreviewStale."""
        kept = self._kept.get(identity)
        if (
            kept is None
            or kept.client != client.name
            or kept.submission.account not in client.accounts
            or self._clock.now() - kept.made_at >= KEPT_FOR
        ):
            raise PreviewStale(
                "there is no such preview, or it was used or is older than ten minutes: "
                "preview the batch again"
            )
        return kept

    def use(self, identity: str) -> None:
        """Forget a preview: it was sent, or is stale."""
        self._kept.pop(identity, None)

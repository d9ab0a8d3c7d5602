"""Answers that still hold: a batch is read again only once the ledger may have changed.

Owns: the answers kept for `GET /api/v1/orders/{batch_id}`, and how many bytes of them. They hold
for one version of the ledger, whatever is written next: so nothing needs to know which write
touches which batch. Knows nothing of what an answer says, nor of how a version comes about.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from paperdesk.domain.batch import BatchHead
from paperdesk.domain.client import Client

KEPT_BYTES_MAX: Final = 16 * 1024 * 1024  # a batch of 20 is 5 kB: three thousand of them
ENTRY_BYTES: Final = 1024  # more than what an entry takes beside its body

# A number that stands while the ledger is certainly unchanged, None where that cannot be said.
Version = Callable[[], int | None]


@dataclass(frozen=True, slots=True)
class _Entry:
    """The body of an answer, and by which head is judged who may see it."""

    head: BatchHead
    body: bytes

    @property
    def size(self) -> int:
        return len(self.body) + ENTRY_BYTES


class KeptAnswers:
    """The answers that hold for the present version of the ledger, the last used ones."""

    def __init__(self, version: Version, bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._version = version
        self._bytes_max = bytes_max
        self._bytes = 0
        self._held_at: int | None = None
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    @property
    def size(self) -> int:
        """How many bytes are kept: never more than were allowed."""
        return self._bytes

    def version(self) -> int | None:
        """Return the present version of the ledger. Ask before reading what is to be kept."""
        return self._version()

    def keep(self, head: BatchHead, body: bytes, version: int | None) -> None:
        """Keep what was read after `version` was asked for, where it still holds."""
        if version is None or version != self._version():
            return
        if version != self._held_at:
            self._entries.clear()
            self._bytes = 0
            self._held_at = version
        self._remove(head.batch_id)
        entry = _Entry(head, body)
        self._entries[head.batch_id] = entry
        self._bytes += entry.size
        while self._bytes > self._bytes_max:
            self._remove(next(iter(self._entries)))

    def find(self, batch_id: str, client: Client) -> bytes | None:
        """Return a body that still holds and that the client may see, None where none is."""
        entry = self._entries.get(batch_id)
        if entry is None or self._version() != self._held_at:
            return None
        if not client.may_see(entry.head):
            return None
        self._entries.move_to_end(batch_id)
        return entry.body

    def _remove(self, batch_id: str) -> None:
        entry = self._entries.pop(batch_id, None)
        if entry is not None:
            self._bytes -= entry.size

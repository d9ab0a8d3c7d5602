"""The JSON of the audit trail.

Owns: the fields of an entry and of a page of them. Knows nothing of who may read them.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from paperdesk.domain.audit import Action, AuditEntry, State
from paperdesk.domain.limits import Limits
from paperdesk.wire.encoding import number, rfc3339
from paperdesk.wire.query import NextCursor, cursor_of
from paperdesk.wire.values import Time

AUDIT: Final = "audit"
# In the trail an amount is written as its digits, so that it stays exact.
_AMOUNTS: Final = frozenset(
    name for name in Limits.__dataclass_fields__ if name.endswith(("_notional", "_pct"))
) | {"price"}

Was = Annotated[
    dict[str, Any] | None,
    Meta(description="What of it there was; null where it was not there. By action."),
]


class AuditEntryBody(Struct, kw_only=True, frozen=True):
    """One change: who made it, from where, and what it changed."""

    number: Annotated[int, Meta(description="From 1, without gaps; entries stay as they are.")]
    at: Time
    action: Annotated[str, Meta(description=", ".join(f"`{action}`" for action in Action))]
    client: Annotated[str, Meta(description="`paperdesk` is the service itself.")]
    key_id: Annotated[str | None, Meta(description="null for a key of the configuration.")]
    source: Annotated[str | None, Meta(description="The address that it came from.")]
    request_id: Annotated[str | None, Meta(description="The X-Request-ID of the call.")]
    account_id: Annotated[
        str | None, Meta(description="null where it concerns no one account.")
    ]
    batch_id: str | None
    before: Was
    after: Was

    @classmethod
    def of(cls, entry: AuditEntry) -> AuditEntryBody:
        """Return the body of `entry`."""
        origin = entry.by.origin
        return cls(
            number=entry.number,
            at=rfc3339(entry.at),
            action=entry.action.value,
            client=entry.by.name,
            key_id=origin.key_id,
            source=origin.source,
            request_id=origin.request_id,
            account_id=entry.account,
            batch_id=entry.batch_id,
            before=_numbered(entry.before),
            after=_numbered(entry.after),
        )


def _numbered(state: State | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        name: number(Decimal(value)) if name in _AMOUNTS and value is not None else value
        for name, value in state.items()
    }


class AuditAnswer(Struct, kw_only=True, frozen=True):
    """Entries, newest first."""

    entries: tuple[AuditEntryBody, ...]
    next_cursor: NextCursor

    @classmethod
    def of(cls, entries: Iterable[AuditEntry], before: int | None) -> AuditAnswer:
        """Return the answer for a page of entries."""
        return cls(
            entries=tuple(AuditEntryBody.of(entry) for entry in entries),
            next_cursor=None if before is None else cursor_of(AUDIT, before),
        )

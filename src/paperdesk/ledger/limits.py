"""Limits that were set by hand, while the service ran.

Owns: how they are stored and read, with the row of the audit trail that a change leaves. Each
function runs inside a transaction that its caller opened. Judges nothing: `domain.limits` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from paperdesk.domain.audit import Action
from paperdesk.domain.client import Actor
from paperdesk.domain.limits import Limits
from paperdesk.domain.vocabulary import AccountId
from paperdesk.ledger import trail
from paperdesk.ledger.journal import Journal, Values
from paperdesk.ledger.prepared import given
from paperdesk.ledger.schema import account_limits

_ALL_LIMITS: Final = sa.select(account_limits.c.account_id, account_limits.c.limits)
_LIMITS_OF: Final = sa.select(account_limits.c.limits).where(
    account_limits.c.account_id == given("account")
)


def standing_limits(connection: sa.Connection, account: AccountId) -> Limits | None:
    """Return the limits that were set by hand, None where the configuration's hold."""
    body = connection.scalar(_LIMITS_OF, {"account": account})
    return None if body is None else limits_of(body)


def every_limits(connection: sa.Connection) -> dict[AccountId, Limits]:
    """Return the limits that were set by hand and stand."""
    rows = connection.execute(_ALL_LIMITS).all()
    return {AccountId(row[0]): limits_of(row[1]) for row in rows if row[1] is not None}


def set_limits(
    journal: Journal,
    account: AccountId,
    limits: Limits | None,
    by: Actor,
    configured: Limits,
) -> None:
    """Set an account's limits; None lets the configuration's hold again."""
    before = standing_limits(journal.connection, account)
    values: Values = {
        "limits": None if limits is None else limits_body(limits),
        "set_at": journal.at,
        "set_by": by.name,
    }
    if not journal.update(account_limits, {"account_id": account}, values):
        journal.insert(account_limits, [{"account_id": account, **values}])
    trail.note(
        journal,
        by,
        Action.SET_LIMITS,
        account=account,
        before=limits_body(configured if before is None else before),
        after=limits_body(configured if limits is None else limits),
    )


def limits_body(limits: Limits) -> dict[str, Any]:
    """Return limits as they are stored: amounts as their digits."""
    return {field.name: _plain(getattr(limits, field.name)) for field in fields(limits)}


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    return sorted(value) if isinstance(value, frozenset) else value


def limits_of(body: Mapping[str, Any]) -> Limits:
    """Return the limits that `limits_body` wrote. One added since then is none."""
    read: dict[str, Any] = {}
    for field in fields(Limits):
        value = body.get(field.name, field.default)
        if isinstance(value, str):
            value = Decimal(value)
        read[field.name] = frozenset(value) if isinstance(value, list) else value
    return Limits(**read)

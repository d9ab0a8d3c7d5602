"""The audit trail: one row per change, in the transaction that makes the change.

Owns: writing and reading the rows of `audit`, which the database itself keeps from being altered.
Knows nothing of who may read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from paperdesk.desk.ports import AuditFilter, Page
from paperdesk.domain.audit import Action, AuditEntry, State
from paperdesk.domain.client import Actor, Origin
from paperdesk.domain.halt import Halt
from paperdesk.domain.vocabulary import AccountId, BatchId
from paperdesk.ledger.journal import Journal, next_id
from paperdesk.ledger.schema import audit


def note(
    journal: Journal,
    by: Actor,
    action: Action,
    *,
    account: AccountId | None,
    batch_id: BatchId | None = None,
    before: State | None = None,
    after: State | None = None,
) -> None:
    """Write down a change that the same transaction makes."""
    journal.insert(
        audit,
        [
            {
                "id": next_id(journal.connection, audit),
                "at": journal.at,
                "action": action.value,
                "client": by.name,
                "key_id": by.origin.key_id,
                "source": by.origin.source,
                "request_id": by.origin.request_id,
                "account_id": account,
                "batch_id": batch_id,
                "before": before,
                "after": after,
            }
        ],
    )


def halt_state(halt: Halt) -> State:
    """Return what a halt is, for the trail."""
    return {
        "account_id": halt.account,
        "mode": halt.mode.value,
        "by": halt.by,
        "since": halt.since.isoformat(),
        "reason": halt.reason,
    }


def entries(connection: sa.Connection, which: AuditFilter, page: Page) -> list[AuditEntry]:
    """Return entries, newest first."""
    of_account = audit.c.account_id.in_(which.accounts)
    query = sa.select(audit).where(
        sa.or_(of_account, audit.c.account_id.is_(None)) if which.of_all else of_account
    )
    if which.client is not None:
        query = query.where(audit.c.client == which.client)
    if which.action is not None:
        query = query.where(audit.c.action == which.action.value)
    if which.since is not None:
        query = query.where(audit.c.at >= which.since)
    if page.before is not None:
        query = query.where(audit.c.id < page.before)
    rows = connection.execute(query.order_by(audit.c.id.desc()).limit(page.limit))
    return [_entry_of(row) for row in rows.mappings()]


def _entry_of(row: Mapping[str, Any] | sa.RowMapping) -> AuditEntry:
    origin = Origin(row["key_id"], row["source"], row["request_id"])
    return AuditEntry(
        number=row["id"],
        at=row["at"],
        action=Action(row["action"]),
        by=Actor(row["client"], origin),
        account=row["account_id"],
        batch_id=row["batch_id"],
        before=row["before"],
        after=row["after"],
    )

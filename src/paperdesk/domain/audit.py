"""The audit trail: who changed what, when, from where, and what it was before.

Owns: Action and AuditEntry. What changes is written down in the transaction that changes it, and
never altered. Knows nothing of how it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from paperdesk.domain.client import Actor
from paperdesk.domain.vocabulary import AccountId, BatchId

# JSON of its own: what it looked like then, whatever the types become.
State = Mapping[str, Any]


class Action(StrEnum):
    """What a person or a program can change."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    HALT = "halt"
    RESUME = "resume"
    FLATTEN = "flatten"
    SET_LIMITS = "set_limits"
    CREATE_KEY = "create_key"
    ROTATE_KEY = "rotate_key"
    REVOKE_KEY = "revoke_key"
    RESOLVE = "resolve"
    ADOPT_POSITION = "adopt_position"
    UNLOCK = "unlock"
    SIMULATE = "simulate"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. `account` None concerns all of them; `number` counts entries from 1."""

    number: int
    at: datetime
    action: Action
    by: Actor
    account: AccountId | None
    batch_id: BatchId | None
    before: State | None
    after: State | None

"""The endpoints of an administrator: keys, limits, and the audit trail.

Owns: what a call of these means to the Administrator. Decides nothing about who reaches what.
"""

from __future__ import annotations

from typing import Final

from paperdesk.api.endpoint import Call, Endpoint
from paperdesk.domain.limits import Limits
from paperdesk.domain.vocabulary import ClientName, Scope
from paperdesk.errors import BadRequest, NotFound
from paperdesk.wire.audit import AUDIT, AuditAnswer
from paperdesk.wire.keys import (
    CreateKeyBody,
    KeyBody,
    KeysAnswer,
    NewKeyAnswer,
    RotateKeyBody,
    parse_create_key,
    parse_rotate_key,
)
from paperdesk.wire.limits import LimitsAnswer, SetLimitsBody, parse_limits
from paperdesk.wire.query import before_of


async def list_keys(call: Call) -> KeysAnswer:
    """Return the API keys that yours reaches: those of accounts that it may use itself."""
    admin, client = call.administrator, call.client
    return KeysAnswer.of(admin.configured(client), await admin.keys(client), admin.now())


async def create_key(call: Call) -> NewKeyAnswer:
    """Make an API key for a new client. Its text is in this answer and nowhere else."""
    grant = parse_create_key(call.document)
    made = await call.administrator.create_key(call.client, grant)
    return NewKeyAnswer.made(made, call.administrator.now())


async def rotate_key(call: Call) -> NewKeyAnswer:
    """Make a second key for the same client; both open until the first ends or is revoked."""
    old = call.path["key_id"]
    old_ends_in = parse_rotate_key(call.document)
    made = await call.administrator.rotate_key(call.client, old, old_ends_in)
    return NewKeyAnswer.made(made, call.administrator.now(), rotated=old)


async def revoke_key(call: Call) -> KeyBody:
    """Let a key open no more, within 5 seconds on every process; the same a second time."""
    key = await call.administrator.revoke_key(call.client, call.path["key_id"])
    return KeyBody.of(key, call.administrator.now())


async def set_limits(call: Call) -> LimitsAnswer:
    """Set all limits of an account, in the place of the configuration's, without a restart."""
    return await _limits(call, parse_limits(call.document))


async def clear_limits(call: Call) -> LimitsAnswer:
    """Let the configuration's limits of an account hold again."""
    return await _limits(call, None)


async def _limits(call: Call, limits: Limits | None) -> LimitsAnswer:
    account = call.account
    holding = await call.administrator.set_limits(call.client, account, limits)
    return LimitsAnswer.of(account, holding, is_set_by_hand=limits is not None)


async def audit(call: Call) -> AuditAnswer:
    """Return who changed what, newest first."""
    query = call.query
    account_id = query.account_id
    entries, before = await call.administrator.audit(
        call.client,
        account=None if account_id is None else call.accounts.named(call.client, account_id),
        of_client=None if query.client is None else ClientName(query.client),
        action=query.action,
        since=query.since,
        limit=query.limit,
        before=before_of(AUDIT, query.cursor),
    )
    return AuditAnswer.of(entries, before)


_KEY: Final = "/api/v1/keys/{key_id:str}"
_LIMITS: Final = "/api/v1/accounts/{account_id:str}/limits"

ENDPOINTS: Final = (
    Endpoint("GET", "/api/v1/keys", list_keys, Scope.ADMIN, KeysAnswer),
    Endpoint(
        "POST", "/api/v1/keys", create_key, Scope.ADMIN, NewKeyAnswer, bodies=(CreateKeyBody,),
        errors=(BadRequest,),
    ),
    Endpoint(
        "POST", f"{_KEY}/rotate", rotate_key, Scope.ADMIN, NewKeyAnswer,
        bodies=(RotateKeyBody,), errors=(BadRequest, NotFound),
    ),
    Endpoint("POST", f"{_KEY}/revoke", revoke_key, Scope.ADMIN, KeyBody, errors=(NotFound,)),
    Endpoint("DELETE", _KEY, revoke_key, Scope.ADMIN, KeyBody, errors=(NotFound,)),
    Endpoint(
        "PUT", _LIMITS, set_limits, Scope.ADMIN, LimitsAnswer, bodies=(SetLimitsBody,),
        errors=(NotFound,),
    ),
    Endpoint("DELETE", _LIMITS, clear_limits, Scope.ADMIN, LimitsAnswer, errors=(NotFound,)),
    Endpoint(
        "GET", "/api/v1/audit", audit, Scope.AUDIT, AuditAnswer,
        query=("account_id", "client", "action", "since", "limit", "cursor"),
    ),
)  # fmt: skip

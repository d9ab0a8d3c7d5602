"""The endpoints of batches: submit, preview, look at, cancel.

Owns: what a call of these means to the desk, and the replay of an idempotency key. Decides
nothing about trading.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import structlog

from paperdesk.api.endpoint import Answer, Call, Endpoint
from paperdesk.desk.idempotency import Slot
from paperdesk.desk.ports import Submission
from paperdesk.domain.batch import Target
from paperdesk.domain.client import Client
from paperdesk.domain.vocabulary import ClientName, Scope
from paperdesk.errors import (
    BadRequest,
    BrokerUnavailable,
    FieldError,
    Halted,
    IdempotencyInProgress,
    IdempotencyMismatch,
    LedgerUnavailable,
    NotFound,
    OutcomeUnknown,
    PreviewStale,
    TooManyRequests,
)
from paperdesk.masking import looks_like_key
from paperdesk.wire.bodies import (
    BATCHES,
    BatchAnswer,
    BatchesAnswer,
    CancelAnswer,
    PreviewAnswer,
    SubmitAnswer,
)
from paperdesk.wire.encoding import encode
from paperdesk.wire.parsing import fingerprint
from paperdesk.wire.query import before_of
from paperdesk.wire.reading import bad_request
from paperdesk.wire.requests import (
    BatchBody,
    BatchRequest,
    PreviewIdBody,
    parse_batch,
    parse_submission,
)

_LOG: Final = structlog.get_logger(__name__)

IDEMPOTENCY_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}")
REPLAYED: Final = (("Idempotency-Replayed", "true"),)


async def submit(call: Call) -> Answer:
    """Submit a batch of target positions; the difference to the present positions is traded."""
    key = _idempotency_key(call.idempotency_keys)
    if key is None:
        return await _accept(call, None)
    async with await call.desk.claim_key(call.client, key, fingerprint(call.document)) as slot:
        if slot.answer is not None:
            return Answer(slot.answer, headers=REPLAYED)
        if slot.replayed_batch is not None:
            body = encode(SubmitAnswer.of(slot.replayed_batch))
            await _remember(slot, body)
            return Answer(body, headers=REPLAYED)
        answer = await _accept(call, slot)
        await _remember(slot, answer.body)
        return answer


async def _accept(call: Call, slot: Slot | None) -> Answer:
    wait_seconds = call.query.wait_seconds
    request = parse_submission(call.document)
    if request.preview_id is None:
        batch = await call.desk.submit(
            call.client, _submission(call, request), wait_seconds=wait_seconds, slot=slot
        )
    else:
        batch = await call.desk.submit_preview(
            call.client, request.preview_id, wait_seconds=wait_seconds, slot=slot
        )
    return Answer.of(SubmitAnswer.of(batch))


def _submission(call: Call, request: BatchRequest) -> Submission:
    """Return what the desk is asked for. Raises BadRequest where the key may not do it."""
    _require_tradable(call.client, request.targets)
    return Submission(
        account=call.accounts.named_or_default(call.client, request.account_id),
        targets=request.targets,
        as_of=request.as_of,
        valid_until=request.valid_until,
        closes_unlisted=request.closes_unlisted,
        symbols=call.client.symbols,
    )


def _require_tradable(client: Client, targets: Sequence[Target]) -> None:
    """Refuse symbols that the key may not trade, every row named. Raises BadRequest."""
    barred = [
        FieldError(
            f"orders[{i}].symbol", f'is "{target.symbol}", which this API key may not trade'
        )
        for i, target in enumerate(targets)
        if not client.may_trade(target.symbol)
    ]
    if barred:
        raise bad_request(barred)


async def _remember(slot: Slot, body: bytes) -> None:
    """Store the answer. The batch is accepted, so that a failure here is not the caller's.

    A replay has it from memory then; after a restart it is built from the ledger.
    """
    try:
        await slot.remember(body)
    except LedgerUnavailable as error:
        _LOG.warning("replay.not_stored", batch_id=slot.batch_id, reason=error.detail)


def _idempotency_key(values: tuple[str, ...]) -> str | None:
    """Return the key in the header, with or without the quotes of the IETF draft."""
    if not values:
        return None
    key = values[0].strip()
    if len(key) > 1 and key.startswith('"') and key.endswith('"'):
        key = key[1:-1]
    if len(values) > 1 or not IDEMPOTENCY_KEY.fullmatch(key):
        raise BadRequest(
            "The header Idempotency-Key must be given once, with 1 to 255 printable ASCII "
            "characters."
        )
    if looks_like_key(key):
        # It would be stored as it is, for as long as its batch.
        raise BadRequest(
            "The header Idempotency-Key looks like an API key, and was not stored: send a key of "
            "your own making, and revoke that API key if it is one."
        )
    return key


async def preview(call: Call) -> PreviewAnswer:
    """Return the exact orders that would be sent now, and what is wrong with each.

    Post its `preview_id` to `/api/v1/orders` to send them.
    """
    submission = _submission(call, parse_batch(call.document))
    return PreviewAnswer.of(await call.desk.preview(call.client, submission))


async def list_batches(call: Call) -> BatchesAnswer:
    """Return the batches, newest first."""
    query = call.query
    account_id = query.account_id
    account = None if account_id is None else call.accounts.named(call.client, account_id)
    heads, before = await call.desk.batches(
        call.client,
        account=account,
        of_client=None if query.client is None else ClientName(query.client),
        limit=query.limit,
        before=before_of(BATCHES, query.cursor),
    )
    return BatchesAnswer.of(heads, before)


async def show_batch(call: Call) -> Answer:
    """Return one batch with the present state of every order."""
    version = call.kept.version()  # before it is read: a write meanwhile makes it another one
    batch = await call.desk.batch(
        call.client, call.batch_id, wait_seconds=call.query.wait_seconds or 0
    )
    answer = Answer.of(BatchAnswer.of(batch))
    call.kept.keep(batch.head, answer.body, version)
    return answer


async def cancel(call: Call) -> CancelAnswer:
    """Withdraw a batch: cancel what works, drop what is not sent."""
    return CancelAnswer.of(await call.desk.cancel(call.client, call.batch_id))


_ACCEPTING: Final = (
    BadRequest, Halted, PreviewStale, IdempotencyInProgress, IdempotencyMismatch,
    TooManyRequests, BrokerUnavailable, OutcomeUnknown,
)  # fmt: skip

ENDPOINTS: Final = (
    Endpoint(
        "POST", "/api/v1/orders", submit, Scope.TRADE, SubmitAnswer,
        bodies=(BatchBody, PreviewIdBody), query=("wait",), errors=_ACCEPTING, takes_idempotency_key=True,
    ),
    Endpoint(
        "POST", "/api/v1/orders/preview", preview, Scope.TRADE, PreviewAnswer,
        bodies=(BatchBody,), errors=(BrokerUnavailable, TooManyRequests),
    ),
    Endpoint(
        "GET", "/api/v1/orders", list_batches, Scope.READ, BatchesAnswer,
        query=("account_id", "client", "limit", "cursor"),
    ),
    Endpoint(
        "GET", "/api/v1/orders/{batch_id:str}", show_batch, Scope.READ, BatchAnswer,
        query=("wait",), errors=(NotFound,),
    ),
    Endpoint(
        "DELETE", "/api/v1/orders/{batch_id:str}", cancel, Scope.TRADE, CancelAnswer,
        errors=(NotFound,),
    ),
    Endpoint(
        "POST", "/api/v1/orders/{batch_id:str}/cancel", cancel, Scope.TRADE, CancelAnswer,
        errors=(NotFound,),
    ),
)  # fmt: skip

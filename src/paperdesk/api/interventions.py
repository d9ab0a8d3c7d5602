"""The endpoints for a person's hand: halt, resume, flatten, accept a position, resolve an order.

Owns: what a call of these means to the desk, or to the simulated gateway, and who may halt and resume every account. Decides
nothing about trading.
"""

from __future__ import annotations

from typing import Final

from paperdesk.api.endpoint import Call, Endpoint
from paperdesk.domain.vocabulary import AccountId, Scope
from paperdesk.errors import BrokerUnavailable, Forbidden, Halted, NotFound
from paperdesk.wire.bodies import BatchAnswer
from paperdesk.wire.flattening import FlattenAnswer, FlattenBody, parse_flatten
from paperdesk.wire.interventions import (
    AcceptAllBody,
    AcceptAnswer,
    AcceptSymbolBody,
    EvidenceAnswer,
    FilledBody,
    HaltAnswer,
    HaltBody,
    HaltRequest,
    NotPlacedBody,
    ResumeAnswer,
    ResumeBody,
    ResumeRequest,
    parse_acceptance,
    parse_halt,
    parse_resolution,
    parse_resume,
)
from paperdesk.wire.simulator import BODIES as MEDDLING_BODIES
from paperdesk.wire.simulator import SimulatorAnswer, parse_meddling


async def halt_account(call: Call) -> HaltAnswer:
    """Halt an account: what is not sent ends at once, and no new order leaves.

    With the mode `reduce_only` orders that reduce a position still do.
    """
    request = parse_halt(call.document)
    return await _halt(call, call.account, request)


async def halt_all(call: Call) -> HaltAnswer:
    """Halt every account at once, beside halts of single ones; needs a key for them all."""
    _require_every_account(call)
    return await _halt(call, None, parse_halt(call.document))


async def _halt(call: Call, account: AccountId | None, request: HaltRequest) -> HaltAnswer:
    view = await call.desk.operator.halt(
        call.client,
        account,
        mode=request.mode,
        reason=request.reason,
        cancel_working=request.cancel_working,
    )
    return HaltAnswer.of(view)


async def resume_account(call: Call) -> ResumeAnswer:
    """End the halt of an account. A halt of all accounts stands until that one is ended.

    With the mode `reduce_only` it becomes one under which reducing orders leave, in one step.
    """
    request = parse_resume(call.document)
    return await _resume(call, call.account, request)


async def resume_all(call: Call) -> ResumeAnswer:
    """End the halt of all accounts. Halts of single accounts stand; needs a key for them all."""
    _require_every_account(call)
    return await _resume(call, None, parse_resume(call.document))


def _require_every_account(call: Call) -> None:
    """Raise Forbidden where the key may not use every account."""
    out_of_reach = call.accounts.configured - call.client.accounts
    if out_of_reach:
        raise Forbidden(
            "This call concerns every account; the API key may not use "
            f"{', '.join(sorted(out_of_reach))}."
        )


async def _resume(
    call: Call, account: AccountId | None, request: ResumeRequest
) -> ResumeAnswer:
    standing = await call.desk.operator.resume(
        call.client, account, reason=request.reason, reduce_only=request.reduce_only
    )
    return ResumeAnswer.of(account, standing)


async def flatten(call: Call) -> FlattenAnswer:
    """Halt all but what reduces, cancel what works, and close every position at market.

    Safe to repeat: an order that closes its position already is kept.
    """
    reason = parse_flatten(call.document, call.path["account_id"])
    flattening = await call.desk.flattener.flatten(
        call.client, call.account, reason=reason, wait_seconds=call.query.wait_seconds
    )
    return FlattenAnswer.of(flattening)


async def accept_position(call: Call) -> AcceptAnswer:
    """Take over the broker's position of a locked symbol, or of all, and unlock it."""
    symbol = parse_acceptance(call.document)
    account = call.account
    accepted = await call.desk.operator.accept_position(call.client, account, symbol)
    return AcceptAnswer.of(account, accepted)


async def resolve(call: Call) -> BatchAnswer:
    """Say what became of an order that stayed `Unknown`: never placed, or filled."""
    resolution = parse_resolution(call.document)
    batch = await call.desk.resolve(call.client, call.batch_id, resolution)
    return BatchAnswer.of(batch)


async def meddle(call: Call) -> SimulatorAnswer:
    """Move a price of the embedded simulated gateway, or let something go wrong there.

    404 where the gateway is a configured one.
    """
    asked = parse_meddling(call.document)
    faults, struck = await call.simulating.meddle(
        call.client,
        asked.state,
        price=asked.price,
        fault=asked.fault,
        words=asked.words,
        clears_faults=asked.clears_faults,
        drops_connections=asked.drops_connections,
    )
    return SimulatorAnswer.of(asked, faults, struck)


async def evidence(call: Call) -> EvidenceAnswer:
    """Show how it was found out what became of each order of a batch, step by step."""
    batch_id = call.batch_id
    return EvidenceAnswer.of(batch_id, await call.desk.evidence(call.client, batch_id))


ENDPOINTS: Final = (
    Endpoint(
        "POST", "/api/v1/accounts/{account_id:str}/halt", halt_account, Scope.TRADE,
        HaltAnswer, bodies=(HaltBody,), errors=(NotFound,),
    ),
    Endpoint(
        "POST", "/api/v1/accounts/{account_id:str}/resume", resume_account, Scope.ADMIN,
        ResumeAnswer, bodies=(ResumeBody,), errors=(NotFound,),
    ),
    Endpoint(
        "POST", "/api/v1/accounts/{account_id:str}/flatten", flatten, Scope.ADMIN,
        FlattenAnswer, bodies=(FlattenBody,), query=("wait",),
        errors=(NotFound, Halted, BrokerUnavailable),
    ),
    Endpoint("POST", "/api/v1/halt", halt_all, Scope.ADMIN, HaltAnswer, bodies=(HaltBody,)),
    Endpoint(
        "POST", "/api/v1/resume", resume_all, Scope.ADMIN, ResumeAnswer, bodies=(ResumeBody,),
    ),
    Endpoint(
        "POST", "/api/v1/accounts/{account_id:str}/accept-position", accept_position,
        Scope.ADMIN, AcceptAnswer, bodies=(AcceptSymbolBody, AcceptAllBody),
        errors=(NotFound, BrokerUnavailable),
    ),
    Endpoint(
        "POST", "/api/v1/orders/{batch_id:str}/resolve", resolve, Scope.ADMIN, BatchAnswer,
        bodies=(NotPlacedBody, FilledBody), errors=(NotFound,),
    ),
    Endpoint(
        "POST", "/api/v1/simulator", meddle, Scope.ADMIN, SimulatorAnswer,
        bodies=MEDDLING_BODIES, errors=(NotFound,),
    ),
    Endpoint(
        "GET", "/api/v1/orders/{batch_id:str}/evidence", evidence, Scope.READ, EvidenceAnswer,
        errors=(NotFound,),
    ),
)  # fmt: skip

"""The open endpoints that hold no data of any account: health and probes.

Owns: what an orchestrator is told. Knows nothing of keys.
"""

from __future__ import annotations

from typing import Final

from paperdesk.api.endpoint import Call, Endpoint
from paperdesk.errors import NotReady
from paperdesk.wire.bodies import HealthAnswer, LiveAnswer, ReadyAnswer


async def health(call: Call) -> HealthAnswer:
    """Answer at once, always: per configured account, whether its broker session is up."""
    return HealthAnswer.of(call.desk.health())


async def livez(_: Call) -> LiveAnswer:
    """Answer that the process lives."""
    return LiveAnswer()


async def readyz(call: Call) -> ReadyAnswer:
    """Answer 200 once the ledger is writable and one account is up, 503 until then."""
    readiness = await call.desk.readiness()
    if not readiness.is_ready:
        missing = (
            "no account is up" if readiness.ledger_writable else "the ledger cannot be written"
        )
        raise NotReady(f"Not ready: {missing}.", retry_after_seconds=1)
    return ReadyAnswer.of(readiness)


ENDPOINTS: Final = (
    Endpoint("GET", "/health", health, answer=HealthAnswer),
    Endpoint("GET", "/livez", livez, answer=LiveAnswer),
    Endpoint("GET", "/readyz", readyz, answer=ReadyAnswer, errors=(NotReady,)),
)

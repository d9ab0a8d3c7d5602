"""The open endpoints that hold no data of any account: health, probes, the front page.

Owns: what an orchestrator and a passer-by are told. Knows nothing of keys.
"""

from __future__ import annotations

from typing import Final

from paperdesk.api.endpoint import HTML, Answer, Call, Endpoint
from paperdesk.api.page import page
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


async def front_page(_: Call) -> Answer:
    """Name the service and lead to its documentation."""
    return Answer(
        page(
            "Paperdesk",
            "<p>Post target positions; the difference is traded in an IBKR paper account.</p>"
            '<p><a href="/docs">Endpoints</a> · <a href="/openapi.json">OpenAPI</a> · '
            '<a href="/health">Health</a></p>',
        ),
        HTML,
    )


ENDPOINTS: Final = (
    Endpoint("GET", "/", front_page),
    Endpoint("GET", "/health", health, answer=HealthAnswer),
    Endpoint("GET", "/livez", livez, answer=LiveAnswer),
    Endpoint("GET", "/readyz", readyz, answer=ReadyAnswer, errors=(NotReady,)),
)

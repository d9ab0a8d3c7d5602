"""The endpoint that says how the service stands.

Owns: what a call of it means to the desk. Knows nothing of gateways.
"""

from __future__ import annotations

from typing import Final

from paperdesk.api.endpoint import Call, Endpoint
from paperdesk.domain.vocabulary import Scope
from paperdesk.wire.overview import StatusAnswer


async def status(call: Call) -> StatusAnswer:
    """Return how gateways, market and halts stand, and what this key may do."""
    view = await call.desk.overview.read(call.client)
    return StatusAnswer.of(view, call.client, call.environment)


ENDPOINTS: Final = (Endpoint("GET", "/api/v1/status", status, Scope.READ, StatusAnswer),)

"""The endpoint that Prometheus scrapes.

Owns: who may see the figures. They are of the whole service, with every account and client
among them, so a key that may not use every account sees none: a page cut down to some accounts
would be read as a service that is well. What the figures mean is in `paperdesk.metrics`.
"""

from __future__ import annotations

from typing import Final

from paperdesk.api.endpoint import Answer, Call, Endpoint
from paperdesk.domain.vocabulary import Scope
from paperdesk.errors import Forbidden
from paperdesk.metrics import CONTENT_TYPE


async def metrics(call: Call) -> Answer:
    """Return the figures of the service for Prometheus; needs a key for every account."""
    if not call.accounts.configured <= call.client.accounts:
        raise Forbidden(
            "The figures are of every account of this service; this API key may use only some "
            "of them. Make a key of scope read for all accounts, and scrape with that."
        )
    return Answer(call.metrics.page(await call.desk.gauger.read()), CONTENT_TYPE)


ENDPOINTS: Final = (Endpoint("GET", "/metrics", metrics, Scope.READ, media_type=CONTENT_TYPE),)

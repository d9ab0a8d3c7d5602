"""The short way of a question that was answered already: before routing, from what is kept.

Owns: which requests may take it. It answers only what the endpoint would answer with 200, after
the same judgement; whatever else is asked goes on, to be judged and answered there.
"""

from __future__ import annotations

from typing import Final, cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from paperdesk.api.endpoint import Answer
from paperdesk.api.envelope import TEMPLATE, send_answer
from paperdesk.api.kept import KeptAnswers
from paperdesk.domain import vocabulary
from paperdesk.domain.client import Client

BATCH_PATH: Final = "/api/v1/orders/"
BATCH_TEMPLATE: Final = f"{BATCH_PATH}{{batch_id}}"


class Shortcut:
    """ASGI middleware. It stands behind authentication and the bound of the body."""

    def __init__(self, app: ASGIApp, kept: KeptAnswers) -> None:
        self._app = app
        self._kept = kept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        body = self._kept_body(cast("HTTPScope", scope))
        if body is None:
            await self._app(scope, receive, send)
        else:
            scope[TEMPLATE] = BATCH_TEMPLATE  # type: ignore[typeddict-unknown-key]  # ours alone
            await send_answer(Answer(body), send)

    def _kept_body(self, scope: HTTPScope) -> bytes | None:
        """Return the answer, None where there is none, or a query or a scope to be judged."""
        path = scope["path"]
        client = cast("Client | None", scope["user"])
        if (
            str(scope["method"]) != "GET"
            or scope["query_string"]
            or not path.startswith(BATCH_PATH)
            or client is None
            or not client.may(vocabulary.Scope.READ)
        ):
            return None
        return self._kept.find(path.removeprefix(BATCH_PATH), client)

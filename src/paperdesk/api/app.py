"""The ASGI application: every endpoint of the tables, behind authentication and the body bound.

Owns: how an endpoint becomes a route of Litestar, and the layers around them. What Litestar
does otherwise than the contract says (201, 204, its own error bodies, its own 404 before a 401)
is overridden here, with a test for each. Knows nothing of what an endpoint does.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, NoReturn

from litestar import Litestar, Request, Response, route
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from paperdesk.api import accounts as accounts_api
from paperdesk.api import (
    administration,
    dashboard,
    events,
    interventions,
    orders,
    overview,
    probes,
    reports,
)
from paperdesk.api import metrics as metrics_api
from paperdesk.api.attempts import Attempts
from paperdesk.api.auth import Authentication, Keys, SourceOf
from paperdesk.api.body import BODY_BYTES_MAX, BodyLimit, require_key
from paperdesk.api.docs import documented
from paperdesk.api.endpoint import Accounts, Answer, Call, Endpoint, Streaming
from paperdesk.api.envelope import TEMPLATE, Envelope
from paperdesk.api.kept import KeptAnswers
from paperdesk.api.ratelimit import RateLimit
from paperdesk.api.shortcut import Shortcut
from paperdesk.api.streaming import StreamResponse
from paperdesk.config import RateSettings
from paperdesk.desk.administering import Administrator
from paperdesk.desk.desk import Desk
from paperdesk.desk.ports import Clock, Random
from paperdesk.desk.simulating import Simulating
from paperdesk.domain.client import Client
from paperdesk.metrics import Metrics
from paperdesk.wire.encoding import encode
from paperdesk.wire.events import Environment

ENDPOINTS: Final = documented(
    (
        *dashboard.ENDPOINTS,
        *probes.ENDPOINTS,
        *overview.ENDPOINTS,
        *orders.ENDPOINTS,
        *accounts_api.ENDPOINTS,
        *interventions.ENDPOINTS,
        *administration.ENDPOINTS,
        *reports.ENDPOINTS,
        *events.ENDPOINTS,
        *metrics_api.ENDPOINTS,
    )
)

ApiRequest = Request[Client | None, None, State]


@dataclass(frozen=True, slots=True)
class Guards:
    """Who is let in, from where a call is said to come, and how much may come."""

    keys: Keys
    source_of: SourceOf
    rates: RateSettings


@dataclass(frozen=True, slots=True)
class Parts:
    """What the endpoints work with."""

    desk: Desk
    administrator: Administrator
    accounts: Accounts
    kept: KeptAnswers
    metrics: Metrics
    environment: Environment
    clock: Clock
    simulating: Simulating


def create_app(parts: Parts, guards: Guards, *, clock: Clock, random: Random) -> ASGIApp:
    """Return the application. It neither starts nor stops the desk."""
    routed = create_routes(parts)
    limited = RateLimit(
        BodyLimit(Shortcut(routed, parts.kept)),
        guards.rates,
        lambda: asyncio.get_running_loop().time(),
    )
    guarded = Authentication(limited, guards.keys, Attempts(clock), guards.source_of)
    return Envelope(guarded, lifespan=routed, clock=clock, random=random, meter=parts.metrics)


def create_routes(parts: Parts) -> Litestar:
    """Return the routes alone, without authentication."""
    return Litestar(
        route_handlers=[
            *_options_routes(ENDPOINTS),  # first: else Litestar adds its own
            *(_route(endpoint, parts) for endpoint in ENDPOINTS),
        ],
        # Whatever is raised reaches the envelope, which alone turns errors into answers.
        exception_handlers={Exception: _raise_again, HTTPException: _raise_again},
        openapi_config=None,
        logging_config=None,
        request_max_body_size=BODY_BYTES_MAX,
        debug=False,
    )


def _route(endpoint: Endpoint, parts: Parts) -> HTTPRouteHandler:
    template = endpoint.template

    async def serve(request: ApiRequest) -> Response[bytes]:
        request.scope[TEMPLATE] = template  # type: ignore[typeddict-unknown-key]  # ours alone
        call = Call(
            desk=parts.desk,
            administrator=parts.administrator,
            accounts=parts.accounts,
            kept=parts.kept,
            metrics=parts.metrics,
            environment=parts.environment,
            clock=parts.clock,
            simulating=parts.simulating,
            endpoint=endpoint,
            caller=request.user,
            raw_query=request.scope["query_string"],
            path=request.path_params,
            idempotency_keys=tuple(request.headers.getall("idempotency-key", [])),
            document=endpoint.document(await request.body()),
            accept=request.headers.get("accept", ""),
            last_event_ids=tuple(request.headers.getall("last-event-id", [])),
            is_head=bool(request.scope["state"].get("is_head")),
            require_key=partial(require_key, request.scope),
        )
        return _response(await endpoint.serve(call))

    decorate = route(
        endpoint.path,
        http_method=endpoint.method,  # type: ignore[arg-type]  # one of HTTP's own words
        status_code=200,
        opt={"endpoint": endpoint},
    )
    return decorate(serve)


def _options_routes(endpoints: Iterable[Endpoint]) -> list[HTTPRouteHandler]:
    """Answer OPTIONS with 200 and a body; by itself Litestar answers it with 204."""
    methods: defaultdict[str, set[str]] = defaultdict(lambda: {"OPTIONS"})
    for endpoint in endpoints:
        also = {"HEAD"} if endpoint.method == "GET" else set()
        methods[endpoint.path] |= {endpoint.method} | also
    return [_options_route(path, sorted(names)) for path, names in methods.items()]


def _options_route(path: str, methods: list[str]) -> HTTPRouteHandler:
    body: Mapping[str, list[str]] = {"allow": methods}
    answer = Answer(encode(body), headers=(("Allow", ", ".join(methods)),))

    async def options() -> Response[bytes]:
        return _response(answer)

    decorate = route(path, http_method="OPTIONS", status_code=200, opt={"is_options": True})
    return decorate(options)


def _response(answer: Answer | Streaming) -> Response[bytes]:
    if isinstance(answer, Streaming):
        return StreamResponse(answer)
    return Response(
        answer.body,
        status_code=answer.status,
        media_type=answer.media_type,
        headers=dict(answer.headers),
    )


def _raise_again(_: object, error: Exception) -> NoReturn:
    raise error

"""The ASGI application: every endpoint of the tables, behind authentication and the body bound.

Owns: how an endpoint becomes a route of Litestar, and the layers around them. What Litestar
does otherwise than the contract says (201, 204, its own error bodies, its own 404 before a 401)
is overridden here, with a test for each. Knows nothing of what an endpoint does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NoReturn

from litestar import Litestar, Request, Response, route
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from paperdesk.api import accounts as accounts_api
from paperdesk.api import interventions, orders, probes
from paperdesk.api.auth import Authentication, Keys
from paperdesk.api.body import BODY_BYTES_MAX, BodyLimit
from paperdesk.api.docs import documented
from paperdesk.api.endpoint import Accounts, Answer, Call, Endpoint
from paperdesk.api.envelope import Envelope
from paperdesk.api.kept import KeptAnswers, Version
from paperdesk.api.shortcut import Shortcut
from paperdesk.desk.desk import Desk
from paperdesk.desk.ports import Clock, Random
from paperdesk.domain.client import Client
from paperdesk.wire.encoding import encode

ENDPOINTS: Final = documented(
    (
        *probes.ENDPOINTS,
        *orders.ENDPOINTS,
        *accounts_api.ENDPOINTS,
        *interventions.ENDPOINTS,
    )
)

ApiRequest = Request[Client | None, None, State]


def create_app(
    desk: Desk,
    *,
    keys: Keys,
    accounts: Accounts,
    version: Version,
    clock: Clock,
    random: Random,
) -> ASGIApp:
    """Return the application. It neither starts nor stops the desk.

    `version` is of the ledger that the desk reads.
    """
    kept = KeptAnswers(version)
    routed = create_routes(desk, accounts, kept)
    guarded = Authentication(BodyLimit(Shortcut(routed, kept)), keys)
    return Envelope(guarded, lifespan=routed, clock=clock, random=random)


def create_routes(desk: Desk, accounts: Accounts, kept: KeptAnswers) -> Litestar:
    """Return the routes alone, without authentication."""
    return Litestar(
        route_handlers=[
            *_options_routes(ENDPOINTS),  # first: else Litestar adds its own
            *(_route(endpoint, desk, accounts, kept) for endpoint in ENDPOINTS),
        ],
        # Whatever is raised reaches the envelope, which alone turns errors into answers.
        exception_handlers={Exception: _raise_again, HTTPException: _raise_again},
        openapi_config=None,
        logging_config=None,
        request_max_body_size=BODY_BYTES_MAX,
        debug=False,
    )


def _route(
    endpoint: Endpoint, desk: Desk, accounts: Accounts, kept: KeptAnswers
) -> HTTPRouteHandler:
    async def serve(request: ApiRequest) -> Response[bytes]:
        call = Call(
            desk=desk,
            accounts=accounts,
            kept=kept,
            endpoint=endpoint,
            caller=request.user,
            raw_query=request.scope["query_string"],
            path=request.path_params,
            idempotency_keys=tuple(request.headers.getall("idempotency-key", [])),
            document=endpoint.document(await request.body()),
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


def _response(answer: Answer) -> Response[bytes]:
    return Response(
        answer.body,
        status_code=answer.status,
        media_type=answer.media_type,
        headers=dict(answer.headers),
    )


def _raise_again(_: object, error: Exception) -> NoReturn:
    raise error

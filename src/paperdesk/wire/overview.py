"""The answer that says how the service stands.

Owns: the fields of the status: what a page shows above everything else. Knows nothing of requests.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from paperdesk import __version__
from paperdesk.domain.client import Client
from paperdesk.domain.views import GatewayView, ServiceView, SessionView
from paperdesk.domain.vocabulary import LinePhase, Scope
from paperdesk.wire.encoding import rfc3339, rfc3339_or_null
from paperdesk.wire.events import Environment
from paperdesk.wire.interventions import StandingHalt
from paperdesk.wire.values import Time

Opening = Annotated[
    Time | None, Meta(description="The next opening, null where none is known.")
]
Closing = Annotated[Time | None, Meta(description="null while the market is closed.")]


class GatewayBody(Struct, kw_only=True, frozen=True):
    """A gateway, and the key's accounts behind it."""

    gateway: str
    is_up: bool
    reason: Annotated[
        str | None, Meta(description="Why it, or one of the accounts, is not up.")
    ]
    since: Annotated[Time, Meta(description="When it came up, or went down.")]
    phase: Annotated[
        LinePhase,
        Meta(
            description="`reading`: it reads the broker's lists and compares the books, and "
            "sends nothing yet. `degraded`: the gateway has lost IBKR. `shut`: for good, as it "
            "may not be a paper account."
        ),
    ]
    next_try: Annotated[
        Time | None, Meta(description="When it is connected to again, while it waits for that.")
    ]
    reset_until: Annotated[
        Time | None,
        Meta(description="About when IBKR's nightly reset is over, null outside of it."),
    ]
    accounts: dict[str, bool]
    requests_per_second: Annotated[
        int, Meta(description="Frames that left in the last second.")
    ]
    max_requests_per_second: int

    @classmethod
    def of(cls, gateway: GatewayView) -> GatewayBody:
        """Return the body of `gateway`."""
        return cls(
            gateway=gateway.name,
            is_up=gateway.is_up,
            reason=gateway.reason,
            since=rfc3339(gateway.since),
            phase=gateway.phase,
            next_try=rfc3339_or_null(gateway.next_try),
            reset_until=rfc3339_or_null(gateway.reset_until),
            accounts={str(account): up for account, up in gateway.accounts.items()},
            requests_per_second=gateway.frames_lately,
            max_requests_per_second=gateway.frames_max,
        )


class SessionBody(Struct, kw_only=True, frozen=True):
    """The market, by the gateway's own hours."""

    is_open: Annotated[bool | None, Meta(description="null where the hours are not known.")]
    opens_at: Opening
    closes_at: Closing

    @classmethod
    def of(cls, session: SessionView) -> SessionBody:
        """Return the body of `session`."""
        return cls(
            is_open=session.is_open,
            opens_at=rfc3339_or_null(session.opens_at),
            closes_at=rfc3339_or_null(session.closes_at),
        )


class StatusAnswer(Struct, kw_only=True, frozen=True):
    """How the service stands, as far as the key may see it."""

    environment: Environment
    version: str
    server_time: Time
    head_id: Annotated[int, Meta(description="The newest event of the ledger.")]
    client: Annotated[str, Meta(description="Whose key this is.")]
    scopes: Annotated[tuple[Scope, ...], Meta(description="Of the key, as they were given.")]
    gateways: tuple[GatewayBody, ...]
    session: SessionBody
    halted: Annotated[
        dict[str, StandingHalt],
        Meta(description="By account; an account that is not is left out."),
    ]

    @classmethod
    def of(cls, view: ServiceView, client: Client, environment: Environment) -> StatusAnswer:
        """Return the answer for `view`."""
        return cls(
            environment=environment,
            version=__version__,
            server_time=rfc3339(view.at),
            head_id=view.head_id,
            client=client.name,
            scopes=tuple(sorted(client.scopes)),
            gateways=tuple(GatewayBody.of(gateway) for gateway in view.gateways),
            session=SessionBody.of(view.session),
            halted={a: StandingHalt.of(halt) for a, halt in sorted(view.halts.items())},
        )

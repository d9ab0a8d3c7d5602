"""An endpoint of the API, and one call of it.

Owns: the table entry from which routing, judging and documentation all follow, the order in
which a call is judged, and which account a call means. Knows nothing of ASGI.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from msgspec import Struct

from paperdesk.api.kept import KeptAnswers
from paperdesk.desk.administering import Administrator
from paperdesk.desk.desk import Desk
from paperdesk.desk.ports import Clock
from paperdesk.desk.simulating import Simulating
from paperdesk.domain.client import Client
from paperdesk.domain.vocabulary import AccountId, BatchId, Scope
from paperdesk.errors import FieldError, Forbidden, NotFound, PaperdeskError
from paperdesk.metrics import Metrics
from paperdesk.wire.encoding import encode
from paperdesk.wire.events import Environment
from paperdesk.wire.parsing import Json, parse_json, shown
from paperdesk.wire.query import Query, parse_query
from paperdesk.wire.reading import bad_request
from paperdesk.wire.values import BATCH_ID

JSON: Final = "application/json"
HTML: Final = "text/html"  # the framework adds the charset
_PARAMETER: Final = re.compile(r"\{(\w+):str\}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back: every success is 200."""

    body: bytes
    media_type: str = JSON
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, body: Struct) -> Answer:
        """Return the answer that carries `body`."""
        return cls(encode(body))


# Sends a part of a stream; returns once the caller has room for more.
Write = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Streaming:
    """What is sent bit by bit: `run` writes until it returns, or is cancelled with the caller."""

    run: Callable[[Write], Awaitable[None]]
    media_type: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Accounts:
    """The configured accounts, and the one that a request without `account_id` means."""

    configured: frozenset[AccountId]
    default: AccountId

    def usable_by(self, client: Client) -> frozenset[AccountId]:
        """Return the accounts that the client's key may use."""
        return self.configured & client.accounts

    def named(self, client: Client, account_id: str) -> AccountId:
        """Return the account named. Raises BadRequest where the key may not use it."""
        usable = self.usable_by(client)
        if account_id not in usable:
            # One sentence for both cases: a key learns nothing of accounts it may not use.
            choice = f"use one of {', '.join(sorted(usable))}" if usable else "it has none"
            message = f'"{shown(account_id)}" is not an account of this API key: {choice}'
            raise bad_request([FieldError("account_id", message)])
        return AccountId(account_id)

    def in_path(self, client: Client, account_id: str) -> AccountId:
        """Return the account of a path. Raises NotFound where the key may not use it."""
        if account_id not in self.usable_by(client):
            raise NotFound(
                f"This API key has no account {shown(account_id)}; /api/v1/accounts lists them."
            )
        return AccountId(account_id)

    def named_or_default(self, client: Client, account_id: str | None) -> AccountId:
        """Like `named`; without a name, the default account."""
        return self.named(client, self.default if account_id is None else account_id)


async def _nothing() -> None:
    """Require nothing."""


@dataclass(frozen=True)
class Call:
    """One request to one endpoint, as its handler sees it."""

    desk: Desk
    administrator: Administrator
    accounts: Accounts
    kept: KeptAnswers
    metrics: Metrics
    environment: Environment
    clock: Clock
    simulating: Simulating
    endpoint: Endpoint
    caller: Client | None
    raw_query: bytes
    path: Mapping[str, str] = field(default_factory=dict)
    idempotency_keys: tuple[str, ...] = ()
    document: Json = None
    accept: str = ""
    last_event_ids: tuple[str, ...] = ()
    is_head: bool = False
    require_key: Callable[[], Awaitable[None]] = _nothing

    @property
    def client(self) -> Client:
        """Who calls. Only an endpoint without a scope can be called by nobody."""
        assert self.caller is not None
        return self.caller

    @cached_property
    def query(self) -> Query:
        """What the query says. Raises BadRequest."""
        return parse_query(self.raw_query, self.endpoint.query)

    @property
    def account(self) -> AccountId:
        """The account in the path. Raises NotFound."""
        return self.accounts.in_path(self.client, self.path["account_id"])

    @property
    def batch_id(self) -> BatchId:
        """The batch in the path. Raises NotFound where it cannot be one."""
        text = self.path["batch_id"]
        if not BATCH_ID.fullmatch(text):
            raise NotFound(f"There is no batch {shown(text)}.")
        return BatchId(text)


Handler = Callable[[Call], Awaitable[Struct | Answer | Streaming]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method on a path. `scope` None means open: no key is asked for, no query judged.

    `bodies` are the shapes that its body may have; without any, none is read.
    """

    method: str
    path: str
    handler: Handler
    scope: Scope | None = None
    answer: type[Struct] | None = None
    bodies: tuple[type[Struct], ...] = ()
    query: tuple[str, ...] = ()
    errors: tuple[type[PaperdeskError], ...] = ()
    takes_idempotency_key: bool = False
    is_stream: bool = False  # of what `answer` describes, one after the other
    media_type: str = HTML  # of what is no JSON body

    @property
    def template(self) -> str:
        """The path with names for ids, as OpenAPI writes it."""
        return _PARAMETER.sub(r"{\1}", self.path)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in the path, in its order."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def summary(self) -> str:
        """What the handler's docstring says."""
        return " ".join((self.handler.__doc__ or "").split())

    def document(self, raw: bytes) -> Json:
        """Return the document of the body, None where the endpoint takes none."""
        return parse_json(raw) if self.bodies else None

    async def serve(self, call: Call) -> Answer | Streaming:
        """Judge the call in the contract's order, then answer it.

        401 and 413 were judged before routing, malformed JSON when `document` was read.
        """
        if self.scope is not None:
            if not call.client.may(self.scope):
                raise Forbidden(
                    f"This call needs the scope {self.scope}; the API key of "
                    f"{call.client.name} does not include it."
                )
            if not self.takes_idempotency_key:
                # The key is judged before the query, by the handler that takes one.
                _ = call.query
        reply = await self.handler(call)
        return Answer.of(reply) if isinstance(reply, Struct) else reply

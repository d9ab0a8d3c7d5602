"""The endpoint of the event stream.

Owns: what a listener asks for, what it may see, and the course of a stream: ready, what is missed,
what happens, heartbeats in between, and its end. Knows nothing of how an event comes about.
"""

from __future__ import annotations

import asyncio
from typing import Final
from weakref import WeakKeyDictionary

from msgspec import Raw, Struct

from paperdesk.api.endpoint import Answer, Call, Endpoint, Streaming, Write
from paperdesk.api.streaming import HEADERS
from paperdesk.desk.ports import EventFilter, EventPage
from paperdesk.domain.events import EventType
from paperdesk.domain.vocabulary import BatchId, Scope
from paperdesk.errors import (
    FieldError,
    LedgerUnavailable,
    NotFound,
    RateLimited,
    Unauthorized,
)
from paperdesk.wire.encoding import encode, rfc3339
from paperdesk.wire.events import (
    Control,
    EventBody,
    Form,
    GatewayState,
    Heartbeat,
    StreamBye,
    StreamLagged,
    StreamReady,
    StreamReset,
    body_of,
    framed,
)
from paperdesk.wire.query import event_id
from paperdesk.wire.reading import bad_request

HEARTBEAT_SECONDS: Final = 5.0
# Who takes longer to read what was sent is told so, and let go.
UNREAD_SECONDS: Final = 10.0


async def events(call: Call) -> Streaming | Answer:
    """Tell what happens as it happens, and what was missed before it.

    Server-sent events; lines of JSON where `Accept` names `application/x-ndjson`.
    """
    since, which = _since(call), _filter(call)
    batch_id = await _batch_of(call)
    form = Form.LINES if Form.LINES.value in call.accept.lower() else Form.SSE
    head = await call.desk.tape.head()
    if call.is_head:
        return Answer(b"", form.value, headers=tuple(HEADERS.items()))
    is_whole = call.query.until_event is not None and since is None
    begins = 0 if is_whole else since
    stream = _Stream(call, form, which, head=head, ends_with=batch_id)
    return Streaming(lambda write: stream.run(write, begins), form.value)


def _since(call: Call) -> int | None:
    """Return behind which event to begin, None for the newest. Raises BadRequest."""
    if not call.last_event_ids:
        return call.query.since_id
    try:
        return event_id(", ".join(call.last_event_ids))
    except ValueError as error:
        raise bad_request([FieldError("Last-Event-ID", str(error))]) from None


async def _batch_of(call: Call) -> BatchId | None:
    """Return the batch whose end is the stream's. Raises BadRequest and NotFound."""
    query = call.query
    if query.batch_id is None:
        if query.until_event is not None:
            raise bad_request([FieldError("until", "needs batch_id: add it")])
        return None
    await call.desk.batch(call.client, query.batch_id)
    return query.batch_id if query.until_event is not None else None


def _filter(call: Call) -> EventFilter:
    """Return what the caller may see and wants to. Raises BadRequest."""
    query, client = call.query, call.client
    accounts = call.accounts.usable_by(client)
    if query.account_id is not None:
        accounts = frozenset({call.accounts.named(client, query.account_id)})
    # Whoever may see everything sees it without a gap, be it of an account that is gone.
    sees_all = client.sees_every_batch and accounts == call.accounts.configured
    types = query.types
    if types is not None and query.until_event is not None:
        types |= {query.until_event}  # it ends the stream, be it told or not
    return EventFilter(
        accounts=None if sees_all else accounts,
        client=None if client.sees_every_batch else client.name,
        types=types,
        batch_id=query.batch_id,
    )


class _Unread(Exception):
    """The listener took too long to read. `head` is what happened last meanwhile."""

    def __init__(self, head: int) -> None:
        super().__init__(head)
        self.head = head


# What a page looks like, for all listeners that share it, for as long as one of them has it.
_SHAPED: Final[
    WeakKeyDictionary[EventPage, dict[tuple[Form, frozenset[EventType] | None], bytes]]
] = WeakKeyDictionary()


class _Stream:
    """One listener. `ends_with` is the batch whose end is its own, if any."""

    def __init__(
        self,
        call: Call,
        form: Form,
        which: EventFilter,
        *,
        head: int,
        ends_with: BatchId | None,
    ) -> None:
        self._call = call
        self._tape = call.desk.tape
        self._form = form
        self._which = which
        self._ends_with = ends_with
        self._after = head

    async def run(self, write: Write, begins: int | None) -> None:
        """Tell until the listener goes, the service stops, or all was told."""

        async def send(body: bytes) -> None:
            began = asyncio.get_running_loop().time()
            await write(body)
            if asyncio.get_running_loop().time() - began >= UNREAD_SECONDS:
                raise _Unread(await self._tape.head())

        try:
            await self._begin(send, begins)
            await self._follow(send)
        except LedgerUnavailable:
            await write(self._control(Control.BYE, StreamBye(reason="ledger-unavailable")))
        except (Unauthorized, RateLimited):
            await write(self._control(Control.BYE, StreamBye(reason="unauthorized")))
        except _Unread as unread:
            lagged = StreamLagged(first=self._after + 1, last=unread.head)
            await write(self._control(Control.LAGGED, lagged))

    async def _begin(self, send: Write, begins: int | None) -> None:
        head = self._after
        ready = StreamReady(
            server_time=rfc3339(self._call.clock.now()),
            head_id=head,
            environment=self._call.environment,
        )
        await send(self._control(Control.READY, ready))
        if begins is not None and begins > head:
            await send(self._control(Control.RESET, StreamReset(head_id=head)))
        elif begins is not None:
            self._after = begins

    async def _follow(self, send: Write) -> None:
        now, tape = asyncio.get_running_loop().time, self._tape
        beats_at = now() + HEARTBEAT_SECONDS
        while not tape.is_closed:
            # Before the page: what the batch ended by is on it, or was told.
            is_over = self._ends_with and await tape.is_final(self._ends_with)
            if is_over:
                page = await tape.read(self._which, self._after)
            else:
                page = await tape.next(self._which, self._after, beats_at - now())
            self._after = page.upto
            if page.events:
                await self._call.require_key()
                await send(self._shaped(page))
            if is_over and page.upto >= page.head:
                return
            if now() >= beats_at:
                beats_at = now() + HEARTBEAT_SECONDS
                await self._call.require_key()
                await send(self._control(Control.HEARTBEAT, self._heartbeat()))
        await send(self._control(Control.BYE, StreamBye(reason="shutdown")))

    def _shaped(self, page: EventPage) -> bytes:
        """Return a page as it is sent; who shares it asked as the same client."""
        types, shapes = self._call.query.types, _SHAPED.setdefault(page, {})
        if (self._form, types) not in shapes:
            bodies = (
                body_of(event, self._call.environment, self._which.client)
                for event in page.events
                if types is None or event.kind in types
            )
            shapes[self._form, types] = framed(bodies, self._form)
        return shapes[self._form, types]

    def _heartbeat(self) -> Heartbeat:
        usable = self._call.accounts.usable_by(self._call.client)
        states = []
        for gateway, accounts in self._tape.gateways().items():
            shown = {str(a): is_up for a, is_up in accounts.items() if a in usable}
            if shown:
                is_up = any(accounts.values())
                states.append(GatewayState(gateway=gateway, accounts=shown, is_up=is_up))
        return Heartbeat(head_id=self._tape.newest, gateways=tuple(states))

    def _control(self, kind: Control, data: Struct) -> bytes:
        body = EventBody(
            id=None,
            type=kind.value,
            timestamp=rfc3339(self._call.clock.now()),
            environment=self._call.environment,
            account_id=None,
            batch_id=None,
            data=Raw(encode(data)),
        )
        return framed([body], self._form)


ENDPOINTS: Final = (
    Endpoint(
        "GET", "/api/v1/events", events, Scope.READ, EventBody,
        query=("types", "account_id", "batch_id", "since_id", "until_event"),
        errors=(NotFound,), is_stream=True,
    ),
)  # fmt: skip

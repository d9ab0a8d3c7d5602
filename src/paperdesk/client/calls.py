"""Every call of the API, written once for both clients.

Owns: what each call asks, what is tried again and when, how pages become one list, and how a
batch is waited for. A call is a generator: it yields what it needs done (a request sent, time
passed, the time told) and returns its result; `blocking` and `awaiting` only do what is yielded.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat
from typing import Any, Final, Literal, TypeVar

from paperdesk.client import results, standing
from paperdesk.client.messages import Request, Response, build, read
from paperdesk.client.targets import Targets, orders_of
from paperdesk.errors import IdempotencyInProgress, PaperdeskError, Unreachable

T = TypeVar("T")

API: Final = "/api/v1"
RETRY_SECONDS: Final = 30.0
PAGE_ROWS: Final = 200  # as many as a page may have
WAIT_SECONDS_MAX: Final = 20.0  # of one question; proxies cut what is silent for long
LOOK_SECONDS: Final = 0.5  # of one question while somebody looks on
BETWEEN_SECONDS: Final = 0.1  # where a question comes back sooner than it was to
BACKOFF_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 4.0)  # the last is kept
# What the service, or a proxy before it, answers while it cannot serve: nothing was done, or the
# same key brings the same batch.
RETRIED: Final = frozenset({429, 500, 502, 503, 504})
# Refused unlooked at: whatever it was, it may be sent again.
UNTOUCHED: Final = frozenset({429})


@dataclass(frozen=True, slots=True)
class Pause:
    """Let so many seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Time:
    """Tell the time, in seconds from whenever."""


@dataclass(frozen=True, slots=True)
class Lost:
    """No response came. `may_have_arrived` tells whether the request may have."""

    error: Unreachable
    may_have_arrived: bool


Effect = Request | Pause | Time
# What is sent back: a Response or Lost for a Request, seconds for Time, nothing for a Pause.
Flow = Generator[Effect, Any, T]


class Calls:
    """The calls. `retry_seconds` bounds how long one is tried again; 0 is not at all."""

    def __init__(self, retry_seconds: float = RETRY_SECONDS) -> None:
        self.retry_seconds: Final = retry_seconds

    # -- orders ----------------------------------------------------------------------------
    def submit(
        self,
        targets: Targets,
        *,
        account_id: str | None = None,
        valid_until: datetime | None = None,
        as_of: datetime | None = None,
        unlisted: Literal["close"] | None = None,
        wait: float | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[results.BatchState]:
        """Trade to these positions: `{"AAPL": 100, "MSFT": -50}`, rows, a Series or a DataFrame.

        Returns once every order has its first status, or after `wait` seconds. One key goes with
        every attempt, so that a lost answer never makes a second batch.
        """
        body = _batch(targets, account_id, valid_until, as_of, unlisted)
        return (yield from self._post_batch(body, wait, idempotency_key))

    def preview(
        self,
        targets: Targets,
        *,
        account_id: str | None = None,
        valid_until: datetime | None = None,
        as_of: datetime | None = None,
        unlisted: Literal["close"] | None = None,
    ) -> Flow[results.Preview]:
        """Return the exact orders that these targets would send now. Nothing is sent."""
        body = _batch(targets, account_id, valid_until, as_of, unlisted)
        return (yield from self._ask("POST", "/orders/preview", results.Preview, body=body))

    def send(
        self,
        preview: results.Preview,
        *,
        wait: float | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[results.BatchState]:
        """Send exactly what a preview showed. Raises PreviewStale where that is not so now."""
        body = {"preview_id": preview.preview_id or ""}
        return (yield from self._post_batch(body, wait, idempotency_key))

    def _post_batch(
        self, body: dict[str, Any], wait: float | None, key: str | None
    ) -> Flow[results.BatchState]:
        request = build(
            "POST",
            f"{API}/orders",
            params={"wait": wait},
            body=body,
            key=key or uuid.uuid4().hex,
        )
        answer = yield from self._perform(request, results.SubmitAnswer)
        return answer.state()

    def batch(self, batch_id: str, *, wait: float | None = None) -> Flow[results.BatchState]:
        """Return a batch as it is now, or when it is final, or after `wait` seconds."""
        return (
            yield from self._ask(
                "GET", f"/orders/{batch_id}", results.BatchState, params={"wait": wait}
            )
        )

    def wait(
        self,
        batch_id: str,
        timeout: float | None,
        seen: Callable[[results.BatchState], None] | None = None,
    ) -> Flow[results.BatchState]:
        """Return a batch when it is final, or as it is after `timeout` seconds.

        Where somebody looks on, `seen` is called with each state on the way.
        """
        longest = WAIT_SECONDS_MAX if seen is None else LOOK_SECONDS
        began = yield Time()
        while True:
            now = yield Time()
            left = longest if timeout is None else began + timeout - now
            wait = max(0.0, min(left, longest))
            state = yield from self.batch(batch_id, wait=wait)
            if seen is not None:
                seen(state)
            if left <= 0 or (state.summary is not None and state.summary.final):
                return state
            yield Pause(BETWEEN_SECONDS)

    def cancel(self, batch_id: str) -> Flow[results.Cancellation]:
        """Withdraw a batch: cancel what works, drop what is not sent. The same a second time."""
        return (yield from self._ask("DELETE", f"/orders/{batch_id}", results.Cancellation))

    def batches(
        self,
        *,
        account_id: str | None = None,
        client: str | None = None,
        limit: int | None = None,
    ) -> Flow[results.Batches]:
        """Return the batches, newest first: all pages of them, or `limit`."""
        params = {"account_id": account_id, "client": client}
        pages = yield from self._pages("/orders", results.Batches, params, limit)
        return results.Batches(batches=tuple(row for page in pages for row in page)[:limit])

    # -- what is held ----------------------------------------------------------------------
    def positions(
        self, account_id: str | None = None, *, allow_stale: bool = False
    ) -> Flow[results.Positions]:
        """Return what an account holds; with `allow_stale` also without a broker session."""
        params = {"account_id": account_id, "allow_stale": allow_stale or None}
        return (yield from self._ask("GET", "/positions", results.Positions, params=params))

    def targets(self, account_id: str | None = None) -> Flow[results.Targets]:
        """Return the newest target of each symbol, and how far it has come."""
        params = {"account_id": account_id}
        return (yield from self._ask("GET", "/targets", results.Targets, params=params))

    def executions(
        self,
        *,
        account_id: str | None = None,
        symbol: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> Flow[results.Executions]:
        """Return executions, newest first: all pages of them, or `limit`."""
        params = {"account_id": account_id, "symbol": symbol, "since": since}
        pages = yield from self._pages("/executions", results.Executions, params, limit)
        rows = tuple(row for page in pages for row in page)
        return results.Executions(executions=rows[:limit])

    def slippage(
        self,
        *,
        account_id: str | None = None,
        symbol: str | None = None,
        batch_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Flow[results.Slippage]:
        """Return expected price against average fill, per order and in sum."""
        params = {
            "account_id": account_id,
            "symbol": symbol,
            "batch_id": batch_id,
            "since": since,
            "until": until,
        }
        pages = yield from self._pages("/reports/slippage", results.Slippage, params, limit)
        rows = tuple(row for page in pages for row in page)
        return results.Slippage(orders=rows[:limit], total=pages[0].total)

    def equity(
        self, account_id: str | None = None, *, since: datetime | None = None
    ) -> Flow[results.Equity]:
        """Return what an account was worth, by the minute; since midnight in New York."""
        params = {"account_id": account_id, "since": since}
        return (yield from self._ask("GET", "/reports/equity", results.Equity, params=params))

    def accounts(self) -> Flow[standing.Accounts]:
        """Return the accounts of the key: connected or why not, halts, locks, limits."""
        return (yield from self._ask("GET", "/accounts", standing.Accounts))

    # -- by hand ---------------------------------------------------------------------------
    def halt(
        self,
        reason: str,
        *,
        account_id: str | None = None,
        mode: Literal["all", "reduce_only"] = "all",
        cancel_working: bool = False,
    ) -> Flow[standing.Halted]:
        """Stop new orders of an account, or of all of them."""
        body = {"reason": reason, "mode": mode, "cancel_working": cancel_working}
        path = _of_account(account_id, "halt")
        return (yield from self._ask("POST", path, standing.Halted, body=body))

    def resume(
        self,
        reason: str,
        *,
        account_id: str | None = None,
        mode: Literal["reduce_only"] | None = None,
    ) -> Flow[standing.Resumed]:
        """End the halt of an account, or the one of all accounts.

        With the mode `reduce_only` it becomes one under which reducing orders leave.
        """
        body = {"reason": reason, "mode": mode}
        path = _of_account(account_id, "resume")
        return (yield from self._ask("POST", path, standing.Resumed, body=body))

    def flatten(
        self, account_id: str, reason: str, *, confirm: str, wait: float | None = None
    ) -> Flow[standing.Flattened]:
        """Close every position of an account at market, and halt all but what reduces.

        `confirm` is the account's id once more: it cannot be taken back.
        """
        body = {"reason": reason, "confirm": confirm}
        return (
            yield from self._ask(
                "POST",
                f"/accounts/{account_id}/flatten",
                standing.Flattened,
                params={"wait": wait},
                body=body,
            )
        )

    # -- the service -----------------------------------------------------------------------
    def health(self) -> Flow[standing.Health]:
        """Return whether each account's broker session is up. Needs no key."""
        return (yield from self._perform(build("GET", "/health"), standing.Health))

    def status(self) -> Flow[standing.Status]:
        """Return the service at a glance: simulated or paper, gateways, the market's session."""
        return (yield from self._ask("GET", "/status", standing.Status))

    def simulate(
        self,
        *,
        price: tuple[str, float] | None = None,
        fault: dict[str, Any] | None = None,
        clear_faults: bool = False,
        drop_connections: bool = False,
    ) -> Flow[standing.Simulated]:
        """Move a price of the embedded simulated gateway, or let something go wrong there."""
        named = None if price is None else {"symbol": price[0], "price": price[1]}
        request = build(
            "POST",
            f"{API}/simulator",
            body={
                "price": named,
                "fault": fault,
                "clear_faults": clear_faults or None,
                "drop_connections": drop_connections or None,
            },
            is_repeatable=False,  # a fault that is asked for twice strikes twice
        )
        return (yield from self._perform(request, standing.Simulated))

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Flow[dict[str, Any]]:
        """Ask anything else of the API; return the JSON that is answered."""
        request = build(method, path, params=params, body=body, is_repeatable=method == "GET")
        return (yield from self._perform(request, dict))

    # -- how -------------------------------------------------------------------------------
    def _pages(
        self, path: str, kind: type[T], params: Mapping[str, object], limit: int | None
    ) -> Flow[list[T]]:
        """Return page after page until there are `limit` rows, at least one page."""
        pages: list[T] = []
        cursor, rows = None, 0
        while True:
            size = PAGE_ROWS if limit is None else max(1, min(PAGE_ROWS, limit - rows))
            page: Any = yield from self._ask(
                "GET", path, kind, params={**params, "limit": size, "cursor": cursor}
            )
            pages.append(page)
            cursor, rows = page.next_cursor, rows + len(page)
            if cursor is None or (limit is not None and rows >= limit):
                return pages

    def _ask(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        params: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Flow[T]:
        return (
            yield from self._perform(
                build(method, f"{API}{path}", params=params, body=body), kind
            )
        )

    def _perform(self, request: Request, kind: type[T]) -> Flow[T]:
        """Send a request until it is answered for good, or for `retry_seconds`."""
        began = yield Time()
        for pause in _pauses():
            outcome: Response | Lost = yield request
            try:
                if isinstance(outcome, Lost):
                    raise outcome.error
                return read(outcome, kind)
            except PaperdeskError as error:
                if not _may_be_repeated(request, outcome, error):
                    raise
                seconds = max(pause, float(error.retry_after_seconds or 0))
                now = yield Time()
                if now + seconds - began > self.retry_seconds:
                    raise
            yield Pause(seconds)
        raise AssertionError("pauses never end")


def _pauses() -> Iterator[float]:
    return chain(BACKOFF_SECONDS, repeat(BACKOFF_SECONDS[-1]))


def _may_be_repeated(request: Request, outcome: Response | Lost, error: PaperdeskError) -> bool:
    if isinstance(outcome, Lost):
        return request.is_repeatable or not outcome.may_have_arrived
    if isinstance(error, IdempotencyInProgress):
        return True
    retried = RETRIED if request.is_repeatable else UNTOUCHED
    return outcome.status in retried


def _of_account(account_id: str | None, word: str) -> str:
    return f"/{word}" if account_id is None else f"/accounts/{account_id}/{word}"


def _batch(
    targets: Targets,
    account_id: str | None,
    valid_until: datetime | None,
    as_of: datetime | None,
    unlisted: str | None,
) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "orders": orders_of(targets),
        "valid_until": valid_until,
        "as_of": as_of,
        "unlisted": unlisted,
    }

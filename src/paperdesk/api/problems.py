"""Errors as problem documents (RFC 9457), and a page for each of them.

Owns: how every error becomes an answer, the framework's own too, and the pages under
`/problems/`. Knows nothing of what was asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Final

import msgspec
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException

from paperdesk.api.endpoint import HTML, Answer, Call
from paperdesk.api.page import page, prose
from paperdesk.errors import (
    ANSWERED,
    BadRequest,
    FieldError,
    InternalError,
    MethodNotAllowed,
    NotFound,
    PaperdeskError,
    Unauthorized,
)
from paperdesk.wire.bodies import ProblemBody
from paperdesk.wire.encoding import encode
from paperdesk.wire.parsing import shown
from paperdesk.wire.reading import bad_request

PROBLEM_JSON: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 5  # where the error itself does not know better
AGAIN: Final[Mapping[bool, str]] = {
    True: "Yes: the same request, after the seconds in the header `Retry-After`, with the same "
    "`Idempotency-Key` if you sent one.",
    False: "A program should not, by itself: do what mends it first.",
}  # by whether the error is retryable


def problem_answer(error: PaperdeskError, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return the answer to a request that ended in `error`."""
    if error.retryable or error.retry_after_seconds is not None:
        seconds = error.retry_after_seconds
        retry_after = RETRY_AFTER_SECONDS if seconds is None else seconds
        headers = (*headers, ("Retry-After", str(retry_after)))
    if isinstance(error, Unauthorized):
        headers = (*headers, ("WWW-Authenticate", 'Bearer realm="paperdesk"'))
    return Answer(encode(ProblemBody.of(error)), PROBLEM_JSON, error.status, headers)


def answer_to(error: Exception, method: str, path: str) -> Answer:
    """Return the answer for whatever was raised while a request was served."""
    match error:
        case PaperdeskError():
            return problem_answer(error)
        case NotFoundException():
            return problem_answer(NotFound(f"There is nothing at {shown(path)}; see /docs."))
        case MethodNotAllowedException():
            allowed = _allowed(error)
            detail = f"{shown(method)} is not allowed here; use {allowed}."
            return problem_answer(MethodNotAllowed(detail), (("Allow", allowed),))
        case HTTPException() if 400 <= error.status_code < 500:  # noqa: PLR2004 - HTTP's classes
            return problem_answer(BadRequest(f"{error.detail}."))
        case _:
            return problem_answer(
                InternalError(
                    "Something went wrong inside Paperdesk. The log has the details under "
                    "the X-Request-ID of this answer."
                )
            )


def _allowed(error: MethodNotAllowedException) -> str:
    methods = {name.strip() for name in (error.headers or {}).get("allow", "").split(",")}
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


def example(kind: type[PaperdeskError]) -> str:
    """Return an answer that ends in `kind`, laid out for a person."""
    error = kind(kind.example)
    if kind is BadRequest:
        error = bad_request([FieldError(*kind.example.removesuffix(".").split(" ", 1))])
    return msgspec.json.format(encode(ProblemBody.of(error)), indent=2).decode()


async def problem_page(call: Call) -> Answer:
    """What an error means and what to do about it, as a page."""
    code = call.path["code"]
    kind = ANSWERED.get(code)
    if kind is None:
        raise NotFound(f"There is no problem {shown(code)}; see /docs.")
    meaning = " ".join((kind.__doc__ or "").split())
    return Answer(
        page(
            kind.title,
            f"<p><code>{escape(code)}</code>, HTTP {kind.status}</p>"
            f"<h2>What it means</h2><p>{prose(meaning)}</p>"
            f"<h2>What mends it</h2><p>{prose(kind.fix)}</p>"
            f"<h2>Send it again?</h2><p>{prose(AGAIN[kind.retryable])}</p>"
            f"<h2>An example</h2><pre>{escape(example(kind))}</pre>"
            '<p><a href="/docs">All endpoints</a></p>',
        ),
        HTML,
    )

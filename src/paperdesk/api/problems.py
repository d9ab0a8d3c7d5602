"""Errors as problem documents (RFC 9457), and a page for each of them.

Owns: how every error becomes an answer, the framework's own too, and the pages under
`/problems/`. Knows nothing of what was asked.
"""

from __future__ import annotations

from html import escape
from typing import Final

from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException

from paperdesk.api.endpoint import HTML, Answer, Call
from paperdesk.api.page import page, prose
from paperdesk.errors import (
    ANSWERED,
    BadRequest,
    InternalError,
    MethodNotAllowed,
    NotFound,
    PaperdeskError,
    Unauthorized,
)
from paperdesk.wire.bodies import ProblemBody
from paperdesk.wire.encoding import encode
from paperdesk.wire.parsing import shown

PROBLEM_JSON: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 5  # where the error itself does not know better


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


async def problem_page(call: Call) -> Answer:
    """What an error means and what to do about it, as a page."""
    code = call.path["code"]
    kind = ANSWERED.get(code)
    if kind is None:
        raise NotFound(f"There is no problem {shown(code)}; see /docs.")
    meaning = " ".join((kind.__doc__ or "").split())
    again = (
        "Yes: send the same request again after the seconds in the header Retry-After, with "
        "the same Idempotency-Key if you sent one."
        if kind.retryable
        else "No: the same request would end the same way. Change what the detail names first."
    )
    return Answer(
        page(
            kind.title,
            f"<p><code>{escape(code)}</code>, HTTP {kind.status}</p>"
            f"<h2>What it means and what to do</h2><p>{prose(meaning)}</p>"
            f"<h2>Send it again?</h2><p>{again}</p>"
            '<p><a href="/docs">All endpoints</a></p>',
        ),
        HTML,
    )

"""A request and its response, as values.

Owns: how a question becomes a request, and a response the answer or an error of `errors`. Pure.
Knows nothing of what is asked, nor of who carries it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from paperdesk.errors import ANSWERED, FieldError, PaperdeskError, Unauthorized, Unreachable
from paperdesk.whereabouts import KEY_FILE, KEY_VARIABLE

T = TypeVar("T")

REQUEST_ID: Final = "x-request-id"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
READ_SECONDS: Final = 70.0  # a question may wait for 60
KEY_HINT: Final = (
    f"The key is Client(api_key=...), or {KEY_VARIABLE}, or {KEY_FILE} in the folder where the "
    "program runs."
)
_SUCCESS, _REDIRECT = 200, 300


def _written(value: object) -> str:
    """Return the JSON of a datetime that is more than one: a Timestamp of pandas."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be sent: {value!r}")


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=_written)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Where it is not `is_repeatable`, what may have arrived is not sent again."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Response:
    """What a service answered; the headers' names are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def build(
    method: str,
    path: str,
    *,
    params: Mapping[str, object] | None = None,
    body: Mapping[str, object] | None = None,
    key: str | None = None,
    is_repeatable: bool = True,
) -> Request:
    """Return the request; whatever is None in query and body is left out."""
    given = {name: _text(value) for name, value in (params or {}).items() if value is not None}
    document = None
    if body is not None:
        sent = {name: value for name, value in body.items() if value is not None}
        document = _ENCODER.encode(sent)
    headers = {} if key is None else {IDEMPOTENCY_KEY: key}
    return Request(method, path, given, document, headers, is_repeatable)


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.3f}"
        case datetime():
            return value.isoformat()
        case list() | tuple():
            return ",".join(map(_text, value))
        case _:
            return str(value)


def read(response: Response, kind: type[T]) -> T:
    """Return the answer. Raises what the service says is wrong; Unreachable where it is none."""
    if not _SUCCESS <= response.status < _REDIRECT:
        raise problem_of(response)
    try:
        return msgspec.json.decode(response.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreachable(
            f"what answers is not Paperdesk, or another version: {error}"
        ) from error


def problem_of(response: Response) -> PaperdeskError:
    """Return the error that a response which is no success stands for."""
    try:
        document = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("code"), str):
        return _of_nobody(response)
    kind = ANSWERED.get(document["code"], PaperdeskError)
    error = kind(
        str(document.get("detail") or f"HTTP {response.status}"),
        errors=tuple(_field_errors(document)),
        retry_after_seconds=retry_after(response),
    )
    error.problem = document
    error.request_id = response.headers.get(REQUEST_ID)
    # Notes stand below the message in a traceback: that is what a notebook shows of an error.
    if isinstance(error, Unauthorized):
        error.add_note(KEY_HINT)
    logged = f"; its log has more under {error.request_id}" if error.request_id else ""
    error.add_note(f"/problems/{document['code']} of the service says what to do{logged}.")
    return error


def _of_nobody(response: Response) -> Unreachable:
    """Return the error of an answer that is none of ours: a proxy's, or another program's."""
    error = Unreachable(
        f"what answers is not Paperdesk: HTTP {response.status} without a problem",
        retry_after_seconds=retry_after(response),
    )
    error.request_id = response.headers.get(REQUEST_ID)
    return error


def _field_errors(document: Mapping[str, Any]) -> list[FieldError]:
    entries = document.get("errors") or ()
    return [
        FieldError(str(entry.get("field")), str(entry.get("message")))
        for entry in entries
        if isinstance(entry, dict)
    ]


def retry_after(response: Response) -> int | None:
    """Return the seconds of the header `Retry-After`, None where it names none."""
    text = response.headers.get("retry-after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < len("10000") else None

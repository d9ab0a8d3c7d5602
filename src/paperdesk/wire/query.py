"""The query of a request: which parameters there are and what they mean.

Owns: every query parameter, its range and its words; the cursor of a listing. Knows nothing of
which account or client may be named.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, TypeVar
from urllib.parse import parse_qsl

from msgspec import Meta

from paperdesk.domain.audit import Action
from paperdesk.domain.contract import normalise_symbol
from paperdesk.domain.events import EventType
from paperdesk.domain.vocabulary import BatchId, Symbol
from paperdesk.errors import FieldError
from paperdesk.wire.parsing import shown
from paperdesk.wire.reading import Breach, bad_request, nearest
from paperdesk.wire.values import BATCH_ID, BATCH_ID_PATTERN, SYMBOL_TEXT_PATTERN, moment_of

T = TypeVar("T")

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200
WAIT_SECONDS_MAX: Final = 60
PARAMETERS_MAX: Final = 32
SEQ_MAX: Final = 2**63 - 1
EVENT_ID_PATTERN: Final = "^[0-9]{1,15}$"
EVENT_ID_MAX: Final = 10**15 - 1  # what every JSON reader can hold, and a pattern can say
_TYPE: Final = "|".join(
    [kind.replace(".", r"\.") for kind in EventType]
    + sorted({kind.partition(".")[0] + r"\.\*" for kind in EventType})
)
TYPES_PATTERN: Final = f"^({_TYPE})(,({_TYPE}))*$"

NextCursor = Annotated[str | None, Meta(description="null on the last page.")]

# A bare + arrives as a blank: the one before the minutes of the zone.
_BARE_PLUS: Final = re.compile(r" (?=\d\d:\d\d\Z)", re.ASCII)
# However a client writes a number: some write a tenth of a microsecond with an exponent.
_SECONDS: Final = re.compile(r"\d{1,9}(\.\d{1,30})?([eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Query:
    """What a query says. What it does not say has its default."""

    account_id: str | None = None
    client: str | None = None
    action: Action | None = None
    symbol: Symbol | None = None
    batch_id: BatchId | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = LIMIT_DEFAULT
    cursor: str | None = None
    wait_seconds: float | None = None
    allow_stale: bool = False
    types: frozenset[EventType] | None = None
    since_id: int | None = None
    until_event: EventType | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter: which field of Query it fills, how, and what the docs say of it.

    `name` is what a caller writes, where the table calls it otherwise.
    """

    field: str
    read: Callable[[str], object]
    schema: Mapping[str, object]
    description: str
    name: str | None = None


def _text(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return value


def _limit(value: str) -> int:
    if not re.fullmatch(r"\d{1,9}", value, re.ASCII) or not 1 <= int(value) <= LIMIT_MAX:
        raise ValueError(f"must be a whole number from 1 to {LIMIT_MAX}")
    return int(value)


def _wait(value: str) -> float:
    if not _SECONDS.fullmatch(value) or float(value) > WAIT_SECONDS_MAX:
        raise ValueError(f"must be a number of seconds from 0 to {WAIT_SECONDS_MAX}")
    return float(value)


def _boolean(value: str) -> bool:
    if value not in {"true", "false"}:
        raise ValueError("must be true or false")
    return value == "true"


def _symbol(value: str) -> Symbol:
    symbol = normalise_symbol(value) if value.isascii() else None
    if symbol is None:
        raise ValueError(f'"{shown(value)}" is not a symbol')
    return symbol


def _action(value: str) -> Action:
    if value not in list(Action):
        raise ValueError(f"must be one of {', '.join(Action)}")
    return Action(value)


def _batch_id(value: str) -> BatchId:
    if not BATCH_ID.fullmatch(value):
        raise ValueError("is no batch id: they are 16 of 0-9 and a-f")
    return BatchId(value)


def _moment(value: str) -> datetime:
    try:
        return moment_of(_BARE_PLUS.sub("+", value))
    except Breach as error:
        raise ValueError(str(error)) from None


def _types(value: str) -> frozenset[EventType]:
    """Read types of events; `order.*` is each that begins so."""
    found: set[EventType] = set()
    for part in value.split(","):
        family = part.removesuffix("*") if part.endswith(".*") else None
        named = {
            kind for kind in EventType if kind == part or (family and kind.startswith(family))
        }
        if not named:
            choice = ", ".join(EventType)
            raise ValueError(f'"{shown(part)}" is no type of event, nor like order.*: {choice}')
        found |= named
    return frozenset(found)


def event_id(value: str) -> int:
    """Read the number of an event, 0 for before the first. Raises ValueError."""
    if not re.fullmatch(EVENT_ID_PATTERN, value):
        raise ValueError("must be the id of an event, or 0 for all that there are")
    return int(value)


def _until_event(value: str) -> EventType:
    if value != EventType.BATCH_FINAL:
        raise ValueError(f"must be {EventType.BATCH_FINAL}")
    return EventType.BATCH_FINAL


_TEXT: Final[Mapping[str, object]] = {"type": "string", "minLength": 1}

PARAMETERS: Final[Mapping[str, Parameter]] = {
    "account_id": Parameter("account_id", _text, _TEXT, "One of the accounts of the key."),
    "client": Parameter("client", _text, _TEXT, "Only what is of this client."),
    "action": Parameter(
        "action",
        _action,
        {"type": "string", "enum": [action.value for action in Action]},
        "Only changes of this kind.",
    ),
    "symbol": Parameter(
        "symbol",
        _symbol,
        {"type": "string", "pattern": SYMBOL_TEXT_PATTERN},
        "Only this symbol.",
    ),
    "since": Parameter(
        "since", _moment, {"type": "string", "format": "date-time"}, "Only from this time on."
    ),
    "until": Parameter(
        "until", _moment, {"type": "string", "format": "date-time"}, "Only before this time."
    ),
    "batch_id": Parameter(
        "batch_id",
        _batch_id,
        {"type": "string", "pattern": BATCH_ID_PATTERN},
        "Only this batch.",
    ),
    "limit": Parameter(
        "limit",
        _limit,
        {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
        "How many at most.",
    ),
    "cursor": Parameter("cursor", _text, _TEXT, "`next_cursor` of the page before."),
    "wait": Parameter(
        "wait_seconds",
        _wait,
        {"type": "number", "minimum": 0, "maximum": WAIT_SECONDS_MAX},
        "How many seconds to wait for an end.",
    ),
    "allow_stale": Parameter(
        "allow_stale",
        _boolean,
        {"type": "boolean", "default": False},
        "Without a broker session, answer with the last known state.",
    ),
    "types": Parameter(
        "types",
        _types,
        {"type": "string", "pattern": TYPES_PATTERN},
        "Only these types of events, with commas between; `order.*` is each that begins so.",
    ),
    "since_id": Parameter(
        "since_id",
        event_id,
        {"type": "integer", "minimum": 0, "maximum": EVENT_ID_MAX},
        "Go on behind this event; the header Last-Event-ID wins. Without either only what "
        "happens from now on is told.",
    ),
    "until_event": Parameter(
        "until_event",
        _until_event,
        {"type": "string", "enum": [EventType.BATCH_FINAL.value]},
        "End behind the last event of the batch; needs `batch_id`, and tells it from its "
        "beginning unless `since_id` says otherwise.",
        name="until",
    ),
}


def name_of(key: str) -> str:
    """Return what a caller writes for a parameter of the table."""
    return PARAMETERS[key].name or key


def parse_query(raw: bytes, allowed: Sequence[str]) -> Query:
    """Return what the query string says. Raises BadRequest, which names every breach."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=PARAMETERS_MAX,
        )
    except UnicodeDecodeError:
        raise bad_request([FieldError("the query", "is not percent-encoded UTF-8")]) from None
    except ValueError:
        message = f"has more than {PARAMETERS_MAX} parameters"
        raise bad_request([FieldError("the query", message)]) from None
    values: dict[str, object] = {}
    found: list[FieldError] = []
    names = [name for name, _ in pairs]
    known = {name_of(key): PARAMETERS[key] for key in allowed}
    for name, text in pairs:
        _read_parameter(name, text, known, values, found)
    found += [
        FieldError(name, "is given twice: give it once")
        for name in known
        if names.count(name) > 1
    ]
    if found:
        raise bad_request(found)
    return Query(**values)  # type: ignore[arg-type]  # each reader returns its field's type


def _read_parameter(
    name: str,
    text: str,
    known: Mapping[str, Parameter],
    values: dict[str, object],
    found: list[FieldError],
) -> None:
    parameter = known.get(name)
    if parameter is None:
        message = f"is not a query parameter of this call: {nearest(name, list(known))}"
        found.append(FieldError(shown(name), message))
        return
    try:
        values[parameter.field] = parameter.read(text)
    except ValueError as error:
        found.append(FieldError(name, str(error)))


def cursor_of(listing: str, before: int) -> str:
    """Return the cursor that goes on in `listing` before the number `before`."""
    return base64.urlsafe_b64encode(f"{listing}:{before}".encode()).decode().rstrip("=")


def before_of(listing: str, cursor: str | None) -> int | None:
    """Return the number in the cursor. Raises BadRequest where it is none of this listing."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        text = ""
    match = re.fullmatch(rf"{listing}:(\d{{1,19}})", text, re.ASCII)
    if match is None or int(match[1]) > SEQ_MAX or cursor_of(listing, int(match[1])) != cursor:
        message = "is none of this listing: use next_cursor of the page before"
        raise bad_request([FieldError("cursor", message)])
    return int(match[1])

"""JSON in: from the bytes of a body to a document, and what makes two documents the same.

Owns: reading JSON strictly and with the digits as sent, the bounds on what is read, and the
fingerprint of a document. Knows nothing of what a document should say.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Final

from paperdesk.errors import BadRequest
from paperdesk.masking import masked

DEPTH_MAX: Final = 32
# 1,000 rows with every member are 14,000 by the count below; a body of 1 MiB can hold half a
# million, which take seconds, and nobody else is answered meanwhile.
VALUES_MAX: Final = 40_000
# The longest number the contract knows has 18 digits; this leaves room for padding zeros and
# keeps out the ones that cost more to read than to send.
NUMBER_CHARS_MAX: Final = 100
SHOWN_CHARS_MAX: Final = 64
MASKED_CHARS_MAX: Final = 2_048  # more than what is shown, so that no secret is cut in two
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]


def parse_json(raw: bytes) -> Json:
    """Return the document in `raw`: numbers are int or Decimal, with the digits as sent.

    Raises BadRequest where `raw` is not exactly one JSON document, a member is given twice, or
    the document goes beyond the bounds above.
    """
    if not raw.strip():
        raise BadRequest("The body is empty: send a JSON object.")
    _refuse_many(raw)
    try:
        text = raw.removeprefix(BYTE_ORDER_MARK).decode()
        document: Json = json.loads(
            text,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8 text (at byte {error.start}).") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"The body is not valid JSON: {error.msg} ({place}).") from error
    except RecursionError as error:
        raise _too_deep() from error
    _refuse_depth(document)
    return document


def _refuse_many(raw: bytes) -> None:
    """Count by what every value but the first must follow: a list of lists has few commas."""
    if sum(raw.count(before) for before in (b",", b":", b"[")) > VALUES_MAX:
        raise BadRequest(
            f"The body has more than {VALUES_MAX:,} values: send at most 1,000 orders in one "
            "batch."
        )


def shown(text: str) -> str:
    """Return what a caller sent in a form that is safe to repeat: short, printable, no key."""
    head = masked(text[:MASKED_CHARS_MAX])
    if len(head) > SHOWN_CHARS_MAX or len(text) > MASKED_CHARS_MAX:
        head = head[:SHOWN_CHARS_MAX] + "…"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in head)


def _decimal(literal: str) -> Decimal:
    _refuse_length(literal)
    try:
        return Decimal(literal)
    except InvalidOperation as error:  # an exponent beyond what Decimal can hold
        raise BadRequest(f"The number {shown(literal)} is out of every range.") from error


def _integer(literal: str) -> int:
    _refuse_length(literal)
    return int(literal)


def _refuse_length(literal: str) -> None:
    if len(literal) > NUMBER_CHARS_MAX:
        raise BadRequest(
            f"A number has {len(literal)} characters: at most {NUMBER_CHARS_MAX} are read."
        )


def _refuse_constant(literal: str) -> Decimal:
    raise BadRequest(f"The body is not valid JSON: {literal} is no JSON number.")


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise BadRequest(f'The member "{shown(twice)}" is given twice: give it once.')
    return members


def _refuse_depth(document: Json) -> None:
    """Walk without recursion: the depth is what is not known yet."""
    level: list[Json] = [document]
    for _ in range(DEPTH_MAX):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise _too_deep()


def _children(node: Json) -> Iterator[Json]:
    if isinstance(node, dict):
        yield from node.values()
    elif isinstance(node, list):
        yield from node


def _too_deep() -> BadRequest:
    return BadRequest(f"The body is nested deeper than {DEPTH_MAX} levels.")


def fingerprint(document: Json) -> str:
    """Return the same text for the same document, member order and number spelling aside.

    100, 100.0 and 1e2 are the same; true and 1 are not, nor are "1" and 1.
    """
    parts: list[str] = []
    _canonical(document, parts)
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _canonical(node: Json, parts: list[str]) -> None:
    """Add what `node` is to `parts`. Stored fingerprints hang on every character of it."""
    match node:
        case dict():
            parts.append("{")
            for name in sorted(node):
                parts.append(f"{json.dumps(name)}:")
                _canonical(node[name], parts)
                parts.append(",")
            parts.append("}")
        case list():
            parts.append("[")
            for entry in node:
                _canonical(entry, parts)
                parts.append(",")
            parts.append("]")
        case bool() | None | str():
            parts.append(json.dumps(node))
        case _:
            parts.append(_canonical_number(Decimal(node)))


def _canonical_number(number: Decimal) -> str:
    """Write `number` as its digits without padding zeros, and their exponent."""
    mantissa, _, exponent = f"{number:e}".partition("e")
    digits = mantissa.replace(".", "")
    trimmed = digits.rstrip("0").removesuffix("-")
    if not trimmed:
        return "0"
    decimals = len(mantissa.partition(".")[2])
    return f"{trimmed}e{int(exponent) - decimals + len(digits) - len(trimmed)}"

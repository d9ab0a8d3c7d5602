"""JSON out: how numbers and times are written.

Owns: the encoder of every answer, and the spelling of prices, money and times in it. Knows
nothing of what an answer contains.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Final

import msgspec

DECIMALS_MAX: Final = 8
_STEP: Final = Decimal(1).scaleb(-DECIMALS_MAX)


class PlainDecimal(Decimal):
    """A number that is written without an exponent: 100, not 1E+2."""

    __slots__ = ()


def number(value: Decimal) -> Decimal:
    """Return `value` as answers write it: at most 8 decimals, no padding zeros."""
    with localcontext() as context:
        context.prec = 60  # beyond every magnitude times every decimal that is written
        rounded = value.quantize(_STEP, ROUND_HALF_EVEN)
        # Never "-0": it is not a number that anybody means.
        return PlainDecimal(rounded.normalize() if rounded else Decimal(0))


def number_or_null(value: Decimal | None) -> Decimal | None:
    """Like `number`; what is not known stays null."""
    return None if value is None else number(value)


def rfc3339(moment: datetime) -> str:
    """Return `moment` in UTC with `+00:00`, in whole seconds or exactly six decimals."""
    assert moment.tzinfo is not None, "a time without a zone is a defect of ours"
    return moment.astimezone(UTC).isoformat()


def rfc3339_or_null(moment: datetime | None) -> str | None:
    """Like `rfc3339`; what has not happened stays null."""
    return None if moment is None else rfc3339(moment)


def sorted_or_null(words: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return a set in the order of answers; null is no set, and no empty one."""
    return None if words is None else tuple(sorted(words))


def _plain(value: object) -> msgspec.Raw:
    assert isinstance(value, PlainDecimal)
    return msgspec.Raw(format(value, "f").encode())


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")


def encode(answer: object) -> bytes:
    """Return the body of an answer."""
    return _ENCODER.encode(answer)

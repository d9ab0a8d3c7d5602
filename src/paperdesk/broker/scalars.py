"""Numbers and times as a gateway prints them.

Owns: the exact reading of one field of text: decimals and integers, the sentinels that mean
"unset", and every format of a time. Nothing here is ever a float. Knows no message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

# Java prints doubles as 0.0, 1.8E-4 or 1.4975749999999999 (seen).
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_TIME: Final = re.compile(r"([0-9]{8})(?:-| {1,2})([0-9]{1,2}:[0-9]{2}:[0-9]{2})(?: +(\S.*))?")

_DOUBLE_MAX: Final = Decimal("1.7976931348623157E308")  # Java's largest double: "unset"

# No amount of this desk needs more; a larger exponent would only eat memory.
_MAGNITUDE_MAX: Final = 18
_EXPONENT_MIN: Final = -40

UNSET_INTEGERS: Final = frozenset({2147483647, 9223372036854775807})

# Zones that gateways name and the system's data may lack: the US/ names and the letters are
# "legacy" in newer distributions. The letters are what TWS calls a place, in summer too.
_ZONES: Final[Mapping[str, str]] = {
    "US/Eastern": "America/New_York",
    "US/Central": "America/Chicago",
    "US/Mountain": "America/Denver",
    "US/Pacific": "America/Los_Angeles",
    "EST5EDT": "America/New_York",
    "CST6CDT": "America/Chicago",
    "MST7MDT": "America/Denver",
    "PST8PDT": "America/Los_Angeles",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "Eastern Standard Time": "America/New_York",
    "EST (Eastern Standard Time)": "America/New_York",
}
_UTC_NAMES: Final = frozenset({"UTC", "GMT", "Etc/UTC", "Greenwich Mean Time"})


def decimal_or_none(text: str) -> Decimal | None:
    """Return the exact number, None where the gateway says "unset".

    Unset is an empty field, an infinity, or Java's largest double. Raises ValueError for
    anything else that is no number.
    """
    if text in {"", "Infinity", "-Infinity", "Infinite"}:
        return None
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"not a number: {text!r}")
    value = Decimal(text)
    if value == _DOUBLE_MAX:
        return None
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < _EXPONENT_MIN:
        raise ValueError(f"too many decimals: {text!r}")
    if value and value.adjusted() > _MAGNITUDE_MAX:
        raise ValueError(f"too large: {text!r}")
    # A zero may carry any exponent, and 1E+3 is 1000 wherever it is shown.
    return value if exponent <= 0 else value.quantize(Decimal(1))


def decimal(text: str) -> Decimal:
    """Return the exact number. Raises ValueError where it is unset or none."""
    value = decimal_or_none(text)
    if value is None:
        raise ValueError(f"unset: {text!r}")
    return value


def integer(text: str) -> int:
    """Return a whole number, 0 where it is unset. Raises ValueError for a fraction."""
    value = decimal_or_none(text)
    if value is None:
        return 0
    whole = int(value)
    if whole != value:
        raise ValueError(f"not a whole number: {text!r}")
    return 0 if whole in UNSET_INTEGERS else whole


def zone_or_none(name: str) -> tzinfo | None:
    """Return the time zone of that name, None where it is unknown."""
    if name in _UTC_NAMES:
        return UTC
    try:
        return ZoneInfo(_ZONES.get(name, name))
    except (KeyError, ValueError, OSError):  # unknown, no key at all, or a directory of zones
        return None


def time_or_none(text: str) -> datetime | None:
    """Return the instant in UTC, None where the text or its zone is not understood.

    Seen: `20260611-13:30:30` is UTC; `20260611 09:30:30 US/Eastern` names its zone. The old
    `20250415  19:38:31` is in the zone of the TWS, which it does not tell: UTC is assumed,
    and IBKR's advice is to set the gateway to it.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    day, clock, zone_name = match.groups()
    zone = UTC if zone_name is None else zone_or_none(zone_name)
    if zone is None:
        return None
    try:
        naive = datetime.strptime(f"{day} {clock}", "%Y%m%d %H:%M:%S")  # noqa: DTZ007  zone follows
        return naive.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None

"""Session hours as a gateway prints them.

Owns: the reading of `liquidHours`. Knows nothing of which contract was asked.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from paperdesk.broker.scalars import zone_or_none
from paperdesk.domain.hours import Session, SessionHours

_SESSIONS_MAX: Final = 200  # a gateway tells about a week
_STAMP_LENGTH: Final = len("20250324:0930")

# The hours asked for are those of a US stock, so this is right where a zone is not understood.
HOME: Final = ZoneInfo("America/New_York")


def zone_of_hours(time_zone: str) -> tzinfo:
    """Return the zone of a US stock's hours; New York where the name is not understood."""
    return zone_or_none(time_zone) or HOME


def session_hours(liquid_hours: str, time_zone: str) -> SessionHours:
    """Return the sessions of `20250324:0930-20250324:1600;20250325:CLOSED`.

    The older `20250324:0930-1600,1630-2000` is read too. Sessions that touch stay two: where
    a market never closes, its days do. What is not understood is left out.
    """
    zone = zone_of_hours(time_zone)
    found: list[Session] = []
    for day in liquid_hours.split(";")[:_SESSIONS_MAX]:
        for span in day.split(","):
            session = _session(span.strip(), day.strip()[:8], zone)
            if session is not None:
                found.append(session)
    return SessionHours(tuple(sorted(found, key=lambda session: session.opens_at)))


def _session(span: str, day: str, zone: tzinfo) -> Session | None:
    opens, dash, closes = span.partition("-")
    if not dash:
        return None
    opens_at, closes_at = _instant(opens, day, zone), _instant(closes, day, zone)
    if opens_at is None or closes_at is None or closes_at <= opens_at:
        return None
    return Session(opens_at, closes_at)


def _instant(stamp: str, day: str, zone: tzinfo) -> datetime | None:
    """Return the instant of `20250324:0930`, or of `0930` on `day`."""
    full = stamp if ":" in stamp else f"{day}:{stamp}"
    if len(full) != _STAMP_LENGTH:
        return None
    try:
        naive = datetime.strptime(full, "%Y%m%d:%H%M")  # noqa: DTZ007  the zone follows
        return naive.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None

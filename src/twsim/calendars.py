"""The calendar of the New York Stock Exchange, from the package `holidays`.

Owns: reading it. Does not know what hours follow from it.
"""

from __future__ import annotations

from typing import Final

from twsim.exchange.hours import Calendar

YEARS_AHEAD: Final = 10  # beyond, every weekday is a full day


def nyse_calendar(year: int) -> Calendar:
    """Read the days on which the exchange is closed or closes early, from a year on."""
    # Half a second to import, and only real hours need it.
    from holidays.constants import HALF_DAY  # noqa: PLC0415
    from holidays.financial.ny_stock_exchange import NewYorkStockExchange  # noqa: PLC0415

    years = range(year - 1, year + YEARS_AHEAD + 1)
    return Calendar(
        closed=frozenset(NewYorkStockExchange(years=years)),
        short=frozenset(NewYorkStockExchange(years=years, categories=(HALF_DAY,))),
    )

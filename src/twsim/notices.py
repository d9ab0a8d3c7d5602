"""Notices: what a gateway says of its own lines, without being asked.

Owns: the texts of connectivity and farm notices (tws-facts §4.3). Does not know when
anything of the kind happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from twsim.exchange.refusals import Refusal

TEXTS: Final[Mapping[int, str]] = {
    1100: "Connectivity between IB and Trader Workstation has been lost.",
    1101: "Connectivity between IB and Trader Workstation has been restored - data lost.",
    1102: "Connectivity between IB and Trader Workstation has been restored - data maintained."
    " The following farms are connected: usfarm; secdefnj."
    " The following farms are not connected: ushmds.",
    1300: "TWS socket port has been reset and this connection is being dropped.",
    2103: "Market data farm connection is broken:usfarm",
    2104: "Market data farm connection is OK:usfarm",
    2105: "HMDS data farm connection is broken:ushmds",
    2106: "HMDS data farm connection is OK:ushmds",
    2107: "HMDS data farm connection is inactive but should be available upon demand.ushmds",
    2108: "Market data farm connection is inactive but should be available upon demand.usfarm",
    2110: "Connectivity between Trader Workstation and server is broken."
    " It will be restored automatically.",
    2119: "Market data farm is connecting:usfarm",
    2157: "Sec-def data farm connection is broken:secdefil",
    2158: "Sec-def data farm connection is OK:secdefil",
}


def notice(code: int, text: str | None = None) -> Refusal:
    """Return a notice, in a real gateway's words unless there are others.

    Raises KeyError where neither is known.
    """
    return Refusal(code, TEXTS[code] if text is None else text)


# What a healthy gateway says to whoever starts: PF-1, RS-1.
HEALTHY: Final = (notice(2104), notice(2106), notice(2158))

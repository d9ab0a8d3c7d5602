"""What the service is told before it starts.

Owns: Settings and `load_settings`, which makes them of a file and the environment.
"""

from paperdesk.config.load import load_settings
from paperdesk.config.settings import (
    EMBEDDED_ACCOUNTS,
    EMBEDDED_LEDGER,
    ClientSettings,
    DeskSettings,
    GatewaySettings,
    LedgerSettings,
    RateSettings,
    ServerSettings,
    Settings,
    authority,
)

__all__ = [
    "EMBEDDED_ACCOUNTS",
    "EMBEDDED_LEDGER",
    "ClientSettings",
    "DeskSettings",
    "GatewaySettings",
    "LedgerSettings",
    "RateSettings",
    "ServerSettings",
    "Settings",
    "authority",
    "load_settings",
]

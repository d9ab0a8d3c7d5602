"""What the service is told before it starts.

Owns: Settings and `load_settings`, which makes them of a file and the environment.
"""

from paperdesk.config.load import load_settings
from paperdesk.config.settings import (
    EMBEDDED_ACCOUNTS,
    EMBEDDED_LEDGER,
    HOME,
    ClientSettings,
    DeskSettings,
    GatewaySettings,
    LedgerSettings,
    RateSettings,
    ServerSettings,
    Settings,
    authority,
    is_loopback,
)
from paperdesk.config.tree import KEY_VARIABLE, URL_VARIABLE

__all__ = [
    "EMBEDDED_ACCOUNTS",
    "EMBEDDED_LEDGER",
    "HOME",
    "KEY_VARIABLE",
    "URL_VARIABLE",
    "ClientSettings",
    "DeskSettings",
    "GatewaySettings",
    "LedgerSettings",
    "RateSettings",
    "ServerSettings",
    "Settings",
    "authority",
    "is_loopback",
    "load_settings",
]

"""Settings, as the rest of the service reads them.

Owns: their shape and their defaults. Knows nothing of files or of the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

from paperdesk.domain.client import Client
from paperdesk.domain.limits import Limits
from paperdesk.domain.vocabulary import AccountId, ForeignOrders, Keep, PositionBreaks
from paperdesk.whereabouts import HOME, is_loopback

# Out of the box: a simulated gateway with these two accounts is started inside the service.
EMBEDDED_ACCOUNTS: Final = (AccountId("DU8730189"), AccountId("DUP203550"))
EMBEDDED_LEDGER: Final = f"sqlite:///{HOME}/paperdesk.db"


def authority(host: str, port: int) -> str:
    """Return both as they stand in a URL: the colons of IPv6 need brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the service listens, and behind what. Port 0 picks a free one.

    The certificate comes with its key or not at all. Of `trusted_proxies` alone is believed
    whose request they pass on.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()

    @property
    def scheme(self) -> str:
        """What the service speaks."""
        return "http" if self.tls_certificate is None else "https"

    @property
    def is_local(self) -> bool:
        """Tell whether only this machine can reach the service."""
        return is_loopback(self.host)

    def url(self, port: int) -> str:
        """Return where the service is, when it listens on this port."""
        return f"{self.scheme}://{authority(self.host, port)}"


@dataclass(frozen=True, slots=True)
class RateSettings:
    """Requests and batches a second: of one client, and of all of them.

    A batch is what costs: a submission or a preview. `in_flight` bounds how many requests are
    worked on at once, of one client half as many.
    """

    requests: int = 200
    batches: int = 20
    requests_of_all: int = 1000
    batches_of_all: int = 40
    in_flight: int = 500


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """Where the durable record lives."""

    url: str = field(default="sqlite:///paperdesk.db", repr=False)  # may hold a password

    @property
    def path(self) -> Path:
        """The file, where it is SQLite."""
        return Path(self.url.removeprefix("sqlite:///"))


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """One IB Gateway or TWS login."""

    accounts: tuple[AccountId, ...]
    host: str = "127.0.0.1"
    port: int = 4002
    client_id: int = 17
    max_requests_per_second: int = 45


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """A client and the sha256 of its key, in lowercase hex."""

    client: Client
    key_sha256: str


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """How the desk waits and what it does with what it did not start. Times in seconds."""

    ack_timeout: float = 4.0
    max_send_delay: float = 60.0
    keep: Keep = Keep.WITHIN_TOLERANCE
    foreign_orders: ForeignOrders = ForeignOrders.COUNT
    position_breaks: PositionBreaks = PositionBreaks.ADOPT
    resolve_seconds: float = 30.0
    halt_after_rejections: int = 10  # by the broker, of an account, within a minute
    halt_after_ledger_loss: float = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. No gateways means embedded: a simulated one is started inside.

    An account that `limits` does not name has none.
    """

    default_account: AccountId = EMBEDDED_ACCOUNTS[0]
    server: ServerSettings = field(default_factory=ServerSettings)
    rates: RateSettings = field(default_factory=RateSettings)
    ledger: LedgerSettings = field(default_factory=lambda: LedgerSettings(EMBEDDED_LEDGER))
    gateways: tuple[GatewaySettings, ...] = ()
    clients: tuple[ClientSettings, ...] = ()
    desk: DeskSettings = field(default_factory=DeskSettings)
    limits: Mapping[AccountId, Limits] = field(default_factory=dict)

    @property
    def is_embedded(self) -> bool:
        """Tell whether the service brings its own simulated gateway."""
        return not self.gateways

    @property
    def accounts(self) -> tuple[AccountId, ...]:
        """Every configured account, in the order of the configuration."""
        if self.is_embedded:
            return EMBEDDED_ACCOUNTS
        return tuple(account for gateway in self.gateways for account in gateway.accounts)

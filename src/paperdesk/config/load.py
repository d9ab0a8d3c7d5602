"""Settings from `paperdesk.toml` and the environment.

Owns: the keys, and what does not fit together. Everything that is wrong is reported at once,
each with the place it came from. Knows nothing of what is done with a setting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

from paperdesk.config.readers import (
    amount,
    client_name,
    flag,
    integer,
    key_sha256,
    ledger_url,
    listed,
    listening_host,
    paper_account,
    path_of,
    proxy,
    scope,
    seconds,
    symbol,
    text,
    word_of,
)
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
)
from paperdesk.config.tree import (
    Leaf,
    Node,
    Section,
    lay_environment_over,
    put,
    read_file,
    tree_of_file,
)
from paperdesk.domain.client import RESERVED, Client
from paperdesk.domain.limits import COLLAR_PCT_MAX, ORDERS_MAX, SHARES_MAX, USD_MAX, Limits
from paperdesk.domain.vocabulary import (
    AccountId,
    ClientName,
    ForeignOrders,
    Keep,
    PositionBreaks,
    Scope,
    Symbol,
)
from paperdesk.errors import ConfigError, FieldError
from paperdesk.whereabouts import FILE_NAME

T = TypeVar("T")

RATE_MAX: Final = 1_000_000  # a second: as good as none


def load_settings(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    host: str | None = None,
    port: int | None = None,
) -> Settings:
    """Return the settings from the file and the environment; `host` and `port` come last.

    Without `path` the file `paperdesk.toml` of the working directory is used where it exists.
    Raises ConfigError, which names everything that is wrong.
    """
    problems: list[FieldError] = []
    tree = tree_of(path, environ, problems)
    for option, key, value in (("--host", "host", host), ("--port", "port", port)):
        if value is not None:
            put(tree, ("server", key), Leaf(value, option), problems)
    settings = read_settings(Section("", tree, problems))
    if problems:
        raise _config_error(problems)
    return settings


def tree_of(
    path: Path | None, environ: Mapping[str, str], problems: list[FieldError]
) -> dict[str, Node]:
    """Return what the file and the environment say, unjudged."""
    if path is None and Path(FILE_NAME).is_file():
        path = Path(FILE_NAME)
    tree = {} if path is None else tree_of_file(read_file(path), str(path))
    lay_environment_over(tree, environ, problems)
    return tree


def _config_error(problems: list[FieldError]) -> ConfigError:
    lines = [f"  - {problem.field}: {problem.message}" for problem in problems]
    return ConfigError(
        "\n".join(["The configuration cannot be used:", *lines]), errors=tuple(problems)
    )


def read_settings(top: Section) -> Settings:
    """Return what the tree says; what is wrong is added to its problems."""
    default_account = top.value("default_account", paper_account, None)
    server = _read_server(top.section("server"))
    rates = _read_rates(top.section("rates"))
    ledger_url = _read_ledger(top.section("ledger"))
    gateways = tuple(_read_gateway(section) for section in top.sections("gateways"))
    clients = tuple(_read_client(section) for section in top.sections("clients"))
    desk = _read_desk(top.section("desk"))
    limits = _read_limits(top)
    top.refuse_the_rest()
    accounts = [account for gateway in gateways for account in gateway.accounts]
    settings = Settings(
        default_account=_default_account(default_account, accounts, top.problems),
        server=server,
        rates=rates,
        ledger=LedgerSettings(ledger_url or _ledger_by_default(gateways)),
        gateways=gateways,
        clients=clients,
        desk=desk,
        limits=limits,
    )
    # What does not fit together is judged only where each part was understood.
    if not top.problems:
        top.problems.extend(_conflicts(settings))
    return settings


def _ledger_by_default(gateways: tuple[GatewaySettings, ...]) -> str:
    return LedgerSettings().url if gateways else EMBEDDED_LEDGER


def _default_account(
    given: AccountId | None, accounts: list[AccountId], problems: list[FieldError]
) -> AccountId:
    """Return the account of requests that name none."""
    if given is not None:
        return given
    if not accounts or EMBEDDED_ACCOUNTS[0] in accounts:
        return EMBEDDED_ACCOUNTS[0]
    if len(set(accounts)) > 1:
        names = ", ".join(accounts)
        problems.append(FieldError("default_account", f"is missing: name one of {names}"))
    return accounts[0]


def _read_server(section: Section) -> ServerSettings:
    default = ServerSettings()
    server = ServerSettings(
        host=section.value("host", listening_host, default.host),
        port=section.value("port", integer(0, 65535), default.port),
        tls_certificate=section.value("tls_certificate", path_of, None),
        tls_key=section.value("tls_key", path_of, None),
        behind_proxy=section.value("behind_proxy", flag, default.behind_proxy),
        trusted_proxies=section.value("trusted_proxies", listed(proxy), ()),
    )
    section.refuse_the_rest()
    return server


def _read_rates(section: Section) -> RateSettings:
    default, rate = RateSettings(), integer(1, RATE_MAX)
    rates = RateSettings(
        requests=section.value("requests", rate, default.requests),
        batches=section.value("batches", rate, default.batches),
        requests_of_all=section.value("requests_of_all", rate, default.requests_of_all),
        batches_of_all=section.value("batches_of_all", rate, default.batches_of_all),
        in_flight=section.value("in_flight", rate, default.in_flight),
    )
    section.refuse_the_rest()
    return rates


def _read_ledger(section: Section) -> str:
    url = section.value("url", ledger_url, "")
    section.refuse_the_rest()
    return url


def _read_gateway(section: Section) -> GatewaySettings:
    default = GatewaySettings(accounts=())
    gateway = GatewaySettings(
        host=section.value("host", text, default.host),
        port=section.value("port", integer(1, 65535), default.port),
        # Client id 0 would bind the orders that people place by hand in TWS.
        client_id=section.value("client_id", integer(1, 2**31 - 1), default.client_id),
        accounts=section.required("accounts", listed(paper_account), ()),
        # TWS allows 50 messages a second.
        max_requests_per_second=section.value(
            "max_requests_per_second", integer(1, 50), default.max_requests_per_second
        ),
    )
    section.refuse_the_rest()
    return gateway


def _read_client(section: Section) -> ClientSettings:
    scopes: tuple[Scope, ...] = section.required("scopes", listed(scope), ())
    accounts: tuple[AccountId, ...] = section.required("accounts", listed(paper_account), ())
    client = Client(
        name=section.required("name", client_name, ClientName("")),
        scopes=frozenset(scopes),
        accounts=frozenset(accounts),
    )
    settings = ClientSettings(client, section.required("key_sha256", key_sha256, ""))
    section.refuse_the_rest()
    return settings


def _read_desk(section: Section) -> DeskSettings:
    default = DeskSettings()
    desk = DeskSettings(
        ack_timeout=section.value("ack_timeout", seconds(0.1, 60), default.ack_timeout),
        max_send_delay=section.value(
            "max_send_delay", seconds(1, 3600), default.max_send_delay
        ),
        keep=section.value("keep", word_of(Keep), default.keep),
        foreign_orders=section.value(
            "foreign_orders", word_of(ForeignOrders), default.foreign_orders
        ),
        position_breaks=section.value(
            "position_breaks", word_of(PositionBreaks), default.position_breaks
        ),
        resolve_seconds=section.value(
            "resolve_seconds", seconds(0.5, 3600), default.resolve_seconds
        ),
        # There is no switch: 0 might mean at once, or never.
        halt_after_rejections=section.value(
            "halt_after_rejections", integer(1, ORDERS_MAX), default.halt_after_rejections
        ),
        halt_after_ledger_loss=section.value(
            "halt_after_ledger_loss", seconds(1, 3600), default.halt_after_ledger_loss
        ),
    )
    section.refuse_the_rest()
    return desk


def _read_limits(top: Section) -> dict[AccountId, Limits]:
    limits: dict[AccountId, Limits] = {}
    for name, section in top.named("limits").items():
        try:
            # The environment tells no capitals, and an account has no other letters.
            account = paper_account(name.upper())
        except ValueError as error:
            section.report_itself(str(error))
            continue
        if account in limits:
            section.report_itself("is a second section of this account: keep one")
        limits[account] = _read_limits_of_one(section)
    return limits


def _read_limits_of_one(section: Section) -> Limits:
    usd = amount(USD_MAX)
    symbols: tuple[Symbol, ...] | None = section.value("symbols", listed(symbol), None)
    restricted: tuple[Symbol, ...] | None = section.value(
        "restricted_symbols", listed(symbol), None
    )
    limits = Limits(
        max_order_quantity=section.value("max_order_quantity", integer(1, SHARES_MAX), None),
        max_order_notional=section.value("max_order_notional", usd, None),
        max_position_notional=section.value("max_position_notional", usd, None),
        max_gross_notional=section.value("max_gross_notional", usd, None),
        max_orders_per_minute=section.value(
            "max_orders_per_minute", integer(1, ORDERS_MAX), None
        ),
        max_orders_per_day=section.value("max_orders_per_day", integer(1, ORDERS_MAX), None),
        max_attempts_per_target=section.value(
            "max_attempts_per_target", integer(1, ORDERS_MAX), None
        ),
        price_collar_pct=section.value("price_collar_pct", amount(COLLAR_PCT_MAX), None),
        allow_short=section.value("allow_short", flag, default=True),
        symbols=None if symbols is None else frozenset(symbols),
        restricted_symbols=None if restricted is None else frozenset(restricted),
    )
    section.refuse_the_rest()
    return limits


def _conflicts(settings: Settings) -> list[FieldError]:
    return [
        *_server_conflicts(settings.server),
        *_gateway_conflicts(settings),
        *_client_conflicts(settings),
        *_limit_conflicts(settings),
    ]


def _server_conflicts(server: ServerSettings) -> Iterator[FieldError]:
    given = {"tls_certificate": server.tls_certificate, "tls_key": server.tls_key}
    missing = [name for name, path in given.items() if path is None]
    if len(missing) == 1:
        message = "is missing: a certificate and its key come together"
        yield FieldError(f"server.{missing[0]}", message)
    elif missing and not server.is_local and not server.behind_proxy:
        # Keys would cross the network in the clear.
        message = (
            f'"{server.host}" can be reached from other machines: give server.tls_certificate '
            "and server.tls_key, or say server.behind_proxy = true where a proxy with TLS is "
            "in front; or listen on 127.0.0.1"
        )
        yield FieldError("server.host", message)
    if server.trusted_proxies and not server.behind_proxy:
        message = (
            "is for a service behind a proxy: say server.behind_proxy = true, or remove it"
        )
        yield FieldError("server.trusted_proxies", message)


def _gateway_conflicts(settings: Settings) -> Iterator[FieldError]:
    for account in _repeated(settings.accounts):
        yield FieldError("gateways", f"{account} is under two gateways: keep one")
    logins = [(gateway.host, gateway.port, gateway.client_id) for gateway in settings.gateways]
    for host, port, client_id in _repeated(logins):
        message = f"two of them are {host}:{port} with client_id {client_id}: change one"
        yield FieldError("gateways", message)
    if settings.default_account not in settings.accounts:
        message = f"{settings.default_account} is under no gateway: name one of "
        yield FieldError("default_account", message + ", ".join(settings.accounts))


def _client_conflicts(settings: Settings) -> Iterator[FieldError]:
    for entry in settings.clients:
        if entry.client.name in RESERVED:
            yield FieldError("clients", f"{entry.client.name} is the service's own: rename it")
    for name in _repeated(entry.client.name for entry in settings.clients):
        yield FieldError("clients", f"two are named {name}: rename one")
    if _repeated(entry.key_sha256 for entry in settings.clients):
        yield FieldError("clients", "two have the same key: give each its own")
    for entry in settings.clients:
        for account in sorted(entry.client.accounts.difference(settings.accounts)):
            message = f"client {entry.client.name} names {account}, which is under no gateway"
            yield FieldError("clients", f"{message}: add it there or remove it here")


def _limit_conflicts(settings: Settings) -> Iterator[FieldError]:
    for account in sorted(set(settings.limits).difference(settings.accounts)):
        # Limits that hold nobody back look like limits that do.
        message = "is under no gateway: add it there or remove its limits; known: "
        yield FieldError(f"limits.{account}", message + ", ".join(settings.accounts))


def _repeated(values: Iterable[T]) -> list[T]:
    """Return each value that comes more than once, once, in order."""
    seen: list[T] = []
    twice: list[T] = []
    for value in values:
        if value in seen and value not in twice:
            twice.append(value)
        seen.append(value)
    return twice

"""The composition root.

Owns: which implementation meets which port, in which order everything starts, and how it
stops: whoever waits is answered, what is being sent is finished, and all is closed within two
seconds. The only module that starts the embedded simulated gateway.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote

import structlog
import uvicorn
from litestar.types import ASGIApp

from paperdesk.api.app import Guards, Parts, create_app
from paperdesk.api.connection import CONNECTIONS_MAX, HEAD_BYTES_MAX, bounded
from paperdesk.api.endpoint import Accounts
from paperdesk.api.kept import KeptAnswers
from paperdesk.api.keyring import Key, KeyRing
from paperdesk.api.source import Network, is_of, source_of
from paperdesk.broker.link import Address
from paperdesk.broker.session import IbSession
from paperdesk.clock import SystemClock
from paperdesk.config import (
    EMBEDDED_ACCOUNTS,
    DeskSettings,
    GatewaySettings,
    Settings,
    authority,
)
from paperdesk.desk.administering import Administrator
from paperdesk.desk.desk import Desk, Policy
from paperdesk.desk.feed import EVERYTHING, Feed
from paperdesk.desk.lane import Lane, Vigilance
from paperdesk.desk.pacer import Pacer
from paperdesk.desk.ports import Clock, Executor, Meter, Random
from paperdesk.desk.prices import Prices
from paperdesk.desk.rules import Choices, Rulebook
from paperdesk.desk.simulating import Simulating
from paperdesk.domain.client import OPERATOR, Client, Origin
from paperdesk.domain.vocabulary import AccountId, Scope
from paperdesk.errors import ConfigError
from paperdesk.firstkey import first_key
from paperdesk.ledger.store import SqlLedger
from paperdesk.logs import configure_logs, take_over_crashes
from paperdesk.masking import is_secret_name
from paperdesk.metrics import Metrics
from paperdesk.runtime import SystemRandom, ThreadExecutor
from paperdesk.tls import tls_of
from paperdesk.whereabouts import HOME
from paperdesk.wire.events import Environment
from twsim import Gateway

EMBEDDED_CASH: Final = Decimal(1_000_000)
READY_WITHIN_SECONDS: Final = 5.0
DRAIN_SECONDS: Final = 0.7  # of the two in which everything ends
GRACE_SECONDS: Final = 1
FILES_WANTED: Final = 8_192
ENVIRONMENT_SECRET_CHARS_MIN: Final = 8  # many a variable is called a key and says "true"

_log = structlog.get_logger("paperdesk")


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: the desk, the ASGI application in front of it, and what runs both.

    `lanes` ends by a defect only; then nothing can be sent any more and the process must end.
    `key` is the one it made for itself, None where others open.
    """

    desk: Desk
    app: ASGIApp
    lanes: asyncio.Task[None]
    key: str | None = None


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    home: Path = HOME,
    clock: Clock | None = None,
    random: Random | None = None,
    executor: Executor | None = None,
) -> AsyncIterator[Service]:
    """Run everything but the HTTP server. Raises ConfigError and LedgerUnavailable."""
    clock, random = clock or SystemClock(), random or SystemRandom()
    async with AsyncExitStack() as stack:
        readers = executor
        if executor is None:
            executor = stack.enter_context(_thread("ledger"))
            readers = stack.enter_context(_thread("readers"))
        ledger = await SqlLedger.open(settings.ledger.url, executor, clock, readers=readers)
        ledger.meter = metrics = Metrics()
        stack.push_async_callback(ledger.close)
        embedded = await _embedded(stack, home) if settings.is_embedded else None
        gateways = settings.gateways or [_settings_of(embedded)]
        feed = Feed()
        ledger.on_told = lambda: feed.publish([EVERYTHING])
        rulebook = Rulebook(
            Choices(settings.desk.keep, settings.desk.foreign_orders, settings.limits),
            Prices(clock),
        )
        desk = Desk(
            _lanes(
                gateways,
                settings.desk,
                rulebook,
                ledger=ledger,
                clock=clock,
                feed=feed,
                meter=metrics,
            ),
            rulebook,
            default_account=settings.default_account,
            ledger=ledger,
            clock=clock,
            random=random,
            feed=feed,
            policy=Policy(
                settings.desk.ack_timeout,
                settings.desk.max_send_delay,
                settings.desk.halt_after_ledger_loss,
            ),
            meter=metrics,
        )
        rulebook.take_limits(await ledger.administration.limits())
        await desk.recover()
        lanes = asyncio.create_task(desk.run(), name="lanes")
        stack.push_async_callback(_end, lanes)
        stack.push_async_callback(desk.stop)
        key = None
        if not settings.clients:
            key = await first_key(home / "key", ledger.administration, random, at=clock.now())
        app = _app(
            settings,
            desk,
            rulebook,
            ledger,
            simulating=Simulating(embedded, ledger.administration, clock),
            metrics=metrics,
            clock=clock,
            random=random,
        )
        yield Service(desk, app, lanes, key)


def _app(
    settings: Settings,
    desk: Desk,
    rulebook: Rulebook,
    ledger: SqlLedger,
    *,
    simulating: Simulating,
    metrics: Metrics,
    clock: Clock,
    random: Random,
) -> ASGIApp:
    accounts = frozenset(settings.accounts)
    keys = KeyRing(
        (Key(given.client, given.key_sha256) for given in settings.clients),
        ledger.administration,
        accounts=accounts,
        clock=clock,
    )
    administrator = _administrator(
        settings, ledger, rulebook, clock=clock, random=random, on_keys_changed=keys.forget
    )
    parts = Parts(
        desk,
        administrator,
        Accounts(accounts, settings.default_account),
        KeptAnswers(ledger.version),
        metrics,
        Environment.SIMULATED if settings.is_embedded else Environment.PAPER,
        clock,
        simulating,
    )
    trusted = settings.server.trusted_proxies
    guards = Guards(keys, lambda scope: source_of(scope, trusted), settings.rates)
    return create_app(parts, guards, clock=clock, random=random)


def _administrator(
    settings: Settings,
    ledger: SqlLedger,
    rulebook: Rulebook,
    *,
    clock: Clock,
    random: Random,
    on_keys_changed: Callable[[], None] = lambda: None,
) -> Administrator:
    return Administrator(
        ledger.administration,
        rulebook,
        accounts=frozenset(settings.accounts),
        configured=[given.client for given in settings.clients],
        clock=clock,
        random=random,
        on_keys_changed=on_keys_changed,
    )


@asynccontextmanager
async def administering(settings: Settings) -> AsyncIterator[tuple[Administrator, Client]]:
    """Own the ledger of a service that does not run, for whoever sits at its machine.

    Raises LedgerUnavailable, also where a service runs.
    """
    clock, random = SystemClock(), SystemRandom()
    accounts = frozenset(settings.accounts)
    with _thread("ledger") as executor:
        ledger = await SqlLedger.open(settings.ledger.url, executor, clock)
        try:
            administrator = _administrator(
                settings, ledger, Rulebook(Choices(), Prices(clock)), clock=clock, random=random
            )
            operator = Client(
                OPERATOR,
                frozenset({Scope.ADMIN}),
                accounts,
                origin=Origin(source="command line"),
            )
            yield administrator, operator
        finally:
            await ledger.close()


def serve(settings: Settings) -> int:
    """Serve until interrupted; return the exit code. Raises ConfigError, LedgerUnavailable."""
    configure_logs(SystemClock(), secrets=secrets_of(settings, os.environ))
    take_over_crashes()
    return asyncio.run(_serve(settings))


def secrets_of(settings: Settings, environ: Mapping[str, str]) -> set[str]:
    """Return what no line may show though it looks like nothing in particular.

    The password of the ledger's URL, as it is written and as it is meant, and of the environment
    whatever has the name of a secret.
    """
    database, _, options = settings.ledger.url.partition("://")[2].partition("?")
    password = database.rpartition("@")[0].partition(":")[2]
    given = {value for name, value in parse_qsl(options) if is_secret_name(name)}
    named = {
        value
        for name, value in environ.items()
        if is_secret_name(name) and len(value) >= ENVIRONMENT_SECRET_CHARS_MIN
    }
    return {password, unquote(password), *given, *named}


async def _serve(settings: Settings) -> int:
    tls = tls_of(settings.server)
    listening = listen(settings.server.host, settings.server.port)
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with running(settings) as service:
        server = _Server(http_config(service.app, tls, settings.server.trusted_proxies))
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="http")
        greeting = asyncio.create_task(_greet(service, settings, listening), name="greet")
        is_fine = await _until_ended(service, stopping)
        greeting.cancel()
        await service.desk.stop()
        server.should_exit = True
        await asyncio.wait({serving}, timeout=DRAIN_SECONDS)
        server.force_exit = True  # whoever is still sending its request is cut off
        await serving
        return 0 if is_fine else 1


def http_config(
    app: ASGIApp, tls: ssl.SSLContext | None, trusted: Sequence[Network] = ()
) -> uvicorn.Config:
    """Return how the application is served over HTTP."""
    config = uvicorn.Config(
        app,
        http=bounded(_connections_max(), lambda peer: is_of(peer, trusted)),
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        log_config=None,
        access_log=False,
        server_header=False,
        # uvicorn would take the word of everybody on this machine for whose request it is.
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    config.load()
    config.ssl = tls
    return config


async def _until_ended(service: Service, stopping: asyncio.Event) -> bool:
    """Wait for an interruption; return False where the service died instead."""
    interrupted = asyncio.create_task(stopping.wait(), name="signals")
    await asyncio.wait({interrupted, service.lanes}, return_when=asyncio.FIRST_COMPLETED)
    if interrupted.done():
        return True
    interrupted.cancel()
    _log.critical("service.died", exc_info=service.lanes.exception())
    return False


async def _greet(service: Service, settings: Settings, listening: socket.socket) -> None:
    """Greet once the printed command will work, or after a moment all the same."""
    await service.desk.until_up(READY_WITHIN_SECONDS if settings.is_embedded else 0)
    greet(settings, listening.getsockname()[1], service.key)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the service stops the desk first, then this."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _connections_max() -> int:
    """Let as many files be open as may be; return how many connections leave room for others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, FILES_WANTED)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return min(CONNECTIONS_MAX, max(soft, wanted) // 2)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address. Raises ConfigError where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named: else the body of
    # an answer waits 40 ms for the acknowledgement of its head.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot listen on {authority(host, port)} ({error.strerror}): stop what listens "
            "there, or name another port with --port"
        ) from error
    return listening


def greet(settings: Settings, port: int, key: str | None) -> None:
    """Tell the person at the terminal where the service is and how to try it."""
    url = settings.server.url(port)
    lines = [f"paperdesk serves on {url} (the dashboard; docs: {url}/docs)"]
    if settings.is_embedded:
        accounts = " and ".join(EMBEDDED_ACCOUNTS)
        lines.append(f"Simulated paper accounts {accounts}; data in {HOME}/")
    if key is not None and not settings.is_embedded and not sys.stdout.isatty():
        lines.append(f"API key: in {HOME}/key")  # what is printed here, a journal keeps
    elif key is not None:
        lines += [
            f"API key ({HOME}/key): {key}",
            "Try:",
            f"  curl -s {url}/api/v1/orders -H 'X-API-Key: {key}' \\",
            '    -d \'{"orders":[{"symbol":"AAPL","quantity":100}]}\'',
        ]
    lines.append("Ctrl-C stops.")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


async def _embedded(stack: AsyncExitStack, home: Path) -> Gateway:
    """Start the simulated gateway, whose accounts live on in `home`."""
    return await stack.enter_async_context(
        Gateway(
            accounts=dict.fromkeys(EMBEDDED_ACCOUNTS, EMBEDDED_CASH),
            state=home / "twsim.jsonl",
        )
    )


def _settings_of(embedded: Gateway | None) -> GatewaySettings:
    assert embedded is not None, "where no gateway is configured, one is started"
    return GatewaySettings(accounts=EMBEDDED_ACCOUNTS, port=embedded.port)


def _lanes(
    gateways: Sequence[GatewaySettings],
    desk: DeskSettings,
    rulebook: Rulebook,
    *,
    ledger: SqlLedger,
    clock: Clock,
    feed: Feed,
    meter: Meter,
) -> dict[AccountId, Lane]:
    lanes: dict[AccountId, Lane] = {}
    vigilance = Vigilance(
        desk.resolve_seconds, desk.position_breaks, desk.halt_after_rejections
    )
    for gateway in gateways:
        lane = Lane(
            IbSession(
                Address(gateway.host, gateway.port, gateway.client_id),
                gateway.accounts,
                clock,
            ),
            ledger=ledger,
            clock=clock,
            feed=feed,
            pacer=Pacer(gateway.max_requests_per_second),
            judge=rulebook.judge,
            vigilance=vigilance,
            meter=meter,
        )
        lanes |= dict.fromkeys(gateway.accounts, lane)
    return lanes


@contextmanager
def _thread(name: str) -> Iterator[ThreadExecutor]:
    executor = ThreadExecutor(name)
    try:
        yield executor
    finally:
        executor.close()


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end; what it raised was logged when it did."""
    task.cancel()
    await asyncio.wait({task})

"""What `paperdesk doctor` looks at, one check after the other.

Owns: each check: how it is made, when it is a warning and when a failure, and what to do then.
Changes nothing but the dashboard's scripts, which it brings where it is asked to. Prints nothing.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from paperdesk import __version__
from paperdesk.api import dashboard as page
from paperdesk.cli.remote import connect, place_of
from paperdesk.clock import SystemClock
from paperdesk.config import GatewaySettings, LedgerSettings, Settings, load_settings
from paperdesk.errors import (
    ConfigError,
    Forbidden,
    LedgerUnavailable,
    PaperdeskError,
    Unauthorized,
    Unreachable,
)
from paperdesk.whereabouts import Place

if TYPE_CHECKING:
    from paperdesk.broker.probe import Probed
    from paperdesk.client.standing import Account, Accounts, Status

NEW_YORK: Final = "America/New_York"
DISK_WARN_BYTES: Final = 1_000_000_000
DISK_FAIL_BYTES: Final = 100_000_000
SKEW_WARN_SECONDS: Final = 2.0
SKEW_FAIL_SECONDS: Final = 30.0
HEALTH_SECONDS: Final = 5.0
REQUESTS_MAX: Final = 50  # a second, of all clients of one gateway (TWS API: error 100)
PACE_WARN: Final = 0.8  # of what the service may ask of a gateway
LOGIN_WARN: Final = timedelta(hours=12)
# A checkout can bring the dashboard's scripts.
ROOT: Final = Path(__file__).parents[3]
PROBE_CLIENT_ID_ABOVE: Final = 900  # beside a service that has the configured one
ID_IN_USE, INVALID, COMPETING = 326, 321, 10197
# What a gateway shows on its own screen keeps its API from answering.
DIALOGS: Final = (
    "look at the gateway's screen: a login or its second factor, the warning of paper trading, "
    '"Accept incoming connection?" or an update holds the API until somebody answers'
)
READ_ONLY: Final = "Read-Only"


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, how it ended, what was seen, and what to do about it."""

    name: str
    state: State
    seen: str
    todo: str = ""


def ok(name: str, seen: str) -> Check:
    """Return a check that found nothing wrong."""
    return Check(name, State.OK, seen)


def warn(name: str, seen: str, todo: str) -> Check:
    """Return a check whose finding will matter sooner or later."""
    return Check(name, State.WARN, seen, todo)


def fail(name: str, seen: str, todo: str) -> Check:
    """Return a check whose finding keeps the service from its work."""
    return Check(name, State.FAIL, seen, todo)


def checks(
    config: Path | None, url: str | None, environ: Mapping[str, str], *, fix: bool = False
) -> Iterator[Check]:
    """Yield every check, in the order in which a person would look."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield ok("versions", f"Paperdesk {__version__} on Python {version}")
    yield time_zones()
    yield dashboard(ROOT, fix=fix)
    try:
        settings = load_settings(config, environ)
    except ConfigError as error:
        yield fail("configuration", error.detail, "mend what is named, then run doctor again")
        return
    yield ok("configuration", _of_configuration(settings, config))
    place = place_of(url, config)
    yield from ledger(settings.ledger)
    serving = yield from server(place)
    for gateway in settings.gateways:
        yield from gateway_checks(gateway, serving)
    yield from pacing(settings.gateways)
    if settings.gateways:
        yield weekly_login(SystemClock().now())


def _of_configuration(settings: Settings, config: Path | None) -> str:
    if settings.is_embedded:
        return "no gateway is configured: the service brings a simulated one"
    where = config or "paperdesk.toml and the environment"
    return (
        f"{where}: {len(settings.gateways)} gateways, {len(settings.accounts)} paper accounts"
    )


def time_zones() -> Check:
    """Check that the machine knows New York's time."""
    try:
        zone = ZoneInfo(NEW_YORK)
    except ZoneInfoNotFoundError:
        return fail("time zones", f"no data for {NEW_YORK}", "install tzdata")
    now = SystemClock().now().astimezone(zone)
    return ok("time zones", f"it is {now:%H:%M} in New York")


def dashboard(root: Path, *, fix: bool) -> Check:
    """Check that the page has its scripts; with `fix` bring them, where this is a checkout."""
    hook = root / "hatch_build.py"
    folder = root / "src/paperdesk/dashboard" if hook.exists() else page.FOLDER
    why = page.missing_in(folder)
    if why is not None and fix and hook.exists():
        subprocess.run([sys.executable, hook], cwd=root, capture_output=True, check=False)  # noqa: S603 - ours
        why = page.missing_in(folder)
    if why is None:
        return ok("dashboard", "its scripts are there")
    todo = "paperdesk doctor --fix brings them" if hook.exists() else "install Paperdesk again"
    return warn("dashboard", why, f"{todo}; then start the service again")


# ── The ledger ────────────────────────────────────────────────────────────────────────────────


def ledger(settings: LedgerSettings) -> Iterator[Check]:
    """Check that the ledger can be read, is of this version, and has room."""
    is_file = settings.url.startswith("sqlite:")
    if is_file:
        yield from _file(settings.path)
        if not settings.path.exists():
            yield ok("ledger", f"{settings.path} is not there yet: the first start makes it")
            return
    yield _schema(settings.url)


def _file(path: Path) -> Iterator[Check]:
    folder = next(above for above in path.absolute().parents if above.exists())
    unwritable = [p for p in (folder, path) if p.exists() and not os.access(p, os.W_OK)]
    if unwritable:
        yield fail(
            "ledger", f"{unwritable[0]} cannot be written", "give this user the right to"
        )
    free = shutil.disk_usage(folder).free
    seen, todo = f"{free / 1e9:,.1f} GB free at {folder}", "free some space, or move the ledger"
    if free < DISK_FAIL_BYTES:
        yield fail("disk", seen, todo)
    elif free < DISK_WARN_BYTES:
        yield warn("disk", seen, todo)
    else:
        yield ok("disk", seen)


def _schema(url: str) -> Check:
    from paperdesk.ledger.engine import newest_version, version_of  # noqa: PLC0415 - a database
    from paperdesk.ledger.opening import snapshot  # noqa: PLC0415 - as above

    kind = url.partition(":")[0]
    try:
        with snapshot(url) as connection:
            version = version_of(connection)
    except LedgerUnavailable as error:
        return fail("ledger", error.detail, "start the database, or mend ledger.url")
    newest = newest_version()
    if version is None:
        return ok("ledger", f"{kind}, empty: the first start fills it")
    if version > newest:
        seen = f"{kind}, of a newer Paperdesk (schema {version}, this one knows {newest})"
        return fail("ledger", seen, "run that version, or name another ledger.url")
    if version < newest:
        return warn("ledger", f"{kind}, schema {version}", f"the next start makes it {newest}")
    return ok("ledger", f"{kind}, schema {version}")


# ── The service ───────────────────────────────────────────────────────────────────────────────


def server(place: Place) -> Generator[Check, None, bool]:
    """Check that the service answers and lets this key in; return whether it does."""
    try:
        seconds = _skew(place)
    except Unreachable as error:
        todo = "start it: paperdesk serve (or name it with --url)"
        yield warn("service", error.detail, todo)
        return False
    yield ok("service", f"answers at {place.url}")
    yield clock(seconds)
    yield from _accounts(place)
    return True


def _skew(place: Place) -> float | None:
    """Return how many seconds the service's clock is ahead. Raises Unreachable."""
    import httpx  # noqa: PLC0415 - only who asks pays for it

    try:
        answer = httpx.get(f"{place.url}/health", timeout=HEALTH_SECONDS, trust_env=False)
        told = parsedate_to_datetime(answer.headers.get("date", ""))
    except httpx.TransportError as error:
        raise Unreachable(f"nothing answers at {place.url} ({error})") from error
    except ValueError:
        return None
    return (told - SystemClock().now()).total_seconds()


def clock(ahead: float | None) -> Check:
    """Judge the difference of the clocks; the service tells whole seconds."""
    if ahead is None:
        return warn("clock", "the service tells no time", "ask what is between it and you")
    seen = f"the service's clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}"
    todo = "let both machines follow a time server (NTP)"
    if abs(ahead) > SKEW_FAIL_SECONDS:
        return fail("clock", seen, todo)
    if abs(ahead) > SKEW_WARN_SECONDS:
        return warn("clock", seen, todo)
    return ok("clock", "the service's clock agrees with this one")


def _accounts(place: Place) -> Iterator[Check]:
    try:
        with connect(place) as client:
            found: Accounts = client.accounts()
            status: Status = client.status()
    except (Unauthorized, Forbidden) as error:
        todo = "set PAPERDESK_API_KEY, or run it where .paperdesk/key is"
        yield fail("api key", error.detail, todo)
        return
    except PaperdeskError as error:
        yield fail("accounts", error.detail, "look at the service's log")
        return
    yield ok("api key", f"opens {len(found)} accounts")
    for account in found:
        yield from account_checks(account)
    yield from status_checks(status)


def status_checks(status: Status) -> Iterator[Check]:
    """Judge how much the service asks of its gateways, and whether orders would trade now."""
    session = status.session
    if session is not None and session.is_open is False:
        opens = "" if session.opens_at is None else f" until {session.opens_at:%a %H:%M} UTC"
        yield ok("market", f"closed{opens}: orders rest until then")
    for gateway in status.gateways:
        used, most = gateway.requests_per_second, gateway.max_requests_per_second
        if used is None or not most:
            continue
        name, seen = f"pace of {gateway.gateway}", f"{used:g} of {most} requests a second"
        if used > most * PACE_WARN:
            yield warn(name, seen, "orders wait for their turn: post fewer targets at once")
        else:
            yield ok(name, seen)


def account_checks(account: Account) -> Iterator[Check]:
    """Judge one account as the service sees it."""
    name = f"account {account.account_id}"
    if not account.connected:
        todo = "start the gateway and log in; the service connects again by itself"
        yield fail(name, account.reason or "is not connected", todo)
    elif account.halt is not None:
        seen = f"is halted ({account.halt.mode}) by {account.halt.by}: {account.halt.reason}"
        yield warn(name, seen, f"paperdesk resume --account {account.account_id} --reason …")
    else:
        yield ok(name, f"{account.type}, connected")
    for lock in account.locks:
        seen = f"{lock.symbol} is locked: {lock.reason}"
        yield warn(name, seen, "compare the position with the broker's, then accept it")


# ── The gateways ──────────────────────────────────────────────────────────────────────────────


def gateway_checks(gateway: GatewaySettings, serving: bool) -> Iterator[Check]:  # noqa: FBT001 - read once
    """Check a gateway by the real protocol: a port that accepts is not enough."""
    from paperdesk.broker.link import Address  # noqa: PLC0415 - ib_async takes long to import
    from paperdesk.broker.probe import probe  # noqa: PLC0415 - as above

    # The service has the configured id: whoever asks beside it would be refused.
    client_id = gateway.client_id + (PROBE_CLIENT_ID_ABOVE if serving else 0)
    probed = asyncio.run(probe(Address(gateway.host, gateway.port, client_id)))
    yield from judge(gateway, probed)


def judge(gateway: GatewaySettings, probed: Probed) -> Iterator[Check]:
    """Judge what a gateway said."""
    name = f"gateway {gateway.host}:{gateway.port}"
    if not probed.is_listening:
        todo = "start IB Gateway, switch its API on, and compare the port (paper: 4002)"
        yield fail(name, probed.failed or "nothing listens", todo)
        return
    if ID_IN_USE in probed.codes:
        todo = "stop the other program, or give another client_id; a dialog may look the same"
        yield fail(name, f"client id {gateway.client_id} is in use (326)", todo)
        return
    if probed.failed is not None:
        yield fail(name, f"accepts, but the handshake fails: {probed.failed}", DIALOGS)
        return
    yield ok(name, f"handshake, server version {probed.version}")
    yield _quotes(name, probed)
    yield _paper(name, gateway, probed)
    said = probed.codes.get(INVALID, "")
    if READ_ONLY in said:
        todo = "take the tick off Read-Only API in Configure > Settings > API > Settings"
        yield fail(name, f"the API is read-only: {said}", todo)


def _quotes(name: str, probed: Probed) -> Check:
    match probed.quotes:
        case "live":
            return ok(name, "market data: live")
        case "delayed":
            todo = "limits in USD are judged by old prices: subscribe, or give expected_price"
            return warn(name, "market data: delayed", todo)
    if COMPETING in probed.codes:
        todo = "another session has it: log its user in at one place only"
    else:
        todo = "subscribe to US stocks, or share the live user's data with the paper user"
    words = "; ".join(f"{words} ({code})" for code, words in probed.codes.items())
    return warn(name, f"market data: none{words and f': {words}'}", todo)


def _paper(name: str, gateway: GatewaySettings, probed: Probed) -> Check:
    from paperdesk.broker.guard import is_paper  # noqa: PLC0415 - with what is above

    live = [account for account in probed.accounts if not is_paper(account)]
    if live:
        todo = "log in with the paper user: the service refuses anything else"
        return fail(name, f"{', '.join(live)} is no paper account", todo)
    missing = sorted(set(gateway.accounts).difference(probed.accounts))
    if missing:
        todo = f"the login has {', '.join(probed.accounts) or 'none'}: mend gateways.accounts"
        return fail(name, f"{', '.join(missing)} is not of this login", todo)
    return ok(name, f"paper accounts {', '.join(probed.accounts)}")


def pacing(gateways: tuple[GatewaySettings, ...]) -> Iterator[Check]:
    """Check that what shares a gateway stays below what it takes in a second."""
    total: Counter[str] = Counter()
    for gateway in gateways:
        total[f"{gateway.host}:{gateway.port}"] += gateway.max_requests_per_second
    for address, requests in total.items():
        seen = f"{requests} of {REQUESTS_MAX} requests a second"
        if requests > REQUESTS_MAX:
            todo = "lower max_requests_per_second: the gateway cuts who asks more"
            yield warn(f"pacing {address}", seen, todo)
        else:
            yield ok(f"pacing {address}", seen)


def weekly_login(now: datetime) -> Check:
    """Tell when a gateway has to be logged in by hand again: each Sunday at 01:00 in New York."""
    local = now.astimezone(ZoneInfo(NEW_YORK))
    sunday = local + timedelta(days=(6 - local.weekday()) % 7)
    due = sunday.replace(hour=1, minute=0, second=0, microsecond=0)
    due += timedelta(days=7 if due <= local else 0)
    seen = f"IBKR wants the gateway's login again after {due:%A %d %B, %H:%M} New York"
    if due - local < LOGIN_WARN:
        return warn("weekly login", seen, "have the second factor at hand then")
    return ok("weekly login", seen)

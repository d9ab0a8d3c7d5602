"""From a bare value to what it means, or a ValueError that says what to write instead.

Owns: the types and ranges of settings. Knows nothing of where a value came from, except that
text of the environment may stand for a number or a list.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar, cast

from paperdesk.config.tree import Text
from paperdesk.domain.contract import normalise_symbol
from paperdesk.domain.vocabulary import AccountId, ClientName, Scope, Symbol

T = TypeVar("T")
Word = TypeVar("Word", bound=StrEnum)

PAPER_ACCOUNT: Final = re.compile(r"D[A-Z]{1,2}\d{4,12}", re.ASCII)
CLIENT_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
SHA256_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")
# What is one part to us must be one to libpq, or its errors quote a piece of the password.
POSTGRES_URL: Final = re.compile(
    r"postgres(?:ql)?://(?:[^@:/?#]*(?::[^@:/?#]*)?@)?(?P<hosts>[^@/?#]*)/[^@:/?#]+(?:\?[^#]*)?"
)
HOST: Final = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^:\[\]]*)(?::[0-9]{1,5})?")
LATER: Final = "not supported by this version yet: remove it"
HOST_NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9.-]{0,252})")
DECIMALS_MAX: Final = 8


def text(value: object) -> str:
    """Text with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be text")
    return str(value).strip()


def integer(low: int, high: int) -> Callable[[object], int]:
    """A whole number, both ends included."""

    def read(value: object) -> int:
        if isinstance(value, Text) and re.fullmatch(r"-?[0-9]{1,18}", value.strip()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return value

    return read


def seconds(low: float, high: float) -> Callable[[object], float]:
    """A number of seconds, both ends included."""

    def read(value: object) -> float:
        if isinstance(value, Text) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
            value = float(value)
        number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        # Not-a-number is in no range.
        if not number or not low <= float(cast("float", value)) <= high:
            raise ValueError(f"must be a number of seconds from {low:g} to {high:g}")
        return float(cast("float", value))

    return read


def amount(most: int) -> Callable[[object], Decimal]:
    """An exact number above 0 and at most `most`: money, or percent."""

    def read(value: object) -> Decimal:
        if isinstance(value, Text) and re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,18})?", value):
            value = Decimal(value)
        if isinstance(value, int) and not isinstance(value, bool):
            value = Decimal(value)
        if not isinstance(value, Decimal) or not _is_amount(value, most):
            raise ValueError(
                f"must be a number above 0 and at most {most:,}, with at most "
                f"{DECIMALS_MAX} decimals"
            )
        return value

    return read


def _is_amount(value: Decimal, most: int) -> bool:
    # Not-a-number cannot even be compared.
    return value.is_finite() and 0 < value <= most and value == round(value, DECIMALS_MAX)


def flag(value: object) -> bool:
    """True or false."""
    if isinstance(value, Text):
        value = {"true": True, "false": False}.get(value.strip().lower())
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - as every reader does
    return value


def word_of(words: type[Word]) -> Callable[[object], Word]:
    """One of several words."""

    def read(value: object) -> Word:
        try:
            return words(text(value))
        except ValueError:
            known = ", ".join(f'"{word}"' for word in words)
            raise ValueError(f"must be one of {known}") from None

    return read


def listed(read_one: Callable[[object], T]) -> Callable[[object], tuple[T, ...]]:
    """A list of different entries, at least one; in the environment separated by commas."""

    def read(value: object) -> tuple[T, ...]:
        if isinstance(value, Text):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list) or not value:
            raise ValueError("must be a list with at least one entry")
        entries = tuple(read_one(entry) for entry in value)
        if len(set(entries)) < len(entries):
            raise ValueError("names an entry twice")
        return entries

    return read


def paper_account(value: object) -> AccountId:
    """The id of a paper account. There is no switch for any other."""
    given = text(value)
    if not PAPER_ACCOUNT.fullmatch(given):
        raise ValueError(
            f'"{given}" is not the id of a paper account (such as DU8730189): '
            "Paperdesk trades paper accounts only"
        )
    return AccountId(given)


def scope(value: object) -> Scope:
    """One of the scopes."""
    try:
        return Scope(text(value))
    except ValueError:
        words = ", ".join(scope.value for scope in Scope)
        raise ValueError(f'"{value}" is no scope: use {words}') from None


def symbol(value: object) -> Symbol:
    """A symbol, in IBKR's spelling."""
    given = text(value)
    found = normalise_symbol(given)
    if found is None:
        raise ValueError(f'"{given}" is no symbol')
    return found


def client_name(value: object) -> ClientName:
    """A name that is safe in a log line and in a URL."""
    given = text(value)
    if not CLIENT_NAME.fullmatch(given):
        raise ValueError("must be 1 to 64 of the characters A-Z a-z 0-9 . _ -")
    return ClientName(given)


def key_sha256(value: object) -> str:
    """The sha256 of a key, in lowercase hex."""
    # The value is not repeated: somebody may have put the key itself here.
    if not isinstance(value, str) or not SHA256_HEX.fullmatch(value):
        raise ValueError("must be the sha256 of the key: 64 hex digits")
    return str(value).lower()


def listening_host(value: object) -> str:
    """An address of this machine, or a name of one."""
    given = text(value)
    if not HOST_NAME.fullmatch(given):
        try:
            ipaddress.ip_address(given)
        except ValueError:
            raise ValueError(f'"{given}" is neither an address nor a name of one') from None
    return given


def path_of(value: object) -> Path:
    """A file."""
    return Path(text(value))


def proxy(value: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An address or a network of proxies that tell the truth about whose request they bring."""
    given = text(value)
    try:
        network = ipaddress.ip_network(given)
    except ValueError:
        raise ValueError(
            f'"{given}" is no address and no network (such as 10.0.0.0/24)'
        ) from None
    if network.prefixlen == 0:
        raise ValueError(f'"{given}" is everybody: name the addresses of your proxies')
    return network


def ledger_url(value: object) -> str:
    """The URL of a SQLite file or of a PostgreSQL database."""
    given = text(value)
    if given.startswith(("postgresql:", "postgres:")):
        return _postgres_url(given)
    path = given.removeprefix("sqlite:///")
    if path == given or not path or path.startswith(":memory:") or "?" in path:
        raise ValueError(
            "must be sqlite:/// and the path of a file, or postgresql://user@host/database"
        )
    return given


def _postgres_url(given: str) -> str:
    """The URL as the PostgreSQL client reads it: several hosts and options may be in it."""
    parts = POSTGRES_URL.fullmatch(given)
    if parts is None or not all(map(HOST.fullmatch, parts["hosts"].split(","))):
        # The value is not repeated: there may be a password in it.
        raise ValueError(
            "must be postgresql://user@host/database; in a password write / @ : ? # as %2F %40 "
            "%3A %3F %23, or keep it out of the URL, in PGPASSWORD or ~/.pgpass"
        )
    return given

"""The settings as they hold, each with the place that it came from.

Owns: which settings are shown, under the names that a configuration has for them, and that no
secret is among them. Knows nothing of terminals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from paperdesk.config.load import load_settings, tree_of
from paperdesk.config.settings import ClientSettings, Settings
from paperdesk.config.tree import Leaf, Node
from paperdesk.errors import FieldError
from paperdesk.masking import MASK, masked

BY_DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class Shown:
    """A setting, its value as JSON has it, and the file or variable that gave it."""

    key: str
    value: Any
    origin: str


def shown(path: Path | None, environ: Mapping[str, str]) -> list[Shown]:
    """Return every setting. Raises ConfigError."""
    settings = load_settings(path, environ)
    problems: list[FieldError] = []
    origins = dict(_origins(tree_of(path, environ, problems), ""))
    return [
        Shown(key, _value(value), _origin(key, origins)) for key, value in _settings(settings)
    ]


def _origin(key: str, origins: Mapping[str, str]) -> str:
    """Return who gave a setting, or the first entry of a list."""
    if key in origins:
        return origins[key]
    below = (origin for name, origin in origins.items() if name.startswith(f"{key}."))
    return next(below, BY_DEFAULT)


def _origins(node: Mapping[str, Node], above: str) -> Iterator[tuple[str, str]]:
    for name, below in node.items():
        if isinstance(below, Leaf):
            yield f"{above}{name}", below.origin
        else:
            yield from _origins(below, f"{above}{name}.")


def _settings(settings: Settings) -> Iterator[tuple[str, object]]:
    yield "default_account", settings.default_account
    for name in ("server", "rates", "ledger"):
        yield from _section(name, getattr(settings, name))
    for i, gateway in enumerate(settings.gateways):
        yield from _section(f"gateways.{i}", gateway)
    for i, client in enumerate(settings.clients):
        yield from _client(f"clients.{i}", client)
    yield from _section("desk", settings.desk)
    for account, limits in settings.limits.items():
        for key, value in _section(f"limits.{account}", limits):
            if value is not None:
                yield key, value


def _section(name: str, section: Any) -> Iterator[tuple[str, object]]:
    for field in fields(section):
        yield f"{name}.{field.name}", getattr(section, field.name)


def _client(name: str, given: ClientSettings) -> Iterator[tuple[str, object]]:
    yield f"{name}.name", given.client.name
    yield f"{name}.scopes", given.client.scopes
    yield f"{name}.accounts", given.client.accounts
    yield f"{name}.key_sha256", MASK


def _value(value: object) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case StrEnum():
            return value.value
        case frozenset():
            return sorted(map(str, value))
        case tuple() | list():
            return [_value(entry) for entry in value]
        case _:
            return masked(str(value))

"""`paperdesk keys`: API keys from a command line.

Owns: the four commands and what they print. A running service is asked; where none runs, the
ledger is changed by this process, so that nobody can lock himself out. Knows nothing of how a key
is made.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter

from paperdesk.cli.options import Config, Json, Url
from paperdesk.cli.remote import NotRunning, ask, place_of
from paperdesk.config import Settings, load_settings
from paperdesk.desk.administering import Administrator
from paperdesk.domain.client import Client
from paperdesk.wire.keys import (
    KeyBody,
    KeysAnswer,
    NewKeyAnswer,
    parse_create_key,
    parse_rotate_key,
)

app: Final = App(name="keys", help="Make, list, rotate and revoke API keys.")

COLUMNS: Final = (
    "id",
    "name",
    "status",
    "scopes",
    "accounts",
    "symbols",
    "expires_at",
    "last_used_at",
)

Body = dict[str, Any]
# What is done to the ledger by this process, where no service runs.
Offline = Callable[[Administrator, Client], Awaitable[Any]]


@app.command
def create(
    name: str,
    *,
    scope: Annotated[
        tuple[str, ...], Parameter(name="--scope", negative="", show_default=False)
    ] = (),
    account: Annotated[
        tuple[str, ...], Parameter(name="--account", negative="", show_default=False)
    ] = (),
    symbol: Annotated[
        tuple[str, ...], Parameter(name="--symbol", negative="", show_default=False)
    ] = (),
    expires_at: Annotated[str | None, Parameter(name="--expires-at")] = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """Make a key for a new client, and print it this once.

    Parameters
    ----------
    name
        The client: batches are its, and whoever has its key sees them.
    scope
        read, trade (the default), audit or admin; may be given several times.
    account
        An account that it may use; may be given several times. Without any, every account.
    symbol
        A symbol that it may trade; may be given several times. Without any, every symbol.
    expires_at
        When it ends, such as 2027-01-01T00:00:00Z.
    """
    given: dict[str, Any] = {
        "name": name,
        "scopes": list(scope),
        "accounts": list(account),
        "symbols": list(symbol),
        "expires_at": expires_at,
    }
    body = {key: value for key, value in given.items() if value}

    async def offline(admin: Administrator, client: Client) -> NewKeyAnswer:
        made = await admin.create_key(client, parse_create_key(body))
        return NewKeyAnswer.made(made, admin.now())

    made = _ask(config, url, ("POST", "/api/v1/keys", body), offline)
    return _print_new(made, f"Key of {made['name']}, shown this once:", as_json=as_json)


@app.command(name="list")
def show(*, config: Config = None, url: Url = None, as_json: Json = False) -> int:
    """List the keys, without what opens."""

    async def offline(admin: Administrator, client: Client) -> KeysAnswer:
        return KeysAnswer.of(admin.configured(client), await admin.keys(client), admin.now())

    found = _ask(config, url, ("GET", "/api/v1/keys", None), offline)
    if as_json:
        _print_json(found)
    else:
        _print_table(found["keys"])
    return 0


@app.command
def rotate(
    key_id: str,
    *,
    old_ends_in: Annotated[int | None, Parameter(name="--old-ends-in")] = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """Make a second key for the same client; both open.

    Parameters
    ----------
    key_id
        The eight digits that the old key shows after pdk_.
    old_ends_in
        Seconds after which the old key opens no more; without it, until it is revoked.
    """
    body: Body = {} if old_ends_in is None else {"old_ends_in_seconds": old_ends_in}

    async def offline(admin: Administrator, client: Client) -> NewKeyAnswer:
        made = await admin.rotate_key(client, key_id, parse_rotate_key(body))
        return NewKeyAnswer.made(made, admin.now(), rotated=key_id)

    made = _ask(config, url, ("POST", f"/api/v1/keys/{key_id}/rotate", body), offline)
    ends = "opens until it is revoked" if old_ends_in is None else f"ends in {old_ends_in} s"
    words = f"Second key of {made['name']}, shown this once; {key_id} {ends}:"
    return _print_new(made, words, as_json=as_json)


@app.command
def revoke(
    key_id: str, *, config: Config = None, url: Url = None, as_json: Json = False
) -> int:
    """Let a key open no more.

    Parameters
    ----------
    key_id
        The eight digits that the key shows after pdk_.
    """

    async def offline(admin: Administrator, client: Client) -> KeyBody:
        return KeyBody.of(await admin.revoke_key(client, key_id), admin.now())

    revoked = _ask(config, url, ("DELETE", f"/api/v1/keys/{key_id}", None), offline)
    if as_json:
        _print_json(revoked)
    else:
        _say(f"{revoked['id']} of {revoked['name']} opens no more.")
    return 0


def _ask(
    config: Path | None,
    url: str | None,
    call: tuple[str, str, Body | None],
    offline: Offline,
) -> Body:
    """Ask the service; where none runs, do it in this process."""
    try:
        return ask(place_of(url, config), *call)
    except NotRunning:
        pass
    return asyncio.run(_do(load_settings(config, os.environ), offline))


async def _do(settings: Settings, offline: Offline) -> Body:
    from paperdesk import bootstrap  # noqa: PLC0415 - it takes long, and is seldom needed

    async with bootstrap.administering(settings) as (administrator, operator):
        done: Body = msgspec.to_builtins(await offline(administrator, operator))
        return done


def _print_new(made: Mapping[str, Any], words: str, *, as_json: bool) -> int:
    if as_json:
        _print_json(made)
    else:
        _say(words)
        print(made["key"])  # noqa: T201 - alone, so that a script can take it
    return 0


def _print_table(keys: Sequence[Mapping[str, Any]]) -> None:
    rows = [[_cell(key[column]) for column in COLUMNS] for key in keys]
    if not sys.stdout.isatty():
        for row in (COLUMNS, *rows):
            print("\t".join(row))  # noqa: T201 - a command line speaks here
        return
    from rich.console import Console  # noqa: PLC0415 - only a person sees a table
    from rich.table import Table  # noqa: PLC0415

    table = Table(*COLUMNS, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return ",".join(value) if isinstance(value, list | tuple) else str(value)


def _print_json(document: Mapping[str, Any]) -> None:
    print(json.dumps(document, indent=2))  # noqa: T201 - a command line speaks here


def _say(words: str) -> None:
    print(words, file=sys.stderr)  # noqa: T201 - a command line speaks here

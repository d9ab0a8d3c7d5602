"""`paperdesk keys`: API keys from a command line.

Owns: the four commands and what they print. A running service is asked; where none runs, the
ledger is changed by this process (`offline`), so that nobody can lock himself out. Knows nothing of
how a key is made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import App, Parameter

from paperdesk.cli.options import Config, Json, Url
from paperdesk.cli.output import Column, say, show, write
from paperdesk.cli.remote import NotRunning, ask, place_of

if TYPE_CHECKING:
    from paperdesk.cli.offline import LedgerKeys

app: Final = App(name="keys", help="Make, list, rotate and revoke API keys.")

Body = dict[str, Any]
Several = Annotated[tuple[str, ...], Parameter(negative="", show_default=False)]


def _entry(name: str) -> Column:
    def of(key: Body) -> object:
        return ",".join(key[name]) if isinstance(key[name], list) else key[name]

    return Column(name.capitalize().replace("_", " "), of)


COLUMNS: Final = tuple(
    _entry(name)
    for name in (
        "id", "name", "status", "scopes", "accounts", "symbols", "expires_at", "last_used_at",
    )
)  # fmt: skip


@app.command
def create(
    name: str,
    *,
    scope: Several = (),
    account: Several = (),
    symbol: Several = (),
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

    made = _ask(config, url, ("POST", "/api/v1/keys", body), lambda keys: keys.create(body))
    return _show_new(made, f"Key of {made['name']}, shown this once:", as_json=as_json)


@app.command(name="list")
def list_keys(*, config: Config = None, url: Url = None, as_json: Json = False) -> int:
    """List the keys, without what opens."""
    found = _ask(config, url, ("GET", "/api/v1/keys", None), lambda keys: keys.list())
    show(found["keys"], COLUMNS, document=found, as_json=as_json)
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

    call = ("POST", f"/api/v1/keys/{key_id}/rotate", body)
    made = _ask(config, url, call, lambda keys: keys.rotate(key_id, body))
    ends = "opens until it is revoked" if old_ends_in is None else f"ends in {old_ends_in} s"
    words = f"Second key of {made['name']}, shown this once; {key_id} {ends}:"
    return _show_new(made, words, as_json=as_json)


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
    call = ("DELETE", f"/api/v1/keys/{key_id}", None)
    revoked = _ask(config, url, call, lambda keys: keys.revoke(key_id))
    if as_json:
        show((), (), document=revoked, as_json=True)
    say(f"{revoked['id']} of {revoked['name']} opens no more.")
    return 0


def _ask(
    config: Path | None,
    url: str | None,
    call: tuple[str, str, Body | None],
    otherwise: Callable[[LedgerKeys], Awaitable[Any]],
) -> Body:
    """Ask the service; where none runs, do it in this process."""
    try:
        return ask(place_of(url, config), *call)
    except NotRunning:
        from paperdesk.cli.offline import in_ledger  # noqa: PLC0415 - long, and seldom needed

        return in_ledger(config, otherwise)


def _show_new(made: Body, words: str, *, as_json: bool) -> int:
    if as_json:
        show((), (), document=made, as_json=True)
    else:
        say(words)
        write(made["key"])  # alone, so that a script can take it
    return 0

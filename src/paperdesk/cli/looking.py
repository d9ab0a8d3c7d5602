"""The commands that only look: positions, targets, batches, one batch, executions, accounts.

Owns: their options and the columns of their tables. Changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from cyclopts import Parameter

from paperdesk.cli.following import ORDERS
from paperdesk.cli.options import Account, Config, Json, Limit, Url
from paperdesk.cli.output import Column, money, number, prose, say, show, text, time
from paperdesk.cli.remote import connect, place_of
from paperdesk.cli.verdicts import verdict
from paperdesk.client import standing


def _why(account: standing.Account) -> str:
    """Return why an account does not trade as it would."""
    words = [account.reason]
    if account.halt is not None:
        words.append(f"halted by {account.halt.by}: {account.halt.reason}")
    words += [f"{lock.symbol} is locked: {lock.reason}" for lock in account.locks]
    return "; ".join(filter(None, words))


POSITIONS: Final = (
    text("Symbol"),
    number("Quantity"),
    money("Avg cost"),
    money("Price", "market_price"),
    money("Value", "market_value"),
    money("Unrealized", "unrealized_pnl"),
)
TARGETS: Final = (
    text("Symbol"),
    number("Target"),
    number("Held", "position"),
    number("Working", "working_qty"),
    number("Gap"),
    text("State"),
    text("Client", is_spare=True),
    time("Set at", "set_at", is_spare=True),
    text("Batch", "batch_id"),
    prose("Reason"),
)
BATCHES: Final = (
    text("Batch", "batch_id"),
    text("Account", "account_id"),
    text("Client"),
    time("Submitted at", "submitted_at"),
)
EXECUTIONS: Final = (
    time("Time", "executed_at"),
    text("Symbol"),
    Column("Side", lambda row: row.side.lower()),
    number("Shares", "quantity"),
    money("Price"),
    money("Fees", "commission"),
    text("Account", "account_id", is_spare=True),
    text("Batch", "batch_id"),
    text("Exec id", "exec_id", is_spare=True),
)
ACCOUNTS: Final = (
    text("Account", "account_id"),
    Column("Default", lambda row: row.default),
    Column("Connected", lambda row: row.connected),
    Column("Halted", lambda row: row.halt.mode if row.halt else None),
    money("Net liquidation"),
    Column("Locks", lambda row: ", ".join(lock.symbol for lock in row.locks)),
    prose("Reason", _why),
)


def positions(
    *,
    account: Account = None,
    allow_stale: Annotated[
        bool, Parameter(name="--allow-stale", negative="", show_default=False)
    ] = False,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """Show what an account holds.

    Parameters
    ----------
    allow_stale
        Without a broker session, show the last known state.
    """
    with connect(place_of(url, config)) as client:
        held = client.positions(account, allow_stale=allow_stale)
    show(held, POSITIONS, document=held, as_json=as_json)
    worth = held.net_liquidation
    say(
        f"{held.account_id}: {len(held)} positions"
        + ("" if worth is None else f" · net liquidation ${worth:,.2f}")
        + (
            f" · as of {held.updated_at:%Y-%m-%d %H:%M:%S} UTC, may be stale"
            if held.stale
            else ""
        )
    )
    for warning in held.warnings:
        say(f"  {warning}")
    return 0


def targets(
    *, account: Account = None, config: Config = None, url: Url = None, as_json: Json = False
) -> int:
    """Show the newest target of each symbol, and whether it is reached."""
    with connect(place_of(url, config)) as client:
        found = client.targets(account)
    show(found, TARGETS, document=found, as_json=as_json)
    say(f"{found.account_id}: {found.on_target}/{found.total} on target")
    return 0


def batches(
    *,
    account: Account = None,
    limit: Limit = 20,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """List the batches, newest first."""
    with connect(place_of(url, config)) as client:
        found = client.batches(account_id=account, limit=limit)
    show(found, BATCHES, document=found, as_json=as_json)
    return 0


def show_batch(
    batch_id: str, /, *, config: Config = None, url: Url = None, as_json: Json = False
) -> int:
    """Show one batch with the present state of every order.

    Parameters
    ----------
    batch_id
        The batch: 16 hex digits.
    """
    with connect(place_of(url, config)) as client:
        batch = client.batch(batch_id)
    show(batch, ORDERS, document=batch.state, as_json=as_json)
    for warning in batch.warnings:
        say(f"  {warning}")
    say(
        f"{batch.account_id} · {batch.submitted_at:%Y-%m-%d %H:%M:%S} UTC · {verdict(batch)[0]}"
    )
    return 0


def executions(
    *,
    account: Account = None,
    symbol: Annotated[str | None, Parameter(name="--symbol")] = None,
    since: Annotated[datetime | None, Parameter(name="--since")] = None,
    limit: Limit = 50,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """List executions with their commissions, newest first.

    Parameters
    ----------
    symbol
        Only this symbol.
    since
        Only from this time on, such as 2026-03-09T14:30:00; in this machine's zone without one.
    """
    at = None if since is None else since.astimezone()
    with connect(place_of(url, config)) as client:
        found = client.executions(account_id=account, symbol=symbol, since=at, limit=limit)
    show(found, EXECUTIONS, document=found, as_json=as_json)
    return 0


def accounts(*, config: Config = None, url: Url = None, as_json: Json = False) -> int:
    """Show the accounts of the key: connected or why not, halts, locks."""
    with connect(place_of(url, config)) as client:
        found = client.accounts()
    show(found, ACCOUNTS, document=found, as_json=as_json)
    return 0

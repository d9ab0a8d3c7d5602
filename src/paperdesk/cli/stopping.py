"""The commands that stop something: cancel, halt, resume, flatten.

Owns: their options, and what is asked before what cannot be taken back. Stopping is easier than
starting: a halt asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from paperdesk.cli.exits import Exit
from paperdesk.cli.following import ORDERS, conclude, follow
from paperdesk.cli.options import Account, Config, Json, NoInput, Reason, Timeout, Url, Yes
from paperdesk.cli.output import Column, asked, number, prose, say, show, text
from paperdesk.cli.remote import connect, place_of
from paperdesk.client.standing import HaltedOrder
from paperdesk.errors import BadRequest

ReduceOnly = Annotated[bool, Parameter(name="--reduce-only", negative="", show_default=False)]
CANCELLED: Final = (
    text("Symbol"),
    number("Order", "ibkr_order_id", spell=str),
    Column("Cancelled", lambda row: row.cancelled),
    text("Status"),
    number("Filled", "filled_qty"),
    prose("Note", lambda row: f"works for {row.kept_by}" if row.kept_by else ""),
)
HALTED: Final = (
    text("Symbol"),
    text("Batch", "batch_id"),
    number("Order", "ibkr_order_id", spell=str),
    text("Status"),
)


def cancel(
    batch_id: str | None = None,
    /,
    *,
    every: Annotated[bool, Parameter(name="--all", negative="", show_default=False)] = False,
    account: Account = None,
    yes: Yes = False,
    no_input: NoInput = False,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """Withdraw a batch: cancel what works, drop what is not sent.

    Parameters
    ----------
    batch_id
        The batch: 16 hex digits.
    every
        Withdraw each of your batches that works in the account; its id is asked for, unless --yes
        is said.
    account
        With --all: the account; the service's default one without.
    """
    if every is (batch_id is not None):
        raise BadRequest("name a batch, or say --all")
    with connect(place_of(url, config)) as client:
        ids = [batch_id] if batch_id is not None else []
        if every:
            targets = client.targets(account)
            working = (row.batch_id for row in targets if row.state == "working")
            ids = list(dict.fromkeys(filter(None, working)))
            name = targets.account_id
            question = f"Withdraw {len(ids)} batches of {name}? Type {name} to go on: "
            if ids and not yes and asked(question, no_input=no_input) != name:
                say("Nothing was done.")
                return Exit.USAGE
        found = [client.cancel(one) for one in ids]
    rows = [row for done in found for row in done]
    show(rows, CANCELLED, document=found if every else found[0], as_json=as_json)
    gone = sum(row.cancelled for row in rows)
    say(f"{gone} of {len(rows)} orders of {' '.join(ids) or 'no batch'} are cancelled.")
    return Exit.DONE if gone == len(rows) else Exit.EXCEPTIONS


def halt(
    *,
    reason: Reason,
    account: Annotated[str | None, Parameter(name=["--account", "-a"])] = None,
    reduce_only: ReduceOnly = False,
    cancel_working: Annotated[
        bool, Parameter(name="--cancel-working", negative="", show_default=False)
    ] = False,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """Stop new orders at once, of one account or of all.

    Parameters
    ----------
    account
        The account; every one without.
    reduce_only
        Let orders leave that reduce a position.
    cancel_working
        Cancel what works at the broker, too.
    """
    with connect(place_of(url, config)) as client:
        done = client.halt(
            reason,
            account_id=account,
            mode="reduce_only" if reduce_only else "all",
            cancel_working=cancel_working,
        )
    found = (*done.cancelled, *done.still_working)
    if found or as_json:
        show(found, HALTED, document=done, as_json=as_json)
    say(
        f"{done.account_id or 'Every account'} is halted ({done.mode}) by {done.by}: {done.reason}"
        f"\n  {_counted(done.cancelled, 'ended')}, {_counted(done.still_working, 'still working')}"
        f" · paperdesk resume --reason …{_of(account)}"
    )
    return Exit.DONE


def resume(
    *,
    reason: Reason,
    account: Annotated[str | None, Parameter(name=["--account", "-a"])] = None,
    reduce_only: ReduceOnly = False,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """End a halt, or let only orders leave that reduce a position.

    Parameters
    ----------
    account
        The account; without it the halt of all accounts ends, not those of single ones.
    reduce_only
        Half a release, in one step: what reduces a position leaves, nothing else does.
    """
    with connect(place_of(url, config)) as client:
        mode: Literal["reduce_only"] | None = "reduce_only" if reduce_only else None
        done = client.resume(reason, account_id=account, mode=mode)
    if as_json:
        show((), (), document=done, as_json=True)
    if reduce_only and done.halt is not None and done.halt.mode == "reduce_only":
        say(f"{account or 'Every account'} stays halted (reduce_only): {reason}")
        return Exit.DONE
    if done.halt is not None:
        other = done.halt.account_id or "all accounts"
        say(f"{account} is still halted: a halt of {other} stands ({done.halt.reason}).")
        return Exit.HALTED
    say(f"{account or 'The halt of all accounts'} {'trades again' if account else 'is over'}.")
    return Exit.DONE


def flatten(
    account: str,
    /,
    *,
    reason: Reason,
    yes: Yes = False,
    no_input: NoInput = False,
    timeout: Timeout = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """Close every position of an account at market, and halt all but what reduces.

    Parameters
    ----------
    account
        The account. It is asked for once more, unless --yes is said.
    """
    with connect(place_of(url, config)) as client:
        held = client.positions(account, allow_stale=True)
        question = (
            f"Close {len(held)} positions of {account} at market, and halt it? This cannot be "
            f"taken back.\nType {account} to go on: "
        )
        if not yes and asked(question, no_input=no_input) != account:
            say("Nothing was done.")
            return Exit.USAGE
        done = client.flatten(account, reason, confirm=account)
        for left in (*done.locked, *done.not_flat):
            say(f"  {left.symbol} {left.quantity:,} stays: {left.reason}")
        if done.batch_id is None:
            show((), ORDERS, document=done, as_json=as_json)
            say(f"{account} is halted (reduce_only); there was nothing to close.")
            return Exit.DONE
        code = conclude(follow(client.batch(done.batch_id), timeout), as_json=as_json)
    say(f"{account} stays halted (reduce_only) · paperdesk resume --reason …{_of(account)}")
    return Exit.EXCEPTIONS if done.locked or done.not_flat else code


def _counted(orders: Iterable[HaltedOrder], words: str) -> str:
    return f"{len(list(orders))} {words}"


def _of(account: str | None) -> str:
    return "" if account is None else f" --account {account}"

"""`paperdesk events`: the stream of events in a terminal, in a pipe, or passed on to a web hook.

Owns: its options, a line for a person and one for a program. Knows nothing of how the stream
resumes, or of what a hook is posted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any, Final

from cyclopts import Parameter

from paperdesk.cli.options import Account, Config, Json, Url
from paperdesk.cli.output import plain, write
from paperdesk.cli.remote import connect, place_of
from paperdesk.client.stream import READY, Event

_TOLD: Final = (
    "symbol", "action", "side", "quantity", "qty", "filled_qty", "avg_fill_price", "price",
    "status", "error", "reason", "counts",
)  # fmt: skip


def events(
    *,
    types: Annotated[str | None, Parameter(name="--types")] = None,
    account: Account = None,
    batch: Annotated[str | None, Parameter(name="--batch")] = None,
    since_id: Annotated[int | None, Parameter(name="--since-id")] = None,
    follow: Annotated[
        bool, Parameter(name=["--follow", "-f"], negative="", show_default=False)
    ] = False,
    forward_to: Annotated[str | None, Parameter(name="--forward-to")] = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """Print what happened, as far back as --since-id; with --follow what happens, until Ctrl-C.

    Parameters
    ----------
    types
        Only these, such as order.*,fill.created.
    account
        Only of this account.
    batch
        Only of this batch.
    since_id
        After this event; without it from the beginning, or with --follow from now on. What is
        passed on goes on after the last event that the address took.
    follow
        Go on with what happens; a lost line is taken up again, and nothing is missed.
    forward_to
        Post each event to this address, in order, in the form of Standard Webhooks, until it is
        taken. It is signed with PAPERDESK_WEBHOOK_SECRET, else with .paperdesk/webhook-secret.
    """
    place, hook = place_of(url, config), None
    if forward_to is not None:
        from paperdesk.cli.forwarding import Hook  # noqa: PLC0415 - only who forwards pays

        hook = Hook(forward_to, stream=f"{place.url} {types} {account} {batch}", insists=follow)
        since_id = hook.last_id() if since_id is None else since_id
    begin = since_id if follow else since_id or 0
    if hook is not None and begin is not None:
        hook.keep(begin)
    with connect(place) as client:
        happened = client.events(
            types, account_id=account, batch_id=batch, since_id=begin, control=True
        )
        for event in happened if follow else _until_now(happened, begin or 0):
            if event.id is None:
                # From now on, whatever becomes of the first that comes.
                if hook is not None and event.type == READY and hook.last_id() is None:
                    hook.keep(event.data["head_id"])
            elif hook is None:
                _print(event, as_json=as_json)
            else:
                hook.forward(event)
    return 0


def _until_now(happened: Iterator[Event], begin: int) -> Iterator[Event]:
    """Yield what had happened when the question was asked."""
    head = None
    for event in happened:
        yield event
        if event.type == READY:
            head = event.data.get("head_id")
            if isinstance(head, int) and head <= begin:
                return
        elif event.id is None or (isinstance(head, int) and event.id >= head):
            return  # a heartbeat: what was asked for, of what there was, has gone by


def _print(event: Event, *, as_json: bool) -> None:
    if as_json:
        write(json.dumps(plain(event), ensure_ascii=False))
    else:
        at = "" if event.timestamp is None else f"{event.timestamp:%Y-%m-%d %H:%M:%S}"
        cells = [str(event.id), at, event.type, event.account_id, event.batch_id, _told(event)]
        if sys.stdout.isatty():
            write(
                f"{cells[0]:>8}  {at}  {event.type:<22} {event.account_id or '-':<10} {cells[5]}"
            )
        else:
            write("\t".join(cell or "" for cell in cells))
    sys.stdout.flush()


def _told(event: Event) -> str:
    """Return what matters most of an event, in a few words."""
    found = [(name, event.data[name]) for name in _TOLD if event.data.get(name) is not None]
    return " ".join(_word(name, value) for name, value in found)


def _word(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={entry}" for key, entry in value.items())
    return str(value) if name in {"symbol", "action", "side", "status"} else f"{name}={value}"

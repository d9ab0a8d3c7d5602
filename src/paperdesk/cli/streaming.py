"""`paperdesk events`: the stream of events in a terminal, in a pipe, or passed on to a web hook.

Owns: its options, a line for a person and one for a program, and how often a hook is tried. Knows
nothing of how the stream resumes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from time import sleep
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from paperdesk.cli.options import Account, Config, Json, Url
from paperdesk.cli.output import plain, say, write
from paperdesk.cli.remote import connect, place_of
from paperdesk.client.stream import READY, Event
from paperdesk.errors import PaperdeskError

if TYPE_CHECKING:
    import httpx

HOOK_PAUSES: Final = (0.5, 1.0, 2.0, 4.0)
HOOK_SECONDS: Final = 10.0
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
        After this event; without it from the beginning, or with --follow from now on.
    follow
        Go on with what happens; a lost line is taken up again, and nothing is missed.
    forward_to
        Post each event as JSON to this address, in order, instead of printing it.
    """
    begin = since_id if follow else since_id or 0
    with connect(place_of(url, config)) as client, _hook(forward_to) as hook:
        happened = client.events(
            types, account_id=account, batch_id=batch, since_id=begin, control=True
        )
        for event in happened if follow else _until_now(happened, begin or 0):
            if event.id is None:
                continue
            if forward_to is None:
                _print(event, as_json=as_json)
            else:
                _forward(hook, forward_to, event)
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


def _hook(address: str | None) -> httpx.Client:
    import httpx  # noqa: PLC0415 - the client has imported it

    return httpx.Client(timeout=HOOK_SECONDS, trust_env=address is not None)


def _forward(hook: httpx.Client, address: str, event: Event) -> None:
    """Post one event until it is taken. Raises PaperdeskError that says where to go on."""
    import httpx  # noqa: PLC0415 - as above

    body = json.dumps(plain(event)).encode()
    headers = {"Content-Type": "application/json", "Webhook-Id": str(event.id)}
    why = ""
    for pause in (*HOOK_PAUSES, 0):
        try:
            answer = hook.post(address, content=body, headers=headers)
            if answer.is_success:
                say(f"{event.id} {event.type} → {answer.status_code}")
                return
            why = f"HTTP {answer.status_code}"
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
        sleep(pause)
    before = (event.id or 1) - 1
    raise PaperdeskError(
        f"{address} did not take event {event.id} ({why}); go on with --since-id {before}"
    )

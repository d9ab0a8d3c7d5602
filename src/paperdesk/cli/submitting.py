"""`paperdesk submit`: from a file of targets to fills.

Owns: the order of its steps: read, preview, ask, send, follow; and what is printed at each.
Nothing is sent before a person, or --yes, has said so. Knows nothing of how a file is read or a
batch is judged.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from paperdesk.cli.csvfile import TargetFile, bad_lines, read_targets
from paperdesk.cli.exits import Exit
from paperdesk.cli.following import ORDERS, conclude, follow
from paperdesk.cli.options import Account, Config, Json, NoInput, Timeout, Url, Yes
from paperdesk.cli.output import Column, asked, number, prose, say, show, text
from paperdesk.cli.remote import connect, place_of
from paperdesk.cli.verdicts import (
    next_step,
    note,
    question,
    refuse_above,
    spell_trade,
    to_send,
    trade,
    unsent,
)
from paperdesk.client.blocking import Batch, Client
from paperdesk.client.results import Preview
from paperdesk.errors import BadRequest, FieldError, PaperdeskError

UNLISTED_NAMED_MAX: Final = 6
STDIN: Final = "-"
RETRY_SECONDS: Final = 30.0  # of the one request that must not get lost
_ROW: Final = re.compile(r"orders\[(\d+)\]\.?(.*)")

PREVIEW: Final = (
    text("Symbol"),
    number("Held", "current_pos"),
    number("Target", "desired_pos"),
    Column("Trade", trade, spell_trade, is_right=True),
    number("Est $", "estimated_notional", spell="{:,.0f}".format),
    prose("Note", note),
)


def submit(  # noqa: PLR0913 - an option each
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    account: Account = None,
    preview: Annotated[
        bool, Parameter(name="--preview", negative="", show_default=False)
    ] = False,
    wait: Annotated[
        bool | None, Parameter(name="--wait", negative="--no-wait", show_default=False)
    ] = None,
    yes: Yes = False,
    no_input: NoInput = False,
    max_notional: Annotated[float | None, Parameter(name="--max-notional")] = None,
    unlisted: Annotated[Literal["close"] | None, Parameter(name="--unlisted")] = None,
    timeout: Timeout = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """Trade to the target positions in a CSV file.

    Parameters
    ----------
    file
        Lines of symbol,quantity; a header, comments (#) and limit_price are welcome. - is stdin.
    preview
        Show what would be traded, and send nothing.
    wait
        Follow the batch to its end and judge it; so it is on a terminal without being said.
    max_notional
        Send nothing where the orders come to more USD than this, or to nobody knows how much.
    unlisted
        close: what is held by your own targets and not in the file is closed, too.
    """
    targets = read_targets(_read(file))
    with connect(place_of(url, config)) as client:
        try:
            plan = client.preview(targets.orders, account_id=account, unlisted=unlisted)
        except BadRequest as error:
            raise _by_line(error, targets) from error
        if preview:
            show(plan, PREVIEW, document=plan, as_json=as_json)
            _say_warnings(plan)
            return unsent(plan)[1] if not to_send(plan) else Exit.DONE
        show(plan, PREVIEW, to=sys.stderr)
        _say_warnings(plan)
        if unlisted is None:
            _say_unlisted(client, plan)
        if not to_send(plan) and not any(order.kept for order in plan):
            words, code = unsent(plan)
            step = next_step(code, plan.account_id)
            say(f"{words}\n  → {step}" if step else words)
            return code
        if max_notional is not None:
            refuse_above(max_notional, plan)
        if not yes:
            words = question(plan, _environment(client))
            if asked(words, no_input=no_input).lower() not in {"y", "yes"}:
                say("Nothing was sent.")
                return Exit.USAGE
    with connect(place_of(url, config), retry_seconds=RETRY_SECONDS) as client:
        is_seen = not yes or max_notional is not None
        batch = _send(client, targets, plan, unlisted, is_seen=is_seen)
        if wait if wait is not None else sys.stderr.isatty():
            return conclude(follow(batch, timeout), as_json=as_json)
        show(batch.orders, ORDERS, document=batch.state, as_json=as_json)
        say(f"Sent {batch.batch_id} · paperdesk watch {batch.batch_id}")
        return Exit.EXCEPTIONS if batch.failed else Exit.DONE


def _read(file: str) -> bytes:
    if file == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {error.strerror}") from error


def _by_line(error: BadRequest, targets: TargetFile) -> BadRequest:
    """Return what the service says of rows as what is wrong with lines of the file."""
    found = []
    for entry in error.errors:
        row = _ROW.fullmatch(entry.field)
        if row is None or int(row[1]) >= len(targets.lines):
            return error
        place = f"line {targets.lines[int(row[1])]}"
        found.append(FieldError(place, f"{row[2]} {entry.message}".strip()))
    return bad_lines(found) if found else error


def _say_warnings(plan: Preview) -> None:
    for warning in plan.warnings:
        say(f"  {warning}")


def _say_unlisted(client: Client, plan: Preview) -> None:
    """Say what is held and not in the file: a file is often taken for the whole portfolio."""
    listed = {order.symbol for order in plan}
    held = client.positions(plan.account_id, allow_stale=True)
    others = [position.symbol for position in held if position.symbol not in listed]
    if others:
        named = ", ".join(others[:UNLISTED_NAMED_MAX])
        more = "" if len(others) <= UNLISTED_NAMED_MAX else ", …"
        say(f"  Held and not in the file, left alone: {len(others)} ({named}{more})")


def _environment(client: Client) -> str:
    """Return whether this is simulated or a paper account, "" where the service does not say."""
    try:
        return client.status().environment
    except PaperdeskError:
        return ""


def _send(
    client: Client,
    targets: TargetFile,
    plan: Preview,
    unlisted: Literal["close"] | None,
    *,
    is_seen: bool,
) -> Batch:
    """Send exactly what was judged; where nobody looked, the targets as they stand now."""
    try:
        if is_seen:
            return client.send(plan)
        return client.submit(targets.orders, account_id=plan.account_id, unlisted=unlisted)
    except KeyboardInterrupt:
        say(
            "\nThe batch was on its way and may have been accepted:"
            "\n  paperdesk batches    shows it, if it was"
        )
        raise

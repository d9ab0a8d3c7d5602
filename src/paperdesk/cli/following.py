"""Following a batch to its end, with a bar of fills for whoever watches.

Owns: how often a batch is looked at, the bar, and what is said when the person leaves. Knows
nothing of how the batch came to be.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Annotated, Final

from cyclopts import Parameter

from paperdesk.cli.options import Config, Json, Timeout, Url
from paperdesk.cli.output import (
    Column,
    console,
    money,
    number,
    plain,
    prose,
    say,
    show,
    text,
    write,
)
from paperdesk.cli.remote import connect, place_of
from paperdesk.cli.verdicts import fills, is_resting, next_step, verdict
from paperdesk.client.batch import BatchView
from paperdesk.client.blocking import Batch, Client
from paperdesk.errors import NotFound

LOOK_SECONDS: Final = 0.25
COMMISSIONS_SECONDS: Final = 2.0  # they come after the last fill
BAR_CHARS: Final = 24
BAR_FILLS_MAX: Final = 3  # more would not fit beside the bar

ORDERS: Final = (
    text("Symbol"),
    number("Target", "desired_pos"),
    Column("Side", lambda order: (order.action or "").lower() or None),
    number("Shares", "qty"),
    number("Filled", "filled_qty"),
    money("Price", "avg_fill_price"),
    money("Limit", "limit_price", is_spare=True),
    money("Fees", "commission", is_spare=True),
    text("Status"),
    prose("Note", lambda order: "; ".join(filter(None, (order.error, *order.warnings)))),
)


def watch(
    batch_id: Annotated[str | None, Parameter()] = None,
    /,
    *,
    timeout: Timeout = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """Follow a batch until every order has ended; the newest one where none is named.

    With --json each state of the batch is a line.

    Parameters
    ----------
    batch_id
        The batch: 16 hex digits.
    """
    with connect(place_of(url, config)) as client:
        batch = client.batch(batch_id or newest(client))
        if not as_json:
            return conclude(follow(batch, timeout), as_json=False)
        return tell(follow(batch, timeout, on_change=_write_line))


def _write_line(batch: BatchView) -> None:
    write(json.dumps(plain(batch.state), ensure_ascii=False))
    sys.stdout.flush()


def newest(client: Client) -> str:
    """Return the id of the newest batch. Raises NotFound where there is none."""
    for head in client.batches(limit=1):
        return head.batch_id
    raise NotFound("There is no batch yet. Try: paperdesk submit targets.csv")


def conclude(batch: BatchView, *, as_json: bool) -> int:
    """Print what came of a batch that was followed; return the exit code."""
    show(batch.orders, ORDERS, document=batch.state, as_json=as_json)
    return tell(batch)


def tell(batch: BatchView) -> int:
    """Say what came of a batch, and what to do next; return the exit code."""
    words, code = verdict(batch)
    say(f"{words}\n  → {next_step(code, batch.account_id, batch.batch_id)}")
    return code


def follow(
    batch: Batch,
    timeout: float | None,
    on_change: Callable[[BatchView], None] = lambda _: None,
) -> Batch:
    """Return the batch when it has ended, rests until the market opens, or time is up.

    `on_change` is told the first state, and each that differs from the one before. Whoever leaves
    is told that the batch goes on. Raises KeyboardInterrupt then.
    """
    began = monotonic()
    try:
        with _bar(batch) as advance:
            seen = batch.refresh().state
            on_change(batch)
            while not (batch.is_final or _is_resting(batch)):
                left = LOOK_SECONDS if timeout is None else began + timeout - monotonic()
                if left <= 0:
                    break
                batch.wait(min(left, LOOK_SECONDS))
                advance()
                if batch.state != seen:
                    seen = batch.state
                    on_change(batch)
            if batch.is_final and batch.wait(COMMISSIONS_SECONDS).state != seen:
                on_change(batch)
    except KeyboardInterrupt:
        say(
            f"\nThe batch was sent and goes on without you: {fills(batch.orders) or 'no fill yet'}"
            f"\n  paperdesk watch {batch.batch_id}     follows it again"
            f"\n  paperdesk cancel {batch.batch_id}    withdraws what has not traded"
        )
        raise
    return batch


def _is_resting(batch: BatchView) -> bool:
    return is_resting([order for order in batch.orders if not order.is_final])


@contextmanager
def _bar(batch: Batch) -> Iterator[Callable[[], None]]:
    """Show a bar of the shares that filled, where somebody sees it; yield what moves it on."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(BAR_CHARS),
        TextColumn("{task.fields[ended]}/{task.fields[total_orders]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[fills]}"),
        console=console(sys.stderr),
    )
    with progress:
        task = progress.add_task(
            batch.batch_id, ended=0, total_orders=len(batch), fills="", total=None
        )

        def advance() -> None:
            progress.update(
                task,
                total=sum(order.qty or 0 for order in batch) or 1,
                completed=sum(order.filled_qty or 0 for order in batch),
                ended=sum(order.is_final for order in batch),
                fills=fills(batch.orders) if len(batch) <= BAR_FILLS_MAX else "",
            )

        yield advance
        advance()

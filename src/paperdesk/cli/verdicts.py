"""What came of a batch, in one line and one exit code.

Owns: the words and the code for each end of a batch, and what a preview says of each row. Pure.
Prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from paperdesk.cli.exits import Exit
from paperdesk.client.batch import BatchView
from paperdesk.client.results import Order, Preview, PreviewOrder
from paperdesk.errors import BadRequest

NAMED_MAX: Final = 6
CLOSED: Final = "the market is closed"  # the service's own words, in a row's warnings
_SHORT_OF_WORDS: Final = 60


def verdict(batch: BatchView) -> tuple[str, Exit]:
    """Return what to say of a batch that was waited for, and with which code to end."""
    if batch.failed:
        if any(order.error_code == "halted" for order in batch.failed):
            return f"✗ halted: {_reasons(batch.failed)}", Exit.HALTED
        return f"✗ not on target: {_reasons(batch.failed)}", Exit.EXCEPTIONS
    if not batch.is_final:
        working = [order for order in batch.orders if not order.is_final]
        names = _names(order.symbol for order in working)
        if is_resting(working):
            return f"◷ the market is closed, and the orders rest: {names}", Exit.MARKET_CLOSED
        return f"… {len(working)} still working: {names}", Exit.STILL_WORKING
    return f"✓ on target{_costs(batch.orders)}", Exit.DONE


def unsent(preview: Preview) -> tuple[str, Exit]:
    """Return what to say of a preview of which nothing can be sent, and how to end."""
    failed = [order for order in preview if order.is_failed]
    if not failed:
        return "✓ nothing to send: every target is reached", Exit.DONE
    is_halted = any(order.error_code == "halted" for order in failed)
    words = f"✗ nothing was sent: {_reasons(failed)}"
    return words, Exit.HALTED if is_halted else Exit.EXCEPTIONS


def next_step(code: Exit, account_id: str, batch_id: str | None = None) -> str:
    """Return what to do after a batch that ended with `code`, with the command for it."""
    match code:
        case Exit.HALTED:
            return f"paperdesk resume --reason … --account {account_id}, then submit again"
        case Exit.EXCEPTIONS:
            look = "" if batch_id is None else f"paperdesk show {batch_id} · "
            return f"{look}mend it and submit again: what is reached is not traded twice"
        case Exit.MARKET_CLOSED | Exit.STILL_WORKING:
            return f"paperdesk watch {batch_id} follows, paperdesk cancel {batch_id} withdraws"
        case _:
            return "" if batch_id is None else f"paperdesk show {batch_id}"


def is_resting(working: Sequence[Order]) -> bool:
    """Tell whether nothing more will come before the market opens."""
    return bool(working) and all(
        any(CLOSED in warning for warning in order.warnings) for order in working
    )


def _costs(orders: Sequence[Order]) -> str:
    fees = [order.commission for order in orders if order.commission is not None]
    return f" · fees ${sum(fees, Decimal(0)):,.2f}" if fees else ""


def _reasons(failed: Sequence[Order]) -> str:
    named = [
        f"{order.symbol} {order.status}{_filled(order)}{_words(order)}"
        for order in failed[:NAMED_MAX]
    ]
    more = len(failed) - NAMED_MAX
    return " · ".join(named) + (f" · and {more} more" if more > 0 else "")


def _words(order: Order) -> str:
    """Return why, in the broker's words and under its code where it was the broker."""
    code = "" if order.broker_code is None else f"IBKR {order.broker_code}: "
    return f" ({code}{order.error.rstrip('.')})" if order.error else ""


def _filled(order: Order) -> str:
    return (
        f" after {order.filled_qty:,} of {order.qty:,}"
        if order.filled_qty and order.qty
        else ""
    )


def _names(symbols: Iterable[str]) -> str:
    names = list(symbols)
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def fills(orders: Sequence[Order]) -> str:
    """Return what traded, and at which prices, of the first few orders."""
    traded = [
        order for order in orders if order.filled_qty and order.avg_fill_price is not None
    ]
    named = [
        f"{order.symbol} {_signed(order, order.filled_qty or 0):,} @ {order.avg_fill_price:,.2f}"
        for order in traded[:NAMED_MAX]
    ]
    more = len(traded) - NAMED_MAX
    return "   ".join(named) + (f"   and {more} more" if more > 0 else "")


def _signed(order: Order, shares: int) -> int:
    return -shares if order.action == "SELL" else shares


def trade(order: PreviewOrder) -> int | None:
    """Return the shares that would be traded, those sold below zero; None for no order."""
    if not order.qty or order.action is None or order.is_failed:
        return None
    return _signed(order, order.qty)


def spell_trade(shares: int) -> str:
    """Return a trade for a person, with a sign that needs no colour."""
    return f"{'▲ buy' if shares > 0 else '▼ sell'} {abs(shares):>7,}"


def note(order: PreviewOrder) -> str:
    """Return what a person should know of a row before it is sent."""
    words = [] if order.error is None else [order.error]
    if not order.is_failed:
        words += _plainly(order)
    words += order.warnings
    if order.unlisted:
        words.append("not in the file")
    return "; ".join(word.rstrip(".") for word in words)


def _plainly(order: PreviewOrder) -> list[str]:
    held, wanted = order.current_pos, order.desired_pos
    if order.kept is not None:
        return [f"order {order.kept.ibkr_order_id} works for it already"]
    if held is None:
        return []
    if held == wanted and not order.qty:
        return ["on target already"]
    if held and not wanted:
        return ["closes"]
    if held * wanted < 0:
        return ["crosses to short" if wanted < 0 else "crosses to long"]
    return []


def to_send(preview: Preview) -> list[PreviewOrder]:
    """Return the rows that would be orders."""
    return [order for order in preview if order.qty and not order.is_failed]


def refuse_above(usd: float, preview: Preview) -> None:
    """Raise BadRequest where the orders come to more, or to nobody knows how much."""
    orders = to_send(preview)
    known = [o.estimated_notional for o in orders if o.estimated_notional is not None]
    if len(known) < len(orders):
        unknown = _names(order.symbol for order in orders if order.estimated_notional is None)
        raise BadRequest(f"nothing was sent: no price is known for {unknown}")
    total = sum(map(abs, known), Decimal(0))
    if total > usd:
        words = f"the orders come to ${total:,.2f}, more than --max-notional ${usd:,.2f}"
        raise BadRequest(f"nothing was sent: {words}")


def question(preview: Preview, environment: str) -> str:
    """Return what is asked before anything is sent: how much, in which account."""
    orders = to_send(preview)
    sides = " · ".join(
        f"{len(side)} {word}{_notional(side)}"
        for word, side in (
            ("buy", [order for order in orders if order.action == "BUY"]),
            ("sell", [order for order in orders if order.action == "SELL"]),
        )
        if side
    )
    refused = sum(order.is_failed for order in preview)
    rest = f"; {_count(refused, 'row')} cannot be sent" if refused else ""
    where = " ".join(filter(None, (preview.account_id, environment.upper())))
    counted = f" ({sides}{rest})" if sides or rest else ""
    return f"Send {_count(len(orders), 'order')}{counted} to {where}? [y/N] "


def _notional(orders: Sequence[PreviewOrder]) -> str:
    known = [
        order.estimated_notional for order in orders if order.estimated_notional is not None
    ]
    if len(known) < len(orders):
        return ""
    return f" ${sum(map(abs, known), Decimal(0)):,.0f}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")

"""What is said of a batch, and with which code a command ends."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from paperdesk import errors
from paperdesk.cli.exits import MEANINGS, Exit, exit_of
from paperdesk.cli.verdicts import fills, note, question, spell_trade, trade, verdict
from paperdesk.client.batch import BatchView
from paperdesk.client.results import BatchState, Kept, Order, Preview, PreviewOrder

AT = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)
CLOSED = "the market is closed: the order rests and trades when it opens"


def order(symbol: str = "AAPL", status: str = "Filled", **more: Any) -> Order:
    return Order(symbol=symbol, status=status, desired_pos=100, **more)


def batch(*orders: Order) -> BatchView:
    return BatchView(BatchState(batch_id="b", account_id="DU1", submitted_at=AT, orders=orders))


@pytest.mark.parametrize(
    ("orders", "words", "code"),
    [
        ([order(commission=Decimal("0.35"))], "✓ on target · fees $0.35", Exit.DONE),
        ([order(status="no_change")], "✓ on target", Exit.DONE),
        ([order(status="Submitted")], "… 1 still working: AAPL", Exit.STILL_WORKING),
        (
            [order(), order("KO", "PreSubmitted", warnings=(CLOSED,))],
            "◷ the market is closed, and the orders rest: KO",
            Exit.MARKET_CLOSED,
        ),
        (
            [order("KO", "PreSubmitted", warnings=(CLOSED,)), order("V", "Submitted")],
            "… 2 still working: KO, V",
            Exit.STILL_WORKING,
        ),
        (
            [order("XOM", "Inactive", error="no funds.", broker_code=201, qty=9, filled_qty=4)],
            "✗ not on target: XOM Inactive after 4 of 9 (IBKR 201: no funds)",
            Exit.EXCEPTIONS,
        ),
        (
            [order("XOM", "error", error="halted", error_code="halted")],
            "✗ halted: XOM error (halted)",
            Exit.HALTED,
        ),
    ],
)
def test_each_end_has_its_words_and_its_code(
    orders: list[Order], words: str, code: Exit
) -> None:
    assert verdict(batch(*orders)) == (words, code)


def test_every_error_ends_in_a_code_of_the_table_and_every_code_has_a_meaning() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {
        kind.__name__: exit_of(kind("why"))
        for kind in kinds
        if issubclass(kind, errors.PaperdeskError)
    }

    assert codes["Halted"] is Exit.HALTED
    assert codes["Unauthorized"] is codes["Forbidden"] is Exit.AUTHENTICATION
    assert codes["Unreachable"] is codes["BrokerUnavailable"] is Exit.UNREACHABLE
    assert codes["StillWorking"] is Exit.STILL_WORKING
    assert codes["BatchFailed"] is Exit.EXCEPTIONS
    assert codes["ConfigError"] is codes["BadRequest"] is Exit.USAGE
    assert codes["InternalError"] is Exit.FAILED
    assert set(MEANINGS) == set(Exit)


def row(symbol: str, held: int | None, wanted: int, **more: Any) -> PreviewOrder:
    delta = wanted - (held or 0)
    given: dict[str, Any] = {
        "status": "PendingSubmit" if delta else "no_change",
        "action": "BUY" if delta > 0 else "SELL" if delta else None,
        "qty": abs(delta),
        "estimated_notional": Decimal(delta * 10),
    }
    return PreviewOrder(symbol=symbol, current_pos=held, desired_pos=wanted, **(given | more))


BAD = row("NOSUCH", None, 3, status="error", error="no such symbol.")


def test_the_question_says_how_much_goes_where() -> None:
    rows = (row("AAPL", 0, 120), row("MSFT", 50, -80), row("KO", 5, 5), BAD)
    preview = Preview(
        preview_id="p", account_id="DU1", orders=rows, estimated_send_seconds=Decimal(0)
    )

    assert question(preview, "simulated") == (
        "Send 2 orders (1 buy $1,200 · 1 sell $1,300; 1 row cannot be sent) "
        "to DU1 SIMULATED? [y/N] "
    )


@pytest.mark.parametrize(
    ("row", "traded", "noted"),
    [
        (row("A", 0, 120), "▲ buy     120", ""),
        (row("A", 50, -80), "▼ sell     130", "crosses to short"),
        (row("A", -50, 80), "▲ buy     130", "crosses to long"),
        (row("A", 60, 0), "▼ sell      60", "closes"),
        (row("A", 60, 0, unlisted=True), "▼ sell      60", "closes; not in the file"),
        (row("A", 5, 5), "", "on target already"),
        (BAD, "", "no such symbol"),
        (
            row("A", 0, 5, qty=0, status="no_change", kept=Kept(batch_id="b", ibkr_order_id=7)),
            "",
            "order 7 works for it already",
        ),
    ],
)
def test_a_row_says_what_would_be_traded_and_what_to_know(
    row: PreviewOrder, traded: str, noted: str
) -> None:
    shares = trade(row)

    assert ("" if shares is None else spell_trade(shares), note(row)) == (traded, noted)


def test_fills_are_named_with_their_signs_and_prices() -> None:
    price = Decimal("226.405")
    orders = [
        order(action="BUY", filled_qty=1200, avg_fill_price=price),
        order("KO", action="SELL", filled_qty=30, avg_fill_price=price),
        order("V", "Submitted"),
    ]

    assert fills(orders) == "AAPL 1,200 @ 226.40   KO -30 @ 226.40"
    assert fills([orders[0]] * 8).endswith("and 2 more")

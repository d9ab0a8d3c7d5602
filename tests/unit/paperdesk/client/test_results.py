"""What is answered, as objects and as DataFrames."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pandas as pd
import pytest

from paperdesk.client import results, standing
from paperdesk.client.batch import BatchView
from paperdesk.client.frames import spelled
from paperdesk.client.targets import orders_of
from paperdesk.errors import BadRequest, BatchFailed, StillWorking
from paperdesk.wire import bodies, flattening, holdings, interventions, reports, rows, simulator

AT = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)

TWINS = [
    (results.Order, rows.OrderRow),
    (results.PreviewOrder, rows.PreviewResultRow),
    (results.Kept, rows.KeptOrderBody),
    (results.Successor, rows.SuccessorBody),
    (results.BatchState, bodies.BatchAnswer),
    (results.SubmitAnswer, bodies.SubmitAnswer),
    (results.Summary, bodies.BatchSummary),
    (results.Preview, bodies.PreviewAnswer),
    (results.BatchHead, bodies.BatchHeadBody),
    (results.Batches, bodies.BatchesAnswer),
    (results.Cancelled, bodies.CancelResult),
    (results.Cancellation, bodies.CancelAnswer),
    (standing.Lock, bodies.LockBody),
    (standing.Account, bodies.AccountBody),
    (standing.Accounts, bodies.AccountsAnswer),
    (standing.Health, bodies.HealthAnswer),
    (results.Position, holdings.PositionBody),
    (results.OtherPosition, holdings.OtherPositionBody),
    (results.Positions, holdings.PositionsAnswer),
    (results.Target, holdings.TargetPosition),
    (results.Targets, holdings.TargetsAnswer),
    (results.Execution, holdings.ExecutionBody),
    (results.Executions, holdings.ExecutionsAnswer),
    (results.Slipped, reports.SlippageRow),
    (results.SlippageTotal, reports.SlippageTotal),
    (results.Slippage, reports.SlippageAnswer),
    (results.EquityPoint, reports.EquityPointBody),
    (results.Equity, reports.EquityAnswer),
    (standing.Halt, interventions.StandingHalt),
    (standing.HaltedOrder, interventions.HaltedOrderBody),
    (standing.Halted, interventions.HaltAnswer),
    (standing.Resumed, interventions.ResumeAnswer),
    (standing.Flattened, flattening.FlattenAnswer),
    (standing.NotClosed, flattening.NotClosedBody),
    (standing.Simulated, simulator.SimulatorAnswer),
]


@pytest.mark.parametrize(("mine", "theirs"), TWINS, ids=lambda kind: kind.__name__)
def test_a_result_has_the_fields_that_the_service_writes(mine: Any, theirs: Any) -> None:
    """Else what a newer service says would be lost on the way to a program."""
    written = set(theirs.__struct_encode_fields__)
    if mine is results.PreviewOrder:  # nothing has been sent
        written |= {"perm_id", "filled_qty", "avg_fill_price", "commission"}

    assert set(mine.__struct_encode_fields__) == written


def order(symbol: str = "AAPL", status: str = "Filled", **more: Any) -> results.Order:
    return results.Order(symbol=symbol, status=status, desired_pos=100, **more)


def state(*orders: results.Order) -> results.BatchState:
    return results.BatchState(
        batch_id="a1b2c3d4e5f67890", account_id="DU1", submitted_at=AT, orders=orders
    )


EMPTY: list[results.Listing[Any]] = [
    state(),
    results.Batches(batches=()),
    results.Positions(account_id="DU1", positions=(), updated_at=AT),
    results.Targets(account_id="DU1", on_target=0, total=0, targets=()),
    results.Executions(executions=()),
    results.Equity(account_id="DU1", points=()),
    standing.Accounts(accounts=()),
]


@pytest.mark.parametrize("answer", EMPTY, ids=lambda answer: type(answer).__name__)
def test_a_frame_has_its_columns_and_dtypes_also_without_rows(
    answer: results.Listing[Any],
) -> None:
    frame = answer.to_pandas()

    assert len(frame) == 0
    assert answer, "an answer without rows is an answer"
    allowed = {"Int64", "float64", "datetime64[us, UTC]", "string", "category", "boolean"}
    assert set(map(str, frame.dtypes)) <= allowed
    assert "<table>" not in answer._repr_html_(), "there is nothing to be shown"


def test_a_frame_of_executions_is_ready_to_be_computed_with() -> None:
    row = results.Execution(
        exec_id="e", account_id="DU1", symbol="AAPL", side="BUY", quantity=3,
        price=Decimal("1.5"), executed_at=AT, conid=1, exchange="ISLAND",
    )  # fmt: skip
    answer = results.Executions(executions=(row,))
    frame = answer.to_pandas()

    assert list(frame.columns[:7]) == [
        "exec_id", "account_id", "symbol", "side", "quantity", "price", "executed_at",
    ]  # fmt: skip
    assert {name: str(frame.dtypes[name]) for name in ("side", "quantity", "price")} == {
        "side": "category",
        "quantity": "Int64",
        "price": "float64",
    }
    assert str(frame.dtypes["executed_at"]) == "datetime64[us, UTC]"
    assert str(frame.dtypes["exec_id"]) == "string"
    assert (frame["quantity"] * frame["price"]).sum() == 4.5
    assert pd.isna(frame["commission"][0])
    empty = results.Executions(executions=()).to_pandas()
    assert frame.dtypes.map(str).to_dict() == empty.dtypes.map(str).to_dict()


def test_positions_are_found_by_their_symbol_and_make_targets() -> None:
    held = results.Position(symbol="BRK B", quantity=7, conid=1, avg_cost=Decimal("2.5"))
    answer = results.Positions(account_id="DU1", positions=(held,), updated_at=AT)
    frame = answer.to_pandas()

    assert frame.loc["BRK B", "avg_cost"] == 2.5
    assert orders_of(frame[["quantity"]] * 2) == [{"symbol": "BRK B", "quantity": 14}]
    assert orders_of(frame["quantity"] * 2) == [{"symbol": "BRK B", "quantity": 14}]


def test_a_frame_of_targets_leaves_out_what_is_not_there() -> None:
    frame = pd.DataFrame(
        {"symbol": ["A", "B"], "quantity": [100.0, -50.0], "limit_price": [1.5, None]}
    )
    assert orders_of(frame) == [
        {"symbol": "A", "quantity": 100, "limit_price": 1.5},
        {"symbol": "B", "quantity": -50},
    ]
    numbers = orders_of(frame.set_index("symbol"))
    assert [type(value) for row in numbers for value in row.values()] == [
        str, int, float, str, int,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (
            pd.Series(1.5, index=list("ABCDE")),
            (
                "orders[0].quantity must be a whole number of shares, not 1.5 (A); "
                "orders[1].quantity must be a whole number of shares, not 1.5 (B); "
                "orders[2].quantity must be a whole number of shares, not 1.5 (C); "
                "and 2 more, see errors."
            ),
        ),
        (
            pd.DataFrame({"ticker": ["AAPL"], "quantity": [1]}),
            "no column and no index is the symbol; the columns are ticker, quantity.",
        ),
        (
            [("AAPL", 3)],
            (
                "orders[0] must be a mapping such as {'symbol': 'AAPL', 'quantity': 100}, "
                "not ('AAPL', 3)."
            ),
        ),
    ],
    ids=["fractions", "no symbol", "pairs"],
)
def test_targets_that_are_none_are_refused_in_words(targets: Any, words: str) -> None:
    with pytest.raises(BadRequest) as refused:
        orders_of(targets)

    assert str(refused.value) == words


def test_a_series_in_which_a_target_is_missing_has_none_there() -> None:
    """Never 0: the service says that the quantity is missing."""
    shares = pd.Series([1, None], index=["A", "B"], dtype="Int64")

    assert orders_of(shares) == [{"symbol": "A", "quantity": 1}, {"symbol": "B"}]


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'paperdesk\[pandas\]'"):
        state().to_pandas()


def test_a_table_in_a_notebook_is_html_that_nobody_can_break_out_of() -> None:
    html = state(order("<b>", error="a & b", warnings=("<i>", "c")))._repr_html_()

    assert "&lt;b&gt;" in html
    assert "a &amp; b" in html
    assert "&lt;i&gt;; c" in html
    assert "<td></td>" not in html


def columns(html: str) -> list[str]:
    return re.findall(r"<th[^>]*>(.*?)</th>", html)


def test_a_table_has_what_a_person_looks_at_where_something_stands_there() -> None:
    """Also a 0; but neither ids that only programs want, nor a column of nothing."""
    row = order(current_pos=0, filled_qty=12_000, avg_fill_price=Decimal("150.1"), perm_id=7)

    assert columns(state(row, order())._repr_html_()) == [
        "symbol", "current_pos", "desired_pos", "status", "filled_qty", "avg_fill_price",
    ]  # fmt: skip
    kept = state(order("A", "no_change", working_qty=5, provisional=True))._repr_html_()
    assert columns(kept)[-2:] == ["working_qty", "provisional"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (12_000, "12,000"),
        (Decimal("-33602.4"), "-33,602.40"),
        (Decimal("420.005625"), "420.0056"),
        (Decimal("0.0815"), "0.0815"),
        (Decimal(1_000_000), "1,000,000.00"),
    ],
)
def test_an_amount_is_shown_to_the_cent_and_a_price_as_fine_as_it_is(
    number: Decimal | int, words: str
) -> None:
    assert spelled(number) == words


def test_an_id_has_no_thousands_and_a_time_has_its_zone() -> None:
    target = results.Target(
        symbol="AAPL", target=1, position=1, working_qty=0, gap=0, state="reached",
        batch_id="b", client="c", set_at=AT,
    )  # fmt: skip
    told = results.Targets(account_id="DU1", on_target=1, total=1, targets=(target,))
    assert "set_at (UTC)" in columns(told._repr_html_())
    assert "2026-03-09 14:30:00" in told._repr_html_()

    row = results.Cancelled(symbol="A", ibkr_order_id=12345, cancelled=False, status="Filled")
    gone = results.Cancellation(batch_id="b", results=(row,))._repr_html_()
    assert ">12345<" in gone
    assert columns(gone) == ["symbol", "ibkr_order_id", "cancelled", "status"]


def test_a_table_begins_with_its_sum_and_ends_with_its_warnings() -> None:
    preview = results.Preview(
        preview_id=None, account_id="DU1", estimated_send_seconds=Decimal(0),
        estimated_notional=Decimal("1500.5"), warnings=("XOM is held & not listed",),
        orders=(
            results.PreviewOrder(symbol="A", status="PendingSubmit", desired_pos=1, qty=1),
            results.PreviewOrder(symbol="B", status="error", desired_pos=1),
        ),
    )  # fmt: skip
    assert preview.words == "Preview for DU1: 1 of 2 rows trade, about $1,500.50"
    assert preview._repr_html_().endswith("<p>⚠ XOM is held &amp; not listed</p></div>")

    held = results.Positions(
        account_id="DU1", positions=(), net_liquidation=Decimal(10), updated_at=AT, stale=True
    )
    assert held.words == (
        "Positions of DU1: 0 · net liquidation $10.00 · 2026-03-09 14:30:00 UTC, stale"
    )
    total = results.SlippageTotal(
        orders=2, shares=3, expected_notional=Decimal(9), filled_notional=Decimal(9),
        slippage_usd=Decimal(-5), slippage_bps=Decimal("-1.8116"), commission=Decimal(2),
        commission_missing=0, without_expected_price=0,
    )  # fmt: skip
    assert results.Slippage(orders=(), total=total).words == (
        "Slippage of 2 orders: $-5.00 · -1.8116 bps · commission $2.00"
    )


def test_two_amounts_in_dollars_are_not_typeset_as_a_formula_between_them() -> None:
    assert state()._repr_html_().startswith('<div class="tex2jax_ignore mathjax_ignore">')


def test_a_long_table_is_cut_and_says_so() -> None:
    html = state(*[order()] * 100)._repr_html_()

    assert html.count("<tr>") == 61
    assert "and 40 more" in html


@pytest.mark.parametrize(
    ("status", "is_final", "is_failed"),
    [
        ("Submitted", False, False),
        ("Filled", True, False),
        ("no_change", True, False),
        ("Cancelled", True, True),
        ("Inactive", True, True),
        ("error", True, True),
        ("Unknown", False, False),
    ],
)
def test_an_order_tells_whether_it_ended_and_how(
    status: str, *, is_final: bool, is_failed: bool
) -> None:
    assert (order(status=status).is_final, order(status=status).is_failed) == (
        is_final,
        is_failed,
    )


def test_an_order_that_is_served_by_a_working_one_has_not_ended() -> None:
    kept = results.Kept(batch_id="b", status="Submitted")

    assert not order(status="no_change", kept=kept).is_final


def test_a_batch_raises_for_what_went_wrong_and_for_what_has_not_ended() -> None:
    good = BatchView(state(order()))
    assert good.raise_for_exceptions() is good
    with pytest.raises(StillWorking, match="1 of 2 orders"):
        BatchView(state(order(), order(status="Submitted"))).raise_for_exceptions()
    bad = BatchView(state(order(), order("XOM", "error", error="no such symbol")))
    with pytest.raises(BatchFailed, match="XOM: no such symbol"):
        bad.raise_for_exceptions()
    many = BatchView(state(*[order(f"S{i}", "Cancelled") for i in range(12)]))
    with pytest.raises(BatchFailed, match=r"S9: Cancelled; and 2 more$"):
        many.raise_for_exceptions()


def test_a_batch_shows_itself() -> None:
    view = BatchView(state(order(), order(status="Submitted")))

    assert repr(view) == "<BatchView a1b2c3d4e5f67890 DU1: 1 of 2 ended>"
    assert "1 of 2 ended" in view._repr_html_()
    assert [o.symbol for o in view] == ["AAPL", "AAPL"]
    assert (len(view), len(view.to_pandas())) == (2, 2)


def test_every_result_can_be_told_from_its_json() -> None:
    for kind, _ in TWINS:
        assert isinstance(msgspec.json.schema(kind), dict)

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from makers import ACCOUNT, BATCH, NOW, make_order
from paperdesk.domain.order import OrderState
from paperdesk.domain.slippage import Fill, Slipped, Totals
from paperdesk.domain.vocabulary import ClientName, Side
from paperdesk.wire.encoding import encode
from paperdesk.wire.query import before_of
from paperdesk.wire.reports import SLIPPAGE, SlippageAnswer

PAGE = Path(__file__).parents[4] / "docs/slippage.md"


def written(answer: object) -> Any:
    return json.loads(encode(answer), parse_float=Decimal)


def slipped(fill: Fill, *, limit: str | None = None) -> Slipped:
    order = replace(
        make_order(side=fill.side, limit=limit, state=OrderState.FILLED, order_id=7),
        sent_at=NOW,
    )
    return Slipped(12, ClientName("client1"), order, fill)


def test_a_row_has_every_figure_as_a_number() -> None:
    fill = Fill(Side.BUY, 100, Decimal("15016.00"), Decimal("150.00"), None)
    totals = Totals()
    totals.take(fill)

    answer = written(SlippageAnswer.of([slipped(fill, limit="151.00")], totals, 12))

    assert answer["orders"] == [
        {
            "batch_id": BATCH, "account_id": ACCOUNT, "client": "client1", "symbol": "AAPL",
            "ibkr_order_id": 7, "side": "BUY", "filled_qty": 100,
            "expected_price": 150, "avg_fill_price": Decimal("150.16"),
            "order_type": "LMT", "limit_price": 151,
            "slippage_per_share": Decimal("0.16"), "slippage_bps": Decimal("10.6667"),
            "slippage_usd": 16, "commission": None, "status": "Filled",
            "sent_at": "2026-03-09T14:30:00+00:00",
        }
    ]  # fmt: skip
    assert answer["total"]["commission_missing"] == 1
    assert before_of(SLIPPAGE, answer["next_cursor"]) == 12


def test_a_report_of_nothing_has_no_basis_points() -> None:
    answer = written(SlippageAnswer.of([], Totals(), None))

    assert answer == {
        "orders": [],
        "total": {
            "orders": 0, "shares": 0, "expected_notional": 0, "filled_notional": 0,
            "slippage_usd": 0, "slippage_bps": None, "commission": 0,
            "commission_missing": 0, "without_expected_price": 0,
        },
        "next_cursor": None,
    }  # fmt: skip


def test_the_example_of_the_page_is_what_comes_out() -> None:
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    asked, rows, total = [json.loads(block, parse_float=Decimal) for block in blocks]
    totals, found = Totals(), []
    for order in asked:
        if order["expected_price"] is None:
            totals.without_expected_price += 1
            continue
        fill = Fill(
            Side(order["side"]),
            shares=sum(count for count, _ in order["fills"]),
            value=sum((count * price for count, price in order["fills"]), Decimal(0)),
            expected_price=order["expected_price"],
            commission=order["commission"],
        )
        totals.take(fill)
        found.append(slipped(fill))

    answer = written(SlippageAnswer.of(found, totals, None))

    assert len(rows) == len(found)
    for shown, row in zip(answer["orders"], rows, strict=True):
        assert {name: shown[name] for name in row if name != "symbol"} == {
            name: value for name, value in row.items() if name != "symbol"
        }
    assert answer["total"] == total

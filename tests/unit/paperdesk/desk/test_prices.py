"""What quote and portfolio come to."""

from __future__ import annotations

from decimal import Decimal

import pytest

from paperdesk.desk.ports import Quote
from paperdesk.desk.prices import reference_of
from paperdesk.domain.pricing import Reference
from paperdesk.domain.vocabulary import Side

BID, ASK, LAST, HELD = (Decimal(n) for n in (10, 12, 11, 9))


@pytest.mark.parametrize(
    ("quote", "held", "reference"),
    [
        (Quote(BID, ASK, LAST), HELD, Reference(buy=ASK, sell=BID)),
        (Quote(BID, None, LAST), HELD, Reference(buy=LAST, sell=BID)),
        (Quote(None, None, LAST), HELD, Reference(buy=LAST, sell=LAST)),
        (Quote(BID, None, None), HELD, Reference(buy=HELD, sell=BID)),
        (Quote(None, ASK, None), None, Reference(buy=ASK, sell=None)),
        (None, HELD, Reference(buy=HELD, sell=HELD)),
        (None, Decimal(0), Reference()),
        (None, None, Reference()),
    ],
)
def test_the_far_side_is_the_price_then_the_last_then_the_portfolios(
    quote: Quote | None, held: Decimal | None, reference: Reference
) -> None:
    assert reference_of(quote, held) == reference


def test_each_side_has_its_price_and_the_dearest_is_known_where_one_is() -> None:
    both = Reference(buy=ASK, sell=BID)

    assert (both.of(Side.BUY), both.of(Side.SELL)) == (ASK, BID)
    assert both.dearest == ASK
    assert Reference(sell=BID).dearest == BID
    assert Reference().dearest is None

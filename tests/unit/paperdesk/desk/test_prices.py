"""What quote and portfolio come to."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from makers import NOW
from paperdesk.desk.ports import Quote
from paperdesk.desk.prices import Quoted, reference_of
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
    told = reference_of(None if quote is None else Quoted(quote, NOW), held)

    assert (told.buy, told.sell) == (reference.buy, reference.sell)


def test_a_price_says_where_it_is_from_and_how_old_it_is() -> None:
    later = NOW + timedelta(seconds=12)
    quoted = reference_of(Quoted(Quote(BID, None, None), NOW), HELD)

    assert quoted.words(Side.SELL, later) == "a quote 12 s old"
    assert quoted.words(Side.BUY, later) == "the portfolio's price"


def test_each_side_has_its_price_and_the_dearest_is_known_where_one_is() -> None:
    both = Reference(buy=ASK, sell=BID)

    assert (both.of(Side.BUY), both.of(Side.SELL)) == (ASK, BID)
    assert both.dearest == ASK
    assert Reference(sell=BID).dearest == BID
    assert Reference().dearest is None

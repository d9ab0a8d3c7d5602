"""Pre-trade limits."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from paperdesk.domain.limits import UNLIMITED, Book, Limits, Wish, judge
from paperdesk.domain.vocabulary import Side, Symbol

AAPL, TSLA = Symbol("AAPL"), Symbol("TSLA")

# Of a size that limits often decide about: neither everything passes nor nothing.
prices = st.decimals(min_value="0.0001", max_value=200, places=8)
amounts = st.decimals(min_value="0.01", max_value=1_000_000, places=2)
positions = st.integers(-5_000, 5_000)


def make_wish(
    quantity: int = 100,
    *,
    symbol: Symbol = AAPL,
    position: int = 0,
    limit: str | None = None,
    reference: str | None = "100",
    also_working: int = 0,
) -> Wish:
    """Return the wish for an order of signed `quantity`."""
    return Wish(
        symbol=symbol,
        side=Side.of(quantity),
        quantity=abs(quantity),
        limit_price=None if limit is None else Decimal(limit),
        position=position,
        reference=None if reference is None else Decimal(reference),
        also_working=also_working,
        reference_is="a quote 3 s old",
    )


def make_book(others: str | None = "0", *, sent: int = 0) -> Book:
    return Book(None if others is None else Decimal(others), sent)


wishes = st.builds(
    Wish,
    symbol=st.sampled_from([AAPL, TSLA]),
    side=st.sampled_from(Side),
    quantity=st.integers(1, 10_000),
    limit_price=st.none() | prices,
    position=positions,
    reference=st.none() | prices,
    also_working=positions,
)
books = st.builds(
    Book,
    gross_notional_of_others=st.none() | amounts,
    orders_last_minute=st.integers(0, 100),
    orders_today=st.integers(0, 100),
    attempts=st.integers(0, 3),
)
limit_sets = st.builds(
    Limits,
    max_order_quantity=st.none() | st.integers(1, 10_000),
    max_order_notional=st.none() | amounts,
    max_position_notional=st.none() | amounts,
    max_gross_notional=st.none() | amounts,
    max_orders_per_minute=st.none() | st.integers(1, 100),
    price_collar_pct=st.none() | st.decimals(min_value="0.01", max_value=100, places=2),
    max_orders_per_day=st.none() | st.integers(1, 100),
    max_attempts_per_target=st.none() | st.integers(1, 3),
    allow_short=st.booleans(),
    symbols=st.none() | st.just(frozenset({AAPL})),
    restricted_symbols=st.none() | st.just(frozenset({AAPL})),
)

QUANTITY = Limits(max_order_quantity=10_000)
NOTIONAL = Limits(max_order_notional=Decimal(250_000))
POSITION = Limits(max_position_notional=Decimal(500_000))
GROSS = Limits(max_gross_notional=Decimal(2_000_000))
PACE = Limits(max_orders_per_minute=3_000)
COLLAR = Limits(price_collar_pct=Decimal(10))
LONG = Limits(allow_short=False)
ONLY_AAPL = Limits(symbols=frozenset({AAPL}))
NO_TSLA = Limits(restricted_symbols=frozenset({TSLA}))


@pytest.mark.parametrize(
    ("limits", "passes", "refused", "words"),
    [
        (
            QUANTITY, make_wish(10_000), make_wish(10_001),
            (
                "max_order_quantity is 10,000: this order is for 10,001; "
                "post a target that trades at most 10,000 at once"
            ),
        ),
        (
            NOTIONAL, make_wish(2_500), make_wish(2_501),
            (
                "max_order_notional is 250,000: this order is for 250,100 (2,501 at 100); "
                "post a target that trades at most 2,500 at once"
            ),
        ),
        (
            NOTIONAL, make_wish(1, limit="250000.00"), make_wish(1, limit="250000.01"),
            (
                "max_order_notional is 250,000: this order is for 250,000.01 (1 at 250,000.01); "
                "post a target that trades at most 0 at once"
            ),
        ),
        (
            POSITION, make_wish(1_000, position=4_000), make_wish(1_001, position=4_000),
            (
                "max_position_notional is 500,000: the position would be worth 500,100 (5,001 at "
                "100); post a target of at most 5,000"
            ),
        ),
        (
            POSITION, make_wish(-5_500, position=500), make_wish(-5_501, position=500),
            (
                "max_position_notional is 500,000: the position would be worth 500,100 (-5,001 at "
                "100); post a target of at least -5,000"
            ),
        ),
        (
            POSITION, make_wish(4_000, also_working=1_000), make_wish(4_001, also_working=1_000),
            (
                "max_position_notional is 500,000: the position would be worth 500,100 (5,001 at "
                "100); post a target of at most 4,000"
            ),
        ),
        (
            LONG, make_wish(-50, position=50), make_wish(-51, position=50),
            (
                "allow_short is false: the position would be -1; post 0 to close what is held, or a "
                "target above"
            ),
        ),
        (
            LONG, make_wish(1), make_wish(-1, position=-5),
            (
                "allow_short is false: the position would be -6; post 0 to close what is held, or a "
                "target above"
            ),
        ),
        (
            COLLAR, make_wish(limit="110"), make_wish(limit="110.01"),
            (
                "price_collar_pct is 10: the limit price 110.01 is further from the reference price "
                "100 (a quote 3 s old); a limit price from 90 to 110 passes"
            ),
        ),
        (
            COLLAR, make_wish(limit="90.00"), make_wish(limit="89.99"),
            (
                "price_collar_pct is 10: the limit price 89.99 is further from the reference price "
                "100 (a quote 3 s old); a limit price from 90 to 110 passes"
            ),
        ),
        (
            COLLAR, make_wish(-1, limit="110"), make_wish(-1, limit="110.01"),
            (
                "price_collar_pct is 10: the limit price 110.01 is further from the reference price "
                "100 (a quote 3 s old); a limit price from 90 to 110 passes"
            ),
        ),
        (
            ONLY_AAPL, make_wish(), make_wish(symbol=TSLA),
            "symbols does not name TSLA: with 0 held only a target of 0 passes",
        ),
        (
            ONLY_AAPL,
            make_wish(-50, symbol=TSLA, position=50), make_wish(-51, symbol=TSLA, position=50),
            "symbols does not name TSLA: with 50 held only a target from 0 to 50 passes",
        ),
        (
            ONLY_AAPL,
            make_wish(7, symbol=TSLA, position=-7), make_wish(-1, symbol=TSLA, position=-7),
            "symbols does not name TSLA: with -7 held only a target from -7 to 0 passes",
        ),
        (
            NO_TSLA, make_wish(), make_wish(symbol=TSLA),
            "restricted_symbols names TSLA: with 0 held only a target of 0 passes",
        ),
        (
            NO_TSLA,
            make_wish(-50, symbol=TSLA, position=50), make_wish(-51, symbol=TSLA, position=50),
            "restricted_symbols names TSLA: with 50 held only a target from 0 to 50 passes",
        ),
    ],
)  # fmt: skip
def test_an_order_passes_at_the_limit_and_is_refused_one_beyond(
    limits: Limits, passes: Wish, refused: Wish, words: str
) -> None:
    assert judge(limits, passes, make_book()) is None
    assert judge(limits, refused, make_book()) == words


def test_orders_are_counted_by_the_day() -> None:
    day = Limits(max_orders_per_day=2_000)

    assert judge(day, make_wish(), Book(None, 0, orders_today=1_999)) is None
    assert judge(day, make_wish(), Book(None, 0, orders_today=2_000)) == (
        "max_orders_per_day is 2,000: this one would be number 2,001; post the target again "
        "after midnight in New York"
    )


def test_attempts_that_the_broker_ended_are_counted_by_the_target() -> None:
    thrice = Limits(max_attempts_per_target=3)

    assert judge(thrice, make_wish(), Book(None, 0, attempts=2)) is None
    assert judge(thrice, make_wish(), Book(None, 0, attempts=3)) == (
        "max_attempts_per_target is 3: the broker has refused or ended 3 of the last ten minutes' "
        "orders of AAPL for this target; find out why, post another target, or this one later"
    )


def test_the_other_symbols_count_towards_the_gross() -> None:
    assert judge(GROSS, make_wish(1_000), make_book("1900000.00")) is None
    assert judge(GROSS, make_wish(1_000), make_book("1900000.01")) == (
        "max_gross_notional is 2,000,000: all positions would be worth 2,000,000.01; "
        "post a target of at most 999"
    )
    assert judge(GROSS, make_wish(-1), make_book("2000001")) == (
        "max_gross_notional is 2,000,000: all positions would be worth 2,000,101; "
        "post a target of at least 0"
    )


def test_the_order_itself_counts_towards_the_pace() -> None:
    assert judge(PACE, make_wish(), make_book(sent=2_999)) is None
    assert judge(PACE, make_wish(), make_book(sent=3_000)) == (
        "max_orders_per_minute is 3,000: this one would be number 3,001; "
        "post the target again in a minute"
    )


@pytest.mark.parametrize("limits", [NOTIONAL, POSITION, GROSS])
def test_without_a_price_a_price_limit_refuses_and_says_what_to_give(limits: Limits) -> None:
    refusal = judge(limits, make_wish(1, reference=None), make_book())

    assert refusal is not None
    assert "no price known for AAPL; give limit_price or expected_price" in refusal
    assert judge(limits, make_wish(1, reference=None, limit="1"), make_book()) is None


def test_the_collar_needs_a_price_that_is_not_the_orders_own() -> None:
    refusal = judge(COLLAR, make_wish(limit="100", reference=None), make_book())

    assert refusal is not None
    assert "no price known to hold the limit price of AAPL against" in refusal
    assert judge(COLLAR, make_wish(reference=None), make_book()) is None


def test_another_holding_without_a_price_leaves_the_gross_unknown() -> None:
    refusal = judge(GROSS, make_wish(1), make_book(None))

    assert refusal is not None
    assert "no price known for another holding" in refusal
    assert judge(GROSS, make_wish(-1, position=1), make_book(None)) is None


def test_the_limit_price_values_an_order_before_the_reference_does() -> None:
    assert judge(NOTIONAL, make_wish(2_500, limit="100", reference="1000"), make_book()) is None
    assert judge(NOTIONAL, make_wish(2_500, limit="101", reference="1"), make_book())


def test_what_others_have_working_counts_on_the_orders_side_only() -> None:
    assert judge(POSITION, make_wish(5_000, also_working=-9_000), make_book()) is None
    assert judge(POSITION, make_wish(-4_000, also_working=-1_001), make_book())


def test_an_exit_passes_whatever_else_is_true_of_the_account() -> None:
    strict = Limits(
        1,
        Decimal(1),
        Decimal(1),
        Decimal(1),
        1,
        1,
        1,
        None,
        False,
        frozenset(),
        frozenset({AAPL}),
    )

    assert (
        judge(strict, make_wish(-9, position=9, also_working=-9), make_book(None, sent=9))
        is None
    )


def test_no_digit_is_rounded_away() -> None:
    others = "123456789012345678901234567890.00000001"
    limits = Limits(max_gross_notional=Decimal("123456789012345678901234567990.00000001"))

    assert judge(limits, make_wish(1), make_book(others)) is None
    assert judge(limits, make_wish(1), make_book(others[:-1] + "2"))


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_a_limit_that_is_about_money_or_prices_needs_a_price(name: str) -> None:
    value = frozenset({AAPL}) if name == "symbols" else Decimal(1)

    needs = replace(UNLIMITED, **{name: value}).needs_price  # type: ignore[arg-type]

    assert needs is ("notional" in name or "collar" in name)
    assert not UNLIMITED.needs_price


@given(wishes, books)
def test_without_limits_everything_passes(wish: Wish, book: Book) -> None:
    assert judge(UNLIMITED, wish, book) is None


@given(limit_sets, wishes, books, st.integers(1, 10_000))
def test_a_smaller_order_never_fails_where_a_larger_one_passes(
    limits: Limits, wish: Wish, book: Book, smaller: int
) -> None:
    assume(smaller < wish.quantity)
    if judge(limits, wish, book) is None:
        assert judge(limits, replace(wish, quantity=smaller), book) is None


@given(limit_sets, wishes, books)
def test_only_the_collar_refuses_an_order_that_reduces(
    limits: Limits, wish: Wish, book: Book
) -> None:
    assume(wish.position)
    way_out = replace(
        wish,
        side=Side.of(-wish.position),
        quantity=min(wish.quantity, abs(wish.position)),
    )

    refusal = judge(limits, way_out, book)

    assert way_out.is_reducing
    assert refusal is None or refusal.startswith("price_collar_pct is ")


@given(limit_sets, wishes, books)
def test_the_target_that_a_refusal_names_passes_that_limit(
    limits: Limits, wish: Wish, book: Book
) -> None:
    refusal = judge(replace(limits, price_collar_pct=None), wish, book)
    advice = re.search(r"post a target of at (?:most|least) ([-\d,]+)$", refusal or "")
    if refusal is None or advice is None:
        return
    name = refusal.split(" ", 1)[0]
    alone = replace(UNLIMITED, **{name: getattr(limits, name)})
    delta = int(advice[1].replace(",", "")) - wish.position

    assert (
        delta == 0
        or judge(alone, replace(wish, side=Side.of(delta), quantity=abs(delta)), book) is None
    )

from __future__ import annotations

from decimal import Decimal

import pytest

from twsim.faults.chance import Chance
from twsim.faults.kinds import FaultError, Point
from twsim.faults.plan import ARMED_MAX, Deck, FaultPlan, Target, make_wish, parse_fault
from twsim_makers import NOW


def struck(deck: Deck, point: Point, target: Target = Target(), times: int = 1) -> list[str]:  # noqa: B008
    return [fired.fault.id for _ in range(times) for fired in deck.draw(point, target)]


def test_what_a_user_writes_is_a_wish() -> None:
    wish = parse_fault("O03:delay=2.5,symbol=AAPL,times=3,client=7,account=DU1@0.05")

    assert wish.fault.id == "O03"
    assert wish.values == {"delay": Decimal("2.5")}
    assert (wish.symbol, wish.account, wish.client, wish.times) == ("AAPL", "DU1", 7, 3)
    assert wish.rate == Decimal("0.05")
    assert parse_fault("L07:on=cancel").point is Point.CANCEL


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Z01", "there is no fault Z01"),
        ("O03:delay", "delay is not name=value"),
        ("O03:delay=x", "not a number"),
        ("O03:size=1", "has no parameter size"),
        ("O03:times=-1", "times=-1: not a whole number"),
        ("O03:on=fill", "O03 does not strike on fill, but on: place"),
        ("O03@x", "x is no rate"),
        ("O03@1.5", "a rate is between 0 and 1"),
    ],
)
def test_nonsense_is_refused_with_a_reason(text: str, words: str) -> None:
    with pytest.raises(FaultError, match=words):
        parse_fault(text)


def test_a_wish_strikes_as_often_as_it_says() -> None:
    deck = Deck()
    deck.arm(make_wish("O03", {"times": 2}))
    deck.arm(make_wish("O08", {"times": 0}))

    assert struck(deck, Point.PLACE, times=4) == ["O03", "O08", "O03", "O08", "O08", "O08"]
    assert struck(deck, Point.CANCEL) == []

    deck.clear()

    assert not deck
    assert struck(deck, Point.PLACE) == []


@pytest.mark.parametrize(
    ("words", "target", "fits"),
    [
        ({"symbol": "AAPL"}, Target(symbol="MSFT"), False),
        ({"symbol": "AAPL"}, Target(symbol="AAPL"), True),
        ({"symbol": "AAPL"}, Target(), True),
        ({"account": "DU1"}, Target(account="DU2"), False),
        ({"client": 7}, Target(client=7), True),
        ({"client": 7}, Target(client=8), False),
        ({"of": "open"}, Target(listing="executions"), False),
        ({"of": "open"}, Target(listing="open"), True),
        ({}, Target(listing="open"), True),
    ],
)
def test_a_wish_strikes_only_whom_it_means(
    words: dict[str, object], target: Target, *, fits: bool
) -> None:
    wish = make_wish("Q01", words)

    assert wish.fits(Point.QUERY, target) is fits


def test_too_many_wishes_are_refused() -> None:
    deck = Deck()
    for _ in range(ARMED_MAX):
        deck.arm(make_wish("O01", {}))
    with pytest.raises(FaultError, match="more than 1000"):
        deck.arm(make_wish("O01", {}))


def test_a_plan_strikes_about_as_often_as_its_rates_say() -> None:
    deck = Deck()
    deck.follow(FaultPlan(seed=3, rates={"O03": 0.1, "O08": "1", "O01": 0}))
    ids = struck(deck, Point.PLACE, times=2000)

    assert ids.count("O08") == 2000
    assert 150 < ids.count("O03") < 250
    assert "O01" not in ids


def test_a_plan_draws_what_is_not_set_and_keeps_what_is() -> None:
    deck = Deck()
    deck.follow(FaultPlan(seed=3, rates={"E02:change=price,delay=7": 1}))
    values = [fired.values for _ in range(20) for fired in deck.draw(Point.FILL, Target())]

    assert {each["delay"] for each in values} == {Decimal(7)}
    assert {each["change"] for each in values} == {"price"}

    deck.follow(FaultPlan(seed=3, rates={"O03": 1}))
    drawn = {f.values["delay"] for _ in range(20) for f in deck.draw(Point.PLACE, Target())}

    assert len(drawn) > 10


def test_a_plan_may_name_the_point() -> None:
    deck = Deck()
    deck.follow(FaultPlan(rates={"L07:on=cancel": 1, "L01": 1}))

    assert struck(deck, Point.CANCEL) == ["L07"]
    assert struck(deck, Point.PLACE) == ["L01"]


def test_texts_become_a_plan() -> None:
    plan = FaultPlan.of(["O03@0.5", "L14:delay=2"], seed=4)

    assert plan == FaultPlan(4, {"O03": "0.5"}, ("L14:delay=2",))
    with pytest.raises(FaultError, match="no fault X"):
        FaultPlan.of(["X"])


def test_the_log_says_what_struck_whom() -> None:
    deck = Deck()
    fired = make_wish("O03", {"delay": 5}).fired()
    target = Target(client=1, symbol="AAPL", order_id=7)
    deck.note(NOW, fired, Point.PLACE, target)
    deck.note(NOW, make_wish("O01", {}).fired(), Point.PLACE, Target())

    assert [str(record) for record in deck.log] == [
        "2026-03-09 14:30:00.000000 O03 place client 1 order 7 AAPL delay=5",
        "2026-03-09 14:30:00.000000 O01 place",
    ]


def test_chance_is_the_same_for_a_seed_and_fair() -> None:
    one, same, other = Chance(1), Chance(1), Chance(2)
    drawn = [one.below(10) for _ in range(1000)]

    assert drawn == [same.below(10) for _ in range(1000)]
    assert drawn != [other.below(10) for _ in range(1000)]
    assert {drawn.count(number) > 70 for number in range(10)} == {True}
    assert not any(one.happens(Decimal(0)) for _ in range(100))
    assert all(one.happens(Decimal(1)) for _ in range(100))

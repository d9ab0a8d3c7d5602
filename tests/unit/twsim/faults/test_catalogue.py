from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from twsim.faults.catalogue import CATALOGUE, fault_of, lines
from twsim.faults.chance import Chance
from twsim.faults.effects import EFFECTS
from twsim.faults.kinds import FaultError, Parameter, Point, choice, count, seconds
from twsim.faults.page import page

PAGE = Path(__file__).parents[4] / "docs/twsim-faults.md"


def test_there_are_the_72_of_the_reliability_plan() -> None:
    families = Counter(fault_id[0] for fault_id in CATALOGUE)

    assert families == {"L": 16, "A": 10, "O": 18, "C": 6, "E": 9, "P": 6, "Q": 7}
    assert all(fault_id == fault.id for fault_id, fault in CATALOGUE.items())


def test_every_fault_has_an_effect_and_every_effect_a_fault() -> None:
    assert list(EFFECTS) == list(CATALOGUE)


def test_every_fault_comes_up_in_a_plan() -> None:
    assert Point.NOW not in {fault.plan_point for fault in CATALOGUE.values()}


def test_the_page_of_faults_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "make docs writes it anew"


def test_each_line_says_what_a_fault_does_and_takes() -> None:
    assert lines()[28].split() == [
        "O03",
        "place",
        "Nothing",
        "is",
        "heard",
        "of",
        "the",
        "order",
        "for",
        "a",
        "while,",
        "though",
        "it",
        "works",
        "and",
        "fills;",
        "delay=5",
        "(0..600)",
    ]


def test_an_unknown_fault_or_parameter_is_named() -> None:
    with pytest.raises(FaultError, match="there is no fault O99"):
        fault_of("O99")
    with pytest.raises(FaultError, match="O03 has no parameter size; it has: delay"):
        fault_of("O03").parameter("size")
    with pytest.raises(FaultError, match="O01 has no parameter size; it has: none"):
        fault_of("O01").parameter("size")


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        (seconds("delay", "5", "0", "60"), "2.5", Decimal("2.5")),
        (count("rows", 1, 0, 9), "9", 9),
        (choice("mode", "late", "none"), "none", "none"),
        (Parameter("name", ""), "x y", "x y"),
        (Parameter("cents", 5), "-20", -20),
    ],
)
def test_a_parameter_reads_what_a_user_writes(
    parameter: Parameter, text: str, value: object
) -> None:
    assert parameter.read(text) == value


@pytest.mark.parametrize(
    ("parameter", "text", "words"),
    [
        (seconds("delay", "5", "0", "60"), "61", "delay=61: not 0 to 60"),
        (seconds("delay", "5", "0", "60"), "x", "not a number"),
        (seconds("delay", "5", "0", "60"), "NaN", "not 0 to 60"),
        (count("rows", 1, 0, 9), "1.5", "not a number"),
        (choice("mode", "late", "none"), "never", "not one of late, none"),
    ],
)
def test_a_parameter_refuses_nonsense(parameter: Parameter, text: str, words: str) -> None:
    with pytest.raises(FaultError, match=words):
        parameter.read(text)


def test_a_drawn_value_is_within_its_range_and_not_beyond_twice_the_default() -> None:
    chance = Chance(1)
    delays = [seconds("delay", "5", "1", "60").draw(chance) for _ in range(200)]
    rows = {count("rows", 2, 0, 9).draw(chance) for _ in range(200)}
    words = {choice("mode", "a", "b").draw(chance) for _ in range(50)}

    assert all(Decimal(1) <= Decimal(delay) <= 10 for delay in delays)
    assert len(set(delays)) > 100
    assert rows == {0, 1, 2, 3, 4}
    assert words == {"a", "b"}
    assert Parameter("cash", 7).draw(chance) == 7
    assert seconds("lasts", "0", "0", "9").draw(chance) == 0

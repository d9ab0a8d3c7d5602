from __future__ import annotations

import pytest

from paperdesk.broker.error_codes import (
    LINK_EFFECTS,
    ORDER_EFFECTS,
    LinkEffect,
    effect_of,
    link_effect_of,
)
from paperdesk.domain.reports import Effect


@pytest.mark.parametrize(
    "code", [103, 110, 200, 201, 203, 321, 387, 388, 434, 435, 460, 461, 10052, 10243, 10268]
)
def test_a_definitive_reject_rejects(code: int) -> None:
    assert effect_of(code).effect is Effect.REJECTED


def test_the_end_of_an_order_cancels_it() -> None:
    assert effect_of(202).effect is Effect.CANCELLED


@pytest.mark.parametrize("code", [399, 404, 10349, 10167, 2100, 2109, 2137, 2161, 2199])
def test_a_notice_leaves_the_order_alive(code: int) -> None:
    assert effect_of(code).effect is Effect.INFORMATION


@pytest.mark.parametrize("code", [100, 104, 105, 135, 136, 161, 10147, 10148, 10149])
def test_an_answer_to_a_cancel_says_nothing_certain(code: int) -> None:
    assert effect_of(code).effect is Effect.AMBIGUOUS


def test_a_warning_of_liquidation_concerns_the_account() -> None:
    assert effect_of(2148).effect is Effect.LOCKS_ACCOUNT


@pytest.mark.parametrize("code", [0, -1, 1, 102, 2099, 2200, 99999])
def test_the_unknown_is_not_guessed(code: int) -> None:
    assert effect_of(code).effect is Effect.AMBIGUOUS
    assert effect_of(code).source == "unlisted"


def test_every_row_names_its_source() -> None:
    sources = [row.source for row in ORDER_EFFECTS.values()]
    sources += [source for _, source in LINK_EFFECTS.values()]

    assert all(sources)


@pytest.mark.parametrize(
    ("code", "effect"),
    [
        (326, LinkEffect.ID_IN_USE),
        (1100, LinkEffect.LOST),
        (2110, LinkEffect.LOST),
        (1101, LinkEffect.RESTORED),
        (1102, LinkEffect.RESTORED),
        (1300, LinkEffect.OVER),
        (502, LinkEffect.OVER),
        (504, LinkEffect.OVER),
        (507, LinkEffect.OVER),
        (100, LinkEffect.TOO_FAST),
        (10197, LinkEffect.COMPETING),
    ],
)
def test_some_codes_concern_the_connection(code: int, effect: LinkEffect) -> None:
    assert link_effect_of(code) is effect


@pytest.mark.parametrize("code", [2103, 2104, 2105, 2106, 2107, 2108, 2119, 2157, 2158, 10182])
def test_a_data_farm_is_not_the_connection(code: int) -> None:
    assert link_effect_of(code) is None

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from twsim.exchange.contracts import Query
from twsim.exchange.refusals import Refusal
from twsim.exchange.tickets import Ticket, judge
from twsim_makers import ACCOUNT, OTHER_ACCOUNT, contract, contracts, make_ticket

INVALID = "Error validating request.-'bC' : cause - "


@pytest.mark.parametrize(
    ("ticket", "code", "text"),
    [
        (make_ticket(account=""), 435, "You must specify an account."),
        (make_ticket(account="DU999"), 321, INVALID + "Invalid account DU999"),
        (
            replace(make_ticket(), order_type="STP"),
            321,
            INVALID + "Invalid order type was entered",
        ),
        (make_ticket(side="HOLD"), 321, INVALID + "Invalid order action was entered"),
        (make_ticket(tif="GTD"), 10052, "Invalid time in force:GTD"),
        (make_ticket(tif=""), 10052, "Invalid time in force:Empty"),
        (
            make_ticket(quantity="0.5"),
            10243,
            (
                "Fractional-sized order cannot be placed via API."
                " Please use desktop version to place this order."
            ),
        ),
        (make_ticket(quantity="0"), 434, "The order size cannot be zero."),
        (make_ticket(quantity="-5"), 434, "The order size cannot be zero."),
        (make_ticket(quantity="1e300"), 434, "The order size cannot be zero."),
        (make_ticket(limit="0"), 321, INVALID + "A limit order needs a limit price"),
        (make_ticket(limit="-1"), 321, INVALID + "A limit order needs a limit price"),
        (
            replace(make_ticket(), order_type="LMT"),
            321,
            INVALID + "A limit order needs a limit price",
        ),
        (
            make_ticket(symbol="NOPE"),
            200,
            "No security definition has been found for the request",
        ),
        (
            make_ticket(symbol="TWIN"),
            200,
            "The contract description specified for TWIN is ambiguous.",
        ),
        (
            make_ticket(limit="150.005"),
            110,
            "The price does not conform to the minimum price variation for this contract.",
        ),
    ],
)
def test_a_bad_ticket_is_refused_in_ibs_words(ticket: Ticket, code: int, text: str) -> None:
    assert judge(ticket, contracts(), [ACCOUNT, OTHER_ACCOUNT]) == Refusal(code, text)


def test_a_good_ticket_becomes_terms() -> None:
    terms = judge(make_ticket(limit="150.25", tif="GTC"), contracts(), [ACCOUNT])

    assert not isinstance(terms, Refusal)
    assert terms.contract == contract("AAPL")
    assert terms.limit_price == Decimal("150.25")
    assert terms.exchange == "SMART"


def test_a_market_order_has_no_limit_whatever_was_written() -> None:
    ticket = replace(make_ticket(), limit_price=Decimal("150.005"))
    terms = judge(ticket, contracts(), [ACCOUNT])

    assert not isinstance(terms, Refusal)
    assert terms.limit_price is None


def test_the_only_account_need_not_be_named() -> None:
    terms = judge(make_ticket(account=""), contracts(), [ACCOUNT])

    assert not isinstance(terms, Refusal)
    assert terms.account == ACCOUNT


def test_an_unnamed_exchange_is_smart() -> None:
    ticket = replace(make_ticket(), query=Query(con_id=265598))
    terms = judge(ticket, contracts(), [ACCOUNT])

    assert not isinstance(terms, Refusal)
    assert terms.exchange == "SMART"

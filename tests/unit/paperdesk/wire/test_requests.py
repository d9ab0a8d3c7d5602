from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import NOW
from paperdesk.domain.batch import Target
from paperdesk.domain.vocabulary import TimeInForce
from paperdesk.errors import BadRequest
from paperdesk.wire.parsing import parse_json
from paperdesk.wire.reading import HINTED_MAX
from paperdesk.wire.requests import BATCH_FIELDS, BatchRequest, parse_batch, parse_submission

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([0, 100, "AAPL", "DAY", 0.5])
    | st.text(max_size=6)
)
ANY = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["symbol", "quantity", "x"]), inner)
    ),
    max_leaves=5,
)
FIELDS = (
    "symbol", "quantity", "limit_price", "expected_price", "tolerance_pct", "time_in_force",
    "outside_rth", "limit_prce",
)  # fmt: skip


def parse(body: str) -> BatchRequest:
    return parse_submission(parse_json(body.encode()))


def row(fields: str) -> Target:
    """Return the target of a row that has `fields` beside symbol and quantity."""
    extra = f", {fields}" if fields else ""
    return parse(f'{{"orders": [{{"symbol": "AAPL", "quantity": 1{extra}}}]}}').targets[0]


def breaches(body: str) -> dict[str, str]:
    with pytest.raises(BadRequest) as raised:
        parse(body)
    return {error.field: error.message for error in raised.value.errors}


def row_breaches(fields: str) -> dict[str, str]:
    return breaches(f'{{"orders": [{{{fields}}}]}}')


def breach(fields: str) -> str:
    """Return the words of the only breach of a row that has `fields` beside its symbol."""
    (message,) = row_breaches(f'"symbol": "AAPL", {fields}').values()
    return message


def test_the_example_of_the_contract_is_understood() -> None:
    request = parse(
        """{"account_id": "DU8730189",
            "orders": [{"symbol": "AAPL", "quantity": 100, "limit_price": 150.50,
                        "expected_price": 150.00, "tolerance_pct": 0.5}]}"""
    )

    (target,) = request.targets
    assert request.account_id == "DU8730189"
    assert (target.symbol, target.quantity) == ("AAPL", 100)
    assert str(target.limit_price) == "150.50"
    assert str(target.expected_price) == "150.00"
    assert target.tolerance_pct == Decimal("0.5")
    assert target.time_in_force is TimeInForce.DAY
    assert target.outside_rth is False
    assert target.requested_symbol is None


def test_null_means_absent_for_an_optional_field() -> None:
    request = parse(
        """{"account_id": null, "unlisted": null, "preview_id": null, "as_of": null,
            "valid_until": null,
            "orders": [{"symbol": "AAPL", "quantity": 1, "limit_price": null,
                        "expected_price": null, "tolerance_pct": null,
                        "time_in_force": null, "outside_rth": null}]}"""
    )

    assert request == BatchRequest(None, (row(""),))


@pytest.mark.parametrize("quantity", ["100", "100.0", "1e2", "100.000", "1000e-1"])
def test_a_quantity_is_a_whole_number_however_it_is_written(quantity: str) -> None:
    request = parse(f'{{"orders": [{{"symbol": "AAPL", "quantity": {quantity}}}]}}')

    assert request.targets[0].quantity == 100
    assert type(request.targets[0].quantity) is int


@pytest.mark.parametrize("zero", ["0", "-0", "0.0", "0e99999"])
def test_a_target_of_zero_closes(zero: str) -> None:
    request = parse(f'{{"orders": [{{"symbol": "AAPL", "quantity": {zero}}}]}}')

    assert request.targets[0].quantity == 0


@pytest.mark.parametrize("edge", [1_000_000_000, -1_000_000_000])
def test_the_largest_quantities_are_accepted(edge: int) -> None:
    request = parse(f'{{"orders": [{{"symbol": "AAPL", "quantity": {edge}}}]}}')

    assert request.targets[0].quantity == edge


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        ("100.5", "must be a whole number of shares, not 100.5"),
        ("0.1", "must be a whole number"),
        ("1e-999999", "must be a whole number"),
        ("true", "must be a JSON number, not true"),
        ('"100"', "must be a JSON number, not a string"),
        ("[1]", "must be a JSON number, not a list"),
        ("{}", "must be a JSON number, not an object"),
        ("1000000001", "must lie within ±1,000,000,000"),
        ("-1000000001", "must lie within ±1,000,000,000"),
        ("1e999999999", "must lie within ±1,000,000,000"),
        ("null", "is missing: add it"),
    ],
)
def test_a_quantity_that_is_none_is_refused(quantity: str, words: str) -> None:
    assert words in breach(f'"quantity": {quantity}')


@pytest.mark.parametrize("price", ["150.50", "1e2", "0.00000001", "999999999.99999999", "1"])
def test_a_price_keeps_its_digits(price: str) -> None:
    assert row(f'"limit_price": {price}').limit_price == Decimal(price)


@pytest.mark.parametrize("name", ["limit_price", "expected_price"])
@pytest.mark.parametrize(
    ("price", "words"),
    [
        ("0", "above 0"),
        ("-1", "above 0"),
        ("1000000000", "below 1,000,000,000"),
        ("1e999999999", "below 1,000,000,000"),
        ("0.000000001", "at most 8 decimals"),
        ("1e-999999999", "at most 8 decimals"),
        ("true", "must be a JSON number, not true"),
        ('"150.10"', "must be a JSON number, not a string"),
    ],
)
def test_a_price_that_is_none_is_refused(name: str, price: str, words: str) -> None:
    assert words in breach(f'"quantity": 1, "{name}": {price}')


def test_padding_zeros_are_no_decimals() -> None:
    assert row('"limit_price": 1.500000000000').limit_price == Decimal("1.5")


@pytest.mark.parametrize("tolerance", ["0", "99.99", "0.30000000000000004"])
def test_a_tolerance_is_from_0_to_below_100(tolerance: str) -> None:
    target = row(f'"expected_price": 1, "tolerance_pct": {tolerance}')

    assert target.tolerance_pct == Decimal(tolerance)


@pytest.mark.parametrize("tolerance", ["-0.1", "100", "1e9", '"1"', "false", "1e-99999"])
def test_a_tolerance_that_is_none_is_refused(tolerance: str) -> None:
    assert breach(f'"quantity": 1, "expected_price": 1, "tolerance_pct": {tolerance}')


def test_a_tolerance_alone_is_refused_and_an_expected_price_alone_is_not() -> None:
    assert breach('"quantity": 1, "tolerance_pct": 1') == "needs expected_price: add it"
    assert row('"expected_price": 1').expected_price == 1


def test_a_tolerance_beside_a_limit_price_only_feeds_the_report() -> None:
    assert row('"limit_price": 1, "tolerance_pct": 1').tolerance_pct == 1


def test_outside_rth_is_for_limit_orders() -> None:
    assert row('"outside_rth": true, "limit_price": 1').outside_rth
    assert row('"outside_rth": true, "expected_price": 1, "tolerance_pct": 1').outside_rth
    assert not row('"outside_rth": false').outside_rth
    assert "needs a limit order" in breach('"quantity": 1, "outside_rth": true')
    assert "needs a limit" in breach('"quantity": 1, "outside_rth": true, "expected_price": 1')
    assert "true or false" in breach('"quantity": 1, "outside_rth": 1, "limit_price": 1')


def test_time_in_force_is_one_of_three_words() -> None:
    assert row('"time_in_force": "IOC"').time_in_force is TimeInForce.IOC
    assert breach('"quantity": 1, "time_in_force": "day"') == "must be one of DAY, GTC, IOC"
    assert breach('"quantity": 1, "time_in_force": 3') == "must be one of DAY, GTC, IOC"
    assert breach('"quantity": 1, "time_in_force": []') == "must be one of DAY, GTC, IOC"


@pytest.mark.parametrize(
    ("given", "symbol"),
    [("BRK B", "BRK B"), ("BRK.B", "BRK B"), ("brk.b", "BRK B"), (" aapl ", "AAPL")],
)
def test_a_symbol_is_spelled_as_ibkr_does_and_the_callers_spelling_is_kept(
    given: str, symbol: str
) -> None:
    request = parse(json.dumps({"orders": [{"symbol": given, "quantity": 1}]}))

    assert request.targets[0].symbol == symbol
    assert request.targets[0].requested_symbol == (given if given != symbol else None)


@pytest.mark.parametrize(
    "symbol", ["", "  ", "A" * 33, "AA\tPL", "AAPL\n", "A\x00", "ſ", "É", "\ud800", "AB/C"]
)
def test_a_symbol_that_is_none_is_refused_in_printable_words(symbol: str) -> None:
    (message,) = breaches(json.dumps({"orders": [{"symbol": symbol, "quantity": 1}]})).values()

    assert "is not a symbol" in message
    assert message.isprintable()


@pytest.mark.parametrize("symbol", ["1", "true", "[]", "null"])
def test_a_symbol_is_a_string(symbol: str) -> None:
    found = row_breaches(f'"symbol": {symbol}, "quantity": 1')

    assert list(found) == ["orders[0].symbol"]


def test_a_symbol_given_twice_is_refused_in_any_spelling() -> None:
    found = breaches(
        '{"orders": [{"symbol": "BRK.B", "quantity": 1}, {"symbol": "AAPL", "quantity": 1},'
        ' {"symbol": "brk b", "quantity": 1}]}'
    )

    assert found == {
        "orders[2].symbol": 'is "BRK B" again, as in orders[0]: give a symbol once'
    }


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ("[]", None, "The body must be a JSON object, not a list"),
        ("1", None, "The body must be a JSON object, not a number"),
        ("null", None, "The body must be a JSON object, not null"),
        ("{}", "orders", "is missing"),
        ('{"orders": null}', "orders", "is missing"),
        ('{"orders": []}', "orders", "is empty"),
        ('{"orders": {}}', "orders", "must be a list of objects, not an object"),
        ('{"orders": [1]}', "orders[0]", "must be an object, not a number"),
        ('{"orders": [null]}', "orders[0]", "must be an object, not null"),
        ('{"orders": [], "account_id": 1}', "account_id", "must be a string, not a number"),
        ('{"orders": [], "acount_id": "x"}', "acount_id", "did you mean account_id?"),
        ('{"orders": [], "unlisted": "open"}', "unlisted", 'must be "close", or left out'),
        ('{"orders": [], "unlisted": true}', "unlisted", 'must be "close", or left out'),
        ('{"orders": [], "as_of": "now"}', "as_of", '"now" is not a time such as 2026-03-09T'),
        ('{"orders": [], "as_of": 1773066600}', "as_of", "must be a string, not a number"),
        ('{"orders": [], "valid_until": ""}', "valid_until", '"" is not a time such as'),
        ('{"preview_id": 1}', "preview_id", "must be a string, not a number"),
        ('{"preview_id": "x", "prview": 1}', "prview", "did you mean preview_id?"),
        ('{"preview_idd": "x"}', "preview_idd", "did you mean preview_id?"),
    ],
)
def test_a_body_of_another_shape_is_refused(body: str, field: str | None, words: str) -> None:
    with pytest.raises(BadRequest) as raised:
        parse(body)

    assert words in raised.value.detail
    assert field is None or field in {error.field for error in raised.value.errors}


def test_a_batch_may_close_what_is_not_listed_and_be_of_a_time_and_for_a_time() -> None:
    request = parse(
        """{"orders": [{"symbol": "AAPL", "quantity": 1}], "unlisted": "close",
            "as_of": "2026-03-09T09:30:00-05:00",
            "valid_until": "2026-03-09T14:31:00.5Z"}"""
    )

    assert request.closes_unlisted
    assert request.as_of == NOW
    assert request.valid_until == NOW + timedelta(minutes=1, seconds=0.5)


def test_a_preview_is_sent_by_its_id_alone() -> None:
    assert parse('{"preview_id": "x"}') == BatchRequest(preview_id="x")
    assert parse('{"preview_id": "x", "orders": null}') == BatchRequest(preview_id="x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("account_id", '"DU8730189"'),
        ("orders", '[{"symbol": "AAPL", "quantity": 1}]'),
        ("orders", "[]"),
        ("unlisted", '"close"'),
        ("as_of", '"2026-03-09T14:30:00Z"'),
        ("valid_until", '"2026-03-09T14:30:00Z"'),
    ],
)
def test_nothing_may_stand_beside_a_preview_id(name: str, value: str) -> None:
    found = breaches(f'{{"preview_id": "x", "{name}": {value}}}')

    assert found == {name: "cannot stand beside preview_id, which says it all: remove it"}


def test_a_preview_of_a_preview_is_refused() -> None:
    with pytest.raises(BadRequest) as raised:
        parse_batch({"preview_id": "x", "orders": [{"symbol": "AAPL", "quantity": 1}]})

    (error,) = raised.value.errors
    assert error.field == "preview_id"
    assert error.message.startswith("is for POST /api/v1/orders")


def test_the_published_fields_are_the_ones_that_are_read() -> None:
    """An optional field is refused for its value here, and never as unknown."""
    wrong = dict.fromkeys(BATCH_FIELDS, False)
    found = breaches(json.dumps(wrong))

    assert set(found) == set(BATCH_FIELDS)
    assert not any("is not a known field" in message for message in found.values())


def test_a_mistyped_limit_price_never_becomes_a_market_order() -> None:
    found = row_breaches('"symbol": "AAPL", "quantity": 1, "limit_prce": 1')

    assert found == {"orders[0].limit_prce": "is not a known field: did you mean limit_price?"}


def test_a_question_needs_no_full_stop() -> None:
    with pytest.raises(BadRequest) as raised:
        parse('{"orders": [{"symbol": "AAPL", "quantity": 1, "limit_prce": 1}]}')

    assert raised.value.detail == (
        "orders[0].limit_prce is not a known field: did you mean limit_price?"
    )


def test_only_the_first_unknown_fields_are_named_with_the_nearest_one() -> None:
    rows = [{"symbol": f"S{i}", "quantity": 1, "limit_prce": 1} for i in range(HINTED_MAX + 1)]
    found = breaches(json.dumps({"orders": rows}))

    assert len(found) == HINTED_MAX + 1
    assert found["orders[99].limit_prce"].endswith("did you mean limit_price?")
    assert found["orders[100].limit_prce"] == "is not a known field"


def test_unknown_fields_are_named_up_to_a_number() -> None:
    many = ", ".join(f'"zz{i}": 1' for i in range(9))

    found = row_breaches(f'"symbol": "AAPL", "quantity": 1, {many}')

    assert len(found) == 6
    assert found["orders[0]"] == "has 4 more unknown fields"


def test_at_most_a_thousand_orders_are_accepted() -> None:
    rows = [{"symbol": f"A{i}", "quantity": i} for i in range(1001)]

    assert len(parse(json.dumps({"orders": rows[:1000]})).targets) == 1000
    assert "at most 1,000" in breaches(json.dumps({"orders": rows}))["orders"]


def test_every_bad_row_is_named_and_the_sentence_stays_short() -> None:
    rows = [{"symbol": f"A{i}", "quantity": 0.5} for i in range(700)]
    with pytest.raises(BadRequest) as raised:
        parse(json.dumps({"orders": rows}))

    assert len(raised.value.errors) == 700
    assert raised.value.detail.endswith("and 697 more, see errors.")


@given(st.dictionaries(st.sampled_from(FIELDS), ANY))
def test_any_row_gives_a_request_or_a_bad_request(fields: dict[str, object]) -> None:
    document = {"orders": [{"symbol": "AAPL", "quantity": 1, **fields}]}
    try:
        request = parse(json.dumps(document))
    except BadRequest as error:
        error.detail.encode()  # whatever was sent, the words can be sent back
        return

    assert len(request.targets) == 1


@given(st.dictionaries(st.sampled_from((*BATCH_FIELDS, "preview_id", "x")), ANY))
def test_any_members_of_a_batch_give_a_request_or_a_bad_request(body: dict[str, Any]) -> None:
    try:
        request = parse(json.dumps(body))
    except BadRequest as error:
        error.detail.encode()
        return

    assert (request.preview_id is None) == bool(request.targets)


@given(ANY)
def test_any_document_gives_a_request_or_a_bad_request(document: object) -> None:
    try:
        parse(json.dumps(document))
    except BadRequest:
        return
    pytest.fail("nothing that is generated here is a valid batch")

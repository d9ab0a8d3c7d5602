from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperdesk.errors import BadRequest
from paperdesk.wire.parsing import (
    DEPTH_MAX,
    VALUES_MAX,
    Json,
    fingerprint,
    parse_json,
    shown,
)
from paperdesk.wire.requests import ORDERS_MAX, TARGET_FIELDS

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)

BATCH = (
    b'{"account_id":"DU8730189","orders":[{"symbol":"BRK.B","quantity":-100,"limit_price":150.50,'
    b'"outside_rth":true,"tolerance_pct":null},{"symbol":"\\u00c4\\n","quantity":0}]}'
)
NUMBERS = (
    b"[0,-0.0,100,1.50,-0.00125,1e2,-7E-9,123456789012345678901234567890,1e999999999,[],{}]"
)


def refusal(raw: bytes) -> str:
    with pytest.raises(BadRequest) as raised:
        parse_json(raw)
    return raised.value.detail


def test_numbers_keep_the_digits_that_were_sent() -> None:
    assert parse_json(b"[150.50, 100, 1e2]") == [Decimal("150.50"), 100, Decimal("1E+2")]
    assert str(parse_json(b"150.50")) == "150.50"


def test_a_byte_order_mark_is_no_part_of_the_document() -> None:
    assert parse_json(b"\xef\xbb\xbf{}") == {}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "The body is empty"),
        (b" \n", "The body is empty"),
        (b"{", "not valid JSON"),
        (b"{} {}", "not valid JSON: Extra data (line 1, column 4)"),
        (b"{'a': 1}", "not valid JSON"),
        (b"[1,]", "not valid JSON"),
        (b"\xff", "not UTF-8"),
        (b"NaN", "NaN is no JSON number"),
        (b"[-Infinity]", "-Infinity is no JSON number"),
        (b'{"a": 1, "a": 1}', 'The member "a" is given twice'),
        (b'{"a": 1, "\\u0061": 2}', 'The member "a" is given twice'),
        (b'[{"b": {"x": 1, "y": 1, "x": 1}}]', 'The member "x" is given twice'),
        (b"[" * 40 + b"]" * 40, "nested deeper than 32 levels"),
        (b"[" * 30_000 + b"]" * 30_000, "nested deeper than 32 levels"),
        (b'{"a":' * 30_000 + b"1" + b"}" * 30_000, "nested deeper than 32 levels"),
        (b"9" * 5_000, "A number has 5000 characters"),
        (b"0." + b"9" * 5_000, "A number has 5002 characters"),
        (b"1e" + b"9" * 30, "out of every range"),
    ],
)
def test_what_is_not_exactly_one_json_document_is_refused(raw: bytes, words: str) -> None:
    assert words in refusal(raw)


def test_the_deepest_document_that_is_read_is_as_deep_as_the_bound() -> None:
    within, beyond = DEPTH_MAX - 1, DEPTH_MAX

    parse_json(b"[" * within + b"1" + b"]" * within)
    assert "nested deeper" in refusal(b"[" * beyond + b"1" + b"]" * beyond)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" + b"0," * VALUES_MAX + b"0]",
        b"{" + b",".join(b'"%d":0' % i for i in range(VALUES_MAX // 2 + 1)) + b"}",
        b"[" + b"[[[[[]]]]]," * (VALUES_MAX // 6 + 1) + b"[]]",
        b"[" * VALUES_MAX + b"[",  # refused before it is found to be no JSON
    ],
)
def test_more_values_than_any_batch_needs_are_refused_unread(raw: bytes) -> None:
    assert refusal(raw) == (
        "The body has more than 40,000 values: send at most 1,000 orders in one batch."
    )


def test_as_many_values_as_the_bound_are_read() -> None:
    document = parse_json(b"[" + b"0," * (VALUES_MAX - 2) + b"0]")

    assert document == [0] * (VALUES_MAX - 1)


def test_the_largest_batch_stays_far_below_the_bound_of_values() -> None:
    row = dict.fromkeys(TARGET_FIELDS, 1)
    raw = json.dumps({"account_id": "", "orders": [row] * ORDERS_MAX}, indent=1).encode()
    twice = b"[" + raw + b"," + raw + b"]"

    assert parse_json(twice) == [parse_json(raw)] * 2


def test_a_number_with_a_vast_exponent_is_read_without_being_written_out() -> None:
    assert parse_json(b"1e999999999") == Decimal("1e999999999")
    assert len(fingerprint(parse_json(b"[1e999999999, 1e-999999999]"))) == 64


@given(st.binary(max_size=60))
def test_any_bytes_are_a_document_or_a_bad_request(raw: bytes) -> None:
    try:
        document = parse_json(raw)
    except BadRequest:
        return

    assert fingerprint(document)


@given(ANY_JSON)
def test_the_fingerprint_does_not_depend_on_layout_or_member_order(document: Json) -> None:
    compact = json.dumps(document, separators=(",", ":")).encode()
    spread = json.dumps(_reversed(document), indent=2, ensure_ascii=True).encode()

    assert fingerprint(parse_json(compact)) == fingerprint(parse_json(spread))


@given(ANY_JSON, ANY_JSON)
def test_different_documents_have_different_fingerprints(one: Json, other: Json) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)

    assert (fingerprint(one) == fingerprint(other)) is same


@given(
    st.decimals(-(10**9), 10**9, places=6, allow_nan=False, allow_infinity=False),
    st.integers(0, 9),
)
def test_the_spelling_of_a_number_does_not_change_the_fingerprint(
    number: Decimal, zeros: int
) -> None:
    padded = f"{number:f}".encode() + b"0" * zeros
    with_exponent = f"{number:e}".encode()

    assert fingerprint(parse_json(padded)) == fingerprint(parse_json(with_exponent))


@pytest.mark.parametrize("same", [b"100", b"100.0", b"1e2", b"1E+2", b"1000e-1"])
def test_a_hundred_is_a_hundred(same: bytes) -> None:
    assert fingerprint(parse_json(same)) == fingerprint(100)


@pytest.mark.parametrize("zero", [b"0", b"-0", b"0.00", b"-0.0", b"0e10"])
def test_zero_is_zero(zero: bytes) -> None:
    assert fingerprint(parse_json(zero)) == fingerprint(0)


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        (b"null", "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"),
        (BATCH, "34be51c10d0b4089bf20c2ee6fe69bcf87bb15b76c7ef6b9338e99b24a38fe71"),
        (NUMBERS, "eb95a7da3bd82a62dc5573db0f062bb8ecdf80cba4f70c5a712f530557bc1769"),
    ],
)
def test_a_fingerprint_that_is_stored_is_still_the_same(raw: bytes, stored: str) -> None:
    """A key used before an upgrade must replay its answer after it."""
    assert fingerprint(parse_json(raw)) == stored


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"true", b"1"),
        (b'"1"', b"1"),
        (b"null", b"false"),
        (b"[]", b"{}"),
        (b"[[1],2]", b"[[1,2]]"),
        (b'{"a":null}', b"{}"),
        (b"[1,2]", b"[2,1]"),
        (b"-1", b"1"),
    ],
)
def test_what_means_something_else_has_another_fingerprint(one: bytes, other: bytes) -> None:
    assert fingerprint(parse_json(one)) != fingerprint(parse_json(other))


def test_what_a_caller_sent_is_repeated_short_and_printable() -> None:
    assert shown("a\n\x00\ud800b") == "a\\n\\x00\\ud800b"
    assert shown("x" * 100) == "x" * 64 + "…"


def _reversed(document: Json) -> Json:
    match document:
        case dict():
            return {name: _reversed(document[name]) for name in reversed(document)}
        case list():
            return [_reversed(entry) for entry in document]
        case _:
            return document

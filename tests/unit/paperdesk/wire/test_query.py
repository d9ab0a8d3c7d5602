from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperdesk.domain.events import EventType
from paperdesk.domain.vocabulary import BatchId
from paperdesk.errors import BadRequest
from paperdesk.wire.query import PARAMETERS, Query, before_of, cursor_of, parse_query

OF_EVENTS = ("types", "account_id", "batch_id", "since_id", "until_event")
ALL = tuple(key for key in PARAMETERS if key != "until_event")  # `until` is a time there


def breaches(raw: bytes, allowed: tuple[str, ...] = ALL) -> dict[str, str]:
    with pytest.raises(BadRequest) as raised:
        parse_query(raw, allowed)
    return {error.field: error.message for error in raised.value.errors}


def test_an_empty_query_is_all_defaults() -> None:
    assert parse_query(b"", ()) == Query()
    assert parse_query(b"", ALL).limit == 50


def test_every_parameter_is_understood() -> None:
    query = parse_query(
        b"account_id=DU8730189&client=c1&symbol=brk.b&since=2026-03-09T14:30:00Z"
        b"&until=2026-03-09T14:31:00Z&batch_id=a1b2c3d4e5f67890"
        b"&limit=200&cursor=abc&wait=2.5&allow_stale=true",
        ALL,
    )

    assert query == Query(
        account_id="DU8730189",
        client="c1",
        symbol=query.symbol,
        batch_id=BatchId("a1b2c3d4e5f67890"),
        since=datetime(2026, 3, 9, 14, 30, tzinfo=UTC),
        until=datetime(2026, 3, 9, 14, 31, tzinfo=UTC),
        limit=200,
        cursor="abc",
        wait_seconds=2.5,
        allow_stale=True,
    )
    assert query.symbol == "BRK B"


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-09T14:30:00Z",
        "2026-03-09T14:30:00%2B00:00",
        "2026-03-09T14:30:00+00:00",
        "2026-03-09t14:30:00z",
        "2026-03-09T09:30:00-05:00",
        "2026-03-09T14:30:00.000000Z",
        "2026-03-09%2014:30:00%2B00:00",
        "2026-03-09T15:30:00+01:00",
    ],
)
def test_a_time_may_end_in_z_or_in_a_plus_that_arrives_as_a_blank(text: str) -> None:
    since = parse_query(f"since={text}".encode(), ALL).since

    assert since == datetime(2026, 3, 9, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-03-09", "2026-03-09T14:30:00", "2026-13-09T14:30:00Z",
     "2026-03-09T24:30:00Z", "0001-01-01T00:00:00%2B23:59", "1773066600", "٢٠٢٦-03-09T14:30:00Z"],
)  # fmt: skip
def test_a_time_that_is_none_is_refused(text: str) -> None:
    raw = f"since={quote(text, safe='%+:')}".encode()

    assert "is not a time such as" in breaches(raw)["since"]


@pytest.mark.parametrize("text", ["", "nothing", "A1B2C3D4E5F67890", "a1b2c3d4e5f678901"])
def test_a_batch_id_is_16_hex_digits(text: str) -> None:
    assert "16" in breaches(f"batch_id={text}".encode())["batch_id"]


@pytest.mark.parametrize("text", ["0", "201", "-1", "1.0", "x", "", "1e2", "9" * 30])
def test_a_limit_is_from_1_to_200(text: str) -> None:
    assert breaches(f"limit={text}".encode()) == {
        "limit": "must be a whole number from 1 to 200"
    }


@pytest.mark.parametrize(
    "text", ["-1", "60.001", "61", "nan", "inf", "", "1e2", "1e9999", "1e", "x"]
)
def test_a_wait_is_from_0_to_60_seconds(text: str) -> None:
    assert breaches(f"wait={text}".encode())["wait"].endswith("from 0 to 60")


@pytest.mark.parametrize("text", ["0", "60", "60.0", "0.25", "1e1", "2.220446049250313e-16"])
def test_a_wait_is_any_spelling_of_a_number(text: str) -> None:
    assert parse_query(f"wait={text}".encode(), ALL).wait_seconds == float(text)


@pytest.mark.parametrize(
    ("raw", "field", "words"),
    [
        (b"acount_id=x", "acount_id", "did you mean account_id?"),
        (b"zzz=1", "zzz", "known are account_id"),
        (b"limit=1&limit=1", "limit", "is given twice"),
        (b"allow_stale=yes", "allow_stale", "must be true or false"),
        (b"allow_stale", "allow_stale", "must be true or false"),
        (b"account_id=", "account_id", "must not be empty"),
        (b"symbol=%09", "symbol", "is not a symbol"),
        (b"symbol=%FF", "the query", "is not percent-encoded UTF-8"),
        (b"symbol=\xff", "the query", "is not percent-encoded UTF-8"),
        (b"a=1&" * 40, "the query", "has more than 32 parameters"),
    ],
)
def test_a_query_that_is_not_understood_is_refused(raw: bytes, field: str, words: str) -> None:
    assert words in breaches(raw)[field]


def test_a_call_without_parameters_says_so() -> None:
    assert breaches(b"wait=1", ()) == {
        "wait": "is not a query parameter of this call: there are none here"
    }


@given(st.binary(max_size=40))
def test_any_query_is_understood_or_a_bad_request(raw: bytes) -> None:
    try:
        parse_query(raw, ALL)
    except BadRequest as error:
        error.detail.encode()


@given(st.integers(0, 2**63 - 1))
def test_a_cursor_comes_back_as_the_number_it_was_made_of(before: int) -> None:
    assert before_of("batches", cursor_of("batches", before)) == before


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%%%",
        "é",
        cursor_of("executions", 1),
        cursor_of("batches", 2**63),
        "YmF0Y2hlczoxx",
    ],
)
def test_a_cursor_that_is_none_of_the_listing_is_refused(cursor: str) -> None:
    with pytest.raises(BadRequest, match="use next_cursor of the page before"):
        before_of("batches", cursor)


@given(st.text(max_size=30))
def test_any_cursor_is_understood_or_a_bad_request(cursor: str) -> None:
    try:
        before = before_of("batches", cursor)
    except BadRequest:
        return

    assert before is not None


FAMILIES = sorted({kind.partition(".")[0] for kind in EventType})
PARTS = st.sampled_from([*EventType, *(f"{family}.*" for family in FAMILIES)]).map(str)


@given(st.lists(PARTS, min_size=1))
def test_types_are_what_is_named_and_what_begins_as_a_family(parts: list[str]) -> None:
    query = parse_query(f"types={quote(','.join(parts))}".encode(), OF_EVENTS)

    assert query.types == frozenset(
        kind for kind in EventType if kind in parts or f"{kind.partition('.')[0]}.*" in parts
    )


@given(st.lists(PARTS | st.text("order.*,fil", max_size=8)).map(",".join))
def test_types_are_refused_just_where_their_published_pattern_does(text: str) -> None:
    pattern = str(PARAMETERS["types"].schema["pattern"])
    raw = f"types={quote(text)}".encode()
    if re.fullmatch(pattern.strip("^$"), text):
        assert parse_query(raw, OF_EVENTS).types
    else:
        assert set(breaches(raw, OF_EVENTS)) == {"types"}


def test_until_is_the_end_of_a_batch_of_the_stream_and_a_time_elsewhere() -> None:
    until = parse_query(b"until=batch.final", OF_EVENTS).until_event

    assert until is EventType.BATCH_FINAL
    assert set(breaches(b"until=batch.final")) == {"until"}
    assert set(breaches(b"until_event=batch.final", OF_EVENTS)) == {"until_event"}

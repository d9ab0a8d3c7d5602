"""The stream of events without a socket."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperdesk.client.stream import LINE_BYTES_MAX, Following, SseParser
from paperdesk.errors import Unauthorized, Unreachable

CUTS = st.lists(st.integers(0, 10_000), max_size=40)
TEXTS = st.lists(st.text(st.characters(exclude_characters="\r\n"), min_size=1), max_size=6)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(places)]


def sse(id: int | None, kind: str = "order.filled", **data: object) -> bytes:
    event = {"id": id, "type": kind, "data": data}
    head = "" if id is None else f"id: {id}\n"
    return f"{head}event: {kind}\ndata: {json.dumps(event)}\n\n".encode()


@given(TEXTS, CUTS, st.sampled_from(["\n", "\r\n", "\r"]))
def test_any_split_of_the_bytes_gives_the_same_events(
    texts: list[str], cuts: list[int], end: str
) -> None:
    stream = "".join(f": a comment{end}id: 1{end}data:{t}{end}data: 2{end}{end}" for t in texts)
    parser = SseParser()
    found = [e for piece in pieces(stream.encode(), cuts) for e in parser.feed(piece)]

    assert found == [t.removeprefix(" ").encode() + b"\n2" for t in texts]


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    parser = SseParser()
    for _ in range(4):
        assert parser.feed(b"x" * (LINE_BYTES_MAX // 4)) == []
    with pytest.raises(Unreachable, match="has no end"):
        parser.feed(b"x")


@given(CUTS, st.lists(st.integers(1, 8), max_size=5))
def test_over_any_breaks_every_event_comes_once_and_in_order(
    cuts: list[int], breaks: list[int]
) -> None:
    following = Following(since_id=0)
    seen: list[int] = []
    sessions = [*breaks, 8]
    for last in sessions:
        asked = int(following.request().headers["Last-Event-ID"])
        # A service that tells an event again does no harm.
        data = b"".join(sse(i) for i in range(max(1, asked), last + 1)) + b"data: {cut"
        for piece in pieces(data, cuts):
            seen += [event.id or 0 for event in following.feed(piece)]

    assert seen == list(range(1, 9))


def test_a_live_stream_that_breaks_before_its_first_event_goes_on_from_its_beginning() -> None:
    following = Following(types="order.*")
    assert "Last-Event-ID" not in following.request().headers
    following.feed(sse(None, "stream.ready", head_id=41))

    assert following.request().headers["Last-Event-ID"] == "41"


def test_a_batch_is_told_from_its_beginning_and_to_its_end() -> None:
    following = Following(batch_id="a1b2c3d4e5f67890", until="batch.final")
    following.feed(sse(None, "stream.ready", head_id=41))
    assert "Last-Event-ID" not in following.request().headers
    following.feed(sse(7, "order.filled") + sse(9, "batch.final"))

    assert following.is_over
    assert following.request().params == {
        "batch_id": "a1b2c3d4e5f67890",
        "until": "batch.final",
    }


def test_a_batch_that_was_told_to_its_end_before_is_not_asked_for_for_ever() -> None:
    following = Following(batch_id="a1b2c3d4e5f67890", until="batch.final", since_id=9)
    following.feed(sse(None, "stream.ready", head_id=9) + sse(None, "stream.bye"))
    following.end()
    assert not following.is_over, "it was the service that ended"
    following.request()
    following.feed(sse(None, "stream.ready", head_id=9))
    following.end()
    assert following.is_over


def test_another_ledger_begins_anew() -> None:
    following = Following(since_id=900)
    following.feed(sse(None, "stream.reset", head_id=3))

    assert [event.id for event in following.feed(sse(3) + sse(4))] == [4]


def test_what_is_no_event_ends_the_line() -> None:
    with pytest.raises(Unreachable, match="no event of Paperdesk"):
        Following().feed(b"data: hello\n\n")


def test_a_stream_that_never_began_is_given_up_and_one_that_did_never_is() -> None:
    gone = Unreachable("gone")
    with pytest.raises(Unreachable):
        Following(retry_seconds=0).pause_after(gone)
    patient = Following(retry_seconds=1)
    assert [patient.pause_after(gone) for _ in range(2)] == [0.2, 0.5]
    with pytest.raises(Unreachable):
        patient.pause_after(gone)
    begun = Following(retry_seconds=0)
    begun.feed(sse(1))
    assert [begun.pause_after(gone) for _ in range(6)] == [0.2, 0.5, 1.0, 2.0, 4.0, 4.0]
    with pytest.raises(Unauthorized):
        begun.pause_after(Unauthorized("no"))

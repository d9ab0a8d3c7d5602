from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import NOW
from paperdesk.domain.events import OF_BATCH, OF_STATE, Event, EventType
from paperdesk.domain.order import OrderState
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName
from paperdesk.wire.events import (
    CONTROLS,
    EVENTS,
    Control,
    Environment,
    EventBody,
    Form,
    body_of,
    framed,
)

ROOT: Final = Path(__file__).parents[4]
PAGE: Final = (ROOT / "docs/events.md").read_text(encoding="utf-8")
ANY_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]))
DATA: Final = st.dictionaries(ANY_TEXT, ANY_TEXT | st.integers(-(2**53), 2**53) | st.none())
BODIES: Final = st.builds(
    EventBody,
    id=st.integers(1, 2**53) | st.none(),
    type=st.sampled_from([*EventType, *Control]).map(str),
    timestamp=st.just("2026-03-09T14:30:00+00:00"),
    environment=st.sampled_from(Environment),
    account_id=st.none() | st.just("DU8730189"),
    batch_id=st.none() | st.just("a1b2c3d4e5f67890"),
    data=DATA.map(lambda data: msgspec.Raw(msgspec.json.encode(data))),
)


def dispatched(stream: str) -> list[tuple[str | None, str, str]]:
    """Return what a browser makes of a stream, by the words of the standard: id, type, data."""
    found = []
    last_id: str | None = None
    for block in re.split(r"(?:\r\n|\n|\r){2}", stream):
        kind, data = "message", []
        for line in re.split(r"\r\n|\n|\r", block):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match name:
                case "event":
                    kind = value
                case "data":
                    data.append(value)
                case "id":
                    last_id = value
        if data:
            found.append((last_id, kind, "\n".join(data)))
    return found


@given(st.lists(BODIES, max_size=5))
def test_a_browser_is_told_each_event_whole_and_remembers_the_last_id(
    bodies: list[EventBody],
) -> None:
    heard = dispatched(framed(bodies, Form.SSE).decode())

    lines = framed(bodies, Form.LINES).decode().split("\n")
    assert [data for _, _, data in heard] == lines[:-1]
    assert [kind for _, kind, _ in heard] == [body.type for body in bodies]
    remembered = None
    for (last_id, _, _), body in zip(heard, bodies, strict=True):
        remembered = remembered if body.id is None else str(body.id)
        assert last_id == remembered


@given(BODIES)
def test_a_line_is_one_object_with_its_members_in_order(body: EventBody) -> None:
    line = framed([body], Form.LINES)

    assert line.count(b"\n") == 1
    assert list(json.loads(line)) == [
        "id", "type", "timestamp", "environment", "account_id", "batch_id", "data",
    ]  # fmt: skip
    assert json.loads(line)["data"] == json.loads(bytes(body.data))


def make_event(body: str, client: str | None = "client1") -> Event:
    return Event(
        7,
        NOW,
        EventType.FILL_CREATED,
        AccountId("DU8730189"),
        BatchId("a1b2c3d4e5f67890"),
        None if client is None else ClientName(client),
        body,
    )


@pytest.mark.parametrize(
    ("reader", "client", "is_named"),
    [
        (None, "client1", True),
        ("client1", "client1", True),
        ("client2", None, True),
        ("client2", "client1", False),
    ],
)
def test_only_its_own_client_is_told_the_name_of_a_batch(
    reader: Any, client: str | None, *, is_named: bool
) -> None:
    body = '{"price":150.12345678,"order_ref":"pd-a1b2-0","batch_id":"a1b2c3d4e5f67890"}'
    told = body_of(make_event(body, client), Environment.PAPER, reader)

    assert (told.batch_id is not None) == is_named
    data = bytes(told.data).decode()
    assert data == (body if is_named else re.sub(r'"(pd-)?a1b2[^"]*"', "null", body))


def test_every_type_has_its_words_and_its_place_on_the_page() -> None:
    assert set(EVENTS) == set(EventType)
    assert set(CONTROLS) == set(Control)
    for kind in (*EventType, *Control):
        assert f"| `{kind}` |" in PAGE


def test_every_state_of_an_order_that_anybody_hears_of_has_a_type() -> None:
    assert set(OrderState) - set(OF_STATE) == {OrderState.PLANNED}
    assert set(OF_STATE.values()) < OF_BATCH

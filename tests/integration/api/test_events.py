"""The event stream, over real sockets: what is told to whom, what is missed, how it ends."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from front import BODY, ORDERS, OTHER_ACCOUNT, Front, open_front, order, orders_of, until
from makers import ACCOUNT
from paperdesk.api import connection, events, ratelimit
from paperdesk.ledger.store import SqlLedger
from streams import EVENTS, LINES, Listener, listening, never_reading, served
from twsim import Gateway

BIG = 4_000  # bytes of an event, so that a few thousand are more than a socket holds


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with open_front(tmp_path) as opened:
        yield opened


@pytest.fixture
async def url(front: Front) -> AsyncIterator[str]:
    async with served(front.app) as address:
        yield address


async def trade(front: Front, quantity: int = 100, name: str = "trader", **more: Any) -> str:
    """Trade AAPL; return the batch once it is final and paid."""
    async with front.caller(name) as caller:
        body = orders_of(order(quantity=quantity), **more)
        batch = (await caller.post(ORDERS, json=body)).json()["batch_id"]
        shown = (await caller.get(f"{ORDERS}/{batch}?wait=10")).json()
    assert shown["summary"]["on_target"], shown
    return str(batch)


def fill_up(front: Front, count: int) -> None:
    """Let the ledger hold as many large events more."""
    front.execute(
        "INSERT INTO stream (id, at, type, account_id, body) "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
        "SELECT (SELECT max(id) FROM stream) + i, '2026-03-09T14:30:00.000000', "
        "'account.updated', 'DU8730189', ? FROM n",
        count,
        json.dumps({"filler": "x" * BIG}),
    )


# ── What is told ──────────────────────────────────────────────────────────────────────────────


async def test_a_stream_is_server_sent_events_that_nobody_keeps(front: Front, url: str) -> None:
    batch = await trade(front)
    query = f"?batch_id={batch}&until=batch.final"
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(
            f"{url}{EVENTS}{query}", headers={"X-API-Key": "key-of-trader"}
        )

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    first, *frames, last, nothing = answer.text.split("\n\n")
    assert nothing == ""
    assert first.startswith('event: stream.ready\ndata: {"id":null,"type":"stream.ready"')
    fields = [line.partition(": ")[0] for line in last.splitlines()]
    assert fields == ["id", "event", "data"]
    envelope = json.loads(last.partition("data: ")[2])
    assert list(envelope) == [
        "id", "type", "timestamp", "environment", "account_id", "batch_id", "data",
    ]  # fmt: skip
    assert last.startswith(f"id: {envelope['id']}\nevent: {envelope['type']}\n")
    assert envelope["environment"] == "paper"
    assert any("event: order.filled" in frame for frame in frames)


async def test_an_order_is_followed_from_post_to_fill(front: Front, url: str) -> None:
    async with listening(url, "trader") as heard:
        batch = await trade(front)
        final = await heard.until("batch.final")
        await heard.until("fill.corrected")

    async with front.caller("trader") as caller:
        shown = (await caller.get(f"{ORDERS}/{batch}")).json()
        executed = (await caller.get("/api/v1/executions")).json()["executions"]
    assert final["data"]["summary"] == shown["summary"]
    (filled,) = (event for event in heard.events if event["type"] == "order.filled")
    assert filled["data"] | {"commission": None} == shown["orders"][0] | {"commission": None}
    assert [heard.events[-1]["data"]] == executed
    assert {event["batch_id"] for event in heard.events} == {batch, None}


async def test_without_an_id_only_what_comes_is_told(front: Front, url: str) -> None:
    old = await trade(front)
    async with listening(url) as heard:
        new = await trade(front, 50)
        await heard.until("batch.final")

    assert heard.heard[0]["data"]["head_id"] == heard.events[0]["id"] - 1
    assert {event["batch_id"] for event in heard.events} == {new, None}
    assert old not in json.dumps(heard.heard)


async def test_a_heartbeat_tells_of_the_gateways_that_the_key_may_use(
    front: Front, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.1)
    async with listening(url, "other") as heard, listening(url) as all_heard:
        beats = [await heard.until("heartbeat", 2), await all_heard.until("heartbeat")]

    (theirs,), (every,) = (beat["data"]["gateways"] for beat in beats)
    assert theirs["accounts"] == {OTHER_ACCOUNT: True}
    assert every["accounts"] == {ACCOUNT: True, OTHER_ACCOUNT: True}
    assert theirs["is_up"]
    assert theirs["gateway"].startswith("127.0.0.1:")
    assert beats[1]["data"]["head_id"] == all_heard.heard[0]["data"]["head_id"]
    assert beats[0]["id"] is None


async def test_a_lost_gateway_is_told_and_told_once(front: Front, url: str) -> None:
    async with listening(url, account_id=ACCOUNT, types="connection.*", since_id=0) as heard:
        front.gateway.drop_connections()
        down = await heard.until("connection.down")
        await heard.until("connection.up", 2)
        await asyncio.sleep(0.2)

    told = [event["type"] for event in heard.events]
    assert told == ["connection.up", "connection.down", "connection.up"]
    assert down["data"] | {"reason": ""} == {
        "account_id": ACCOUNT,
        "connected": False,
        "reason": "",
    }
    assert down["data"]["reason"]


# ── To whom ───────────────────────────────────────────────────────────────────────────────────


async def all_told(url: str, name: str, **asked: Any) -> list[dict[str, Any]]:
    """Return all that a client is told of what happened so far."""
    async with listening(url, name, since_id=0, **asked) as heard:
        await heard.until("heartbeat")
        return heard.events


async def test_everybody_is_told_what_is_his(
    front: Front, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.2)
    own, foreign = await trade(front), await trade(front, 70, "rival")
    elsewhere = await trade(front, 5, account_id=OTHER_ACCOUNT)
    async with front.caller("admin") as admin:
        await admin.post("/api/v1/halt", json={"reason": "drill"})
        await admin.post("/api/v1/resume", json={"reason": "over"})

    every = await all_told(url, "auditor")
    trader = await all_told(url, "trader")
    other = await all_told(url, "other")
    rival_in_one = await all_told(url, "rival", account_id=ACCOUNT)

    assert [event["id"] for event in every] == list(range(1, len(every) + 1))
    assert {event["batch_id"] for event in trader} == {own, elsewhere, None}
    assert foreign not in json.dumps(trader)
    fills = [event["data"] for event in trader if event["type"] == "fill.created"]
    assert [(fill["batch_id"], bool(fill["order_ref"])) for fill in fills] == [
        (own, True), (None, False), (elsewhere, True),
    ]  # fmt: skip
    assert ACCOUNT not in json.dumps(other)
    assert own not in json.dumps(other) + json.dumps(rival_in_one)
    assert {event["account_id"] for event in other} == {OTHER_ACCOUNT, None}
    kinds = Counter(event["type"] for event in other)
    assert (kinds["halt.set"], kinds["halt.released"], kinds["fill.created"]) == (1, 1, 1)
    assert not {kind for kind in kinds if kind.startswith(("order.", "batch."))}
    assert OTHER_ACCOUNT not in json.dumps(rival_in_one)


async def test_a_filter_lets_through_what_it_names(
    front: Front, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.2)
    first, second = await trade(front), await trade(front, 50)

    fills = await all_told(url, "trader", types="fill.created,order.filled")
    of_batch = await all_told(url, "trader", batch_id=second)

    assert [event["type"] for event in fills] == ["fill.created", "order.filled"] * 2
    assert {event["batch_id"] for event in of_batch} == {second}
    assert first not in json.dumps(of_batch)


# ── What was missed ───────────────────────────────────────────────────────────────────────────


async def test_nothing_is_missing_and_nothing_comes_twice_over_a_restart(
    tmp_path: Path,
) -> None:
    seen: list[int] = []
    async with Gateway() as gateway:
        for quantity in (10, 20, 30):
            async with (
                open_front(tmp_path, gateway=gateway) as front,
                served(front.app) as url,
            ):
                await trade(front, quantity)  # nobody listens
                async with listening(url, last_event_id=seen[-1] if seen else 0) as heard:
                    await trade(front, quantity + 5)
                    await heard.until("batch.final", 2)
                seen += [event["id"] for event in heard.events]

    assert seen == list(range(1, len(seen) + 1))


async def test_the_header_wins_over_the_query(front: Front, url: str) -> None:
    await trade(front)
    async with listening(url, since_id=1, last_event_id=3) as heard:
        await heard.until("batch.final")

    assert heard.events[0]["id"] == 4


async def test_an_id_of_another_ledger_is_told_and_it_goes_on_from_the_head(
    front: Front, url: str
) -> None:
    async with listening(url, since_id=1_000_000) as heard:
        reset = await heard.until("stream.reset")
        await trade(front)
        await heard.until("batch.final")

    assert reset["data"] == {"head_id": heard.heard[0]["data"]["head_id"]}
    assert heard.events[0]["id"] == reset["data"]["head_id"] + 1


# ── How it ends ───────────────────────────────────────────────────────────────────────────────


async def test_until_its_end_a_batch_is_told_from_its_beginning_whenever_one_asks(
    front: Front, url: str
) -> None:
    front.gateway.hold_fills("AAPL")
    async with front.caller("trader") as trader:
        batch = (await trader.post(ORDERS, content=BODY)).json()["batch_id"]
        asked = {"batch_id": batch, "until": "batch.final"}
        async with listening(url, "trader", **asked) as live:
            await live.until("order.acknowledged")
            front.gateway.release_fills("AAPL")
            await live.until_over()
        await trader.get(f"{ORDERS}/{batch}?wait=5")
        late = await trader.get(EVENTS, params=asked, headers=LINES)
        from_its_end = await trader.get(
            EVENTS, params=asked, headers=LINES | {"Last-Event-ID": "100000"}
        )

    lines = [json.loads(line) for line in late.text.splitlines()]
    assert live.types[:2] == ["stream.ready", "batch.accepted"]
    assert live.types[-1] == "batch.final"
    assert lines[1 : len(live.heard)] == live.events
    assert [json.loads(line)["type"] for line in from_its_end.text.splitlines()] == [
        "stream.ready", "stream.reset",
    ]  # fmt: skip


async def test_a_stop_of_the_service_says_goodbye(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        front = await stack.enter_async_context(open_front(tmp_path))
        url = await stack.enter_async_context(served(front.app))
        heard = await stack.enter_async_context(listening(url))
        await front.desk.stop()
        await heard.until_over()

    assert heard.heard[-1]["type"] == "stream.bye"
    assert heard.heard[-1]["data"] == {"reason": "shutdown"}


async def test_a_revoked_key_hears_no_more(
    front: Front, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.2)
    async with front.caller("admin") as admin:
        made = [
            (await admin.post("/api/v1/keys", json={"name": name})).json()
            for name in ("idle", "busy")
        ]
        async with listening(url, key=made[0]["key"]) as idle:
            await admin.delete(f"/api/v1/keys/{made[0]['id']}")
            await idle.until_over()
        monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 60.0)
        async with listening(url, key=made[1]["key"]) as busy:
            await admin.delete(f"/api/v1/keys/{made[1]['id']}")
            await trade(front)
            await busy.until_over()

    for heard in (idle, busy):
        assert heard.heard[-1]["data"] == {"reason": "unauthorized"}
        assert heard.events == []


async def test_a_lost_ledger_ends_a_stream_and_says_so(
    front: Front, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.2)
    async with listening(url) as heard:
        with front.without("stream"):
            await heard.until_over()
            async with front.caller("auditor") as caller:
                refused = await caller.get(EVENTS)

    assert heard.heard[-1]["data"] == {"reason": "ledger-unavailable"}
    assert refused.status_code == 503


# ── Who does not read, and who is many ────────────────────────────────────────────────────────


@contextmanager
def pages_asked(front: Front) -> Iterator[list[str]]:
    """Collect the questions to the ledger for a page of events."""
    asked: list[str] = []
    ledger = front.desk._ledger
    assert isinstance(ledger, SqlLedger)

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "stream.body" in statement:
            asked.append(statement)

    sa.event.listen(ledger._owned.reader, "before_cursor_execute", note)
    yield asked
    sa.event.remove(ledger._owned.reader, "before_cursor_execute", note)


async def test_who_never_reads_is_dropped_and_another_sees_its_fill_meanwhile(
    front: Front, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "TAKE_SECONDS", 0.5)
    fill_up(front, 5_000)
    async with never_reading(url, query="?since_id=0") as asking, listening(url) as heard:
        await trade(front)
        await heard.until("order.filled")
        await asyncio.sleep(1)
        left = 0
        with suppress(ConnectionResetError):  # its line was cut
            while part := await asyncio.get_running_loop().sock_recv(asking, 1_000_000):
                left += len(part)

    assert left < 5_000 * BIG


async def test_who_reads_too_late_is_told_what_it_missed(
    front: Front, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "UNREAD_SECONDS", 0.3)
    fill_up(front, 5_000)
    with pages_asked(front) as asked:
        async with never_reading(url, query="?since_id=0") as asking:
            known = 0
            while not asked or len(asked) > known:  # until the next page is not asked for
                known = len(asked)
                await asyncio.sleep(1)
            said = b""
            while not said.endswith(b"0\r\n\r\n"):
                said += await asyncio.get_running_loop().sock_recv(asking, 1_000_000)

    lines = [line for line in said.split(b"\r\n") if line.startswith(b"{")]
    last = json.loads(lines[-1])
    numbers = [
        int(number)
        for number in (part.partition(b",")[0] for part in said.split(b'{"id":')[1:])
        if number != b"null"
    ]
    assert last["type"] == "stream.lagged"
    assert last["data"]["from"] == numbers[-1] + 1
    assert last["data"]["to"] > last["data"]["from"]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_many_listeners_cost_one_question_for_each_commit(front: Front, url: str) -> None:
    async with AsyncExitStack() as stack:
        heard = [await stack.enter_async_context(listening(url)) for _ in range(50)]
        with pages_asked(front) as asked:
            await trade(front)
            ends = [await each.until("batch.final") for each in heard]

    assert len(asked) < 25  # of some ten commits; each listener alone would ask 500
    heads = [
        [e for e in each.events if e["batch_id"] and e["id"] <= ends[0]["id"]] for each in heard
    ]
    assert all(head == heads[0] for head in heads)


async def test_one_client_may_listen_half_as_often_as_all(
    front: Front, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ratelimit, "LISTENERS_MAX", 4)
    async with (
        listening(url, "trader"),
        listening(url, "trader"),
        listening(url, "rival"),
        front.caller("trader") as trader,
    ):
        refused = await trader.get(EVENTS)
        fine = await trader.get(ORDERS)
    async with listening(url, "trader"):
        pass

    assert (refused.status_code, fine.status_code) == (429, 200)
    assert refused.headers["retry-after"] == "1"


# ── What is asked wrongly ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("types=order", "types"),
        ("types=order.*,,fill.*", "types"),
        ("types=", "types"),
        ("since_id=-1", "since_id"),
        ("since_id=x", "since_id"),
        ("since_id=99999999999999999999", "since_id"),
        ("until=batch.final", "until"),
        ("until=order.filled&batch_id=a1b2c3d4e5f67890", "until"),
        ("batch_id=x", "batch_id"),
        ("account_id=DU1", "account_id"),
        ("limit=5", "limit"),
        ("since_id=1&since_id=2", "since_id"),
    ],
)
async def test_a_wrong_query_is_refused_by_name(front: Front, query: str, field: str) -> None:
    async with front.caller("trader") as trader:
        answer = await trader.get(f"{EVENTS}?{query}")

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert [entry["field"] for entry in answer.json()["errors"]] == [field]


async def test_what_is_no_id_is_refused_in_the_header_too(front: Front) -> None:
    async with front.caller("trader") as trader:
        answer = await trader.get(EVENTS, headers={"Last-Event-ID": "x"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Last-Event-ID"


async def test_a_batch_of_another_client_is_not_there(front: Front) -> None:
    batch = await trade(front)
    async with front.caller("rival") as rival:
        answers = [
            await rival.get(EVENTS, params={"batch_id": which})
            for which in (batch, "a1b2c3d4e5f67890")
        ]

    assert [answer.status_code for answer in answers] == [404, 404]


async def test_the_head_of_a_stream_can_be_asked_for_alone(front: Front) -> None:
    async with front.caller("reader") as reader:
        head = await reader.head(EVENTS)
        options = await reader.options(EVENTS)

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"].startswith("text/event-stream")
    assert head.headers["cache-control"] == "no-cache"
    assert options.json() == {"allow": ["GET", "HEAD", "OPTIONS"]}


async def test_a_listener_that_goes_leaves_nothing_behind(front: Front, url: str) -> None:
    async with listening(url) as heard:
        assert isinstance(heard, Listener)
        assert "everything" in front.desk._feed._watchers
    await until(lambda: "everything" not in front.desk._feed._watchers)

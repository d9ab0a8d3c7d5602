"""The SDK against a real service and its simulated gateway, over real sockets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep

import pandas as pd
import pytest

import paperdesk
from integration.client.dropping import dropping
from paperdesk.client import AsyncClient, Client
from paperdesk.errors import (
    BadRequest,
    BatchFailed,
    Halted,
    NotFound,
    PreviewStale,
    Unauthorized,
    Unreachable,
)

ACCOUNT, OTHER = "DU8730189", "DUP203550"


def test_targets_are_traded_and_what_came_of_them_is_typed(client: Client) -> None:
    batch = client.submit({"AAPL": 120, "MSFT": -80}).wait(timeout=20).raise_for_exceptions()

    assert batch.is_on_target
    assert [(o.symbol, o.filled_qty, o.action) for o in batch] == [
        ("AAPL", 120, "BUY"),
        ("MSFT", 80, "SELL"),
    ]
    assert {p.symbol: p.quantity for p in client.positions()} == {"AAPL": 120, "MSFT": -80}
    assert client.targets().on_target == 2
    assert {e.batch_id for e in client.executions(symbol="AAPL")} == {batch.batch_id}
    frame = client.positions().to_pandas()
    again = client.submit(frame[["quantity"]]).wait(timeout=20)
    assert [order.status for order in again] == ["no_change", "no_change"]
    assert client.batches(limit=1)[0].batch_id == again.batch_id
    assert client.batch(batch.batch_id).is_final


def test_what_filled_is_not_told_as_none_before_it_is_known(client: Client) -> None:
    """The answer to a submission has statuses, and no fills: 0 would be a wrong number."""
    batch = client.submit({"ORCL": 3}, wait=20)
    assert [(order.status, order.filled_qty) for order in batch] == [("Filled", None)]
    assert batch.to_pandas()["filled_qty"].isna().all()

    assert [order.filled_qty for order in batch.refresh()] == [3]


def test_a_preview_sends_nothing_until_it_is_sent_and_only_once(client: Client) -> None:
    before = len(client.batches())
    preview = client.preview(pd.DataFrame({"symbol": ["IBM"], "quantity": [10.0]}))
    assert (preview[0].action, preview[0].qty) == ("BUY", 10)
    assert len(client.batches()) == before

    sent = client.send(preview).wait(timeout=20)
    assert sent.is_on_target
    with pytest.raises(PreviewStale) as stale:
        client.send(preview)
    assert stale.value.problem is not None
    assert stale.value.problem["code"] == "preview-stale"
    assert stale.value.request_id
    assert not stale.value.retryable


def test_an_answer_that_is_lost_makes_no_second_batch(client: Client) -> None:
    before = len(client.batches())
    with dropping(client.place.url) as line, Client(line.url, client.place.key) as through:
        line.drops = 1
        batch = through.submit({"KO": 7})

    assert len(line.keys) == 2
    assert len(set(line.keys)) == 1
    assert [head.batch_id for head in client.batches(limit=1)] == [batch.batch_id]
    assert len(client.batches()) == before + 1


def test_pages_are_turned_by_the_client(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shares in range(1, 6):
        client.submit({"GE": shares}).wait(timeout=20)

    monkeypatch.setattr("paperdesk.client.calls.PAGE_ROWS", 2)

    assert [row.quantity for row in client.executions(symbol="GE")] == [1] * 5
    assert len(client.executions(symbol="GE", limit=3)) == 3
    late = datetime.now(UTC) + timedelta(hours=1)
    assert len(client.executions(since=late)) == 0


def test_a_batch_that_ends_short_says_which_row_and_why(client: Client) -> None:
    batch = client.submit({"NOSUCH": 1, "AAPL": 120}).wait(timeout=20)

    assert not batch.is_on_target
    assert [order.error_code for order in batch.failed] == ["unknown-symbol"]
    with pytest.raises(BatchFailed, match="NOSUCH"):
        batch.raise_for_exceptions()


def test_what_is_not_sent_any_more_after_its_time_is_an_error(client: Client) -> None:
    gone = datetime.now(UTC) - timedelta(seconds=1)
    batch = client.submit({"T": 1}, valid_until=gone)

    assert batch.orders[0].error_code == "expired"


def test_what_an_account_was_worth_is_kept_by_the_minute(client: Client) -> None:
    while not len(points := client.equity()):  # the first as soon as the gateway has told it
        sleep(0.1)

    assert points.account_id == ACCOUNT
    assert points.to_pandas().iloc[0, 0] == float(points[0].net_liquidation)
    assert len(client.equity(since=datetime.now(UTC) + timedelta(days=1))) == 0


def test_a_halt_stops_and_a_resume_lets_go(client: Client) -> None:
    halted = client.halt("a test", account_id=OTHER)
    assert halted.halted
    with pytest.raises(Halted, match="a test"):
        client.submit({"AAPL": 1}, account_id=OTHER)
    account = next(a for a in client.accounts() if a.account_id == OTHER)
    assert account.halt is not None
    assert account.halt.reason == "a test"
    assert not client.resume("done", account_id=OTHER).halted


def test_flatten_closes_what_is_held(client: Client) -> None:
    client.submit({"AAPL": 5}, account_id=OTHER).wait(timeout=20)
    flattened = client.flatten(OTHER, "a test", confirm=OTHER)
    assert flattened.batch_id is not None
    client.batch(flattened.batch_id).wait(timeout=20).raise_for_exceptions()

    assert len(client.positions(OTHER)) == 0
    client.resume("done", account_id=OTHER)


def test_a_cancel_tells_the_state_of_each_order(client: Client) -> None:
    batch = client.submit([{"symbol": "V", "quantity": 1, "limit_price": 1.0}])
    cancelled = batch.cancel()

    assert [row.cancelled for row in cancelled] == [True]
    assert batch.refresh().is_final
    assert client.cancel(batch.batch_id) == cancelled


def test_wrong_keys_batches_and_addresses_have_their_own_exceptions(client: Client) -> None:
    with Client(client.place.url, "wrong") as stranger, pytest.raises(Unauthorized):
        stranger.positions()
    with pytest.raises(NotFound):
        client.batch("0" * 16)
    with (
        Client("http://127.0.0.1:9", "k", retry_seconds=0) as nobody,
        pytest.raises(Unreachable, match=r"nothing answers at http://127\.0\.0\.1:9"),
    ):
        nobody.health()


def test_the_service_is_found_by_the_environment_and_by_the_folder(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PAPERDESK_URL", client.place.url)
    monkeypatch.setenv("PAPERDESK_KEY", client.place.key)
    with paperdesk.Client() as found:
        assert found.accounts()[0].account_id == ACCOUNT
    monkeypatch.delenv("PAPERDESK_KEY")
    Path(".paperdesk").mkdir()
    Path(".paperdesk/key").write_text(client.place.key)
    with paperdesk.Client() as found:
        assert set(found.health().accounts) == {ACCOUNT, OTHER}


async def test_the_awaited_twin_does_the_same(client: Client) -> None:
    async with AsyncClient(client.place.url, client.place.key) as twin:
        batch = await twin.submit({"WMT": 3})
        await batch.wait(timeout=20)
        assert batch.raise_for_exceptions().is_on_target
        held = await twin.positions()
        assert {p.symbol: p.quantity for p in held}["WMT"] == 3
        assert (await (await twin.batch(batch.batch_id)).refresh()).is_final
        assert [r.cancelled for r in await batch.cancel()] == [False]
        with pytest.raises(NotFound):
            await twin.batch("0" * 16)
    async with AsyncClient("http://127.0.0.1:9", "k", retry_seconds=0.1) as nobody:
        with pytest.raises(Unreachable):
            await nobody.health()


def test_the_errors_and_clients_are_found_at_the_top() -> None:
    assert paperdesk.Halted is Halted
    assert paperdesk.Client is Client
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = paperdesk.Nonsense


def test_prices_and_faults_of_the_embedded_gateway_are_set_and_kept_in_the_trail(
    client: Client,
) -> None:
    assert client.simulate(price=("AAPL", 151.25)).price == {"symbol": "AAPL", "price": 151.25}
    assert client.preview({"AAPL": 1})[0].reference_price is not None
    wanted = {"code": "O03", "rate": 0.5, "parameters": {"symbol": "AAPL", "delay": 1}}
    assert client.simulate(fault=wanted).faults == ("O03:on=place,symbol=AAPL,delay=1@0.5",)
    assert client.simulate(clear_faults=True).faults == ()
    for fault in ({"code": "X99"}, {"code": "O03", "parameters": {"fault": "x"}}):
        with pytest.raises(BadRequest):
            client.simulate(fault=fault)
    with pytest.raises(BadRequest, match="no symbol"):
        client.simulate(price=("NOSUCH", 1))
    trail = client.call("GET", "/api/v1/audit", params={"action": "simulate"})["entries"]
    assert [entry["after"] for entry in trail] == [
        {"clear_faults": True},
        {"fault": "O03", "symbol": "AAPL", "delay": "1", "rate": "0.5"},
        {"price": 151.25, "symbol": "AAPL"},
    ]
    client.simulate(drop_connections=True)

"""Each thing is counted once, whatever is told again, comes late, or is found after a restart."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog

from harness import open_house
from makers import ACCOUNT, CLIENT_ID, make_target, recorded
from paperdesk.domain.order import ShownStatus
from paperdesk.domain.reports import StatusReport, Told
from paperdesk.domain.vocabulary import OrderId, PermId
from paperdesk.logs import configure_logs
from paperdesk.metrics import Metrics
from scraping import Page, scrape
from stage import Stage, on_stage
from twsim.exchange.vocabulary import AccountId

ORDERS = "paperdesk_orders_total"
BATCHES = "paperdesk_batches_total"


async def counted(stage: Stage) -> Page:
    """Return the page, once whatever ended had the time to be counted."""
    await asyncio.sleep(5)
    return await scrape(stage.caller)


@on_stage()
async def test_a_fill_after_the_last_answer_is_in_the_stale_one(stage: Stage) -> None:
    assert await stage.held() == 0
    await stage.post(100)
    await stage.settled()
    stage.world.gateway.drop_connections()
    await stage.until_up(up=False)
    stale = (await stage.caller.get("/api/v1/positions?allow_stale=true")).json()
    await stage.until_up()

    assert [(row["symbol"], row["quantity"]) for row in stale["positions"]] == [("AAPL", 100)]
    assert stale["stale"] is True


@on_stage()
async def test_a_trade_is_one_order_one_batch_and_one_of_each_time(stage: Stage) -> None:
    await stage.post(100, expected_price=149)
    page = await counted(stage)

    assert page.get(ORDERS, side="BUY", outcome="filled", reason="none") == 1
    assert page.total(ORDERS) == 1
    assert page.get(BATCHES, client="admin", outcome="on_target") == 1
    assert page.total(BATCHES) == 1
    for name in ("order_ack_seconds", "order_fill_seconds", "batch_duration_seconds"):
        assert page.get(f"paperdesk_{name}_count") == 1
    assert page.get("paperdesk_slippage_bps_count") == 1
    assert page.get("paperdesk_slippage_usd") == pytest.approx(
        page.total("paperdesk_traded_usd_total") - 14_900
    )
    assert page.get("paperdesk_commissions_usd_total") == pytest.approx(0.35)
    assert page.get("paperdesk_targets", account=ACCOUNT, state="reached") == 1
    assert page.get("paperdesk_drift_notional_usd", account=ACCOUNT) == 0


@on_stage()
async def test_reports_that_are_told_again_count_nothing(stage: Stage) -> None:
    batch = await stage.post(100)
    await stage.settled()
    (row,) = (await stage.shown(batch))["orders"]
    for told in (Told.SUBMITTED, Told.FILLED, Told.CANCELLED, Told.FILLED):
        report = StatusReport(
            CLIENT_ID,
            OrderId(row["ibkr_order_id"]),
            PermId(row["perm_id"]),
            told,
            filled=Decimal(100),
        )
        stage.lane.heard(replace(recorded(report), gateway=stage.lane.broker.name))
        await asyncio.sleep(0.1)
    stage.world.gateway.drop_connections()  # the next session tells the day once more
    await asyncio.sleep(60)
    page = await counted(stage)

    assert page.total(ORDERS) == page.total(BATCHES) == 1
    assert page.get("paperdesk_order_ack_seconds_count") == 1
    assert page.total("paperdesk_gateway_reconnects_total") == 1


@on_stage(desk={"resolve_seconds": 3.0})
async def test_a_late_arrival_is_counted_as_what_it_was_first(stage: Stage) -> None:
    gateway = stage.world.gateway
    batch = await stage.post_late()
    before = await scrape(stage.caller)
    gateway.release_fills("AAPL")
    gateway.clear_faults()
    await asyncio.sleep(30)
    after = await scrape(stage.caller)

    assert (await stage.row(batch))["status"] == "Filled"
    for page in (before, after):
        assert page.get(ORDERS, side="BUY", outcome="not_placed", reason="not-placed") == 1
        assert page.total(ORDERS) == page.total(BATCHES) == 2  # MSFT's too


@on_stage()
async def test_a_restart_counts_what_ends_after_it_and_nothing_again(stage: Stage) -> None:
    gateway = stage.world.gateway
    await stage.post(10, "MSFT")
    await stage.settled()
    gateway.hold_fills("AAPL")
    await stage.post(100)
    before = await counted(stage)
    await stage.world.crash()
    await stage.world.start()
    restarted = await counted(stage)
    gateway.release_fills("AAPL")
    await stage.settled()
    after = await counted(stage)

    assert (before.total(ORDERS), before.total(BATCHES)) == (1, 1)
    assert (restarted.total(ORDERS), restarted.total(BATCHES)) == (0, 0)
    assert (after.total(ORDERS), after.total(BATCHES)) == (1, 1)
    assert after.get("paperdesk_order_ack_seconds_count") == 0  # it was answered before


@on_stage(limits={"max_order_quantity": 50})
async def test_what_was_never_sent_is_counted_once_with_why(stage: Stage) -> None:
    await stage.post(100)  # beyond the limit
    await stage.post(5, "NOSUCH")
    await stage.operate("halt", reason="drill", mode="reduce_only")
    await stage.post(5, "MSFT")
    page = await counted(stage)

    for reason in ("limit", "unknown-symbol", "halted"):
        assert page.get(ORDERS, side="none", outcome="refused", reason=reason) == 1
    assert page.total(ORDERS) == 3
    assert page.get(BATCHES, client="admin", outcome="refused") == 3
    assert page.get("paperdesk_halt_active", scope=ACCOUNT, mode="reduce_only") == 1
    assert page.get("paperdesk_halt_active", scope=ACCOUNT, mode="all") == 0
    assert page.get("paperdesk_batch_duration_seconds_count") == 0


@on_stage()
async def test_what_is_withdrawn_and_what_only_keeps_an_order_is_told_apart(
    stage: Stage,
) -> None:
    stage.world.gateway.hold_fills("AAPL")
    batch = await stage.post(100)
    await stage.of("trader").post(100)  # keeps it
    working = await counted(stage)
    await stage.caller.delete(f"/api/v1/orders/{batch['batch_id']}")  # leaves it: it is kept
    stage.world.gateway.release_fills("AAPL")
    await stage.settled()
    resting = await stage.post(5, "MSFT", limit_price=1)
    await stage.withdraw(resting)
    page = await counted(stage)

    assert working.get("paperdesk_open_orders", account=ACCOUNT, state="working") == 1
    assert working.get(BATCHES, client="trader", outcome="on_target") == 1
    assert working.total(BATCHES) == 1
    assert page.get(ORDERS, side="BUY", outcome="cancelled", reason="asked") == 1
    assert page.get(BATCHES, client="admin", outcome="cancelled") == 1
    assert page.total(BATCHES) == 3


@on_stage(positions=((ACCOUNT, "AAPL", 50, 100),))
async def test_a_break_is_counted_when_it_is_seen_first(stage: Stage) -> None:
    await stage.post(50)
    exchange = stage.world.gateway._world.exchange
    contract = exchange.contracts.of_symbol("AAPL")
    # Without an execution: a transfer, say.
    exchange.set_position(AccountId(ACCOUNT), contract.con_id, 70, Decimal(7_000))
    await asyncio.sleep(200)  # it is looked at many times
    page = await counted(stage)

    assert page.get("paperdesk_reconcile_mismatches_total") == 1


@on_stage()
async def test_what_cannot_be_known_has_no_sample(stage: Stage) -> None:
    await stage.post(100)
    stage.world.gateway.inject("L01", on="now", delay=60)
    stage.world.gateway.drop_connections()
    await stage.until_up(up=False)
    down = await counted(stage)

    assert down.total("paperdesk_gateway_up") == 0
    assert down.get("paperdesk_targets", account=ACCOUNT, state="reached") == 1
    assert "paperdesk_drift_notional_usd" not in down.names


@on_stage()
async def test_drift_is_what_is_missing_at_known_prices_or_absent(stage: Stage) -> None:
    async def drift() -> float | None:
        page = await counted(stage)
        return page.get("paperdesk_drift_notional_usd", account=ACCOUNT)

    reached = await drift()
    stage.world.gateway.hold_fills("MSFT")
    await stage.post(10, "MSFT")  # never held, and nobody named a price
    unpriced = await drift()
    await stage.post(10, "MSFT", expected_price=400)
    expected = await drift()
    await stage.post(100)
    stage.world.gateway.hold_fills("AAPL")
    await stage.caller.get("/api/v1/positions")  # the portfolio's price
    await stage.post(40)
    both = await drift()

    assert (reached, unpriced, expected) == (0, None, 4_000)
    assert both == pytest.approx(4_000 + 60 * 150, rel=0.01)


@contextmanager
def lines() -> Iterator[list[dict[str, Any]]]:
    """Collect the lines of the log that are written meanwhile."""
    stream = io.StringIO()
    found: list[dict[str, Any]] = []
    configure_logs(_Clock(), stream)
    try:
        yield found
    finally:
        structlog.reset_defaults()
        found += [json.loads(line) for line in stream.getvalue().splitlines()]


class _Clock:
    def now(self) -> Any:
        from makers import NOW  # noqa: PLC0415

        return NOW


async def test_each_line_about_a_batch_or_an_order_names_its_ids(tmp_path: Path) -> None:
    with lines() as said:
        async with open_house(tmp_path) as house:
            with structlog.contextvars.bound_contextvars(request_id="r-1"):
                batch = await house.submit(make_target(quantity=100))
                await house.final(batch)
                await asyncio.sleep(1.2)
            house.gateway.hold_fills("MSFT")
            resting = await house.submit(make_target("MSFT", 5, limit="1"))
            await house.desk.cancel(house.client, resting.head.batch_id)
            await asyncio.sleep(1.2)

    by_event = {line["event"]: line for line in said}
    assert {"batch.accepted", "order.filled", "order.cancelled", "batch.ended"} <= set(by_event)
    for line in said:
        if line["event"].startswith(("order.", "batch.")):
            assert line["account"] == ACCOUNT
            assert len(line["batch_id"]) == 16
        if line["event"].startswith("order."):
            assert line["order_ref"].startswith(f"pd-{line['batch_id']}")
            assert {"order_id", "conid", "perm_id"} <= line.keys()
    first = [line for line in said if line.get("batch_id") == batch.head.batch_id]
    assert {line["event"] for line in first if line.get("request_id") == "r-1"} >= {
        "batch.accepted",
        "batch.ended",
    }


async def test_a_meter_that_fails_stops_no_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __getattr__(self, _: str) -> NoReturn:
            raise RuntimeError("no figure can be kept")

    def breaks(metrics: Metrics) -> None:
        sound(metrics)
        metrics._counters = metrics._histograms = Broken()  # type: ignore[assignment]
        metrics._sent = metrics._received = Broken()  # type: ignore[assignment]

    sound = Metrics.__init__
    monkeypatch.setattr(Metrics, "__init__", breaks)
    with lines() as said:
        async with open_house(tmp_path) as house:
            done = await house.trade(make_target(), make_target("NOSUCH"))
            await asyncio.sleep(1.2)

    assert [row.status for row in done.rows] == [ShownStatus.FILLED, ShownStatus.ERROR]
    failed = [line["metric"] for line in said if line["event"] == "metric.failed"]
    assert len(failed) == len(set(failed))
    assert {"orders_moved", "rows_refused", "batch_ended", "frame_sent"} <= set(failed)

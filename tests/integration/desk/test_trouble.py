"""A ledger that cannot be written, reports that cannot be folded, a stop in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import House, open_house, settings_for
from makers import ACCOUNT, execution_report, make_execution, make_target, recorded
from paperdesk.bootstrap import running
from paperdesk.config import DeskSettings
from paperdesk.desk.feed import wait_set
from paperdesk.domain import planning
from paperdesk.domain.order import ShownStatus
from paperdesk.domain.reports import ExecutionReport
from paperdesk.domain.vocabulary import Symbol
from paperdesk.errors import BrokerUnavailable, LedgerUnavailable
from stage import Stage, on_stage
from twsim import Gateway


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold the ledger's write lock, as a backup tool or a person at a prompt might."""
    connection = sqlite3.connect(home / "ledger.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


async def test_a_ledger_that_cannot_be_written_takes_no_batch_and_sends_nothing(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        with locked(tmp_path), pytest.raises(LedgerUnavailable):
            await house.submit(make_target())
        ready = await house.desk.readiness()

        assert house.orders_sent() == []
        assert ready.is_ready
        assert (await house.trade(make_target())).rows[0].status is ShownStatus.FILLED


async def test_fills_while_the_ledger_is_locked_are_learnt_afterwards(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.gateway.hold_fills("AAPL")
        batch = await house.submit(make_target())
        with locked(tmp_path):
            house.gateway.release_fills("AAPL")
            await asyncio.sleep(2.5)  # longer than a transaction waits for the lock

        done = await house.final(batch)

        assert done.rows[0].status is ShownStatus.FILLED
        assert await house.positions() == {"AAPL": 100}


async def test_a_readiness_probe_tells_of_a_locked_ledger(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        with locked(tmp_path):
            ready = await house.desk.readiness()

        assert not ready.ledger_writable
        assert ready.account_up


async def test_a_report_that_cannot_be_folded_does_not_stop_the_others(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        lane = house.desk._lanes[ACCOUNT]
        broken = replace(make_execution("bad.01"), symbol=None)  # type: ignore[arg-type]
        good = execution_report("good.01", ref=None)
        lane.heard(recorded(ExecutionReport(broken)))
        lane.heard(recorded(good))
        with house.desk._feed.watch(ACCOUNT) as changed:
            async with asyncio.timeout(20):
                while not (shown := (await _executions(house))[0]):
                    await wait_set(changed, 1)

        kept = sqlite3.connect(tmp_path / "ledger.db")
        raw = kept.execute("SELECT count(*) FROM events WHERE body LIKE '%raw%'")
        count = raw.fetchone()[0]
        kept.close()

        assert shown == ["good.01"]
        assert count == 2


async def _executions(house: House) -> tuple[list[str], int | None]:
    found, cursor = await house.desk.reporter.executions(
        None,
        accounts=frozenset({ACCOUNT}),
        symbol=Symbol("AAPL"),
        since=None,
        limit=9,
        before=None,
        client=house.client,
    )
    return [booked.execution.exec_id for booked in found], cursor


async def test_a_stop_answers_who_waits_and_leaves_nothing_half_sent(tmp_path: Path) -> None:
    symbols = ("AAPL", "MSFT", "AMZN", "GOOGL", "META")
    async with Gateway(accounts={ACCOUNT: 1_000_000}) as gateway:
        async with open_house(tmp_path, gateway=gateway, per_second=20) as house:
            waiting = asyncio.create_task(
                house.submit(*(make_target(name, 1, limit="1") for name in symbols))
            )
            await asyncio.sleep(0.02)
            await house.desk.stop()
            async with asyncio.timeout(1):
                batch = await waiting
        async with open_house(tmp_path, gateway=gateway) as house:
            await asyncio.sleep(0.5)
            after = await house.desk.batch(house.client, batch.head.batch_id)
            refs = [frame.fields[26] for frame in gateway.frames("placeOrder")]

            assert len(refs) == len(set(refs)) == len(symbols)
            assert {row.status for row in after.rows} == {ShownStatus.SUBMITTED}


async def test_positions_before_the_gateway_was_ever_up_are_the_ledgers(
    tmp_path: Path,
) -> None:
    async with Gateway(accounts={ACCOUNT: 1_000_000}) as gateway:
        async with open_house(tmp_path, gateway=gateway) as house:
            await house.trade(make_target())
        settings = settings_for(gateway, tmp_path)
    async with running(settings, home=tmp_path) as service:
        stale = await service.desk.accounts.positions(ACCOUNT, allow_stale=True)

        assert stale.stale
        assert [(h.symbol, h.quantity) for h in stale.holdings] == [("AAPL", 100)]
        assert service.desk.health().accounts == {ACCOUNT: False}


async def test_a_line_that_drops_again_and_again_sends_nothing_twice(tmp_path: Path) -> None:
    symbols = ("AAPL", "MSFT", "AMZN", "GOOGL", "META", "NVDA", "IBM", "KO", "PG", "XOM")
    async with open_house(tmp_path, per_second=1000) as house:
        await house.trade(*(make_target(symbol, 1) for symbol in symbols))
        for quantity in range(2, 9):
            assert await house.desk.until_up(10)
            waiting = asyncio.create_task(
                house.submit(*(make_target(name, quantity) for name in symbols), wait_seconds=1)
            )
            await asyncio.sleep(0.004 * quantity)
            house.gateway.drop_connections()
            with contextlib.suppress(BrokerUnavailable):
                await waiting
        assert await house.desk.until_up(10)

        def held() -> dict[str, int]:
            return {name: house.gateway.position(ACCOUNT, name) for name in symbols}

        async with asyncio.timeout(10):  # what waited is sent now
            while await house.positions() != held():  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.05)
        refs = [frame.fields[26] for frame in house.gateway.frames("placeOrder")]
        assert len(refs) == len(set(refs))


async def test_a_cancel_asked_again_and_again_is_one_frame(
    tmp_path: Path, ledger_url: str
) -> None:
    async with Gateway(accounts={ACCOUNT: 1_000_000}) as gateway:
        patient = DeskSettings(ack_timeout=0.05)
        async with open_house(
            tmp_path, gateway=gateway, desk=patient, ledger_url=ledger_url
        ) as house:
            batch = await house.submit(make_target(limit="1.00"), wait_seconds=2)
            await gateway.stop()
            await house.until_down()
            asked = [
                await house.desk.cancel(house.client, batch.head.batch_id) for _ in range(20)
            ]
            await gateway.start()
            done = await house.final(batch)

            assert all(answer.rows[0].cancel_requested for answer in asked)
            assert done.rows[0].status is ShownStatus.CANCELLED
            assert len(gateway.frames("cancelOrder")) == 1


async def test_an_account_the_gateway_does_not_name_keeps_its_positions(
    tmp_path: Path,
) -> None:
    async with (
        Gateway(accounts={ACCOUNT: 1_000_000}) as gateway,
        open_house(tmp_path, gateway=gateway) as house,
    ):
        await house.trade(make_target())
        gateway.set_managed_accounts("DUP203550")
        await house.until_down()
        stale = await house.desk.accounts.positions(ACCOUNT, allow_stale=True)
        gateway.set_managed_accounts(ACCOUNT)

        assert await house.desk.until_up(10)
        assert [holding.quantity for holding in stale.holdings] == [100]
        assert await house.positions() == {"AAPL": 100}


@pytest.mark.parametrize(("times", "status"), [(2, "Filled"), (1_000_000, "error")])
def test_a_defect_leaves_no_batch_without_an_end(
    monkeypatch: pytest.MonkeyPatch, times: int, status: str
) -> None:
    decide = planning.plan
    left = iter(range(times))

    def fail(*of: Any) -> planning.Plan:
        if next(left, None) is not None:
            raise ZeroDivisionError("a defect")
        return decide(*of)

    monkeypatch.setattr(planning, "plan", fail)

    @on_stage()
    async def play(stage: Stage) -> None:
        batch = await stage.post(100, wait=0)
        await stage.settled()

        assert (await stage.row(batch))["status"] == status
        assert stage.position() == (100 if status == "Filled" else 0)

    play()


@on_stage()
async def test_a_batch_that_fails_for_ever_keeps_no_place_in_the_queue(stage: Stage) -> None:
    pipeline = stage.world.service.desk._pipeline

    async def fail(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    pipeline._requeue = fail  # type: ignore[assignment,method-assign]
    batch = await stage.post(100, wait=0)
    await asyncio.sleep(30)
    early = pipeline.unsent(stage.lane)
    await asyncio.sleep(60)

    assert early > 0
    assert pipeline.unsent(stage.lane) == 0
    await stage.world.crash()
    await stage.world.start()
    await stage.settled()
    row = await stage.row(batch)
    assert (row["status"], row["error_code"], stage.wire()) == ("error", "expired", [])

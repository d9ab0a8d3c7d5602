"""A desk whose PostgreSQL goes away while it trades."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from cut_line import Cut, cut_line
from embedded import Server, database_of
from harness import House, open_house
from makers import make_target
from paperdesk.config import DeskSettings
from paperdesk.domain.halt import Halt
from paperdesk.domain.vocabulary import BatchId, HaltMode
from paperdesk.errors import Halted, LedgerUnavailable, OutcomeUnknown

ACCEPTING = b"INSERT INTO batches"


async def stored(house: House) -> list[BatchId]:
    """Return the ids of all batches, as soon as the ledger can be read."""
    while True:
        with contextlib.suppress(LedgerUnavailable):
            heads, _ = await house.desk.batches(
                house.client, account=None, of_client=None, limit=9, before=None
            )
            return [head.batch_id for head in heads]


async def test_sessions_that_are_ended_again_and_again_lose_and_double_nothing(
    tmp_path: Path, postgres_url: str, postgres_server: Server
) -> None:
    async with open_house(tmp_path, ledger_url=postgres_url, per_second=1000) as house:
        for quantity in range(1, 6):
            waiting = asyncio.create_task(
                house.submit(make_target(quantity=quantity), wait_seconds=1)
            )
            await asyncio.sleep(0.004 * quantity)
            postgres_server.end_sessions(database_of(postgres_url))
            with contextlib.suppress(LedgerUnavailable):
                await waiting
        batches = [
            await house.desk.batch(house.client, batch_id, wait_seconds=10)
            for batch_id in await stored(house)
        ]

        refs = [frame.fields[26] for frame in house.gateway.frames("placeOrder")]
        held = house.gateway.position("DU8730189", "AAPL")
        assert all(batch.is_final for batch in batches)
        assert len(refs) == len(set(refs))
        assert await house.positions() == ({"AAPL": held} if held else {})


async def test_a_batch_that_turns_out_to_be_stored_is_traded(
    tmp_path: Path, postgres_url: str, postgres_server: Server
) -> None:
    with cut_line(postgres_server.socket) as line:
        async with open_house(tmp_path, ledger_url=line.url(postgres_url)) as house:
            line.cut_after, line.cut, line.is_refusing = ACCEPTING, Cut.AFTER, True
            with pytest.raises(OutcomeUnknown):
                await house.submit(make_target())
            line.is_refusing = False
            (batch_id,) = await stored(house)
            done = await house.desk.batch(house.client, batch_id, wait_seconds=20)

            assert done.is_final
            assert await house.positions() == {"AAPL": 100}
            assert len(house.orders_sent()) == 1


async def test_a_batch_that_turns_out_not_to_be_stored_is_forgotten(
    tmp_path: Path, postgres_url: str, postgres_server: Server
) -> None:
    with cut_line(postgres_server.socket) as line:
        async with open_house(tmp_path, ledger_url=line.url(postgres_url)) as house:
            line.cut_after, line.cut, line.is_refusing = ACCEPTING, Cut.BEFORE, True
            with pytest.raises(OutcomeUnknown):
                await house.submit(make_target())
            line.is_refusing = False
            async with asyncio.timeout(20):
                while house.desk._pipeline._tasks:  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.05)

            assert await stored(house) == []
            assert house.orders_sent() == []
            assert (await house.trade(make_target())).is_final


async def test_a_postgresql_that_was_stopped_for_long_halts_the_account(
    tmp_path: Path, postgres_url: str, postgres_server: Server
) -> None:
    desk = DeskSettings(halt_after_ledger_loss=1.5)
    async with open_house(tmp_path, ledger_url=postgres_url, desk=desk) as house:
        await house.trade(make_target())
        postgres_server.stop()
        with pytest.raises(LedgerUnavailable):
            await house.submit(make_target(quantity=0))
        await asyncio.sleep(4)
        postgres_server.start()
        halt = await halt_of(house)
        with pytest.raises(Halted):
            await house.submit(make_target(quantity=0))

        assert halt is not None
        assert (halt.by, halt.mode) == ("paperdesk", HaltMode.ALL)
        assert "could not be written" in halt.reason
        assert len(house.orders_sent()) == 1


async def test_a_postgresql_that_was_restarted_in_a_moment_halts_nothing(
    tmp_path: Path, postgres_url: str, postgres_server: Server
) -> None:
    async with open_house(tmp_path, ledger_url=postgres_url) as house:
        await house.trade(make_target())
        postgres_server.stop()
        with pytest.raises(LedgerUnavailable):
            await house.submit(make_target(quantity=0))
        postgres_server.start()
        await asyncio.sleep(2)

        assert (await house.desk.accounts.views(house.client))[0].halt is None
        assert await house.trade(make_target(quantity=0))


async def halt_of(house: House) -> Halt | None:
    """Return the account's halt, once there is one; None where none comes."""
    for _ in range(200):
        with contextlib.suppress(LedgerUnavailable):
            (account,) = await house.desk.accounts.views(house.client)
            if account.halt is not None:
                return account.halt
        await asyncio.sleep(0.05)
    return None

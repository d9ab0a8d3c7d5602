"""The races of reliability.md §5.7, each a scenario in virtual time.

Owns: RACES: number, what happens, and how. What must hold is said where it happens; what holds
of all of them is checked by `run`. Race 13 is void: the service never tries again by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from makers import ACCOUNT
from paperdesk.errors import LedgerUnavailable
from races.track import Track, open_track
from sim import simulate

Scenario = Callable[[Track], Awaitable[None]]


@dataclass(frozen=True)
class Race:
    """One race. `options` are of the world it needs."""

    number: int
    words: str
    scenario: Scenario
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Result:
    """What left, and where the account ended."""

    wire: list[str]
    position: int


RACES: Final[dict[int, Race]] = {}


def race(number: int, words: str, **options: Any) -> Callable[[Scenario], Scenario]:
    """Enter a scenario into the table."""

    def enter(scenario: Scenario) -> Scenario:
        RACES[number] = Race(number, words, scenario, options)
        return scenario

    return enter


def run(number: int, seed: int = 1) -> Result:
    """Run a race to its end, and check what must hold of each."""
    entry = RACES[number]

    async def whole() -> Result:
        async with open_track(**entry.options) as track:
            await entry.scenario(track)
            await track.agrees()
            return Result(track.wire(), track.position())

    return simulate(seed, whole).value


@race(1, "a new target between plan and claim")
async def _planned_not_claimed(track: Track) -> None:
    await track.post(1, "MSFT")  # so that contracts and pace are warm
    track.lane.pacer.pause(2)
    older = await track.post(100, wait=0)
    await asyncio.sleep(0.5)
    newer = await track.post(40, wait=0)
    await track.settled()

    row = await track.row(older)
    assert (row["status"], row["ibkr_order_id"]) == ("Cancelled", None)
    assert row["superseded_by"]["batch_id"] == newer["batch_id"]
    assert track.wire() == ["BUY 1", "BUY 40"]
    assert track.position() == 40


@race(2, "a new target between claim and the first answer")
async def _claimed_not_answered(track: Track) -> None:
    track.world.gateway.hold_fills("AAPL")
    track.world.gateway.inject("O03", symbol="AAPL", delay=3)
    older = await track.post(100, wait=0)
    await asyncio.sleep(0.5)
    assert (await track.row(older))["status"] == "PendingSubmit"
    await track.post(40, wait=0)
    await asyncio.sleep(5)
    track.world.gateway.release_fills("AAPL")
    await track.settled()

    assert track.wire() == ["BUY 100", "cancel", "BUY 40"]
    assert track.position() == 40


@race(3, "the order fills while its cancel is on its way")
async def _filled_in_cancel(track: Track) -> None:
    track.world.gateway.hold_fills("AAPL")
    older = await track.post(100)
    track.world.gateway.inject("C05", symbol="AAPL")
    track.world.gateway.release_fills("MSFT")
    newer = await track.post(40, wait=0)
    await asyncio.sleep(1)
    track.world.gateway.release_fills("AAPL")
    await track.settled()

    assert (await track.row(older))["status"] == "Filled"
    assert (await track.row(newer))["superseded"]
    assert track.wire() == ["BUY 100", "cancel", "SELL 60"]
    assert track.position() == 40


@race(4, "a partial fill, then the cancel")
async def _partial_then_cancel(track: Track) -> None:
    track.world.gateway.hold_fills("AAPL")
    older = await track.post(100)
    track.world.gateway.fill(older["results"][0]["ibkr_order_id"], shares=30)
    newer = await track.post(10, wait=0)
    await asyncio.sleep(3)
    track.world.gateway.release_fills("AAPL")
    await track.settled()

    assert (await track.row(older))["status"] == "Cancelled"
    assert (await track.row(newer))["current_pos"] == 30
    assert track.wire() == ["BUY 100", "cancel", "SELL 20"]
    assert track.position() == 10


@race(5, "a fill arrives after Cancelled")
async def _fill_after_cancelled(track: Track) -> None:
    track.world.gateway.hold_fills("AAPL")
    older = await track.post(100)
    track.world.gateway.inject("C06", symbol="AAPL", delay=0.5, percent=50)
    await track.post(40, wait=0)
    await asyncio.sleep(1)
    track.world.gateway.release_fills("AAPL")
    await track.settled()

    assert (await track.row(older))["filled_qty"] == 50
    assert track.wire() == ["BUY 100", "cancel", "SELL 10"]
    assert track.position() == 40


@race(6, "the cancel is lost with the line")
async def _cancel_lost(track: Track) -> None:
    track.world.gateway.hold_fills("AAPL")
    await track.post(100)
    track.world.gateway.silence()
    await track.post(40, wait=0)
    await asyncio.sleep(1)
    track.world.gateway.drop_connections()
    track.world.gateway.resume()
    await asyncio.sleep(10)
    track.world.gateway.release_fills("AAPL")
    await track.settled()

    assert track.wire()[0] == "BUY 100"
    assert track.wire()[-1] == "BUY 40"
    assert track.position() == 40


@race(7, "the target flips A, B, A while A's order works")
async def _flips(track: Track) -> None:
    track.world.gateway.hold_fills("AAPL")
    await track.post(100)
    await asyncio.gather(track.post(40, wait=0), track.post(100, wait=0))
    await asyncio.sleep(4)
    track.world.gateway.release_fills("AAPL")
    await track.settled()

    assert track.wire() in (["BUY 100"], ["BUY 100", "cancel", "BUY 100"])
    assert track.position() == 100


@race(8, "a halt while orders are being sent", pace=5)
async def _halted(track: Track) -> None:
    symbols = ("AAPL", "MSFT", "AMZN", "GOOGL", "META", "NVDA", "IBM", "KO", "PG", "XOM")
    for symbol in symbols:
        await track.post(1, symbol)
    before = len(track.wire())
    rows = [{"symbol": symbol, "quantity": 2} for symbol in symbols]
    posted = await track.caller.post("/api/v1/orders?wait=0", json={"orders": rows})
    await asyncio.sleep(0.7)
    halted = await track.caller.post(
        f"/api/v1/accounts/{ACCOUNT}/halt", json={"reason": "race"}
    )
    at_halt = len(track.wire())
    await asyncio.sleep(10)

    assert halted.status_code == 200
    assert before < at_halt < before + len(symbols)
    assert len(track.wire()) == at_halt
    batch = (await track.caller.get(f"/api/v1/orders/{posted.json()['batch_id']}")).json()
    assert {row["status"] for row in batch["orders"]} == {"Filled", "Cancelled"}
    assert batch["summary"]["final"]


@race(9, "two services on one ledger")
async def _two_owners(track: Track) -> None:
    with pytest.raises(LedgerUnavailable, match="another process owns"):
        await track.second_owner()
    await track.post(100)
    await track.settled()
    assert track.wire() == ["BUY 100"]


@race(10, "positions show the fill before its execution is told")
async def _position_first(track: Track) -> None:
    track.world.gateway.inject("E04", symbol="AAPL")
    await track.post(100, wait=1)
    await track.post(100, wait=1)
    await track.settled()

    assert track.wire() == ["BUY 100"]
    assert track.position() == 100


@race(11, "the nightly restart begins while a cancel is pending")
async def _restart_in_cancel(track: Track) -> None:
    track.world.gateway.hold_fills("AAPL")
    await track.post(100)
    track.world.gateway.inject("A02", on="cancel", delay=20)
    await track.post(40, wait=0)
    await asyncio.sleep(40)
    track.world.gateway.release_fills("AAPL")
    await track.settled()

    assert track.wire()[0] == "BUY 100"
    assert track.wire()[-1] == "BUY 40"
    assert track.position() == 40


@race(12, "a correction arrives after the order was settled")
async def _corrected(track: Track) -> None:
    await track.post(100)
    await track.settled()
    executions = (await track.caller.get("/api/v1/executions")).json()["executions"]
    track.world.gateway.correct_execution(executions[0]["exec_id"], shares=90)
    await asyncio.sleep(1)
    assert (await track.target())["gap"] == 10
    await track.post(100)
    await track.settled()

    assert track.wire() == ["BUY 100", "BUY 10"]
    assert track.position() == 100


@race(14, "a client posts again after a timeout")
async def _posted_again(track: Track) -> None:
    track.world.gateway.hold_fills("AAPL")
    first = await track.post(100, wait=0, key="k1")
    again = await track.post(100, wait=0, key="k1")
    other = await track.post(100, wait=1, key="k2")
    track.world.gateway.release_fills("AAPL")
    await track.settled()

    assert again["batch_id"] == first["batch_id"]
    assert other["results"][0]["status"] == "no_change"
    assert other["results"][0]["kept"]["batch_id"] == first["batch_id"]
    assert track.wire() == ["BUY 100"]
    assert track.position() == 100


@race(
    15,
    "midnight passes over an unknown order",
    start=datetime(2026, 3, 10, 3, 59, 50, tzinfo=UTC),  # ten seconds to New York's midnight
)
async def _midnight(track: Track) -> None:
    track.world.gateway.inject("L04", symbol="AAPL")
    lost = await track.post(100, wait=0)
    await asyncio.sleep(60)
    row = await track.row(lost)
    assert row["status"] == "Unknown"
    refused = await track.post(100)
    assert refused["results"][0]["error_code"] == "locked"
    said = await track.caller.post(
        f"/api/v1/orders/{lost['batch_id']}/resolve",
        json={"symbol": "AAPL", "as": "not_placed"},
    )
    assert said.status_code == 200, said.text
    await track.post(100)
    await track.settled()
    assert track.wire() == ["BUY 100", "BUY 100"]  # of two references
    assert track.position() == 100


@race(16, "the paper account is reset")
async def _reset(track: Track) -> None:
    symbols = ("AAPL", "MSFT", "AMZN", "GOOGL", "META", "NVDA")
    for symbol in symbols:
        await track.post(10, symbol)
    await track.settled()
    sent = len(track.wire())
    track.world.gateway.reset_account(ACCOUNT)
    await asyncio.sleep(70)
    refused = await track.post(20)
    assert refused["results"][0]["error_code"] == "locked"
    assert len(track.wire()) == sent
    accepted = await track.caller.post(
        f"/api/v1/accounts/{ACCOUNT}/accept-position", json={"all": True}
    )
    assert len(accepted.json()["accepted"]) == len(symbols)
    await track.post(20)
    await track.settled()
    assert track.position() == 20

"""What is told over crashes and lost lines, and in whose time: in a world on a virtual clock."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from typing import Any

import httpx
import pytest

from front import ORDERS, order, orders_of
from makers import ACCOUNT
from paperdesk.crash import POINTS
from sim import open_world, simulate
from sim.process import Point
from sim.world import World
from stage import Stage, on_stage
from streams import EVENTS, LINES

TRADED = (
    "CP01",
    "CP02",
    "CP03",
    "CP06",
    "CP08",
    "CP09",
    "CP10",
    "CP11",
    "CP12",
    "CP13",
    "CP14",
)


def told(world: World) -> list[tuple[int, str, str | None, Any]]:
    """Return number, type, batch and body of each event in the ledger's file."""
    with closing(sqlite3.connect(world.ledger)) as file:
        rows = file.execute("SELECT id, type, batch_id, body FROM stream ORDER BY id")
        return [(n, kind, batch, json.loads(body)) for n, kind, batch, body in rows]


def connections(world: World) -> list[str]:
    return [
        kind
        for _, kind, _, body in told(world)
        if kind.startswith("connection.") and body["account_id"] == ACCOUNT
    ]


@pytest.mark.parametrize(
    "point", [*TRADED, "CP15", "CP16", Point.BEFORE_TRANSACTION, Point.AFTER_TRANSACTION]
)
@pytest.mark.parametrize("nth", [1, 4])
def test_wherever_the_service_dies_each_change_is_told_once(point: str, nth: int) -> None:
    async def whole() -> None:
        async with open_world() as world:
            world.crash_at(point, nth)
            posting = asyncio.create_task(post(world))
            await asyncio.wait({posting, world.process.died}, timeout=20)
            world.spare()
            await world.crash()
            await asyncio.gather(posting, return_exceptions=True)
            await world.start()
            async with world.caller() as caller:
                listed = (await caller.get(ORDERS)).json()["batches"]
                for head in listed:
                    final = await caller.get(f"{ORDERS}/{head['batch_id']}?wait=60")
                    assert final.json()["summary"]["final"], final.text
                executed = (await caller.get("/api/v1/executions")).json()["executions"]
            judge(world, {head["batch_id"] for head in listed}, executed)

    assert point in {*POINTS, *Point}
    simulate(1, whole)


async def post(world: World) -> None:
    async with world.caller() as caller:
        body = orders_of(order("AAPL", 100), order("MSFT", -20), order("NOPE1", 1))
        with suppress(httpx.TransportError):
            await caller.post(f"{ORDERS}?wait=5", json=body)


def judge(world: World, batches: set[str], executed: list[Any]) -> None:
    events = told(world)
    counts = Counter((kind, batch, body.get("symbol")) for _, kind, batch, body in events)
    ends = [n for (kind, _, _), n in counts.items() if kind in {"order.filled", "batch.final"}]
    fills = Counter(body["exec_id"] for _, kind, _, body in events if kind == "fill.created")

    assert [number for number, *_ in events] == list(range(1, len(events) + 1))
    assert {batch for kind, batch, _ in counts if kind == "batch.final"} == batches
    assert set(ends) <= {1}
    assert fills == Counter(execution["exec_id"] for execution in executed)


def test_a_connection_is_told_once_however_often_the_service_starts() -> None:
    async def whole() -> None:
        async with open_world() as world:
            for _ in range(3):
                await asyncio.sleep(5)
                await world.crash()
                await world.start()
            await asyncio.sleep(5)

            assert connections(world) == [
                "connection.up",
                *["connection.down", "connection.up"] * 3,
            ]

    simulate(1, whole)


@on_stage()
async def test_an_account_is_worth_telling_of_twice_a_minute_at_most(stage: Stage) -> None:
    await stage.post(100)
    for price in range(150, 210):
        stage.world.gateway.set_price("AAPL", str(price))
        await asyncio.sleep(1)

    worths = [body for _, kind, _, body in told(stage.world) if kind == "account.updated"]
    assert 1 <= len(worths) <= 6  # of two accounts
    assert len({(body["account_id"], body["net_liquidation"]) for body in worths}) == len(
        worths
    )


@on_stage()
async def test_heartbeats_come_by_the_clock_of_the_loop(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    batch = await stage.batch_of(order("AAPL", 10))
    asked = {"batch_id": batch["batch_id"], "until": "batch.final"}
    hearing = asyncio.create_task(stage.caller.get(EVENTS, params=asked, headers=LINES))
    await asyncio.sleep(61)
    stage.world.gateway.release_fills("AAPL")
    lines = [json.loads(line) for line in (await hearing).text.splitlines()]

    assert [line["type"] for line in lines].count("heartbeat") == 12
    assert lines[-1]["type"] == "batch.final"

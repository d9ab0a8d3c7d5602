"""The whole stack in a simulated world: real ib_async, twsim, SQLite and the HTTP application."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from front import ORDERS, orders_of
from front import order as row
from makers import ACCOUNT
from paperdesk.errors import LedgerUnavailable
from sim import Point, World, open_world, simulate
from sim.clock import START

TESTS = Path(__file__).parents[2]
THREE = orders_of(row("AAPL"), row("MSFT", 50), row("AMZN", 25))
HOUR = 3_600


async def bought(caller: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    """Post AAPL 100, or what is given, and return its batch when it is final."""
    posted = await caller.post(ORDERS, json=body or orders_of(row()))
    assert posted.status_code == 200
    return await batch(caller, posted.json()["batch_id"])


async def batch(caller: httpx.AsyncClient, batch_id: str) -> dict[str, Any]:
    """Return a batch when it is final."""
    read: dict[str, Any] = (await caller.get(f"{ORDERS}/{batch_id}?wait=30")).json()
    return read


async def batches(caller: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Return every batch of the ledger."""
    listed = (await caller.get(ORDERS)).json()["batches"]
    return [await batch(caller, entry["batch_id"]) for entry in listed]


def test_an_order_is_bought_filled_and_paid() -> None:
    async def scenario() -> None:
        async with open_world() as world, world.caller() as caller:
            (order,) = (await bought(caller))["orders"]

            assert (order["status"], order["filled_qty"]) == ("Filled", 100)
            assert order["commission"] == 0.35
            world.gateway.check_position(ACCOUNT, "AAPL", 100)
            assert world.clock.now() > START

    simulate(1, scenario)


def test_six_hours_with_every_kind_of_cut_pass_in_seconds() -> None:
    async def scenario() -> int:
        async with open_world() as world, world.caller() as caller:
            await bought(caller)
            await asyncio.sleep(HOUR)
            world.gateway.drop_connections()
            await asyncio.sleep(HOUR)
            world.gateway.inject("A02", on="now", delay=120)  # the nightly restart
            await asyncio.sleep(HOUR)
            world.network.black_hole(world.gateway.port)
            await asyncio.sleep(600)
            assert not world.service.desk.health().accounts[ACCOUNT]
            world.network.heal(world.gateway.port)
            await asyncio.sleep(3 * HOUR - 600)
            assert (await bought(caller, **orders_of(row("MSFT", 7))))["summary"]["on_target"]
            positions = (await caller.get("/api/v1/positions")).json()["positions"]
            assert {held["symbol"]: held["quantity"] for held in positions} == {
                "AAPL": 100,
                "MSFT": 7,
            }
            return len(world.gateway.frames("startApi"))

    began = time.perf_counter()
    ran = simulate(1, scenario)
    took = time.perf_counter() - began
    print(f"{ran.seconds:.0f} virtual seconds in {took:.1f} real ones")  # noqa: T201 - for people

    assert ran.seconds > 6 * HOUR
    assert ran.value == 4


def test_a_gateway_that_shuts_its_port_refuses_and_has_it_back() -> None:
    async def scenario() -> None:
        async with open_world() as world:
            world.gateway.inject("L01", on="now", delay=20)
            world.gateway.drop_connections()
            await asyncio.sleep(1)
            with pytest.raises(ConnectionRefusedError):
                await world.network.connect(asyncio.Protocol, None, world.gateway.port)
            await asyncio.sleep(30)

            assert await world.service.desk.until_up(1)

    simulate(1, scenario)


# Those that every batch comes by which fills.
NAMED = [f"CP{number:02}" for number in range(1, 17)]


@pytest.mark.parametrize(
    ("point", "nth"),
    [*itertools.product(Point, [1, 2, 4, 6, 12]), *((name, 1) for name in NAMED)],
)
def test_a_crash_sends_nothing_twice_and_forgets_nothing(point: str, nth: int) -> None:
    async def scenario() -> None:
        async with open_world() as world, world.caller() as caller:
            world.crash_at(point, nth)
            try:
                accepted = (await caller.post(ORDERS, json=THREE)).json()["batch_id"]
            except httpx.ReadError:
                accepted = None
            await world.until_crashed()
            await asyncio.sleep(1)
            await world.start()
            await asyncio.sleep(15)
            known = await batches(caller)
            orders = [order for each in known for order in each["orders"]]

            assert accepted in {None, *(each["batch_id"] for each in known)}
            assert _sent(world) == len(set(_refs(world)))
            for order in orders:
                held = world.gateway.position(ACCOUNT, order["symbol"])
                assert held == order["filled_qty"]

    simulate(nth, scenario)


def _refs(world: World) -> list[str]:
    """Return the order references on the wire: a batch and a row each."""
    fields = [frame.fields for frame in world.gateway.frames("placeOrder")]
    return [next(field for field in each if field.startswith("pd-")) for each in fields]


def _sent(world: World) -> int:
    return len(world.gateway.frames("placeOrder"))


def test_a_crash_keeps_what_was_committed_and_nothing_is_shut_down() -> None:
    async def scenario() -> None:
        async with open_world() as world, world.caller() as caller:
            world.gateway.hold_fills()
            posted = (await caller.post(ORDERS, json=orders_of(row()))).json()
            await world.crash()
            world.gateway.release_fills()
            await asyncio.sleep(60)
            await world.start()
            (order,) = (await batch(caller, posted["batch_id"]))["orders"]

            assert (order["status"], order["filled_qty"]) == ("Filled", 100)
            assert _sent(world) == 1

    simulate(1, scenario)


def test_a_service_that_died_does_nothing_more_though_nobody_looks() -> None:
    async def scenario() -> None:
        async with open_world() as world:
            world.crash_at(Point.AFTER_WRITE)  # of the heartbeat
            await asyncio.sleep(HOUR)
            sent = len(world.gateway.transcript())
            await asyncio.sleep(HOUR)

            assert world.process.is_dead
            assert len(world.gateway.transcript()) == sent
            assert len(world.gateway.frames("startApi")) == 1

    simulate(1, scenario)


@pytest.mark.parametrize("point", Point)
def test_a_crash_while_it_recovers_is_one_more_start(point: Point) -> None:
    async def scenario() -> None:
        async with open_world() as world, world.caller() as caller:
            first = await bought(caller)
            await world.crash()
            for nth in (1, 2, 4):
                world.crash_at(point, nth)
                await world.start()
                await world.until_crashed()
            await world.start()

            assert await batch(caller, first["batch_id"]) == first

    simulate(1, scenario)


def test_a_service_that_was_stopped_starts_again_on_its_ledger() -> None:
    async def scenario() -> None:
        async with open_world() as world, world.caller() as caller:
            first = await bought(caller)
            await world.stop()
            with pytest.raises(httpx.ConnectError):
                await caller.get("/health")
            await world.start()

            assert await batch(caller, first["batch_id"]) == first

    simulate(1, scenario)


def test_a_caller_learns_that_the_service_died_meanwhile() -> None:
    async def scenario() -> None:
        async with open_world() as world, world.caller() as caller:
            world.gateway.hold_fills()
            asking = asyncio.create_task(bought(caller))
            await asyncio.sleep(1)
            await world.crash()
            with pytest.raises(httpx.ReadError):
                await asking

    simulate(1, scenario)


def test_a_service_that_cannot_start_says_why() -> None:
    async def scenario() -> None:
        async with open_world() as world:
            await world.stop()
            world.ledger.write_bytes(b"no database" * 100)
            with pytest.raises(LedgerUnavailable):
                await world.start()

    simulate(1, scenario)


RUN = """
from sim import simulate
from test_world import eventful
for seed in (3, 4):
    print("ran", simulate(seed, eventful))
"""


async def eventful() -> list[str]:
    """Trade under cuts and crashes; return in which order those who waited were answered."""
    answered: list[str] = []

    async def wait_for(caller: httpx.AsyncClient, symbol: str) -> None:
        await bought(caller, **orders_of(row(symbol)))
        answered.append(symbol)

    async with open_world() as world, world.caller() as caller:
        world.gateway.hold_fills()
        async with asyncio.TaskGroup() as group:
            for symbol in ("AAPL", "MSFT", "AMZN", "META", "TSLA"):
                group.create_task(wait_for(caller, symbol))
            await asyncio.sleep(10)
            world.gateway.release_fills()  # all at once: who is woken first?
        world.network.piece_bytes_max = 100
        world.gateway.drop_connections()
        await asyncio.sleep(20)
        world.crash_at(Point.AFTER_WRITE, 5)
        lost = asyncio.create_task(bought(caller, **orders_of(row("NVDA", 9), row("MSFT", 3))))
        await world.until_crashed()
        await asyncio.gather(lost, return_exceptions=True)
        await world.start()
        await wait_for(caller, "NFLX")
    return answered


def test_the_same_seed_is_the_same_run_in_any_process() -> None:
    def runs(hash_seed: str) -> list[str]:
        here = os.pathsep.join([*sys.path, str(TESTS), str(Path(__file__).parent)])
        done = subprocess.run(
            [sys.executable, "-c", RUN],
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": here},
            capture_output=True,
            check=True,
            text=True,
        )
        return [line for line in done.stdout.splitlines() if line.startswith("ran")]

    first, second = runs("1"), runs("2")

    assert first == second
    assert len(set(first)) == 2

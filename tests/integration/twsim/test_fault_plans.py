"""Many faults at once, by a seed: the gateway itself never breaks, and heals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from twsim import FaultPlan, Gateway, ManualClock
from twsim.faults import CATALOGUE
from twsim_raw import RawClient, names, order_text

SEEDS = 10
GONE = (ConnectionError, asyncio.IncompleteReadError, TimeoutError)
SESSION = (
    "61|1|",
    "6|2|1|DU8730189|",
    order_text(1),
    order_text(2, limit="100"),
    order_text(2, limit="101"),
    order_text(3, limit="200", side="SELL"),
    "4|1|2||",
    "16|1|",
    "99|0|",
    "7|3|9|0|||||||",
)


@contextmanager
def no_loop_errors() -> Iterator[None]:
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))
    yield

    assert errors == []


async def talk(gateway: Gateway, client: RawClient) -> None:
    for round_number in range(3):
        with suppress(*GONE):
            await client.open()
            client.write(b"API\0\0\0\0\x09v157..178")
            await asyncio.sleep(0)
            client.send("71|2|1||")
            for message in SESSION:
                client.send(message)
                await asyncio.sleep(0)
            client.send(order_text(100 + round_number))
        await asyncio.sleep(0.002)
        for _ in range(4):
            gateway.advance(1)
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_whatever_strikes_the_gateway_lives_and_heals(seed: int) -> None:
    rates = {each: 0.02 if each[0] in "LA" else 0.15 for each in CATALOGUE}
    plan = FaultPlan(seed=seed, rates=rates)
    async with Gateway(clock=ManualClock(), faults=plan) as gateway:
        with no_loop_errors():
            client = RawClient(gateway)
            await talk(gateway, client)
            struck = len(gateway.fault_log())
            gateway.clear_faults()
            client.close()
            await asyncio.sleep(0.01)
            healed = client.other(77)
            await healed.start()
            told = await healed.place(limit="300")
            gateway.advance(90_000)
            client.close()

            assert struck > 0
            assert names(told)[-1] == "Filled"
            assert len(gateway.fault_log()) == struck


async def test_without_a_fault_nothing_is_different() -> None:
    async def run(plan: FaultPlan | None) -> list[str]:
        async with Gateway(clock=ManualClock(), seed=5, faults=plan) as gateway:
            client = RawClient(gateway)
            await client.start()
            for message in SESSION:
                await client.ask(message)
                await client.later(0.5)
            client.close()
            return [str(frame) for frame in gateway.transcript()]

    plain = await run(None)

    assert await run(FaultPlan(rates=dict.fromkeys(CATALOGUE, 0))) == plain
    assert await run(FaultPlan()) == plain


async def test_the_same_seed_strikes_the_same_and_another_does_not() -> None:
    ids = [f"{each}:rows=9" if each == "Q06" else each for each in CATALOGUE if each > "C"]
    ids = [each for each in ids if each[0] != "L"]

    async def run(seed: int) -> tuple[list[str], list[str]]:
        plan = FaultPlan(seed=seed, rates=dict.fromkeys(ids, "0.1"))
        async with Gateway(clock=ManualClock(), faults=plan) as gateway:
            client = RawClient(gateway)
            await client.start()
            for message in SESSION * 3:
                await client.ask(message)
                await client.later(0.5)
            client.close()
            log = [str(record) for record in gateway.fault_log()]
            return log, [str(frame) for frame in gateway.transcript()]

    first = await run(1)

    assert first[0]
    assert await run(1) == first
    assert await run(2) != first


async def test_clearing_lets_what_was_withheld_arrive_at_once() -> None:
    async with Gateway(clock=ManualClock()) as gateway:
        client = RawClient(gateway)
        await client.start()
        gateway.inject("O03", delay=500)
        gateway.inject("A03", on="place", times=0)

        assert await client.ask("61|1|") != []

        gateway.clear_faults()
        told = await client.place()
        client.close()

        assert names(told)[-1] == "Filled"
        assert gateway.fault_log() == []


async def test_on_a_real_clock_time_ends_faults_by_itself() -> None:
    async with Gateway() as gateway:
        client = RawClient(gateway)
        gateway.inject("L02", lasts="0.05")
        began = time.perf_counter()
        await client.start()
        started = time.perf_counter() - began
        gateway.inject("L11", delay="0.05")
        gateway.notify(2104)
        told = await client.receive()
        took = time.perf_counter() - began - started
        client.close()

        assert started > 0.05
        assert told[3] == "2104"
        assert took > 0.05


async def test_a_client_that_left_while_its_words_were_under_way_is_forgotten() -> None:
    async with Gateway(clock=ManualClock()) as gateway:
        client = RawClient(gateway)
        await client.open()
        await client.greet()
        gateway.inject("L11", on="now", delay=5, way="in")
        client.send("71|2|1||")
        await client.heard()
        client.close()
        await asyncio.sleep(0.05)
        gateway.advance(10)
        gateway.clear_faults()
        again = RawClient(gateway)

        assert "15" in names(await again.start())
        again.close()


async def test_what_lasts_until_cleared_is_healed() -> None:
    async with Gateway(clock=ManualClock()) as gateway:
        client = RawClient(gateway)
        await client.start()
        for fault, words in (
            ("L08", {}), ("L11", {"delay": 5}), ("L12", {}), ("L13", {}), ("L14", {}),
        ):  # fmt: skip
            gateway.inject(fault, on="now", **words)
            client.send("61|1|")

            assert "62" not in names(await client.heard()) or fault in ("L12", "L14")

            gateway.clear_faults()

            assert names(await client.heard())[-1:] in (["62"], [], ["1102"])

        assert names(await client.place())[-1] == "Filled"
        client.close()

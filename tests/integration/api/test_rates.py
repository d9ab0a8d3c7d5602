"""Clients that ask too much, and keys that are tried out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from front import ORDERS, code, open_front, order, orders_of
from makers import ACCOUNT
from paperdesk.api.attempts import ATTEMPTS_MAX
from paperdesk.config import RateSettings

SLOW = RateSettings(requests=5, batches=1, requests_of_all=1000, batches_of_all=1000)
HALT = f"/api/v1/accounts/{ACCOUNT}/halt"


async def many(caller: httpx.AsyncClient, count: int, **options: Any) -> list[httpx.Response]:
    """Ask the same many times at once."""
    asked = {"method": "GET", "url": ORDERS} | options
    return list(await asyncio.gather(*(caller.request(**asked) for _ in range(count))))


async def test_a_client_that_is_too_fast_is_told_when_to_come_again(tmp_path: Path) -> None:
    slowest = replace(SLOW, requests=1)
    async with open_front(tmp_path, rates=slowest) as front, front.caller("trader") as trader:
        answers = await many(trader, 15)
        refused = [answer for answer in answers if answer.status_code == 429]
        async with front.caller("rival") as rival:
            of_another = await rival.get(ORDERS)
        await asyncio.sleep(int(refused[0].headers["Retry-After"]))
        later = await trader.get(ORDERS)

    assert 12 <= len(refused) <= 13  # two seconds' worth may come at once
    assert code(refused[0]) == (429, "rate-limited")
    assert "more requests than it may (1 a second)" in refused[0].json()["detail"]
    assert of_another.status_code == later.status_code == 200
    policy = '"requests";q=2;w=2, "batches";q=2;w=2'
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {policy}
    assert answers[0].headers["RateLimit"] == '"requests";r=1;t=1'
    assert refused[0].headers["RateLimit"] == '"requests";r=0;t=2'


async def test_batches_are_counted_apart_and_one_that_is_refused_leaves_nothing(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path, rates=SLOW) as front, front.caller("trader") as trader:
        answers = await many(trader, 4, method="POST", json=orders_of(order()))
        shown = await trader.get(ORDERS)
        stored = front.stored()

    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert answers[2].headers["RateLimit"] == '"batches";r=0;t=2'
    assert "put more targets into one batch" in answers[2].json()["detail"]
    assert len(shown.json()["batches"]) == stored == 2


async def test_all_clients_together_are_bounded_too(tmp_path: Path) -> None:
    tight = RateSettings(requests=100, batches=100, requests_of_all=2, batches_of_all=100)
    async with (
        open_front(tmp_path, rates=tight) as front,
        front.caller("trader") as trader,
        front.caller("rival") as rival,
    ):
        answers = [*await many(trader, 3), *await many(rival, 3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429, 429]
    assert "All clients together" in answers[-1].json()["detail"]


async def test_whoever_halts_is_never_too_fast(tmp_path: Path) -> None:
    async with open_front(tmp_path, rates=SLOW) as front, front.caller("trader") as trader:
        await many(trader, 15)
        halted = await trader.post(HALT, json={"reason": "it runs wild"})

    assert halted.status_code == 200


async def test_no_more_is_worked_on_at_once_than_allowed_and_health_still_answers(
    tmp_path: Path,
) -> None:
    few = RateSettings(in_flight=4)
    async with open_front(tmp_path, rates=few) as front, front.caller("trader") as trader:
        resting = orders_of(order(limit_price=1.0))
        batch = (await trader.post(ORDERS, json=resting)).json()["batch_id"]
        waiting = asyncio.create_task(
            many(trader, 5, url=f"{ORDERS}/{batch}", params={"wait": 1})
        )
        await asyncio.sleep(0.2)
        health = await front.caller().get("/health")
        answers = await waiting

    assert health.status_code == 200
    assert [answer.status_code for answer in answers].count(429) == 3
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "Too many requests are being worked on" in refused.json()["detail"]


async def test_who_stops_something_or_looks_after_the_service_waits_for_nobody(
    tmp_path: Path,
) -> None:
    few = RateSettings(requests_of_all=1, batches_of_all=1, in_flight=2)
    async with (
        open_front(tmp_path, rates=few) as front,
        front.caller("trader") as trader,
        front.caller("rival") as rival,
        front.caller("admin") as admin,
    ):
        resting = orders_of(order(limit_price=1.0))
        batch = (await trader.post(ORDERS, json=resting)).json()["batch_id"]
        held = asyncio.create_task(trader.get(f"{ORDERS}/{batch}", params={"wait": 2}))
        await asyncio.sleep(0.1)
        await many(rival, 30)
        keys = await admin.get("/api/v1/keys")
        of_another = await rival.get(ORDERS)
        cancelled = await trader.delete(f"{ORDERS}/{batch}")
        halted = await trader.post(HALT, json={"reason": "enough"})
        await held

    assert of_another.status_code == 429
    assert [keys.status_code, cancelled.status_code, halted.status_code] == [200] * 3


async def test_halts_have_room_of_their_own_and_no_more(tmp_path: Path) -> None:
    async with open_front(tmp_path, rates=SLOW) as front, front.caller("trader") as trader:
        answers = await many(trader, 40, method="POST", url=HALT, json={"reason": "again"})
        nonsense = await many(trader, 15, method="POST", url="/nonsense/halt", json={})

    assert [answer.status_code for answer in answers].count(200) >= 20
    assert answers[-1].status_code == 429
    assert nonsense[-1].status_code == 429


async def test_previews_do_not_fill_the_way_to_the_gateway(tmp_path: Path) -> None:
    async with open_front(tmp_path, per_second=50) as front, front.caller("trader") as trader:
        bodies = [
            orders_of(*(order(f"Q{letter}{n}") for n in range(400))) for letter in "ABCDE"
        ]
        asked = [
            asyncio.create_task(trader.post(f"{ORDERS}/preview", json=body)) for body in bodies
        ]
        done, left = await asyncio.wait(asked, timeout=2)
        for task in left:
            task.cancel()
        refused = [task.result() for task in done]

    assert len(refused) >= 2
    assert {code(answer) for answer in refused} == {(429, "too-many-requests")}


async def test_an_address_that_tries_keys_is_slowed_down_and_a_right_key_still_opens(
    tmp_path: Path,
) -> None:
    async with (
        open_front(tmp_path) as front,
        front.caller("nobody") as guesser,
        front.caller("reader") as reader,
    ):
        answers = [await guesser.get(ORDERS) for _ in range(ATTEMPTS_MAX + 2)]
        right = await reader.get(ORDERS)

    assert {code(answer) for answer in answers[:ATTEMPTS_MAX]} == {(401, "unauthorized")}
    assert [code(answer) for answer in answers[ATTEMPTS_MAX:]] == [(429, "rate-limited")] * 2
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert right.status_code == 200


@pytest.mark.parametrize("path", ["/health", "/livez", "/docs"])
async def test_open_pages_are_not_counted(tmp_path: Path, path: str) -> None:
    one = RateSettings(1, 1, 1, 1, 1)
    async with open_front(tmp_path, rates=one) as front, front.caller() as anyone:
        answers = [await anyone.get(path) for _ in range(10)]

    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers

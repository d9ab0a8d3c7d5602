"""Answers that are kept: nobody can tell, but by how fast they come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import httpx
import pytest

from front import ORDERS, Front, code, open_front, order, orders_of

OWN: Final = {"x-request-id"}
HALT: Final = "/api/v1/accounts/DU8730189/halt"


async def shown(caller: httpx.AsyncClient, path: str) -> httpx.Response:
    """Return what is shown, once it is seen to be what the ledger says.

    A query is judged by the endpoint, which reads the ledger: so that is the fresh answer.
    """
    for _ in range(3):  # the second one keeps it, the third one is of what is kept
        short = await caller.get(path)
        fresh = await caller.get(f"{path}?wait=0")
        assert short.content == fresh.content
    return fresh


async def post(caller: httpx.AsyncClient, symbol: str = "AAPL", quantity: int = 10) -> str:
    """Post a limit order far from the market, which works; return the path of its batch."""
    body = orders_of(order(symbol, quantity, limit_price=1.25))
    answer = await caller.post(ORDERS, json=body)
    assert answer.status_code == 200, answer.text
    return f"{ORDERS}/{answer.json()['batch_id']}"


async def fill(front: Front, path: str) -> None:
    front.gateway.set_price("AAPL", "1.00")
    done = await front.caller("trader").get(f"{path}?wait=10")
    assert done.json()["orders"][0]["status"] == "Filled"


async def fill_unwatched(front: Front, path: str) -> None:
    front.gateway.set_price("AAPL", "1.00")
    caller = front.caller("trader")
    while (await caller.get(path)).json()["orders"][0]["commission"] is None:  # noqa: ASYNC110 - it is asked again on purpose
        # A kept answer comes without waiting for anything: let the others have their turn.
        await asyncio.sleep(0.005)


async def withdraw(front: Front, path: str) -> None:
    assert (await front.caller("trader").delete(path)).status_code == 200


async def supersede(front: Front, _path: str) -> None:
    await post(front.caller("trader"), quantity=20)


async def keep(front: Front, _path: str) -> None:
    await post(front.caller("trader"))


async def halt(front: Front, _path: str) -> None:
    told = {"reason": "test", "mode": "all", "cancel_working": True}
    assert (await front.caller("admin").post(HALT, json=told)).status_code == 200


CHANGES: Final = (fill, fill_unwatched, withdraw, supersede, keep, halt)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_the_next_answer_after_a_change_shows_it(
    tmp_path: Path, change: Callable[[Front, str], Awaitable[None]]
) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        path = await post(trader)
        before = await shown(trader, path)
        await change(front, path)
        after = await shown(trader, path)

    assert before.content != after.content


async def test_a_kept_answer_is_like_the_first_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        path = await post(trader)
        await withdraw(front, path)
        read = await trader.get(f"{path}?wait=0")
        kept = [await trader.get(path), await trader.get(f"{path}/"), await trader.get(path)]
        head = await trader.head(path)
        logged = capsys.readouterr().out

    assert {answer.content for answer in kept} == {read.content}
    for answer in (*kept, head):
        headers = {name: text for name, text in answer.headers.items() if name not in OWN}
        assert headers == {n: text for n, text in read.headers.items() if n not in OWN}
        assert answer.headers["x-request-id"] in logged
    assert head.content == b""
    assert len({answer.headers["x-request-id"] for answer in (*kept, head)}) == 4


async def test_a_kept_answer_is_judged_like_any_other(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        path = await post(trader)
        await withdraw(front, path)
        await shown(trader, path)
        asked = {
            name: await front.caller(name).get(path) for name in ("rival", "other", "warden")
        }
        unknown = [await front.caller(name).get(path) for name in (None, "nobody")]
        large = await trader.request("GET", path, content=b" " * (1024 * 1024 + 1))
        misspelt = await trader.get(f"{path}?wiat=1")
        changed = [await trader.put(path), await trader.post(path)]
        readers = [await front.caller(name).get(path) for name in ("auditor", "admin")]

    assert {code(answer) for answer in asked.values()} == {(404, "not-found")}
    assert {code(answer) for answer in unknown} == {(401, "unauthorized")}
    assert code(large) == (413, "payload-too-large")
    assert code(misspelt) == (400, "bad-request")
    assert {answer.status_code for answer in changed} == {405}
    assert {answer.status_code for answer in readers} == {200}


async def test_what_is_kept_needs_no_ledger(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        path = await post(trader)
        await withdraw(front, path)
        first = await trader.get(path)
        with front.without("targets"):
            kept = await trader.get(path)
            read = await trader.get(f"{path}?wait=0")

    assert kept.content == first.content
    assert code(read) == (503, "ledger-unavailable")

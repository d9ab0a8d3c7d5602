"""The examples of the problem pages are what the service answers with."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Awaitable, Callable
from typing import Final

import httpx
import pytest

from front import ORDERS, Front, code, order, orders_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCOUNT: Final = "/api/v1/accounts/DU8730189"
WHY: Final = {"reason": "prices look wrong"}
BATCH: Final = orders_of(order())


async def halted(front: Front) -> httpx.Response:
    await front.caller("trader").post(f"{ACCOUNT}/halt", json=WHY)
    answer = await front.caller("trader").post(ORDERS, json=BATCH)
    await front.caller("admin").post(f"{ACCOUNT}/resume", json=WHY)
    return answer


async def mismatched(front: Front) -> httpx.Response:
    headers = {"Idempotency-Key": "one"}
    await front.caller("trader").post(ORDERS, json=BATCH, headers=headers)
    return await front.caller("trader").post(
        ORDERS, json=orders_of(order("KO")), headers=headers
    )


PROVOKED: Final[dict[str, Callable[[Front], Awaitable[httpx.Response]]]] = {
    "bad-request": lambda front: front.caller("trader").post(
        ORDERS, json=orders_of({"symbol": "AAPL", "quantity": "100"})
    ),
    "unauthorized": lambda front: front.caller().get(ORDERS),
    "forbidden": lambda front: front.caller("trader").post(f"{ACCOUNT}/resume", json=WHY),
    "not-found": lambda front: front.caller("trader").get(f"{ORDERS}/0000000000000000"),
    "method-not-allowed": lambda front: front.caller("trader").put(ORDERS),
    "halted": halted,
    "preview-stale": lambda front: front.caller("trader").post(
        ORDERS, json={"preview_id": "0" * 32}
    ),
    "payload-too-large": lambda front: front.caller("trader").post(
        ORDERS, content=b" " * 2**21
    ),
    "idempotency-mismatch": mismatched,
}


@pytest.mark.parametrize("name", PROVOKED)
async def test_the_example_on_a_problems_page_is_the_answer(
    front: Front, anyone: httpx.AsyncClient, name: str
) -> None:
    answer = await PROVOKED[name](front)
    page = (await anyone.get(answer.json()["type"])).text

    assert code(answer)[1] == name
    (shown,) = re.findall("<pre>(.*?)</pre>", page, re.DOTALL)
    assert json.loads(html.unescape(shown)) == answer.json()

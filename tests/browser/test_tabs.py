"""Many tabs of one browser: one stream, and each of them is live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from browser.pages import Server, signed_in
from front import ORDERS, Front, order, orders_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "key-of-trader"
NAMES = """async () => {
  const { held, pending } = await navigator.locks.query();
  return [...held, ...pending].map(({ name }) => name);
}"""


@asynccontextmanager
async def tabs(browser: Browser, url: str, *names: str) -> AsyncIterator[list[Page]]:
    """Open tabs of one browser, each with the key of one of `names`."""
    context: BrowserContext = await browser.new_context()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(context.close)
        pages = [await context.new_page() for _ in names]

        await signed_in(pages[0], url, names[0])
        others = zip(pages[1:], names[1:], strict=True)
        await asyncio.gather(*(signed_in(page, url, name) for page, name in others))
        yield pages


async def trade(front: Front, quantity: int) -> str:
    """Post a target; return the id of its batch."""
    body = orders_of(order("AAPL", quantity))
    answer = await front.caller("trader").post(ORDERS, json=body)
    return str(answer.json()["batch_id"])


@pytest.mark.timeout(120)
async def test_eight_tabs_share_one_stream_and_one_that_closes_hands_it_over(
    browser: Browser, server: Server, front: Front
) -> None:
    async with tabs(browser, server.url, *["trader"] * 8) as pages:
        assert server.streams == 1
        batches = [await trade(front, 10)]
        for page in pages:
            await expect(page.locator("#tape code")).to_have_text(batches * 2)
        closing = asyncio.create_task(pages[0].close())  # the first of them leads
        batches += [await trade(front, quantity) for quantity in (30, 60, 100)]
        await closing
        batches += [await trade(front, 150)]

        # Each batch is told twice, accepted and final; nothing but the stream tells of it.
        for page in pages[1:]:
            told = page.locator("#tape code")
            await expect(told).to_have_count(2 * len(batches))
            assert sorted(await told.all_inner_texts()) == sorted(batches * 2)
            await expect(page.get_by_text("Stream live")).to_be_visible()
        assert server.streams == 1


async def test_tabs_of_different_keys_share_nothing_and_no_name_says_a_key(
    browser: Browser, server: Server
) -> None:
    async with tabs(browser, server.url, "trader", "trader", "admin") as pages:
        names = await pages[0].evaluate(NAMES)

        assert server.streams == 2
        assert len(names) == 3
        assert len(set(names)) == 2
        assert not any("key" in name for name in names)
        await pages[0].get_by_role("button", name="Sign out").click()
        await expect(pages[1].get_by_text("Stream live")).to_be_visible()
        assert (await pages[1].evaluate(NAMES)).count(names[0]) == 1

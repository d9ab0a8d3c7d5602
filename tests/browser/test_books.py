"""What happened to a batch, held against what the API answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import expect

from browser.pages import View
from front import ORDERS, Front, order, orders_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOT_WRITTEN = {"target.changed", "batch.progress", "fill.corrected"}


async def post(front: Front, *rows: Any) -> str:
    """Post targets as trader; return the id of the batch."""
    posted = await front.caller("trader").post(ORDERS, json=orders_of(*rows))
    assert posted.status_code == 200, posted.text
    return str(posted.json()["batch_id"])


async def trade(front: Front, *rows: Any) -> str:
    """Post targets, and wait until the batch is final."""
    batch = await post(front, *rows)
    await front.caller("trader").get(f"{ORDERS}/{batch}?wait=5")
    return batch


async def test_a_batch_tells_what_happened_in_order_and_is_repeated(
    view: View, front: Front
) -> None:
    page = view.page
    front.gateway.hold_fills("MSFT")
    batch = await post(front, order("AAPL", 100), order("MSFT", 20, limit_price=90.5))
    await view.sign_in("trader")
    await page.get_by_role("link", name=batch).click()
    lines = page.locator(".timeline li")
    await expect(lines.filter(has_text="fee $")).to_have_count(1)
    await expect(lines.filter(has_text="ack")).to_have_count(1)
    await page.locator("#cancel-in-detail").click()
    await page.get_by_role("button", name="Yes, cancel 1").click()
    await expect(lines.last).to_contain_text("1 of 2 filled")
    path = f"/api/v1/events?batch_id={batch}&until=batch.final"
    told = await front.caller("trader").get(path, headers={"Accept": "application/x-ndjson"})
    events = [json.loads(line) for line in told.text.splitlines()][1:]
    events = [event for event in events if event["type"] not in NOT_WRITTEN]
    times = [await line.locator("time").get_attribute("datetime") for line in await lines.all()]
    words = await lines.all_inner_texts()

    assert times == [event["timestamp"] for event in events]
    assert [" ".join(text.split()).split()[1] for text in words][:3] == ["accepted", "→", "→"]
    (fill,) = [event["data"] for event in events if event["type"] == "fill.created"]
    (filled,) = [text for text in words if "fee $" in text]
    assert f"BUY {fill['quantity']} @ {fill['price']:.2f}" in filled
    assert words.index(filled) < next(
        index for index, text in enumerate(words) if "on average" in text
    )
    assert "0 of 20 filled" in words[-2]
    await page.get_by_role("button", name="Repeat as a new batch").click()
    targets = page.get_by_label("Targets, as CSV")
    await expect(targets).to_have_value("symbol,quantity,limit_price\nAAPL,100,\nMSFT,20,90.5")
    await expect(page.locator("dialog").get_by_text("▲ buy 20")).to_be_visible()


async def test_what_cannot_be_read_is_not_told_as_nothing(view: View, front: Front) -> None:
    page = view.page
    batch = await trade(front, order("AAPL", 100))
    await page.route("**/api/v1/events?*", lambda route: route.abort())
    await view.sign_in("trader")
    await page.get_by_role("link", name=batch).click()
    await expect(page.locator("dialog [role=alert]")).to_contain_text("not read to its end")
    await expect(page.get_by_text("Nothing of it is told")).to_have_count(0)
    await page.unroute("**/api/v1/events?*")
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name=batch).click()
    await expect(page.locator(".timeline li").last).to_contain_text("1 of 1 filled")

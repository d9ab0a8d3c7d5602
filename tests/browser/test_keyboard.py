"""The page without a mouse, and for who listens to it."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from browser.pages import BATCH, View
from front import ORDERS, Front, order, orders_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_batch_is_made_opened_and_cancelled_with_keys_alone(
    view: View, front: Front
) -> None:
    page, press = view.page, view.page.keyboard.press
    front.gateway.hold_fills("MSFT")
    await view.sign_in("trader")
    await press("n")
    await expect(page.get_by_label("Targets, as CSV")).to_be_visible()
    await press("Tab")
    for _ in range(6):
        if await page.evaluate("document.activeElement.id") == "targets":
            break
        await press("Tab")
    await page.keyboard.type("MSFT,20")
    send = page.get_by_role("button", name="Send 1 order")
    await expect(send).to_be_enabled()
    for _ in range(6):
        if await send.evaluate("button => button === document.activeElement"):
            break
        await press("Tab")
    await press("Enter")
    await expect(page.get_by_role("heading", name=BATCH)).to_be_visible()
    await press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    await press("j")
    await press("Enter")
    await expect(page.get_by_role("heading", name=BATCH)).to_be_visible()
    await press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    await press("x")
    await expect(page.get_by_text("Cancel 1 open order?")).to_be_visible()
    await press("Enter")

    await expect(page.locator("#batches .pill")).to_have_text("– cancelled")


async def test_single_keys_rest_while_one_types_and_can_be_switched_off(view: View) -> None:
    page, press = view.page, view.page.keyboard.press
    await view.sign_in("trader")
    await press("/")
    await page.keyboard.type("nTa?H")
    await expect(page.locator("#find")).to_have_value("nTa?H")
    await expect(page.locator("dialog")).to_have_count(0)
    await page.locator("#find").blur()
    await press("?")
    await page.get_by_label("Single keys do this").uncheck()
    await press("Escape")
    await press("n")
    await expect(page.locator("dialog")).to_have_count(0)
    await page.reload()
    await page.get_by_text("On target").first.wait_for()
    await press("Shift+H")

    await expect(page.locator("dialog")).to_have_count(0)
    await expect(page.locator(".band")).to_have_count(0)


async def test_who_hears_the_page_is_told_every_ten_seconds_what_came(
    view: View, front: Front
) -> None:
    page = view.page
    await page.clock.install()
    await view.sign_in("trader")
    front.gateway.reject_next(201, "No funds")
    await front.caller("trader").post(
        ORDERS, json=orders_of(order("AAPL", 10), order("MSFT", 10))
    )
    await expect(page.locator("#tape")).to_contain_text("reject")
    await expect(page.locator("#tape")).to_contain_text("fee $")
    await page.clock.fast_forward(10_000)

    polite = page.locator("#tape [aria-live=polite]")
    await expect(polite).to_contain_text("1 fill")
    await expect(polite).to_contain_text("1 rejection")


async def test_the_tape_stands_still_while_it_is_paused_and_counts_what_came(
    view: View, front: Front
) -> None:
    page = view.page
    await front.caller("trader").post(ORDERS, json=orders_of(order("AAPL", 10)))
    await view.sign_in("trader")
    tape = page.locator("#tape")
    await expect(tape).to_contain_text("AAPL BUY 10 @")
    await page.keyboard.press("Space")
    await front.caller("trader").post(ORDERS, json=orders_of(order("AAPL", 25)))
    await expect(tape.get_by_role("button", name="new")).to_be_visible()
    assert "AAPL BUY 15 @" not in (await tape.inner_text())
    await page.keyboard.press("Space")

    await expect(tape).to_contain_text("AAPL BUY 15 @")
    await expect(tape.get_by_role("log")).to_have_attribute("aria-live", "off")


async def test_a_panel_is_reached_from_wherever_one_is(view: View) -> None:
    page = view.page
    await view.sign_in("trader")
    for keys, panel in (("gt", "tape"), ("go", "main"), ("gt", "tape")):
        for key in keys:
            await page.keyboard.press(key)
        await expect(page.locator(f"#{panel}")).to_be_focused()
    await page.keyboard.press("?")
    told = page.get_by_role("row", name="Go to Now")

    await expect(told).to_contain_text("g n, g b, g o, g f, g p, g a, g c, g h")
    await expect(told).to_contain_text("Batches, Orders, Fills, Positions, Accounts")

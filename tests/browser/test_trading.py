"""From the page to the fill, and what the page says when it goes otherwise."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from browser.pages import BATCH, PHONE, Server, View, a_view
from front import ORDERS, Front, order, orders_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = 'Order rejected - reason:<b>No</b> "short" & <img src=x onerror=alert(1)>'


async def plan(page: Page, text: str) -> None:
    """Open a new batch and paste its targets."""
    await page.get_by_role("button", name="New batch").click()
    await page.get_by_label("Targets, as CSV").fill(text)


async def test_a_trade_from_the_page_to_the_fill(view: View, front: Front) -> None:
    page = view.page
    await view.sign_in("trader")
    await expect(page.get_by_text("No batches yet")).to_be_visible()
    await plan(page, "symbol,quantity\nAAPL,100\nMSFT,-50\n")
    await expect(page.locator("dialog").get_by_text("▲ buy 100")).to_be_visible()
    assert front.sent() == 0, "a preview sends nothing"
    await page.get_by_role("button", name="Send 2 orders to DU8730189").click()

    await expect(page.get_by_role("heading", name=BATCH)).to_be_visible()
    await expect(page.locator("dialog .pill", has_text="Filled")).to_have_count(2)
    await expect(page.locator("dialog .pill", has_text="done")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#positions")).to_contain_text("on target")
    fills = page.locator("#tape li", has_text="AAPL BUY 100 @")
    await expect(fills.filter(has_text="fee $")).to_have_count(1)
    await expect(page.get_by_text("2 / 2")).to_be_visible()
    assert front.sent() == 2
    assert await page.title() == "● 0 open · paperdesk PAPER"


async def test_one_bad_line_is_named_and_nothing_can_be_sent(view: View, front: Front) -> None:
    await view.sign_in("trader")
    await plan(view.page, '\ufeffsymbol;quantity\n# a note\nAAPL;"1,000"\n\nMSFT;10.5')

    trouble = view.page.get_by_text('Line 5: "10.5" is not a whole number of shares.')
    await expect(trouble).to_be_visible()
    await expect(view.page.get_by_role("button", name="Nothing to send yet")).to_be_disabled()
    assert front.sent() == 0


async def test_a_plan_that_has_become_stale_is_not_sent_but_shown_anew(
    view: View, front: Front
) -> None:
    page = view.page
    await view.sign_in("trader")
    await plan(page, "AAPL,100")
    send = page.get_by_role("button", name="Send 1 order to")
    await expect(send).to_be_enabled()
    posted = await front.caller("rival").post(ORDERS, json=orders_of(order("AAPL", 40)))
    await front.caller("rival").get(f"{ORDERS}/{posted.json()['batch_id']}?wait=5")
    await send.click()

    await expect(page.locator("dialog [role=alert]")).to_be_visible()
    await expect(page.locator("dialog").get_by_text("▲ buy 60")).to_be_visible()
    assert front.sent() == 1


async def test_a_rejected_order_is_told_in_the_brokers_words_and_as_text(
    view: View, front: Front
) -> None:
    page = view.page
    await view.sign_in("trader")
    front.gateway.reject_next(201, WORDS)
    await plan(page, "AAPL,100")
    await page.get_by_role("button", name="Send 1 order").click()
    await expect(page.locator("dialog")).to_contain_text(f"{WORDS} (IBKR 201)")
    await page.keyboard.press("Escape")

    band = page.locator(".needs")
    await expect(band).to_contain_text("1 needs you")
    await expect(band).to_contain_text(WORDS)
    assert await page.locator("img").count() == 0
    assert "1!" in await page.title()
    await band.get_by_role("button", name="Retry this target").click()
    await page.get_by_role("button", name="Send 1 order").click()
    await expect(page.locator("dialog .pill", has_text="Filled")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(band).to_have_count(0)


async def test_a_cancel_asks_in_its_place_and_ends_the_open_orders(
    view: View, front: Front
) -> None:
    page = view.page
    front.gateway.hold_fills()
    await front.caller("trader").post(ORDERS, json=orders_of(order("AAPL", 100)))
    await view.sign_in("trader")
    await page.get_by_role("button", name="Cancel open (1)").click()
    await expect(page.get_by_text("Cancel 1 open order?")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("Cancel 1 open order?")).to_have_count(0)
    await page.get_by_role("button", name="Cancel open (1)").click()
    await page.get_by_role("button", name="Yes, cancel 1").click()

    await expect(page.locator("#batches .pill")).to_have_text("– cancelled")


async def test_a_reader_sees_everything_and_can_press_nothing(
    browser: Browser, server: Server, front: Front
) -> None:
    front.gateway.hold_fills()
    async with a_view(browser, server.url) as view:
        await view.sign_in("reader")

        await expect(view.page.get_by_text("0 / 0")).to_be_visible()
        for name in ("HALT", "New batch", "Cancel open"):
            await expect(view.page.get_by_role("button", name=name)).to_have_count(0)
        await view.page.keyboard.press("n")
        await view.page.keyboard.press("Shift+H")
        await expect(view.page.locator("dialog")).to_have_count(0)


async def test_on_a_phone_nothing_is_wider_and_the_halt_is_under_the_thumb(
    browser: Browser, server: Server
) -> None:
    async with a_view(browser, server.url, viewport=PHONE, is_mobile=True) as view:
        await view.sign_in("trader")
        halt = view.page.get_by_role("button", name="HALT")

        wide = await view.page.evaluate("document.documentElement.scrollWidth")
        box = await halt.bounding_box()
        assert wide == PHONE["width"]
        assert box is not None
        assert box["y"] > PHONE["height"] - 80
        assert box["height"] >= 44
        await plan(view.page, "AAPL,10")
        await view.page.get_by_role("button", name="Send 1 order").click()
        await expect(view.page.locator("dialog .pill", has_text="Filled")).to_be_visible()

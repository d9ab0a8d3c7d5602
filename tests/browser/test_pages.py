"""The pages behind the first one: orders, fills, connections, events, the simulator, settings."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from browser.pages import Server, View, a_view, simulated
from front import ORDERS, Front, order, orders_of
from makers import ACCOUNT

pytestmark = pytest.mark.asyncio(loop_scope="module")

COLOUR = "element => getComputedStyle(element).color"
# What the desktop would be told: a page cannot ask it.
RECORDED = """() => {
  window.told = [];
  window.Notification = class {
    static permission = "granted";
    static async requestPermission() { return "granted"; }
    constructor(title, { body }) { window.told.push(`${title}: ${body}`); }
  };
}"""


async def post(front: Front, symbol: str, quantity: int) -> str:
    """Post a target; return the id of its batch once it is final."""
    body = orders_of(order(symbol, quantity))
    posted = (await front.caller("trader").post(ORDERS, json=body)).json()
    await front.caller("trader").get(f"{ORDERS}/{posted['batch_id']}?wait=5")
    return str(posted["batch_id"])


async def read_on(page: Page, rows: Locator) -> None:
    """Read on into the past, to the first of 19 batches of a row each."""
    older = page.get_by_role("button", name="Older batches")
    await expect(rows).to_have_count(15)
    await older.click()
    await expect(rows).to_have_count(19)
    await expect(older).to_have_count(0)


async def test_orders_and_batches_are_narrowed_down_opened_and_read_on_into_the_past(
    view: View, front: Front
) -> None:
    page = view.page
    first = await post(front, "KO", 5)
    front.gateway.hold_fills("NVDA")
    held = (await front.caller("trader").post(ORDERS, json=orders_of(order("NVDA", 5)))).json()
    front.gateway.reject_next(201, "No funds")
    await post(front, "MSFT", 7)
    for _ in range(16):
        await post(front, "AAPL", 0)
    await view.sign_in("trader")
    await page.keyboard.press("g")
    await page.keyboard.press("o")
    rows = page.locator("#orders tbody tr")
    await read_on(page, rows)
    await page.get_by_label("State").select_option("failed")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("No funds")
    await page.get_by_label("State").select_option("")
    await page.get_by_label("Symbol or batch").fill("ko")
    await expect(rows).to_have_count(1)
    await rows.get_by_role("link").click()

    await expect(page.get_by_role("heading", name=f"Batch {first}")).to_be_visible()
    await page.keyboard.press("Escape")
    assert page.url.endswith("#/orders")
    await page.keyboard.press("g")
    await page.keyboard.press("b")
    batches = page.locator("#batches tbody tr")
    await read_on(page, batches)
    listed = (await front.caller("trader").get(f"{ORDERS}?limit=50")).json()["batches"]
    told = await page.locator("a.batch").all_inner_texts()
    assert told == [entry["batch_id"] for entry in listed]
    await page.get_by_label("Find a symbol or a batch").fill("nvda")
    await expect(batches).to_have_count(1)
    await expect(batches).to_contain_text("working")
    await front.caller("trader").delete(f"{ORDERS}/{held['batch_id']}")
    await expect(batches).to_contain_text("cancelled")


async def test_fills_come_as_they_happen_and_are_saved_as_csv(view: View, front: Front) -> None:
    page = view.page
    await post(front, "AAPL", 10)
    await view.sign_in("trader")
    await page.get_by_role("link", name="Fills").click()
    rows = page.locator("#fills tbody tr")
    await expect(rows).to_have_count(1)
    await post(front, "MSFT", -5)
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("▼ sell 5")
    await page.get_by_label("Symbol").fill("aapl")
    await expect(rows).to_have_count(1)
    head, line = (await view.saved("Save as CSV")).splitlines()

    assert head.startswith("executed_at,symbol,side,quantity,price,commission")
    assert line.split(",")[1:4] == ["AAPL", "BUY", "10"]


async def test_an_answer_that_comes_late_is_not_taken_for_what_is_asked_now(
    view: View, front: Front
) -> None:
    page, may_go = view.page, asyncio.Event()
    await post(front, "AAPL", 10)
    await post(front, "MSFT", -5)
    await view.sign_in("trader")

    async def hold_what_is_of_all(route: Route) -> None:
        if "symbol=" not in route.request.url:
            await may_go.wait()
        await route.continue_()

    await page.route("**/api/v1/executions*", hold_what_is_of_all)
    async with page.expect_request("**/api/v1/executions*"):
        await page.get_by_role("link", name="Fills").click()
    await page.get_by_label("Symbol").fill("aapl")
    rows = page.locator("#fills tbody tr")
    await expect(rows).to_have_count(1)
    async with page.expect_response("**/api/v1/executions*"):
        may_go.set()
    await page.wait_for_timeout(200)  # for what must not be drawn

    await expect(rows).to_have_count(1)


async def test_a_gateway_has_its_state_its_past_its_codes_and_what_to_do(
    view: View, front: Front
) -> None:
    page = view.page
    front.gateway.reject_next(201, "No funds")
    await post(front, "MSFT", 7)
    await view.sign_in("admin")
    await page.get_by_role("link", name="Connections").click()
    await expect(page.get_by_text("the session is ready to send")).to_be_visible()
    await expect(page.get_by_role("row", name="201 rejected 1")).to_be_visible()
    await expect(page.locator(".history .pill")).to_have_text(["● up"])
    await front.gateway.stop()
    await expect(page.get_by_text("Look whether IB Gateway runs")).to_be_visible()
    await expect(page.locator(".history .pill")).to_have_text(["✕ down", "● up"])
    await front.gateway.start()
    await expect(page.locator(".history .pill")).to_have_count(3)
    await expect(page.locator(".facts")).to_contain_text("Reconnects1", timeout=20_000)


async def test_a_key_of_one_account_sees_no_figure_of_the_whole_service(
    view: View, front: Front
) -> None:
    await view.sign_in("other")
    await view.page.get_by_role("link", name="Connections").click()

    await expect(view.page.locator(".facts")).to_contain_text("for a key of every account")
    await expect(view.page.get_by_role("link", name="Simulator")).to_have_count(0)


async def test_events_of_before_and_now_are_narrowed_down_and_saved(
    view: View, front: Front
) -> None:
    page = view.page
    await post(front, "AAPL", 10)
    await view.sign_in("admin")
    await page.get_by_role("link", name="Events").click()
    filled = page.locator("#events tbody tr", has_text="order.filled")
    await expect(filled).to_have_count(1)
    await post(front, "MSFT", 10)
    await expect(filled).to_have_count(2)
    await page.get_by_label("Kind").select_option("order")
    await page.get_by_label("Words in it").fill("msft")
    await expect(filled).to_have_count(1)
    lines = [json.loads(line) for line in (await view.saved("Save as JSON")).splitlines()]

    assert [event["type"] for event in lines][-1] == "order.filled"
    assert {event["data"]["symbol"] for event in lines} == {"MSFT"}
    assert [event["id"] for event in lines] == sorted(event["id"] for event in lines)


async def test_the_simulator_moves_a_price_and_lets_an_order_be_rejected(
    browser: Browser, tmp_path: Path
) -> None:
    async with simulated(tmp_path) as server:
        async with a_view(browser, server.url) as view:
            page = view.page
            await view.sign_in()
            await page.get_by_role("link", name="Simulator").click()
            await page.get_by_label("Price").fill("123.45")
            await page.get_by_role("button", name="Set the price").click()
            await expect(page.get_by_text("Done. 0 struck so far; none waits.")).to_be_visible()
            await page.get_by_role("button", name="Strike").click()
            await expect(page.get_by_text("waiting: O06")).to_be_visible()
            await page.keyboard.press("n")
            await page.get_by_label("Targets, as CSV").fill("AAPL,10")
            await page.get_by_role("button", name="Send 1 order").click()
            await expect(page.locator("dialog .pill", has_text="Inactive")).to_be_visible()
            await page.keyboard.press("Escape")
            await page.get_by_label("Code", exact=True).fill("X99")
            await page.get_by_role("button", name="Strike").click()
            await expect(page.get_by_role("alert").filter(has_text="X99")).to_be_visible()
        async with a_view(browser, server.url) as view:
            await view.sign_in("reader")
            await view.page.get_by_role("link", name="Simulator").click()
            await expect(view.page.get_by_text("A key with the scope admin")).to_be_visible()
            await expect(view.page.locator("main button")).to_have_count(0)


async def test_settings_change_times_colours_and_keys_and_stay_in_this_browser(
    view: View, front: Front
) -> None:
    page = view.page
    await post(front, "AAPL", 10)
    await view.sign_in("trader")
    await page.get_by_role("link", name="Settings").click()
    await page.get_by_label("Times").select_option("UTC")
    await page.get_by_label("Bought and sold").select_option("green")
    await page.get_by_label("Single keys").uncheck()
    await page.reload()
    await expect(page.get_by_label("Times")).to_have_value("UTC")
    await expect(page.get_by_label("Single keys")).not_to_be_checked()
    await page.get_by_role("link", name="Fills").click()
    row = page.locator("#fills tbody tr")
    await expect(row).to_have_count(1)

    await expect(page.locator("#fills thead")).to_contain_text("Time (UTC)")
    bought = await row.locator("td.buy").evaluate(COLOUR)
    assert bought == await page.locator(".pill.ok").first.evaluate(COLOUR)
    assert await view.barriers() == []
    stored = await page.evaluate("({...localStorage})")
    assert set(stored) == {f"paperdesk.{name}" for name in ("zone", "palette", "keys", "theme")}


async def test_the_desktop_is_told_of_a_rejection_while_the_page_is_out_of_sight(
    browser: Browser, server: Server, front: Front
) -> None:
    async with a_view(browser, server.url) as view:
        page = view.page
        await page.add_init_script(f"({RECORDED})()")
        await view.sign_in("trader")
        await page.get_by_role("link", name="Settings").click()
        await page.get_by_label("Tell the desktop").check()
        front.gateway.reject_next(201, "No funds")
        await post(front, "MSFT", 7)
        await expect(page.locator(".needs")).to_contain_text("MSFT")
        assert await page.evaluate("told") == [], "in sight nothing is told"
        await page.evaluate("Object.defineProperty(document, 'hidden', {value: true})")
        front.gateway.reject_next(201, "Not shortable")
        await post(front, "AAPL", 7)
        await post(front, "KO", 7)
        await front.gateway.stop()
        await expect(page.locator(".band", has_text="is down")).to_be_visible()

        for _ in range(100):  # the page's policy lets no string wait in it
            said = sorted(await page.evaluate("told"))
            if len(said) == 3:
                break
            await asyncio.sleep(0.05)
        assert "AAPL was rejected: " in said[0]
        assert [
            f"{account} has no gateway" in words
            for account, words in zip((ACCOUNT, "DUP203550"), said[1:], strict=True)
        ] == [True, True]

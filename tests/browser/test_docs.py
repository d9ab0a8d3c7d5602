"""/docs: every endpoint tried from the page, and the page where nothing can be tried."""

from __future__ import annotations

import asyncio
import json
import os
import re
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, expect

from browser.pages import DESK, PHONE, Server, View, a_view
from front import ORDERS, Front, order, orders_of
from makers import ACCOUNT
from paperdesk.api.app import ENDPOINTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "key-of-admin"
# One endpoint stands for all: axe takes long over 3,700 elements, and they come of one template.
ONE = """() => {
  for (const section of document.querySelectorAll("section:not(#post_api_orders)")) section.remove();
  for (const body of document.querySelectorAll("h3 + pre ~ *")) body.remove();
}"""
TARGET = '{"orders": [{"symbol": "AAPL", "quantity": 100}]}'


async def enter(view: View, key: str = KEY) -> None:
    """Open /docs and give it a key."""
    await view.page.goto(f"{view.url}docs")
    await view.page.get_by_label("API key").fill(key)
    await view.page.get_by_role("button", name="Use this key").click()


async def form(view: View, operation: str) -> Locator:
    """Open the form of an operation."""
    section = view.page.locator(f"#{operation}")
    await section.get_by_text("Try it").click()
    return section


async def test_positions_are_asked_for_with_the_key_and_its_curl_line_says_the_same(
    view: View, front: Front
) -> None:
    await front.caller("trader").post(f"{ORDERS}?wait=10", json=orders_of(order("AAPL", 100)))
    await enter(view)
    await expect(view.page.locator("#key")).to_contain_text("admin (admin)")
    section = await form(view, "get_api_positions")
    await section.get_by_label("account_id").fill(ACCOUNT)
    await section.get_by_role("combobox", name="allow_stale").select_option("true")
    await section.get_by_role("button", name="Send GET /api/v1/positions").click()
    await expect(section).to_contain_text("200 OK")
    shown = await section.get_by_role("region", name="Answer").inner_text()
    await view.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await section.get_by_role("button", name="Copy").click()
    await expect(section.get_by_role("button", name="Copied")).to_be_visible()
    line = await view.page.evaluate("navigator.clipboard.readText()")
    curl = await asyncio.create_subprocess_shell(
        line, stdout=asyncio.subprocess.PIPE, env=os.environ | {"KEY": KEY, "no_proxy": "*"}
    )
    said, _ = await curl.communicate()

    assert "account_id=DU8730189&allow_stale=true" in line
    assert KEY not in line
    for answer in (json.loads(shown), json.loads(said)):
        (held,) = answer["positions"]
        assert (held["symbol"], held["quantity"]) == ("AAPL", 100)


async def test_an_order_is_sent_by_the_button_that_names_it_and_by_nothing_else(
    view: View, front: Front
) -> None:
    await enter(view)
    section = await form(view, "post_api_orders")
    await section.get_by_label("Body", exact=True).fill(TARGET)
    await section.get_by_label("wait").fill("5")
    await view.page.keyboard.press("Enter")
    await section.get_by_role("button", name="Copy").click()
    assert front.stored() == 0
    await section.get_by_role("button", name="Send POST /api/v1/orders").click()

    answer = section.get_by_role("region", name="Answer")
    await expect(answer).to_contain_text('"status": "Filled"')
    assert front.sent() == 1


async def test_a_body_that_nobody_filled_in_changes_nothing(view: View, front: Front) -> None:
    await enter(view)
    refused = 0
    for section in await view.page.locator("section:has(textarea)").all():
        await section.get_by_text("Try it").click()
        for needed in await section.get_by_label("(required)").all():
            await needed.fill(ACCOUNT)
        if await section.locator(".change").is_enabled():
            await section.locator(".change").click()
            await expect(section.locator(".bad")).to_have_text(re.compile("^4"))
            refused += 1

    with_body = sum(bool(endpoint.bodies) for endpoint in ENDPOINTS)
    assert refused == with_body - 2, "of two bodies nothing is required: they begin empty"
    assert front.sent() == front.stored() == 0
    accounts = (await front.caller("admin").get("/api/v1/accounts")).json()["accounts"]
    assert not any(account["halted"] for account in accounts)


async def test_a_halt_names_the_account_that_it_stops(view: View, front: Front) -> None:
    await enter(view)
    section = await form(view, "post_api_accounts_account_id_halt")
    template = "Send POST /api/v1/accounts/{account_id}/halt"
    await expect(section.get_by_role("button", name=template)).to_be_disabled()
    await section.get_by_label("account_id").fill(ACCOUNT)
    await section.get_by_label("Body", exact=True).fill('{"reason": "it\'s a test"}')
    line = await section.locator(".curl").inner_text()
    await section.get_by_role(
        "button", name=f"Send POST /api/v1/accounts/{ACCOUNT}/halt"
    ).click()
    await expect(section).to_contain_text("200 OK")

    assert line.endswith("""-d '{"reason": "it'\\''s a test"}'""")
    refused = await front.caller("trader").post(ORDERS, json=orders_of(order("MSFT", 1)))
    assert refused.status_code == 409


async def test_an_answer_keeps_every_digit(view: View) -> None:
    await enter(view)
    section = await form(view, "put_api_accounts_account_id_limits")
    await section.get_by_label("account_id").fill(ACCOUNT)
    limit = "123456789012345.12345678"
    await section.get_by_label("Body", exact=True).fill(f'{{"max_order_notional": {limit}}}')
    await section.get_by_role("button", name="Send PUT").click()

    answer = section.get_by_role("region", name="Answer")
    await expect(answer).to_contain_text(f'"max_order_notional": {limit},')


async def test_a_long_answer_is_shown_whole(view: View, front: Front) -> None:
    await view.page.goto(f"{view.url}docs")
    section = await form(view, "get_openapi_json")
    await section.get_by_role("button", name="Send GET /openapi.json").click()
    answer = section.get_by_role("region", name="Answer")
    await expect(answer).to_contain_text("TodayAnswer")
    document = (await front.caller().get("/openapi.json")).json()

    shown = await answer.inner_text()
    assert json.loads(shown) == document
    assert shown.startswith('{\n  "openapi": "3.2.0",\n  "info": {\n    "title": ')


async def test_an_address_with_dots_is_named_as_the_browser_will_ask_for_it(view: View) -> None:
    await enter(view)
    section = await form(view, "post_api_accounts_account_id_halt")
    await section.get_by_label("account_id").fill("..")

    await expect(section.locator(".change")).to_have_text("Send POST /api/v1/halt")


async def test_a_wrong_key_is_refused_and_without_one_the_answer_is_401(view: View) -> None:
    for wrong in ("wrong", "schlüssel-Ω"):
        await enter(view, wrong)
        await expect(view.page.get_by_role("alert")).to_be_visible()
        assert await view.page.evaluate("sessionStorage.length") == 0
    section = await form(view, "get_api_positions")
    await section.get_by_role("button", name="Send GET /api/v1/positions").click()

    await expect(section).to_contain_text("401 Unauthorized")
    await expect(section).to_contain_text('"code": "unauthorized"')


async def test_events_are_shown_as_they_come_until_one_stops_them(
    view: View, front: Front
) -> None:
    await enter(view)
    section = await form(view, "get_api_events")
    await section.get_by_role("button", name="Send GET /api/v1/events").click()
    answer = section.get_by_role("region", name="Answer")
    await expect(answer).to_contain_text("stream.ready")
    await front.caller("trader").post(ORDERS, json=orders_of(order("AAPL", 100)))
    await expect(answer).to_contain_text("order.filled")
    await section.get_by_role("button", name="Stop").click()

    await expect(section.get_by_role("button", name="Send GET /api/v1/events")).to_be_enabled()
    await expect(section.get_by_role("alert")).to_have_count(0)


async def test_the_key_is_the_dashboards_and_no_request_leaves_the_origin(view: View) -> None:
    page = view.page
    await view.sign_in()
    await page.get_by_role("link", name="API").click()
    await expect(page.locator("#key")).to_contain_text("admin (admin)")
    section = await form(view, "get_api_accounts")
    await section.get_by_role("button", name="Send GET /api/v1/accounts").click()
    await expect(section).to_contain_text("200 OK")
    stored = await page.evaluate(
        "() => [{...sessionStorage}, document.cookie + location.href + window.name +"
        " document.documentElement.outerHTML + JSON.stringify(localStorage)]"
    )

    assert stored[0] == {"paperdesk.key": KEY}
    assert KEY not in stored[1]
    for request in view.requests:
        assert request.url.startswith((view.url, "data:image/svg")), request.url
        assert KEY not in request.url
        assert "cookie" not in await request.all_headers()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("API key")).to_be_visible()
    assert await page.evaluate("sessionStorage.length") == 0
    await page.get_by_role("link", name="Dashboard").click()
    await expect(page.get_by_role("button", name="Open the dashboard")).to_be_visible()


@pytest.mark.timeout(120)
async def test_there_is_no_barrier_in_dark_in_light_and_on_a_phone(
    browser: Browser, server: Server
) -> None:
    looks: dict[str, dict[str, Any]] = {
        "dark": {},
        "light": {"color_scheme": "light"},
        "phone": {"viewport": PHONE, "is_mobile": True},
    }
    found = {}
    for name, options in looks.items():
        async with a_view(browser, server.url, **options) as view:
            await view.page.goto(f"{view.url}docs")
            await view.page.get_by_label("API key").wait_for()
            await view.shot(f"docs-{name}")
            await view.page.evaluate(ONE)
            found[f"{name}, at first"] = await view.barriers()
            await enter(view)
            section = await form(view, "post_api_orders")
            await section.get_by_role("button", name="Send").click()
            await expect(section).to_contain_text("400 Bad Request")
            await section.scroll_into_view_if_needed()
            await view.shot(f"docs-try-{name}")
            wide = await view.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= options.get("viewport", DESK)["width"], name
            await section.get_by_text("Headers").click()
            await view.page.evaluate(ONE)
            found[name] = await view.barriers()

    assert {name: words for name, words in found.items() if words} == {}


async def test_without_javascript_the_page_says_everything(
    browser: Browser, server: Server
) -> None:
    async with a_view(browser, server.url, java_script_enabled=False) as view:
        await view.page.goto(f"{view.url}docs")

        await expect(view.page.locator("section")).to_have_count(len(ENDPOINTS))
        await expect(view.page.locator("#post_api_orders")).to_contain_text("Submit a batch")
        await expect(view.page.locator("summary")).to_have_count(0)

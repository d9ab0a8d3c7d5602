"""Where the key is, and where the page asks."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import expect

from browser.pages import View
from front import Front

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "key-of-admin"
STORED = """() => ({
  session: {...sessionStorage}, local: {...localStorage}, cookie: document.cookie,
  html: document.documentElement.outerHTML, address: location.href, name: window.name,
})"""


async def test_the_key_is_in_this_tab_only_and_no_request_leaves_the_origin(
    view: View, front: Front
) -> None:
    page = view.page
    await view.sign_in()
    await page.keyboard.press("n")
    await page.get_by_label("Targets, as CSV").fill("AAPL,10")
    await page.get_by_role("button", name="Send 1 order").click()
    await expect(page.locator("dialog .pill", has_text="Filled")).to_be_visible()
    await page.keyboard.press("Escape")
    stored = await page.evaluate(STORED)

    assert stored.pop("session") == {"paperdesk.key": KEY}
    assert KEY not in json.dumps(stored)
    assert len(view.requests) > 20
    for request in view.requests:
        assert request.url.startswith((view.url, "data:image/svg")), request.url
        assert KEY not in request.url
        headers = await request.all_headers()
        assert "cookie" not in headers
        assert ("x-api-key" in headers) == ("/api/v1/" in request.url)
    await page.reload()
    await expect(page.get_by_text("1 / 1")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("API key")).to_be_visible()
    assert await page.evaluate("sessionStorage.length") == 0


async def test_a_key_that_does_not_open_is_not_kept_and_one_that_is_revoked_is_shown_out(
    view: View, front: Front
) -> None:
    page = view.page
    await page.goto(view.url)
    for wrong in ("wrong", "schlüssel-Ω"):
        await page.get_by_label("API key").fill(wrong)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        assert await page.evaluate("sessionStorage.length") == 0
    made = (
        await front.caller("admin").post(
            "/api/v1/keys", json={"name": "operations", "scopes": ["read"]}
        )
    ).json()
    await page.get_by_label("API key").fill(made["key"])
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("operations (read)")).to_be_visible()
    await front.caller("admin").delete(f"/api/v1/keys/{made['id']}")

    await expect(page.get_by_role("alert")).to_contain_text("does not open any more")
    assert await page.evaluate("sessionStorage.length") == 0

"""The pictures of the dashboard, and barriers in each: no violation of axe in light or dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, expect

from browser.pages import BATCH, PHONE, View, a_view, simulated
from front import ORDERS, order, orders_of
from paperdesk.config import EMBEDDED_ACCOUNTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOKS: dict[str, dict[str, Any]] = {
    "dark": {},
    "light": {"color_scheme": "light"},
    "phone": {"viewport": PHONE, "has_touch": True, "is_mobile": True},
}
# Each page and the key behind `g`.
PAGES = {
    "batches": "b",
    "orders": "o",
    "fills": "f",
    "positions": "p",
    "accounts": "a",
    "connections": "c",
    "halts": "h",
    "events": "e",
    "simulator": "m",
    "settings": "s",
}


async def trade(url: str) -> None:
    """Let two clients trade: filled, at work, refused by the broker, not known."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as caller:

        async def post(name: str, *rows: Any) -> None:
            headers = {"X-API-Key": f"key-of-{name}"}
            answer = await caller.post(ORDERS, json=orders_of(*rows), headers=headers)
            assert answer.status_code == 200, answer.text
            batch = answer.json()["batch_id"]
            await caller.get(f"{ORDERS}/{batch}?wait=1", headers=headers)

        async def near(quantities: dict[str, int]) -> list[dict[str, Any]]:
            """Return rows that expect about the market's price, some more and some less."""
            rows = [order(symbol, quantity) for symbol, quantity in quantities.items()]
            headers = {"X-API-Key": "key-of-trader"}
            answer = await caller.post(
                f"{ORDERS}/preview", json=orders_of(*rows), headers=headers
            )
            found = [told["reference_price"] for told in answer.json()["results"]]
            expected = [
                round(price * (1 + bps / 10_000), 2)
                for price, bps in zip(found, (-9, 14, 6, -12, 21), strict=False)
            ]
            return [
                row | {"expected_price": price, "tolerance_pct": 2}
                for row, price in zip(rows, expected, strict=True)
            ]

        await post(
            "trader",
            *(await near({"AAPL": 300, "MSFT": -80, "NVDA": 510, "KO": 400, "JPM": 140})),
        )
        await post("rival", *(await near({"SPY": 120, "TSLA": 60, "AMD": -45})))
        await post(
            "trader",
            order("AAPL", 420, limit_price=101.5),
            order("NVDA", 400),
            order("KO", 150, limit_price=999),
            order("TSLA", 40_000),
        )
        admin = {"X-API-Key": "key-of-admin"}
        other = f"/api/v1/accounts/{EMBEDDED_ACCOUNTS[1]}"
        for step, reason in (("halt", "prices look odd"), ("resume", "they were right")):
            await caller.post(f"{other}/{step}", json={"reason": reason}, headers=admin)


async def walk(view: View, look: str) -> dict[str, list[str]]:
    """Go to each page by its key and back; return what axe finds there, on a desk."""
    page, found = view.page, {}
    for name, key in PAGES.items():
        await page.keyboard.press("g")
        await page.keyboard.press(key)
        await expect(page.locator("h1")).to_have_text(name.capitalize())
        current = page.locator("nav [aria-current=page]")
        await expect(current).to_have_text(name.capitalize())
        await expect(page.locator("main .waiting")).to_have_count(0)
        assert page.url.endswith(f"#/{name}")
        await view.shot(f"{name}-{look}")
        if look != "phone":
            found[f"{name}, {look}"] = await view.barriers()
        viewport = page.viewport_size
        assert viewport is not None
        assert await page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    if look == "dark":
        await page.go_back()
        await expect(page.locator("h1")).to_have_text("Simulator")
        await page.reload()
        await expect(page.locator("h1")).to_have_text("Simulator")
    await page.get_by_role("link", name="Now").click()
    await ready(view)
    for request in view.requests:
        assert request.url.startswith((view.url, "data:image/svg")), request.url
    return found


async def ready(view: View) -> None:
    """Wait until everything is drawn."""
    await view.page.locator("#positions .pill.bad").first.wait_for()
    await view.page.locator("#slippage canvas").wait_for()
    await view.page.locator(".figure dd.bad").wait_for()  # the day's orders: one is rejected


@pytest.mark.timeout(240)
async def test_no_page_has_a_barrier_in_dark_light_and_on_a_phone(
    browser: Browser, tmp_path: Path
) -> None:
    async with simulated(tmp_path) as server:
        found: dict[str, list[str]] = {}
        for name, options in LOOKS.items():
            async with a_view(browser, server.url, **options) as view:
                if name == "dark":
                    await view.page.goto(view.url)
                    await view.shot("sign-in")
                    found["sign-in"] = await view.barriers()
                await view.sign_in()
                if name == "dark":
                    await trade(server.url)  # while the page looks on
                await ready(view)
                await view.shot(name, whole=name != "phone")
                found[name] = await view.barriers()
                found |= await walk(view, name)
                if name == "phone":
                    continue
                await view.page.keyboard.press("n")
                await view.page.get_by_label("Targets, as CSV").fill(
                    "symbol,quantity\nAAPL,120\nMSFT,-80\nTSLA,0\nNOPE,5"
                )
                await view.page.get_by_role("table").get_by_text("NOPE").first.wait_for()
                await view.shot(f"new-batch-{name}")
                found[f"new batch, {name}"] = await view.barriers()
                await view.page.keyboard.press("Escape")
                await view.page.keyboard.press("j")
                await view.page.keyboard.press("Enter")
                await view.page.get_by_role("heading", name=BATCH).wait_for()
                await view.page.locator(".timeline").get_by_text("complete").wait_for()
                await view.shot(f"batch-{name}")
                found[f"batch, {name}"] = await view.barriers()
                await view.page.keyboard.press("Escape")
        async with a_view(browser, server.url) as view:
            await view.sign_in()
            await ready(view)
            await view.page.keyboard.press("Shift+H")
            await view.page.get_by_text("Also cancel").wait_for()
            await view.shot("halt-dialog")
            found["halt dialog"] = await view.barriers()
            await view.page.keyboard.press("Escape")
            await view.page.get_by_text("No new order leaves").first.wait_for()
            await view.shot("halted")
            found["halted"] = await view.barriers()

    assert {name: words for name, words in found.items() if words} == {}

"""What the page says when something is not as it should be, and that it comes back by itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, expect

from browser.pages import Server, View, a_view, served
from front import ORDERS, Front, open_front, order, orders_of
from makers import ACCOUNT
from paperdesk.clock import SystemClock
from paperdesk.domain.views import Lock
from paperdesk.domain.vocabulary import Symbol
from twsim import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEW_YORK = ZoneInfo("America/New_York")
MARK = "() => { window.isTheSame = true; }"


class TuesdayNight(SystemClock):
    """The machine's clock, moved on to 23:50 in New York before the next Wednesday."""

    def __init__(self) -> None:
        began = super().now()
        night = began.astimezone(NEW_YORK).replace(hour=23, minute=50)
        night += timedelta((1 - night.weekday()) % 7)
        self._ahead = night.astimezone(UTC) - began

    def now(self) -> datetime:
        return super().now() + self._ahead


async def trade(front: Front, symbol: str, quantity: int) -> None:
    body = orders_of(order(symbol, quantity))
    posted = await front.caller("trader").post(ORDERS, json=body)
    assert posted.status_code == 200, posted.text


async def test_the_stream_is_lost_and_regained_without_a_reload(
    view: View, server: Server, front: Front
) -> None:
    page = view.page
    await view.sign_in()
    await page.evaluate(MARK)
    await expect(page.get_by_text("Stream live")).to_be_visible()
    await server.stop()
    await expect(page.get_by_text("reconnecting")).to_be_visible()
    await expect(page.get_by_text("The service does not answer")).to_be_visible()
    await trade(front, "AAPL", 100)
    await server.start()

    await expect(page.get_by_text("Stream live · caught up")).to_be_visible()
    await expect(page.get_by_text("The service does not answer")).to_have_count(0)
    await expect(page.locator("#tape")).to_contain_text("AAPL BUY 100 @")
    await expect(page.locator("#positions")).to_contain_text("on target")
    await trade(front, "MSFT", 10)
    await expect(page.locator("#tape")).to_contain_text("MSFT BUY 10 @")
    assert await page.evaluate("window.isTheSame")


async def test_a_gateway_that_is_down_is_told_with_since_when_and_why(
    view: View, front: Front
) -> None:
    page = view.page
    await trade(front, "AAPL", 100)
    await view.sign_in()
    await expect(page.locator("#positions")).to_contain_text("on target")
    await front.gateway.stop()
    band = page.locator(".band", has_text="is down")
    await expect(band).to_contain_text("connected again by itself, next in")
    await expect(band.get_by_role("link", name="What to do")).to_be_visible()
    await expect(page.locator("#positions")).to_contain_text("last known")
    await expect(page.locator("#positions")).to_contain_text("AAPL")
    await view.shot("gateway-down")
    assert await view.barriers() == []
    await page.keyboard.press("n")
    await page.get_by_label("Targets, as CSV").fill("AAPL,10")
    await expect(page.locator("dialog [role=alert]")).to_contain_text("no broker session")
    await page.keyboard.press("Escape")
    await front.gateway.start()

    await expect(band).to_have_count(0)
    await expect(page.locator(".top").get_by_text("Gateway up")).to_be_visible()


async def test_while_the_brokers_lists_are_read_the_band_says_so_and_is_not_red(
    view: View, front: Front
) -> None:
    await view.sign_in()
    front.gateway.inject("Q01", of="account", times=0)
    front.gateway.disconnect()
    band = view.page.locator(".band.busy", has_text="is being compared with IBKR")

    await expect(band).to_contain_text("its lists are read and held against the books")
    assert await view.barriers() == []
    front.gateway.clear_faults()
    await expect(band).to_have_count(0, timeout=20_000)


async def test_in_the_night_the_market_counts_down_and_a_reset_is_expected(
    browser: Browser, tmp_path: Path
) -> None:
    async with (
        Gateway(hours="real") as gateway,
        open_front(tmp_path, gateway=gateway, clock=TuesdayNight()) as front,
        served(front.app) as server,
        a_view(browser, server.url) as view,
    ):
        await view.sign_in()
        closed = view.page.get_by_text("Market closed · opens in 9 h 3")
        await expect(closed).to_be_visible()
        await gateway.stop()
        band = view.page.locator(".band.busy", has_text="is down")

        await expect(band).to_contain_text("Expected: IBKR resets its servers every night")
        await expect(band).to_contain_text(re.compile("until about .*00:45 ET"))
        await expect(view.page.locator(".top .pill.busy", has_text="down")).to_be_visible()
        assert "!" not in await view.page.title(), "nobody is needed"
        await view.shot("nightly-reset")
        assert await view.barriers() == []


async def test_an_account_that_is_locked_is_adopted_in_its_place(
    view: View, front: Front
) -> None:
    page = view.page
    symbols = ("AAPL", "MSFT", "NVDA", "KO", "JPM", "SPY")
    body = orders_of(*(order(symbol, 10) for symbol in symbols))
    posted = (await front.caller("trader").post(ORDERS, json=body)).json()
    await front.caller("trader").get(f"{ORDERS}/{posted['batch_id']}?wait=10")
    await view.sign_in()
    front.gateway.reset_account(ACCOUNT)
    front.gateway.disconnect()
    band = page.locator(".needs", has_text=f"{ACCOUNT} is locked")
    await expect(band).to_be_visible(timeout=20_000)
    await view.shot("locked")
    assert await view.barriers() == []
    await band.get_by_role("button", name="Adopt IBKR's positions").click()
    await band.get_by_role("button", name="Yes, adopt").click()

    await expect(page.get_by_text("is locked")).to_have_count(0)
    accounts = (await front.caller("reader").get("/api/v1/accounts")).json()["accounts"]
    assert accounts[0]["locks"] == []


async def test_a_symbol_that_is_locked_shows_both_figures_and_an_admin_adopts_one(
    browser: Browser, server: Server, front: Front
) -> None:
    body = orders_of(order("MSFT", 1))
    await front.caller("trader").post(f"{ORDERS}/preview", json=body)  # it finds the contract
    ledger = front.desk.operator._ledger
    lock = Lock(Symbol("MSFT"), "it does not add up", SystemClock().now(), 280, 300)
    (contract,) = (await ledger.contracts([lock.symbol])).values()
    await ledger.lock(ACCOUNT, contract.conid, lock)
    words = "IBKR says 300, we expected 280; it does not add up"
    async with a_view(browser, server.url) as view:
        await view.sign_in("reader")
        await expect(view.page.locator(".needs")).to_contain_text(words)
        await expect(view.page.locator(".needs button")).to_have_count(0)
    async with a_view(browser, server.url) as view:
        await view.sign_in("admin")
        band = view.page.locator(".needs")
        await band.get_by_role("button", name="Adopt 300").click()
        await expect(band).to_contain_text("Trade from 300 MSFT on?")
        await band.get_by_role("button", name="Yes, adopt").click()
        await expect(band).to_have_count(0)


async def test_the_halt_works_at_once_and_its_release_needs_a_reason(
    view: View, front: Front
) -> None:
    page = view.page
    front.gateway.hold_fills()
    await trade(front, "AAPL", 100)
    await view.sign_in()
    await expect(page.get_by_role("button", name="Cancel open (1)")).to_be_visible()
    await page.keyboard.press("Shift+H")
    await expect(page.get_by_role("heading", name=f"{ACCOUNT} is halted")).to_be_visible()
    refused = await front.caller("trader").post(ORDERS, json=orders_of(order("MSFT", 1)))
    assert refused.status_code == 409
    await page.get_by_role("button", name="Also cancel 1 open order").click()
    await expect(page.get_by_role("button", name="No open orders to cancel")).to_be_visible()
    release = page.get_by_role("button", name=f"Release {ACCOUNT}")
    await expect(release).to_be_disabled()
    await page.keyboard.press("Escape")
    await expect(page.locator(".band", has_text="is halted")).to_contain_text("by admin since")
    await expect(page.get_by_role("button", name="HALTED")).to_be_visible()
    await page.get_by_role("button", name="Cancel orders, or release").click()
    await page.get_by_label("Reason").fill("looked into")
    await release.click()

    await expect(page.locator(".band", has_text="is halted")).to_have_count(0)
    assert (
        await front.caller("trader").post(ORDERS, json=orders_of(order("MSFT", 1)))
    ).status_code == 200


async def test_a_halt_that_lets_reducing_orders_leave_is_one_press_more(
    view: View, front: Front
) -> None:
    page = view.page
    await view.sign_in()
    await page.keyboard.press("Shift+H")
    await page.get_by_role("button", name="Let orders leave that reduce").click()

    await expect(page.locator("dialog")).to_contain_text("Only orders that reduce a position")
    accounts = (await front.caller("reader").get("/api/v1/accounts")).json()["accounts"]
    assert accounts[0]["halt"]["mode"] == "reduce_only"


async def test_another_account_is_another_page_and_nothing_of_the_first_is_left(
    view: View, front: Front
) -> None:
    page = view.page
    await trade(front, "AAPL", 100)
    await view.sign_in()
    await expect(page.locator("#positions")).to_contain_text("AAPL")
    await page.get_by_role("combobox", name="Account").select_option("DUP203550")

    await expect(page.get_by_text("0 / 0")).to_be_visible()
    await expect(page.get_by_text("AAPL BUY")).to_have_count(0)
    await expect(page.locator("#positions")).to_contain_text("Nothing is held")

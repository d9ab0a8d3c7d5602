"""Positions, accounts, halts, and the timeline of a batch, held against what the API answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Locator, Route, expect

from browser.pages import View
from front import ORDERS, OTHER_ACCOUNT, Front, order, orders_of
from makers import ACCOUNT
from paperdesk.clock import SystemClock
from paperdesk.domain.views import Lock
from paperdesk.domain.vocabulary import Symbol

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOT_WRITTEN = {"target.changed", "batch.progress", "fill.corrected"}
FIGURES = ("IBKR says 300, we expected 280", "it does not add up")


async def ask(front: Front, path: str, name: str = "admin") -> Any:
    """Return what the API answers."""
    answer = await front.caller(name).get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


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


async def priced(front: Front) -> list[Any]:
    """Return what is held once the gateway has told what each is worth."""
    for _ in range(100):
        held = (await ask(front, "/positions"))["positions"]
        if held and all(row["market_value"] is not None for row in held):
            break
        await asyncio.sleep(0.05)
    return list(held)


def figures_of(held: list[Any]) -> list[str]:
    """Return what the page writes of AAPL, which is on target."""
    (row,) = [row for row in held if row["symbol"] == "AAPL"]
    gain = f"${row['unrealized_pnl']:,.2f}".replace("$-", "−$")
    last = f"{row['market_price']:.2f}"
    return [
        last,
        "✓ on target",
        f"${row['avg_cost']:,.2f}",
        f"${row['market_value']:,.2f}",
        gain,
    ]


async def lock(front: Front, symbol: str) -> None:
    """Lock a symbol that was asked for before."""
    ledger = front.desk.operator._ledger
    (contract,) = (await ledger.contracts([Symbol(symbol)])).values()
    found = Lock(Symbol(symbol), FIGURES[1], SystemClock().now(), 280, 300)
    await ledger.lock(ACCOUNT, contract.conid, found)


async def change(front: Front, path: str, reason: str, **more: Any) -> None:
    """Halt or resume, as admin."""
    body = {"reason": reason} | more
    answer = await front.caller("admin").post(f"/api/v1{path}", json=body)
    assert answer.status_code == 200, answer.text


async def go(view: View, key: str, name: str) -> None:
    """Press g and the key of a page."""
    await view.page.keyboard.press("g")
    await view.page.keyboard.press(key)
    await expect(view.page.locator("h1")).to_have_text(name)
    await expect(view.page.locator("#main")).to_be_focused()


async def barriers(view: View) -> list[str]:
    """Return what axe finds in dark and in light."""
    found = await view.barriers()
    await view.page.emulate_media(color_scheme="light")
    return found + await view.barriers()


async def until_told(cell: Locator, figure: Callable[[], Awaitable[str]]) -> None:
    """Wait until the page says what the API answers: both may be about to change."""
    for _ in range(50):
        if await cell.inner_text() == await figure():
            return
        await asyncio.sleep(0.1)
    assert await cell.inner_text() == await figure()


async def cells(row: Locator) -> list[str]:
    return [text.strip() for text in await row.locator("th, td").all_inner_texts()]


async def test_every_position_has_its_figures_and_a_lock_its_words(
    view: View, front: Front
) -> None:
    page = view.page
    await trade(front, order("AAPL", 100), order("MSFT", -50))
    front.gateway.reject_next(201, "No funds")
    await trade(front, order("KO", 7))
    await front.caller("trader").post(f"{ORDERS}/preview", json=orders_of(order("NVDA", 1)))
    await lock(front, "MSFT")
    await lock(front, "NVDA")
    told = [figures_of(await priced(front))]
    await view.sign_in("reader")
    await go(view, "p", "Positions")
    rows = page.locator("#positions tbody tr")
    await expect(rows).to_have_count(3)
    apple = rows.filter(has_text="AAPL")
    for _ in range(250):  # prices move, and the page reads again after 20 s at the latest
        told.append(figures_of(await priced(front)))
        symbol, quantity, target, _, _, *figures, words = await cells(apple)
        if figures in told:
            break
        await asyncio.sleep(0.1)

    assert (symbol, quantity, target, words) == ("AAPL", "100", "100", "")
    assert figures in told
    short = await cells(rows.filter(has_text="MSFT"))
    assert short[1:3] == ["−50", "−50"]
    assert all(words in short[-1] for words in ("Locked since", *FIGURES)), short[-1]
    missed = await cells(rows.filter(has_text="KO"))
    assert missed[1:3] == ["0", "7"]
    assert (missed[5], missed[7:10]) == ("–", ["–"] * 3), "not known is not 0"
    assert "No funds" in missed[-1]
    neither = page.locator("#positions p", has_text="NVDA")
    await expect(neither).to_contain_text(FIGURES[0])
    assert await barriers(view) == []


async def test_positions_are_saved_as_they_are_shown(view: View, front: Front) -> None:
    await trade(front, order("AAPL", 100), order("MSFT", -50))
    await priced(front)
    await view.sign_in("reader")
    await go(view, "p", "Positions")
    await view.page.keyboard.press("/")
    await view.page.keyboard.type("msf")
    await expect(view.page.locator("#positions tbody tr")).to_have_count(1)
    head, line = (await view.saved("Save as CSV")).splitlines()
    shown = await cells(view.page.locator("#positions tbody tr"))

    told = dict(zip(head.split(","), line.split(","), strict=True))
    assert (told["symbol"], told["held"], told["target"]) == ("MSFT", "-50", "-50")
    assert f"${float(told['avg_cost']):,.2f}" == shown[7]
    assert f"−${-float(told['market_value']):,.2f}" == shown[8]


async def test_an_account_is_told_with_its_halt_its_locks_and_what_is_limited(
    view: View, front: Front
) -> None:
    page = view.page
    await trade(front, order("AAPL", 100), order("MSFT", 5))
    limits = {"max_order_notional": 250_000, "max_orders_per_day": 50, "allow_short": False}
    path = f"/api/v1/accounts/{ACCOUNT}/limits"
    assert (await front.caller("admin").put(path, json=limits)).status_code == 200
    await lock(front, "MSFT")
    await change(front, f"/accounts/{OTHER_ACCOUNT}/halt", "look at it", mode="reduce_only")

    async def fail_for_the_other(route: Route) -> None:
        is_other = OTHER_ACCOUNT in route.request.url
        await (route.fulfill(status=503, body="{}") if is_other else route.continue_())

    await page.route("**/api/v1/reports/today*", fail_for_the_other)
    await view.sign_in("reader")
    await go(view, "a", "Accounts")
    rows = page.locator("#accounts tbody tr")
    first, other = rows.filter(has_text=ACCOUNT), rows.filter(has_text=OTHER_ACCOUNT)
    await expect(first.locator("td").nth(3)).to_have_text("2")

    async def worth() -> str:
        account, _ = (await ask(front, "/accounts"))["accounts"]
        return f"${account['net_liquidation']:,.2f}"

    await until_told(first.locator("td").nth(2), worth)
    told, of_other = await cells(first), await cells(other)

    assert told[1] == "paper"
    assert told[2].endswith("up")
    assert told[5] == "not halted"
    assert all(words in told[6] for words in ("MSFT since", *FIGURES))
    assert told[7] == (
        "an order at most $250,000; 50 orders a day; no short position (set over the API)"
    )
    assert of_other[4] == "–", "not known is not none"
    assert "by admin since" in of_other[5]
    assert of_other[5].endswith("look at it")
    assert "only reducing orders" in of_other[5]
    assert of_other[6:] == ["none", "none set (by the configuration)"]
    assert await barriers(view) == []
    await front.gateway.stop()
    await expect(first.locator("td").nth(1)).to_contain_text("down")


async def test_halts_and_releases_are_told_with_who_and_why(
    view: View, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paperdesk.api.events.HEARTBEAT_SECONDS", 0.3)
    page = view.page
    await view.sign_in("admin")
    await go(view, "h", "Halts")
    await expect(page.get_by_text("No halt is told.")).to_be_visible()
    await expect(page.get_by_text("No account is halted.")).to_be_visible()
    await change(front, f"/accounts/{ACCOUNT}/halt", "one looks odd")
    await change(front, "/halt", "all look odd", mode="reduce_only")
    standing = page.locator("#halted li")
    await expect(standing).to_have_count(2)
    await expect(standing.filter(has_text=ACCOUNT)).to_contain_text("one looks odd")
    await expect(standing.filter(has_text=OTHER_ACCOUNT)).to_contain_text("with every account")
    await change(front, f"/accounts/{ACCOUNT}/resume", "that one is fine")
    await change(front, "/resume", "all are fine")
    await expect(page.get_by_text("No account is halted.")).to_be_visible()
    rows = page.locator("#halts tbody tr")
    await expect(rows.last).to_contain_text("one looks odd")
    await expect(rows).to_have_count(4)
    await expect(rows.first).to_contain_text("all are fine")
    told = [await cells(row) for row in await rows.all()]

    assert [row[1] for row in told] == ["every account", ACCOUNT, "every account", ACCOUNT]
    assert [row[2][2:] for row in told] == [
        "released", "released", "only reducing orders", "halted",
    ]  # fmt: skip
    assert [row[3] for row in told] == ["admin"] * 4
    assert told[1][4].startswith("that one is fine; still halted with every account")
    assert [row[4] for row in told[2:]] == ["all look odd", "one looks odd"]


async def test_who_may_not_read_the_audit_trail_is_told_so_and_not_nobody(
    view: View, front: Front
) -> None:
    await change(front, f"/accounts/{ACCOUNT}/halt", "one looks odd")
    await change(front, f"/accounts/{ACCOUNT}/resume", "it is fine")
    await view.sign_in("reader")
    await go(view, "h", "Halts")
    rows = view.page.locator("#halts tbody tr")
    await expect(rows).to_have_count(2)
    unseen = "for a key with the scope audit to see"

    assert (await cells(rows.first))[3:] == [unseen, unseen]
    assert (await cells(rows.last))[3:] == ["admin", "one looks odd"]
    assert not [each for each in view.requests if "/audit" in each.url]


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
    await page.keyboard.press("Escape")
    await page.route("**/api/v1/events?*", lambda route: route.abort())
    await go(view, "h", "Halts")

    await expect(page.get_by_role("alert")).to_contain_text("could not be read")
    await expect(page.get_by_text("No halt is told.")).to_have_count(0)

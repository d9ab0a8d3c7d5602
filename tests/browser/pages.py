"""A dashboard in a real browser, the service behind it, and the gateway behind that.

Owns: how the tests start them, what they see of every request of the page, and the pictures that
they leave in build/shots. Everything but the page's own requests is refused by the browser.
"""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import uvicorn
from litestar.types import ASGIApp
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright

from emptied import empty_ledger
from front import CLIENTS
from harness import UNLIMITED_RATES, UP_WITHIN_SECONDS
from paperdesk.bootstrap import http_config, listen, running
from paperdesk.config import EMBEDDED_ACCOUNTS, LedgerSettings, Settings

ROOT: Final = Path(__file__).parents[2]
SHOTS: Final = ROOT / "build/shots"
AXE: Final = ROOT / "build/web/node_modules/axe-core/axe.min.js"
DESK: Final = {"width": 1440, "height": 1050}
# The title of the dialog of a batch.
BATCH: Final = re.compile("^Batch [0-9a-f]{16}$")
PHONE: Final = {"width": 390, "height": 844}
# What WCAG 2.2 AA asks, as far as a program can tell.
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass
class View:
    """One page of one person, and every request that it made."""

    page: Page
    url: str
    requests: list[Request] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    async def sign_in(self, name: str = "admin") -> None:
        """Open the dashboard with the key of `name`."""
        await signed_in(self.page, self.url, name)

    async def shot(self, name: str, *, whole: bool = False) -> None:
        """Leave a picture of the page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SHOTS / f"{name}.png", full_page=whole)

    async def saved(self, name: str) -> str:
        """Press the button and return what was saved."""
        async with self.page.expect_download() as downloading:
            await self.page.get_by_role("button", name=name).click()
        path = await (await downloading.value).path()
        return await asyncio.to_thread(path.read_text, encoding="utf-8")

    async def barriers(self) -> list[str]:
        """Return what axe finds."""
        # Not as a script of the page: its policy would refuse it, as it should.
        if not await self.page.evaluate("'axe' in window"):
            source = AXE.read_text(encoding="utf-8")
            await self.page.evaluate(f"() => {{ {source} }}")
        found: Any = await self.page.evaluate(
            "tags => axe.run({runOnly: {type: 'tag', values: tags}})", RULES
        )
        return [
            f"{each['id']}: {node['html']} {node['failureSummary']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]


async def signed_in(page: Page, url: str, name: str) -> None:
    """Open the dashboard with the key of `name`, and see it follow what happens."""
    await page.goto(url)
    await page.get_by_label("API key").fill(f"key-of-{name}")
    await page.keyboard.press("Enter")
    await page.locator(".top option").first.wait_for(state="attached")
    await page.get_by_text("Stream live").wait_for()


@asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    """Run Debian's chromium."""
    chromium = shutil.which("chromium")
    assert chromium, "scripts/chromium installs it"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def a_view(browser: Browser, url: str, **options: Any) -> AsyncIterator[View]:
    """Open a page of its own person, with what may be the browser's settings."""
    wanted = {"viewport": DESK, "color_scheme": "dark", "timezone_id": "Asia/Tokyo"} | options
    context: BrowserContext = await browser.new_context(**wanted)
    page = await context.new_page()
    page.set_default_timeout(8_000)
    view = View(page, url)
    page.on("request", lambda request: view.requests.append(request))  # noqa: PLW0108 - it marks what it is given
    page.on("pageerror", lambda error: view.faults.append(str(error)))
    page.on(
        "console",
        lambda said: view.faults.append(said.text) if "Content Security" in said.text else None,
    )
    yield view
    await context.close()
    assert not view.faults, view.faults


@dataclass
class Server:
    """The service over HTTP on a port, which may be gone for a while."""

    app: ASGIApp
    port: int = 0
    streams: int = 0  # open at this moment
    _server: uvicorn.Server | None = None
    _serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where the dashboard is."""
        return f"http://127.0.0.1:{self.port}/"

    async def start(self) -> None:
        """Listen, on the same port as before."""

        async def counted(scope: Any, receive: Any, send: Any) -> None:
            is_stream = scope.get("path") == "/api/v1/events"
            self.streams += is_stream
            try:
                await self.app(scope, receive, send)
            finally:
                self.streams -= is_stream

        listening = listen("127.0.0.1", self.port)
        self.port = listening.getsockname()[1]
        self._server = _Quiet(http_config(counted, None))
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Drop every connection and listen no more."""
        assert self._server is not None
        assert self._serving is not None
        self._server.should_exit = self._server.force_exit = True
        self._cut()
        await self._serving
        self._cut()  # who came back before it listened no more

    def _cut(self) -> None:
        """Drop every connection, streams too, as where the machine goes away."""
        assert self._server is not None
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()


class _Quiet(uvicorn.Server):
    """uvicorn that leaves the signals of the tests alone."""

    def install_signal_handlers(self) -> None:
        """Do nothing."""


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[Server]:
    """Serve the application over HTTP."""
    server = Server(app)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def _sample_a_morning(ledger: Path) -> None:
    """Let the account have been worth something for the last hours, as an earlier run saw it."""
    now, drawn, value = int(time.time()) // 60, random.Random(1), 1_000_000.0
    with closing(sqlite3.connect(ledger)) as file, file:
        for minute in range(now - 1, now - 240, -1):
            value += drawn.gauss(0, 60) - (value - 1_000_000) * 0.01
            row = (EMBEDDED_ACCOUNTS[0], minute, f"{value:.2f}")
            file.execute("INSERT INTO equity VALUES (?, ?, ?)", row)


@asynccontextmanager
async def simulated(home: Path) -> AsyncIterator[Server]:
    """Serve what `make run` does: both accounts behind a simulated gateway."""
    (home / "ledger.db").write_bytes(empty_ledger())
    _sample_a_morning(home / "ledger.db")
    settings = replace(
        Settings(),
        ledger=LedgerSettings(f"sqlite:///{home / 'ledger.db'}"),
        clients=CLIENTS,
        rates=UNLIMITED_RATES,
    )
    async with running(settings, home=home) as service:
        assert await service.desk.until_up(UP_WITHIN_SECONDS)
        async with served(service.app) as server:
            yield server

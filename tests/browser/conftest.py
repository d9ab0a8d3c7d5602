"""A browser for each module, and a service with a gateway in the test's hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser

from browser.pages import Server, View, a_browser, a_view, served
from front import Front, open_front


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with a_browser() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with open_front(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def server(front: Front) -> AsyncIterator[Server]:
    async with served(front.app) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def view(browser: Browser, server: Server) -> AsyncIterator[View]:
    async with a_view(browser, server.url) as opened:
        yield opened

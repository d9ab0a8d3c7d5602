"""What the SDK shows in the cells of a notebook: a real kernel, asked as a notebook asks it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from paperdesk.client import Client

CELL_SECONDS = 30

Cell = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def cell(client: Client) -> Iterator[Cell]:
    """Run a cell; return each message about its output."""
    known = {"PAPERDESK_URL": client.place.url, "PAPERDESK_API_KEY": client.place.key}
    kernel, asking = start_new_kernel(kernel_name="python3", env=os.environ | known)

    def run(source: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        asking.execute_interactive(source, timeout=CELL_SECONDS, output_hook=found.append)
        return [message for message in found if message["msg_type"] != "status"]

    run("import paperdesk\ndesk = paperdesk.Client()")
    try:
        yield run
    finally:
        asking.stop_channels()
        kernel.shutdown_kernel()


def test_whoever_waits_sees_a_bar_that_moves_on_in_its_place(cell: Cell) -> None:
    """Nothing fills at this price, so it is looked at again and again until time is up."""
    shown = cell('desk.submit([{"symbol": "V", "quantity": 9, "limit_price": 1}]).wait(1.2)')
    bars = [message for message in shown if "display_data" in message["msg_type"]]

    assert [message["msg_type"] for message in bars[:2]] == [
        "display_data",
        "update_display_data",
    ]
    assert len({message["content"]["transient"]["display_id"] for message in bars}) == 1
    assert {message["content"]["data"]["text/plain"] for message in bars} == {
        "0 of 1 ended · 0 of 9 shares"
    }
    assert '<progress value="0" max="9">' in bars[-1]["content"]["data"]["text/html"]

    filled = cell('desk.submit({"V": 9}).wait()')
    assert '<progress value="9" max="9"></progress> on target' in str(filled)

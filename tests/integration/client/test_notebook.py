"""What the SDK shows in the cells of a notebook: a real kernel, asked as a notebook asks it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from paperdesk.client import Client

CELL_SECONDS = 30

Cell = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def kernel(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A kernel that has imported the SDK and made a client; what asks it."""
    known = {
        "PAPERDESK_URL": client.place.url,
        "PAPERDESK_API_KEY": client.place.key,
        "IPYTHONDIR": str(tmp_path_factory.mktemp("ipython")),
    }
    manager, asking = start_new_kernel(kernel_name="python3", env=os.environ | known)
    try:
        asking.execute_interactive(
            "import paperdesk\ndesk = paperdesk.Client()", timeout=CELL_SECONDS
        )
        yield asking
    finally:
        asking.stop_channels()
        manager.shutdown_kernel()


@pytest.fixture
def cell(kernel: Any) -> Cell:
    """Run a cell; return each message about its output."""

    def run(source: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        kernel.execute_interactive(source, timeout=CELL_SECONDS, output_hook=found.append)
        return found

    return run


def test_names_are_completed(kernel: Any) -> None:
    def completed(source: str) -> set[str]:
        answer = kernel.complete(source, reply=True, timeout=CELL_SECONDS)
        return {name.rpartition(".")[2] for name in answer["content"]["matches"]}

    assert {"Client", "simulator", "Halted"} <= completed("paperdesk.")
    assert "positions" in completed("desk.")


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


def test_what_went_wrong_is_shown_with_what_to_do_about_it(cell: Cell) -> None:
    refused = error_in(cell("desk.batch('0' * 16)"))
    assert "NotFound: there is no batch 0000000000000000" in refused
    assert "/problems/not-found of the service says what to do" in refused

    stranger = error_in(cell("paperdesk.Client(desk.place.url, 'wrong').positions()"))
    assert "PAPERDESK_API_KEY" in stranger

    nobody = error_in(
        cell("paperdesk.Client('http://127.0.0.1:9', 'k', retry_seconds=0).health()")
    )
    assert "nothing answers at http://127.0.0.1:9" in nobody
    assert "`paperdesk serve` starts one there" in nobody


def error_in(shown: list[dict[str, Any]]) -> str:
    """Return the end of the traceback that a cell ended in, without its colours."""
    (error,) = (message for message in shown if message["msg_type"] == "error")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error["content"]["traceback"]))
    return "\n".join(plain.splitlines()[-4:])

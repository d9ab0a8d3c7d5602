"""The command `twsim` as a process."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Stock

TWSIM = Path(sysconfig.get_path("scripts")) / "twsim"
ACCOUNT = "DU8730189"
SECONDS_MAX = 10


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen(
        [TWSIM, "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("twsim listening on 127.0.0.1:"), process.communicate()
        yield process, int(line.rpartition(":")[2])
    finally:
        process.kill()
        process.communicate(timeout=SECONDS_MAX)


def complaint(*options: str) -> tuple[int, str]:
    done = subprocess.run(
        [TWSIM, *options], capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


async def test_a_killed_gateway_comes_back_with_all_it_told(tmp_path: Path) -> None:
    state = str(tmp_path / "state.jsonl")
    options = (
        "--state",
        state,
        "--account",
        f"{ACCOUNT}=50000",
        "--position",
        f"{ACCOUNT}:BRK.B:-5@400.5",
    )
    aapl = Stock("AAPL", "SMART", "USD")
    ib = IB()
    with running(*options) as (process, port):
        await ib.connectAsync("127.0.0.1", port, clientId=9, raiseSyncErrors=True)
        filled = ib.placeOrder(aapl, MarketOrder("BUY", 30, account=ACCOUNT, tif="DAY"))
        resting = ib.placeOrder(aapl, LimitOrder("BUY", 10, 90, account=ACCOUNT, tif="GTC"))
        while not (filled.isDone() and resting.orderStatus.status == "Submitted"):
            await ib.updateEvent
        process.kill()
    ib.disconnect()
    again = IB()
    with running(*options) as (_, port):
        await again.connectAsync("127.0.0.1", port, clientId=9, raiseSyncErrors=True)

        held = {row.contract.symbol: row.position for row in again.positions()}
        assert held == {"AAPL": 30, "BRK B": -5}
        assert [trade.order.permId for trade in again.openTrades()] == [resting.order.permId]
        assert [fill.execution.execId for fill in again.fills()] == [
            filled.fills[0].execution.execId
        ]
        assert again.client.getReqId() > resting.order.orderId
    again.disconnect()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_without_a_word(number: signal.Signals) -> None:
    with running() as (process, port), socket.create_connection(("127.0.0.1", port)):
        process.send_signal(number)
        out, err = process.communicate(timeout=2)

    assert (process.returncode, out, err) == (0, "", "")


def test_a_port_in_use_is_one_clear_line() -> None:
    with running() as (_, port):
        code, words = complaint("--port", str(port))

    assert code == 1
    assert words == f"twsim: 127.0.0.1:{port} is already in use; --port 0 picks a free port\n"


def test_a_journal_that_is_none_is_one_clear_line(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    state.write_text("{}\nhello\n{}\n")
    code, words = complaint("--port", "0", "--state", str(state))

    assert code == 1
    assert words.startswith(f"twsim: {state} is not a journal of twsim")
    assert words.count("\n") == 1


def test_a_bad_option_is_one_clear_line() -> None:
    code, words = complaint("--wrong", "x")

    assert code == 2
    assert words == "twsim: Unknown option: --wrong.\n"


def test_it_also_starts_as_a_module_of_the_same_python() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from twsim.cli import main; raise SystemExit(main(['--help']))",
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=True,
    )

    assert "Usage: twsim" in done.stdout


async def test_the_trace_is_on_standard_error_in_words() -> None:
    with running("--trace", "--server-version", "176") as (process, port):
        ib = IB()
        await ib.connectAsync("127.0.0.1", port, clientId=3, raiseSyncErrors=True)
        version = ib.client.serverVersion()
        ib.disconnect()
        process.send_signal(signal.SIGTERM)
        _, trace = process.communicate(timeout=SECONDS_MAX)

    assert version == 176
    assert "<- 176 176|" in trace
    assert "-> startApi client_id=3" in trace
    assert "<- nextValidId order_id=1" in trace


async def test_a_fault_of_the_command_line_strikes(tmp_path: Path) -> None:
    script = tmp_path / "mine.txt"
    script.write_text("on place 2: reject 201 Order rejected - reason:Mine\n")
    aapl, ib = Stock("AAPL", "SMART", "USD"), IB()
    with running("--fault", "O01", "--scenario", str(script)) as (_, port):
        await ib.connectAsync("127.0.0.1", port, clientId=1)
        dropped, rejected, filled = (
            ib.placeOrder(aapl, MarketOrder("BUY", 1, account=ACCOUNT, tif="DAY"))
            for _ in range(3)
        )
        while filled.orderStatus.status != "Filled":
            await ib.updateEvent
        ib.disconnect()

    assert dropped.orderStatus.status == "PendingSubmit"
    assert {entry.errorCode for entry in rejected.log} == {0, 201}

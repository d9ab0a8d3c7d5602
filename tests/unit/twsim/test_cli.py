from __future__ import annotations

import errno
from decimal import Decimal
from pathlib import Path

import pytest

from twsim import cli
from twsim.cli import Options, app, main


def parse(*arguments: str) -> Options:
    options = app(
        list(arguments), exit_on_error=False, print_error=False, result_action="return_value"
    )
    assert isinstance(options, Options)
    return options


def test_without_options_it_is_one_paper_account_on_the_paper_port() -> None:
    assert parse() == Options(
        host="127.0.0.1",
        port=4002,
        accounts={"DU8730189": Decimal(1_000_000)},
        positions=[],
        seed=0,
        state=None,
        server_version=178,
        trace=False,
        hours="always",
        prices=None,
        commissions="tiered",
        fees=False,
    )


def test_every_option_is_understood() -> None:
    words = (
        "--host 0.0.0.0 --port 0 --account DU1234567=50000.50 --account DUP203550 --seed 7"
        " --position DU1234567:AAPL:-50@148.5 --position DUP203550:BRK.B:3@400 --state s.jsonl"
        " --server-version 176 --trace"
        " --hours real --prices p.csv --commissions fixed --fees"
    )

    assert parse(*words.split()) == Options(
        host="0.0.0.0",  # noqa: S104 - what a user may want
        port=0,
        accounts={"DU1234567": Decimal("50000.50"), "DUP203550": Decimal(1_000_000)},
        positions=[
            ("DU1234567", "AAPL", -50, Decimal("148.5")),
            ("DUP203550", "BRK B", 3, Decimal(400)),
        ],
        seed=7,
        state=Path("s.jsonl"),
        server_version=176,
        trace=True,
        hours="real",
        prices=Path("p.csv"),
        commissions="fixed",
        fees=True,
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--port 70000", "--port 70000: not between 0 and 65535"),
        ("--port x", "Invalid value for --port"),
        ("--account U", "--account U: not ID or ID=CASH"),
        ("--account DU1234567=-5", "not ID or ID=CASH"),
        ("--position DU8730189:AAPL:3", "not ID:SYMBOL:QTY@AVGCOST"),
        ("--position DU1234567:AAPL:3@4", "there is no account DU1234567"),
        ("--position DU8730189:NOPE:3@4", "there is no symbol NOPE"),
        ("--server-version 200", "--server-version 200: not between 157 and 178"),
        ("--wrong", "Unknown option"),
        ("--help", ""),
    ],
)
def test_a_bad_option_is_told_in_one_line(
    arguments: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(arguments.split())
    complaint = capsys.readouterr().err

    assert code == (2 if words else 0)
    assert complaint.startswith("twsim: " if words else "")
    assert words in complaint
    assert complaint.count("\n") == (1 if words else 0)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EADDRINUSE, "x"), "127.0.0.1:4002 is already in use"),
        (
            OSError(errno.EACCES, "Permission denied"),
            "cannot serve on 127.0.0.1:4002: Permission",
        ),
        (OSError("odd"), "cannot serve on 127.0.0.1:4002: odd"),
    ],
)
def test_why_it_cannot_serve_is_said(error: OSError, words: str) -> None:
    assert cli._why(error, parse()).startswith(words)

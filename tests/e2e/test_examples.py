"""What is in examples/ runs as it is: the notebook, and the program for cron."""

from __future__ import annotations

import base64
import csv
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import paperdesk
from e2e.processes import COMMANDS
from paperdesk.client import Client
from paperdesk.client.frames import columns_of
from paperdesk.client.results import Execution

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PNG = b"\x89PNG\r\n\x1a\n"
EMPTY_PLOT_BYTES = 10_000  # axes with nothing in them have less
WITHIN_SECONDS = 170  # a dozen on a machine that does nothing else


@dataclass(frozen=True)
class Executed:
    """The notebook after its run: each cell's outputs, and the page of it."""

    cells: list[dict[str, Any]]
    page: str

    def all_of(self, kind: str) -> list[str]:
        """Return what the outputs have of one MIME type, in order."""
        bundles = [
            output["data"]
            for cell in self.cells
            for output in cell.get("outputs", ())
            if "data" in output
        ]
        return ["".join(bundle[kind]) for bundle in bundles if kind in bundle]


def run_notebook(folder: Path) -> Executed:
    done = subprocess.run(
        ["scripts/notebook", folder],
        cwd=ROOT,
        env=os.environ | {"IPYTHONDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((folder / "momentum.ipynb").read_text(encoding="utf-8"))
    return Executed(document["cells"], (folder / "momentum.html").read_text(encoding="utf-8"))


@pytest.mark.timeout(180)
def test_the_notebook_runs_and_shows_its_plots_its_tables_and_its_fills(tmp_path: Path) -> None:
    """One run: it takes as long as all that is looked for in it."""
    notebook = run_notebook(tmp_path)

    plots = [base64.b64decode(plot) for plot in notebook.all_of("image/png")]
    assert [plot.startswith(PNG) and len(plot) > EMPTY_PLOT_BYTES for plot in plots] == [
        True
    ] * 3
    assert notebook.page.count('src="data:image/png;base64,') == 3
    assert not re.findall(r'src="https?:[^"]*"', notebook.page), "it asks no other origin"

    shown = notebook.all_of("text/html")
    titles = [
        found[1] for html in shown if (found := re.match(r"<div [^>]*><p>(.*?)</p>", html))
    ]
    varies = re.compile(r"[0-9a-f]{16}|\$[\d.,]+|[-\d.]+ bps|\d+ orders| · 2.*UTC")
    assert [varies.sub("_", title) for title in titles] == [
        "Accounts: 2",
        "Preview for DU8730189: 5 of 8 rows trade, about _",
        "Batch _ in DU8730189: on target",
        "Positions of DU8730189: 5 · net liquidation __",
        "Batch _ in DU8730189: on target",
        "Targets of DU8730189: 8 of 8 reached",
        "Slippage of _: _ · _ · commission _",
        "Batch _ in DU8730189: 1 short of target",
        "Positions of DU8730189: 0 · net liquidation __",
    ]
    assert all(title in notebook.page for title in titles)
    assert sum(html.startswith("<progress ") for html in shown) == 12, "one for each wait"

    (dtypes,) = (text for text in notebook.all_of("text/plain") if text.startswith("exec_id"))
    rows = [re.split(r" {2,}", line) for line in dtypes.splitlines()]
    assert rows[:-1] == [list(row) for row in columns_of(Execution).items()]


def rebalance(
    desk: Client, file: Path, *more: str, **env: str
) -> subprocess.CompletedProcess[str]:
    return run(desk, sys.executable, EXAMPLES / "rebalance.py", file, *more, **env)


def run(desk: Client, *words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    place = {"PAPERDESK_URL": desk.place.url, "PAPERDESK_API_KEY": desk.place.key}
    return subprocess.run(
        words,
        env=os.environ | place | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_program_for_cron_trades_once_a_day_however_often_it_is_started(
    tmp_path: Path,
) -> None:
    with (EXAMPLES / "targets.csv").open(newline="") as file:
        wanted = {row["symbol"]: int(row["quantity"]) for row in csv.DictReader(file)}
    with paperdesk.simulator() as desk:
        first = rebalance(desk, EXAMPLES / "targets.csv")
        assert first.returncode == 0, first.stderr
        assert "on target" in first.stdout
        held = {position.symbol: position.quantity for position in desk.positions()}
        assert held == {symbol: shares for symbol, shares in wanted.items() if shares}

        again = rebalance(desk, EXAMPLES / "targets.csv")
        assert (again.returncode, again.stdout) == (0, first.stdout)
        assert len(desk.batches()) == 1

        preview = run(
            desk, COMMANDS / "paperdesk", "submit", EXAMPLES / "targets.csv", "--preview"
        )
        assert preview.returncode == 0, preview.stderr
        assert [line.split("\t")[:3] for line in preview.stdout.splitlines()[1:]] == [
            [symbol, str(shares), str(shares)] for symbol, shares in wanted.items()
        ], "the command takes the same file, and holds what it wants"

        other = tmp_path / "other.csv"
        other.write_text("symbol,quantity\nAAPL,1\n")
        refused = rebalance(desk, other)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith("IdempotencyMismatch: ")


def test_the_program_for_cron_says_by_its_exit_code_what_went_wrong(tmp_path: Path) -> None:
    file = tmp_path / "targets.csv"
    file.write_text("symbol,quantity\nAAPL,1\nNOSUCH,1\n")
    with paperdesk.simulator() as desk:
        stranger = rebalance(desk, file, PAPERDESK_API_KEY="unknown")
        nobody = rebalance(desk, file, "--timeout=0", PAPERDESK_URL="http://127.0.0.1:9")
        desk.halt("a test")
        halted = rebalance(desk, file)
        desk.resume("done")
        short = rebalance(desk, file)

    assert [(done.returncode, done.stderr.split(":")[0]) for done in (
        stranger, nobody, halted, short,
    )] == [
        (4, "Unauthorized"),
        (6, "Unreachable"),
        (5, "Halted"),
        (3, "BatchFailed"),
    ]  # fmt: skip

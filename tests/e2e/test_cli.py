"""Every command of the command line, as a process, against a real service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

import paperdesk
from e2e.processes import COMMANDS, command
from e2e.terminal import Seen, on_terminal
from paperdesk.client import Client

ACCOUNT, OTHER = "DU8730189", "DUP203550"


@dataclass
class Shell:
    """A folder, and the service that commands in it ask."""

    client: Client
    folder: Path

    @property
    def env(self) -> dict[str, str]:
        place = self.client.place
        return {"PAPERDESK_URL": place.url, "PAPERDESK_API_KEY": place.key}

    def run(self, *words: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMANDS / "paperdesk", *words],
            cwd=self.folder,
            env=os.environ | self.env | env,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def json(self, *words: str, code: int = 0) -> Any:
        done = self.run(*words, "--json")
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def tsv(self, *words: str) -> list[dict[str, str]]:
        head, *rows = [line.split("\t") for line in self.run(*words).stdout.splitlines()]
        return [dict(zip(head, row, strict=True)) for row in rows]

    def see(
        self, *words: str, answer: str = "", after: str = "", columns: int = 120, **env: str
    ) -> Seen:
        return on_terminal(
            "paperdesk", *words, cwd=self.folder, env=self.env | env, answer=answer, after=after,
            columns=columns,
        )  # fmt: skip


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with paperdesk.simulator() as client:
        client.submit({"AAPL": 100, "MSFT": -50}).wait(timeout=20).raise_for_exceptions()
        yield client


@pytest.fixture
def shell(client: Client, tmp_path: Path) -> Shell:
    return Shell(client, tmp_path)


# ── Looking ───────────────────────────────────────────────────────────────────────────────────


def test_a_pipe_gets_values_that_nobody_rounded_and_a_terminal_a_table(shell: Shell) -> None:
    rows = {row["symbol"]: row for row in shell.tsv("positions")}
    assert (rows["AAPL"]["quantity"], rows["MSFT"]["quantity"]) == ("100", "-50")
    assert float(rows["AAPL"]["avg_cost"]) > 0

    seen = shell.see("positions")
    assert seen.returncode == 0
    assert "Symbol" in seen.text
    assert "net liquidation $" in seen.text
    assert "\x1b[" in seen.raw, "a head stands out"


def test_no_colour_leaves_a_terminal_that_asks_for_none(shell: Shell) -> None:
    for seen in (shell.see("positions", NO_COLOR="1"), shell.see("positions", TERM="dumb")):
        assert "\x1b[3" not in seen.raw
        assert "AAPL" in seen.raw


def test_each_command_that_looks_has_rows_and_json(shell: Shell) -> None:
    batch_id = shell.tsv("batches")[0]["batch"]
    assert shell.json("batches")["batches"][0]["batch_id"] == batch_id
    assert {row["state"] for row in shell.tsv("targets")} == {"reached"}
    assert shell.json("targets", "--account", ACCOUNT)["on_target"] >= 2
    assert {row["symbol"] for row in shell.tsv("executions", "--symbol", "AAPL")} == {"AAPL"}
    assert len(shell.json("executions", "-n", "1")["executions"]) == 1
    assert [row["connected"] for row in shell.tsv("accounts")] == ["true", "true"]
    assert shell.json("accounts")["accounts"][0]["account_id"] == ACCOUNT
    assert shell.json("positions")["updated_at"].endswith("+00:00")
    assert {row["status"] for row in shell.tsv("show", batch_id)} == {"Filled"}
    assert shell.json("show", batch_id)["summary"]["on_target"] is True
    assert "✓ on target" in shell.run("watch", batch_id).stderr
    late = shell.tsv("executions", "--since", "2100-01-01T00:00:00")
    assert late == []


def test_a_narrow_terminal_has_fewer_columns_and_whole_ids(shell: Shell) -> None:
    shell.client.simulate(fault={"code": "O06", "parameters": {"symbol": "CSCO"}})
    order = {"symbol": "CSCO", "quantity": 1000, "limit_price": 123.45}
    rejected = shell.client.submit([order]).wait(timeout=20)
    for words in ("positions", "targets", "batches", "executions", "accounts"):
        lines = shell.see(words, columns=80).text.splitlines()
        assert max(map(len, lines)) <= 80, lines
        assert "…" not in "".join(lines)
        assert words not in {"batches", "targets"} or rejected.batch_id in "".join(lines)
    assert "Set at" in shell.see("targets", columns=120).text
    assert "Set at" not in shell.see("targets", columns=80).text
    shown = shell.see("show", rejected.batch_id, columns=80).text
    assert "Rejected by a fault." in " ".join(shown.split()), "a sentence goes on below"


# ── Submitting ────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_previewed_asked_about_sent_followed_and_judged(shell: Shell) -> None:
    (shell.folder / "t.csv").write_text("symbol,quantity\n# mine\nKO,120\nV,30\n")
    seen = shell.see("submit", "t.csv", answer="y\n", after="[y/N]")

    assert seen.returncode == 0, seen.text
    assert "▲ buy     120" in seen.text
    assert "Held and not in the file, left alone: 2 (AAPL, MSFT)" in seen.text
    assert "Send 2 orders (2 buy $" in seen.text
    assert f"to {ACCOUNT}" in seen.text
    assert "✓ on target · fees $" in seen.text
    assert "paperdesk show " in seen.text
    again = shell.see("submit", "t.csv")
    assert "✓ nothing to send: every target is reached" in again.text
    assert again.returncode == 0


def test_whoever_says_no_has_sent_nothing(shell: Shell) -> None:
    (shell.folder / "t.csv").write_text("T,5\n")
    before = len(shell.client.batches())
    for answer in ("n\n", "\n", "yep\n"):
        seen = shell.see("submit", "t.csv", answer=answer, after="[y/N]")
        assert (seen.returncode, "Nothing was sent." in seen.text) == (2, True)
    piped = shell.run("submit", "t.csv")
    assert (piped.returncode, "say --yes" in piped.stderr) == (2, True)
    assert len(shell.client.batches()) == before


def test_a_script_reads_stdin_sends_and_takes_the_code(shell: Shell) -> None:
    done = shell.run("submit", "-", "--yes", "--wait", stdin="IBM,10\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("IBM\t10\tbuy\t10\t10\t")
    preview = shell.run("submit", "-", "--preview", stdin="IBM,15\n")
    assert (preview.returncode, "IBM\t10\t15\t5\t" in preview.stdout) == (0, True)
    sent = shell.run("submit", "-", "--yes", "--json", stdin='IBM,"1,000"\n')
    assert json.loads(sent.stdout)["orders"][0]["desired_pos"] == 1000
    there = shell.run("submit", "-", "--yes", "--wait", "--account", OTHER, stdin="IBM,1\n")
    assert there.returncode == 0
    closed = shell.run(
        "submit", "-", "--yes", "--wait", "--account", OTHER, "--unlisted", "close", stdin="GE,2\n"
    )  # fmt: skip
    assert closed.returncode == 0, closed.stderr
    assert [p.symbol for p in shell.client.positions(OTHER)] == ["GE"]


def test_a_bad_file_is_named_line_by_line_and_nothing_is_sent(shell: Shell) -> None:
    before = len(shell.client.batches())
    text = "AAPL,100\nMSFT,1.5\nKO,x\n"
    done = shell.run("submit", "-", "--yes", stdin=text)
    assert (done.returncode, done.stdout) == (2, "")
    assert 'line 2: quantity: "1.5" is no whole number of shares' in done.stderr
    assert 'line 3: quantity: "x" is not a number' in done.stderr
    judged = shell.run("submit", "-", "--yes", stdin="# first\nAAPL,100\nA+B,1\nC,9999999999\n")
    assert judged.returncode == 2
    assert 'line 3: symbol "A+B" is not a symbol' in judged.stderr
    assert "line 4: quantity must lie within" in judged.stderr
    missing = shell.run("submit", "none.csv", "--yes")
    assert (missing.returncode, "none.csv cannot be read" in missing.stderr) == (2, True)
    assert len(shell.client.batches()) == before


def test_a_rejected_order_beside_one_that_fills_and_one_that_nobody_knows(shell: Shell) -> None:
    shell.client.simulate(fault={"code": "O06", "parameters": {"symbol": "PG"}})
    done = shell.run("submit", "-", "--yes", "--wait", stdin="PG,10\nNOSUCH,1\nPEP,1\n")
    shell.client.simulate(clear_faults=True)

    assert done.returncode == 3, done.stderr
    rows = {row[0]: row[8] for line in done.stdout.splitlines() if (row := line.split("\t"))}
    assert rows == {"symbol": "status", "PG": "Inactive", "NOSUCH": "error", "PEP": "Filled"}


def test_what_still_works_when_time_is_up_can_be_watched_left_and_cancelled(
    shell: Shell,
) -> None:
    (shell.folder / "t.csv").write_text("symbol,quantity,limit_price\nHD,10,1.00\n")
    done = shell.run("submit", "t.csv", "--yes", "--wait", "--timeout", "0.3")
    assert (done.returncode, "1 still working: HD" in done.stderr) == (8, True)
    batch_id = shell.tsv("batches")[0]["batch"]
    left = on_terminal(
        "paperdesk", "watch", cwd=shell.folder, env=shell.env, interrupt_after="0/1"
    )
    assert left.returncode == 130
    assert f"paperdesk cancel {batch_id}" in left.text
    assert "Traceback" not in left.text
    cancelled = shell.run("cancel", batch_id)
    assert cancelled.returncode == 0
    assert "1 of 1 orders" in cancelled.stderr
    assert shell.run("watch", batch_id).returncode == 3
    filled = shell.client.submit({"AAPL": 101}).wait(timeout=20)
    assert shell.run("cancel", filled.batch_id).returncode == 3


def test_a_watcher_that_is_a_program_gets_a_line_for_each_state(shell: Shell) -> None:
    batch = shell.client.submit([{"symbol": "JNJ", "quantity": 10, "limit_price": 1.00}])
    with command(
        "paperdesk", "watch", batch.batch_id, "--json", cwd=shell.folder, env=shell.env
    ) as watch:
        watch.until(r'"status": "Submitted"')
        batch.cancel()
        assert watch.process.wait(timeout=20) == 3
        lines = [line for line in watch.text().splitlines() if line.startswith("{")]
    states = [json.loads(line) for line in lines]
    assert len(states) >= 2
    assert [state["summary"]["final"] for state in states].count(True) == 1
    assert states[-1]["orders"][0]["status"] == "Cancelled"


def test_a_script_bounds_what_it_sends_and_is_never_asked(shell: Shell) -> None:
    before = len(shell.client.batches())
    much = shell.run("submit", "-", "--yes", "--max-notional", "1000", stdin="AMZN,50\n")
    assert (much.returncode, "more than --max-notional $1,000.00" in much.stderr) == (2, True)
    (shell.folder / "t.csv").write_text("AMZN,5\n")
    asked = shell.see("submit", "t.csv", "--no-input")
    assert (asked.returncode, "[y/N]" in asked.text) == (2, False)
    assert len(shell.client.batches()) == before
    little = shell.run(
        "submit", "-", "--yes", "--wait", "--max-notional", "100000", stdin="AMZN,1\n"
    )
    assert little.returncode == 0, little.stderr


def test_what_was_judged_by_its_cost_is_sent_and_nothing_else(shell: Shell) -> None:
    """Prices move between the two: targets that were sent anew would cost whatever they cost."""
    sent: list[Any] = []

    class Between(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.pass_on(None)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.partition("?")[0] == "/api/v1/orders":
                sent.append(json.loads(body))
            self.pass_on(body)

        def pass_on(self, body: bytes | None) -> None:
            headers = {"X-API-Key": self.headers["X-API-Key"]}
            url = f"{shell.client.place.url}{self.path}"
            answer = httpx.request(self.command, url, content=body, headers=headers)
            self.send_response(answer.status_code)
            self.end_headers()
            self.wfile.write(answer.content)

        def log_request(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Between) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        for shares, words in enumerate(((), ("--max-notional", "100000")), 1):
            targets = f"IBM,{shares}\n"
            done = shell.run("submit", "-", "--yes", *words, stdin=targets, PAPERDESK_URL=url)
            assert done.returncode == 0, done.stderr
        server.shutdown()

    assert [list(body) for body in sent] == [["account_id", "orders"], ["preview_id"]]


def test_everything_that_works_is_withdrawn_by_whoever_types_the_account(shell: Shell) -> None:
    far = [{"symbol": symbol, "quantity": 10, "limit_price": 1.00} for symbol in ("CVX", "XOM")]
    batches = [shell.client.submit([order], account_id=OTHER) for order in far]
    words = ("cancel", "--all", "--account", OTHER)
    wrong = shell.see(*words, answer="y\n", after="to go on:")
    assert (wrong.returncode, "Nothing was done." in wrong.text) == (2, True)
    assert shell.run(*words, "--no-input").returncode == 2
    right = shell.see(*words, answer=f"{OTHER}\n", after="to go on:")
    assert (right.returncode, "2 of 2 orders of" in right.text) == (0, True), right.text
    assert [order.status for batch in batches for order in batch.refresh()] == ["Cancelled"] * 2
    again = shell.run(*words)
    assert (again.returncode, "0 of 0 orders of no batch" in again.stderr) == (0, True)
    assert shell.run("cancel").returncode == 2
    assert shell.run("cancel", "0" * 16, "--all").returncode == 2


# ── Stopping ──────────────────────────────────────────────────────────────────────────────────


def test_a_halt_stops_at_once_and_says_how_to_go_on(shell: Shell) -> None:
    halted = shell.run("halt", "--account", OTHER, "--reason", "a test")
    assert halted.returncode == 0
    assert "paperdesk resume --reason … --account DUP203550" in halted.stderr
    refused = shell.run("submit", "-", "--yes", "--account", OTHER, stdin="AAPL,9\n")
    assert refused.returncode == 5, refused.stderr
    assert "a test" in refused.stderr
    half = shell.run("resume", "--account", OTHER, "--reason", "out", "--reduce-only")
    assert (half.returncode, "stays halted (reduce_only): out" in half.stderr) == (0, True)
    assert shell.run("resume", "--account", OTHER, "--reason", "done").returncode == 0
    assert shell.run("halt", "-r", "all", "--reduce-only", "--json").returncode == 0
    still = shell.run("resume", "--account", ACCOUNT, "--reason", "one")
    assert (still.returncode, "still halted" in still.stderr) == (5, True)
    assert shell.run("resume", "--reason", "all").returncode == 0


def test_flatten_wants_the_account_typed(shell: Shell) -> None:
    shell.client.submit({"AAPL": 3}, account_id=OTHER).wait(timeout=20)
    words = ("flatten", OTHER, "--reason", "a test")
    wrong = shell.see(*words, answer="yes\n", after="to go on:")
    assert (wrong.returncode, "Nothing was done." in wrong.text) == (2, True)
    assert shell.run(*words).returncode == 2
    right = shell.see(*words, answer=f"{OTHER}\n", after="to go on:")
    assert right.returncode == 0, right.text
    assert len(shell.client.positions(OTHER)) == 0
    again = shell.run(*words, "--yes")
    assert (again.returncode, "nothing to close" in again.stderr) == (0, True)
    shell.client.resume("done", account_id=OTHER)


# ── The service ───────────────────────────────────────────────────────────────────────────────


def test_doctor_says_what_is_wrong_and_what_to_do(shell: Shell) -> None:
    well = shell.json("doctor")
    assert well["ok"] is True
    names = {check["name"].split(" of ")[0] for check in well["checks"]}
    assert {"clock", "dashboard", "disk", "ledger", "pace", "service", "time zones"} <= names
    assert "✓ service" in shell.see("doctor").text
    (shell.folder / "paperdesk.toml").write_text(
        '[[gateways]]\nport = 9\naccounts = ["DU8730189"]\n'
    )
    ill = shell.run("doctor")
    assert ill.returncode == 1
    assert "start IB Gateway" in ill.stdout
    (shell.folder / "paperdesk.toml").write_text("[server]\nprot = 1\n")
    wrong = shell.run("doctor")
    assert (wrong.returncode, "did you mean port?" in wrong.stdout) == (1, True)
    keyless = shell.run("doctor", PAPERDESK_API_KEY="wrong")
    assert keyless.returncode == 1


def test_the_simulated_gateway_is_moved(shell: Shell) -> None:
    assert "WMT trades at 99.5" in shell.run("sim", "price", "WMT", "99.5").stderr
    armed = shell.json("sim", "fault", "O03", "symbol=WMT", "delay=1", "--rate", "0.5")
    assert armed["faults"] == ["O03:on=place,symbol=WMT,delay=1@0.5"]
    assert "none" in shell.run("sim", "clear").stderr
    assert shell.run("sim", "disconnect").returncode == 0
    assert shell.run("sim", "fault", "X99").returncode == 2
    assert shell.run("sim", "fault", "O03", "symbol").returncode == 2


def test_settings_name_their_origins_and_shells_complete(shell: Shell) -> None:
    shown = shell.run("config", "show", PAPERDESK_SERVER__PORT="8001").stdout
    assert "server.port\t8001\tPAPERDESK_SERVER__PORT" in shown
    assert 'ledger.url\t"sqlite:///.paperdesk/paperdesk.db"\tdefault' in shown
    for name in ("bash", "zsh", "fish"):
        script = shell.run("completion", name).stdout
        assert "paperdesk" in script
        assert "positions" in script


def test_any_endpoint_can_be_asked_and_the_page_opened(shell: Shell) -> None:
    found = json.loads(shell.run("api", "GET", "/openapi.json").stdout)
    assert "/api/v1/accounts" in found["paths"]
    assert found == json.loads(shell.run("api", "/openapi.json").stdout)
    body = '{"orders": [{"symbol": "GE", "quantity": 1}]}'
    planned = shell.run("api", "/api/v1/orders/preview", "--data", "@-", stdin=body)
    assert json.loads(planned.stdout)["results"][0]["symbol"] == "GE"
    assert "paperdesk_build_info" in shell.run("api", "get", "/metrics").stdout
    wrong = shell.run("api", "POST", "/api/v1/orders", "-d", '{"orders": 1}')
    assert (wrong.returncode, json.loads(wrong.stdout)["status"]) == (2, 400)
    assert wrong.stderr.startswith("paperdesk: ")
    assert shell.run("api", "GET", "accounts").returncode == 2
    assert shell.run("api", "/", "-d", "@none.json").returncode == 2
    opened = shell.run("open")
    assert (opened.returncode, opened.stdout) == (0, f"{shell.client.place.url}/\n")
    assert shell.run("open", PAPERDESK_URL="http://127.0.0.1:9").returncode == 6


def test_the_demo_trades_a_portfolio(tmp_path: Path) -> None:
    with command(
        "paperdesk", "demo", "--once", "--port", "0", "--folder", str(tmp_path / "demo"),
        cwd=tmp_path,
    ) as demo:  # fmt: skip
        demo.until(r"✓ on target", within_seconds=60)
        assert demo.process.wait(timeout=20) == 0
        assert "Traceback" not in demo.text()


def test_what_is_wrong_with_the_service_has_its_own_code(shell: Shell) -> None:
    gone = shell.run("positions", PAPERDESK_URL="http://127.0.0.1:9")
    assert (gone.returncode, "nothing answers at http://127.0.0.1:9" in gone.stderr) == (
        6,
        True,
    )
    unknown = shell.run("positions", PAPERDESK_API_KEY="wrong")
    assert unknown.returncode == 4
    assert shell.run("positions", "--account", "DU0").returncode == 2
    assert shell.run("show", "0" * 16).returncode == 1
    assert shell.run("show").returncode == 2
    assert shell.run("postions").returncode == 2
    for done in (gone, unknown):
        assert done.stdout == ""
        assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_early_is_no_error(shell: Shell) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{COMMANDS}/paperdesk config show | head -1"],
        cwd=shell.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


@pytest.mark.parametrize(
    "words",
    [
        "positions",
        "targets",
        "batches",
        "executions",
        "accounts",
        "watch",
        "events",
        "keys list",
    ],
)
def test_a_client_command_imports_nothing_heavy(shell: Shell, words: str) -> None:
    """Half a second before each answer is what makes people write their own scripts."""
    shell.client.submit({"AAPL": 1}).wait(timeout=30).raise_for_exceptions()  # for watch
    script = (
        "import sys; from paperdesk.cli import main; assert main(sys.argv[1:]) == 0;"
        "heavy = ['pandas', 'litestar', 'sqlalchemy', 'ib_async', 'twsim', 'alembic', 'uvicorn',"
        "'structlog', 'rich', 'click', 'asyncio', 'pygments', 'typing_extensions',"
        "'psycopg', 'paperdesk.config', 'paperdesk.desk', 'paperdesk.domain', 'paperdesk.wire'];"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words.split()],
        cwd=shell.folder,
        env=os.environ | shell.env,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stderr.splitlines()[-1] == "[]"


def test_packages_are_compiled_when_they_are_installed() -> None:
    """Where no cache may be written each start would compile them all: as long as the rest."""
    for name in ("cyclopts.core", "httpx._client", "litestar.app", "rich.table"):
        spec = find_spec(name)
        assert spec is not None
        assert spec.cached is not None
        assert Path(spec.cached).exists(), name

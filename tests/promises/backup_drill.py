"""Backup, destroy, restore, same answers: `make backup-drill`.

Owns: the drill: a service trades before a gateway that lives on, its ledger is backed up while it
runs, destroyed, and restored, on each database into each; then it must be halted, and, once it is
resumed, every answer must be the same, and trading must go on. Owns too the table of it, and which
figures of an answer are the gateway's or the clock's and no ledger's.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from e2e.processes import COMMANDS, Api
from embedded import Server, running_server
from kills.actors import ACCOUNT, Client, GatewayProcess, Home
from paperdesk.api.app import ENDPOINTS
from promises.showing import say

HEADS: Final = (
    "from", "into", "rows", "bytes", "backup s", "restore s", "answers", "the same", "verdict",
)  # fmt: skip
SQLITE: Final = "SQLite"
POSTGRESQL: Final = "PostgreSQL"
KINDS: Final = (SQLITE, POSTGRESQL)
CONFIG: Final = ("--config", "kills.toml")
SETTLES_WITHIN_SECONDS: Final = 30.0
ORDERS: Final = "/api/v1/orders"
RESTING: Final = "resting"
HALT: Final = f"/api/v1/accounts/{ACCOUNT}/halt"
AUDIT: Final = "/api/v1/audit"
# What a restore and what ends it add to the trail, newest first; nothing else may be new.
ADDED: Final = [("resume", "local"), ("halt", "paperdesk")]
EVERY_BATCH: Final = (f"{ORDERS}/{{batch_id:str}}", f"{ORDERS}/{{batch_id:str}}/evidence")
# Each GET of a ledger, and what of its answer is the gateway's word or the hour's.
ASKED: Final[Mapping[str, frozenset[str]]] = {
    ORDERS: frozenset(),
    **dict.fromkeys(EVERY_BATCH, frozenset()),
    "/api/v1/executions": frozenset(),
    "/api/v1/targets": frozenset(),
    "/api/v1/reports/slippage": frozenset(),
    "/api/v1/reports/today": frozenset(),
    AUDIT: frozenset(),
    "/api/v1/keys": frozenset({"last_used_at"}),
    "/api/v1/accounts": frozenset({"net_liquidation"}),
    "/api/v1/positions": frozenset(
        {"net_liquidation", "updated_at", "market_price", "market_value", "unrealized_pnl"}
    ),
}
# What is answered without a ledger, and the stream, which does not end.
NOT_ASKED: Final = frozenset(
    {
        "/api/v1/events",
        *("/", "/docs", "/openapi.json", "/problems/{code:str}"),
        *("/health", "/livez", "/readyz", "/metrics", "/assets/{build:str}/{name:str}"),
        # What is sampled by the minute, and what is of the hour, goes on meanwhile.
        *("/api/v1/reports/equity", "/api/v1/status"),
    }
)


def unclassified() -> set[str]:
    """Return the GETs of which nobody said whether a ledger answers them."""
    known = {endpoint.path for endpoint in ENDPOINTS if endpoint.method == "GET"}
    return known - set(ASKED) - NOT_ASKED


@dataclass
class Place:
    """Where a ledger can be, and how it is destroyed."""

    url: str
    destroy: Callable[[], None]


@dataclass
class Outcome:
    """What came of a drill. `wrong` is empty where all is well."""

    rows: int = 0
    size: int = 0
    backup_seconds: float = 0.0
    restore_seconds: float = 0.0
    asked: int = 0
    same: int = 0
    wrong: list[str] = field(default_factory=list)

    def check(self, is_true: object, words: str) -> None:
        """Note what is wrong."""
        if not is_true:
            self.wrong.append(words)


@contextmanager
def a_place(kind: str, server: Server, folder: Path, name: str) -> Iterator[Place]:
    """Make room for a ledger."""
    if kind == SQLITE:
        file = folder / f"{name}.db"

        def remove() -> None:
            for path in folder.glob(f"{name}.db*"):
                path.unlink()

        yield Place(f"sqlite:///{file}", remove)
        return
    with server.database() as database:

        def make_anew() -> None:
            server.run(f"DROP DATABASE {database} WITH (FORCE)")
            server.run(f"CREATE DATABASE {database} TEMPLATE template0")

        yield Place(server.url(database), make_anew)


def drill(source_kind: str, target_kind: str, server: Server, folder: Path) -> Outcome:
    """Run the drill in an empty folder."""
    outcome = Outcome()
    with (
        GatewayProcess(folder) as gateway,
        a_place(source_kind, server, folder, "source") as source,
        a_place(target_kind, server, folder, "target") as other,
    ):
        target = source if source_kind == target_kind else other
        home = Home(folder, source.url)
        home.configure(gateway.port)
        with home.service() as service:
            client = Client(home.api_of(service))
            resting = trade(client)
            before = answers(client.api)
            # Each start looks for an order that works, and the look is evidence.
            del before[f"{ORDERS}/{resting}/evidence"]
            outcome.backup_seconds = command(outcome, folder, "backup")
            service.end()
        source.destroy()
        home = Home(folder, target.url)
        home.configure(gateway.port)
        outcome.restore_seconds = command(outcome, folder, "restore")
        with home.service() as service:
            client.api = home.api_of(service)
            resume(client.api, outcome)
            compare(before, until_settled(client.api, before), outcome)
            go_on(client, gateway, outcome)
            outcome.check("Traceback" not in service.text(), "a traceback was printed")
    return outcome


def trade(client: Client) -> str:
    """Leave something of every kind in the ledger; return the batch whose order works.

    By then nothing moves any more.
    """
    api = client.api
    for quantity in (100, 40, -20):
        posted = client.post(f"aapl {quantity}", {"symbol": "AAPL", "quantity": quantity})
        api.final(posted["batch_id"])
    resting = client.post(RESTING, {"symbol": "MSFT", "quantity": 10, "limit_price": 1.5})
    gone = client.post("gone", {"symbol": "AMZN", "quantity": 10, "limit_price": 1.5})
    do(api, "DELETE", f"{ORDERS}/{gone['batch_id']}")
    mixed = client.post(
        "mixed",
        {"symbol": "NOPE", "quantity": 1},
        {"symbol": "BRK.B", "quantity": 3, "expected_price": 400, "tolerance_pct": 50},
    )
    api.final(mixed["batch_id"])
    reason = {"reason": "drill, with \u20ac and \U0001f4c8"}
    do(api, "POST", "/api/v1/halt", json=reason)
    do(api, "POST", "/api/v1/resume", json=reason)
    # Of the account: who resumes what a restore halted must not lift this one with it.
    do(api, "POST", HALT, json=reason | {"mode": "reduce_only"})
    do(api, "PUT", f"/api/v1/accounts/{ACCOUNT}/limits", json={"max_order_quantity": 500})
    do(api, "POST", "/api/v1/keys", json={"name": "bot"})
    return str(resting["batch_id"])


def do(api: Api, method: str, path: str, **options: Any) -> None:
    """Ask for something that must be done."""
    answer = api.call(method, path, **options)
    assert answer.status_code == 200, answer.text


def resume(api: Api, outcome: Outcome) -> None:
    """See that everything is halted after a restore, and resume it."""
    for account in api.get("/api/v1/accounts")["accounts"]:
        halt = account.get("halt", {})
        is_so = halt.get("mode") == "all" and "restored from a backup of" in halt["reason"]
        outcome.check(is_so, f"after a restore {account['account_id']} has the halt {halt}")
    do(api, "POST", "/api/v1/resume", json={"reason": "the broker did nothing since"})
    trail = api.get(f"{AUDIT}?limit={len(ADDED)}")
    added = [(entry["action"], entry["client"]) for entry in trail["entries"]]
    outcome.check(added == ADDED, f"a restore and a resume added {added} to the trail")


def answers(api: Api) -> dict[str, object]:
    """Return every answer that a ledger gives, by path; bytes, but where figures are live."""
    missing = unclassified()
    assert not missing, f"say in ASKED or NOT_ASKED what {missing} answer from"
    found: dict[str, object] = {}
    batches = [row["batch_id"] for row in api.get(f"{ORDERS}?limit=200")["batches"]]
    for path, live in ASKED.items():
        for batch_id in batches if path in EVERY_BATCH else [""]:
            asked = path.replace("{batch_id:str}", batch_id)
            answer = api.call("GET", asked)
            assert answer.status_code == 200, answer.text
            found[asked] = without(answer.json(), live) if live else answer.content
    return found


def answers_of_before(api: Api) -> dict[str, object]:
    """Return the answers, the trail from the entry on that is older than what was added."""
    found = answers(api)
    cursor = api.get(f"{AUDIT}?limit={len(ADDED)}")["next_cursor"]
    return found | {AUDIT: api.call("GET", f"{AUDIT}?cursor={cursor}").content}


def without(body: Any, live: frozenset[str]) -> Any:
    """Return a body without the figures that are live."""
    if isinstance(body, dict):
        return {key: without(value, live) for key, value in body.items() if key not in live}
    return [without(value, live) for value in body] if isinstance(body, list) else body


def until_settled(api: Api, expected: Mapping[str, object]) -> dict[str, object]:
    """Return the answers once they are as expected, or at last as they are.

    A start looks in the gateway's lists for orders that work: until then they are unknown.
    """
    deadline = time.monotonic() + SETTLES_WITHIN_SECONDS
    while True:
        found = {
            path: said for path, said in answers_of_before(api).items() if path in expected
        }
        if found == expected or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def compare(
    before: Mapping[str, object], after: Mapping[str, object], outcome: Outcome
) -> None:
    """Count the answers that are the same."""
    outcome.asked = len(before)
    outcome.same = sum(after.get(path) == said for path, said in before.items())
    for path, said in before.items():  # the list of batches too: there is none beside them
        outcome.check(
            after.get(path) == said, f"GET {path} was {said!r}, is {after.get(path)!r}"
        )


def go_on(client: Client, gateway: GatewayProcess, outcome: Outcome) -> None:
    """See that the restored ledger is a living one: keys are known, orders obey, targets trade."""
    sent = sum(gateway.frames().values())
    for key, said in client.answers.items():
        again = client.submit(key)
        outcome.check(again is not None and again.content == said, f"{key}: not replayed")
    outcome.check(sum(gateway.frames().values()) == sent, "a replay sent an order")
    api = client.api
    do(api, "POST", f"/api/v1/accounts/{ACCOUNT}/resume", json={"reason": "restored"})
    resting = client.post(RESTING, *client.bodies[RESTING]["orders"])["batch_id"]
    (cancelled,) = api.call("DELETE", f"{ORDERS}/{resting}").json()["results"]
    outcome.check(cancelled["cancelled"], "a working order could not be cancelled")
    api.final(client.post("after", {"symbol": "AAPL", "quantity": 5})["batch_id"])
    held = gateway.positions().get("AAPL")
    outcome.check(held == 5, f"a new target of 5 led to {held}")


def command(outcome: Outcome, folder: Path, name: str) -> float:
    """Run `paperdesk backup` or `paperdesk restore`; return how long it took."""
    began = time.monotonic()
    done = subprocess.run(
        [COMMANDS / "paperdesk", name, "ledger.backup", *CONFIG],
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
    )
    took = time.monotonic() - began
    outcome.check(done.returncode == 0, f"{name}: {done.stderr}")
    if name == "backup" and not done.returncode:
        outcome.rows = int(done.stdout.split(" rows")[0].split()[-1].replace(",", ""))
        outcome.size = (folder / "ledger.backup").stat().st_size
    return took


def row_of(source: str, target: str, outcome: Outcome) -> str:
    """Return a line of the table."""
    cells = [source, target, f"{outcome.rows}", f"{outcome.size}"]
    cells += [f"{outcome.backup_seconds:.1f}", f"{outcome.restore_seconds:.1f}"]
    cells += [f"{outcome.asked}", f"{outcome.same}", "; ".join(outcome.wrong) or "ok"]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Print the table as it grows; return 1 where a row is wrong."""
    bad = 0
    say(f"| {' | '.join(HEADS)} |")
    say(f"|{'---|' * len(HEADS)}")
    with running_server(fsync=True) as server:
        for source in KINDS:
            for target in KINDS:
                with tempfile.TemporaryDirectory(prefix="pd-drill-") as folder:
                    outcome = drill(source, target, server, Path(folder))
                say(row_of(source, target, outcome))
                bad += bool(outcome.wrong)
    say(f"\n{len(KINDS) ** 2} ledgers backed up, destroyed and restored, {bad} of them wrong")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())

"""Secrets planted wherever one may slip, and looked for wherever one may turn up: `make canaries`.

Owns: what is planted, the trouble that is made for a real service meanwhile (bad requests, keys in
every wrong place, a ledger that is down, a wrong password, a gateway that is away, a defect), and
the search through all that it printed, answered and stored. Knows nothing of how a secret is masked.
"""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from e2e.processes import Running, command
from embedded import PASSWORD, PASSWORD_IN_URL, Server, database_of, running_server
from promises.showing import say, show

ORDERS: Final = "/api/v1/orders"
CONTROL: Final = "an-ordinary-idempotency-key"  # stored by contract: the search must find it
CONFIG: Final = """
default_account = "DU8730189"

[ledger]
url = "{url}"

# On a slow machine the search itself keeps the ledger away for longer than the default.
[desk]
halt_after_ledger_loss = 3600

[[gateways]]
port = {port}
accounts = ["DU8730189"]

[[clients]]
name = "admin"
key_sha256 = "{sha256}"
scopes = ["admin"]
accounts = ["DU8730189"]
"""


def key(of: str) -> str:
    """Return an API key for one purpose, which is found nowhere by chance."""
    return f"pdk_{hashlib.sha1(of.encode(), usedforsecurity=False).hexdigest()}"


# What is planted, and where.
CANARIES: Final = {
    "a valid API key, in its header": key("valid"),
    "a wrong key in X-API-Key": key("header"),
    "a wrong key as a bearer token": key("bearer"),
    "a wrong key as basic credentials": key("basic"),
    "a key in the query string": key("query"),
    "a key as the name of a parameter": key("parameter"),
    "a key as an account": key("account"),
    "a key as a value of the body": key("value"),
    "a key as a field of the body": key("field"),
    "a key in a body that is no JSON": key("broken"),
    "a key as a symbol": key("symbol"),
    "a short key that fits a symbol": key("short")[:32],
    "a key as Idempotency-Key": key("idempotency"),
    "a key as X-Request-ID": key("request-id"),
    "a key as User-Agent": key("agent"),
    "a key in a path": key("path"),
    "a key as the method": key("method"),
    "a key as the reason of a halt": key("reason"),
    "a key in the words of a defect": key("defect"),
    "a key in place of its sha256": key("config"),
    "the database's password": PASSWORD,
    "the same as the URL has it": PASSWORD_IN_URL,
    "a wrong password of the database": "wr0ng-passw0rd-c4nary",
    "a password in the words of a defect": "d3fect-passw0rd-c4nary",
    "a password in the environment": "env1ronment-passw0rd-c4nary",
}
DEFECT: Final = "postgresql://svc:{}@db/x said {} and {}".format(
    CANARIES["a password in the words of a defect"],
    CANARIES["a key in the words of a defect"],
    CANARIES["a password in the environment"],
)


@dataclass
class Haul:
    """What was collected, by the place where it was found."""

    places: dict[str, list[str]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)

    def add(self, place: str, text: str) -> None:
        """Keep a text to be searched."""
        self.places.setdefault(place, []).append(text)

    def found(self) -> list[tuple[str, str]]:
        """Return each canary with each place in which it turned up, however it is spelled."""
        return [
            (canary, place)
            for canary, secret in CANARIES.items()
            for place, texts in self.places.items()
            if any(_holds(text, secret) for text in texts)
        ]

    def has_control(self) -> bool:
        """Tell whether the search finds what must be there."""
        return any(CONTROL in text for text in self.places["the ledger's tables"])


def _holds(text: str, secret: str) -> bool:
    low = text.lower()
    return any(form.lower() in low for form in {secret, quote(secret, safe="")})


@dataclass
class Caller:
    """Sends what nobody should send, and keeps every answer."""

    url: str
    haul: Haul

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request with the valid key, unless headers say otherwise."""
        headers = {"X-API-Key": CANARIES["a valid API key, in its header"]}
        headers |= options.pop("headers", {})
        if options.pop("is_nobody", False):
            del headers["X-API-Key"]
        answer = httpx.request(
            method, f"{self.url}{path}", headers=headers, timeout=70, trust_env=False, **options
        )
        kind = "answers" if answer.status_code < 400 else "error bodies"
        self.haul.add(kind, f"{answer.headers}\n{answer.text}")
        self.haul.statuses[answer.status_code] += 1
        return answer

    def post(self, *rows: dict[str, Any], **options: Any) -> httpx.Response:
        """Post targets."""
        return self.send("POST", ORDERS, json={"orders": list(rows)}, **options)


def misuse(caller: Caller) -> None:
    """Put a key into every place where none belongs."""
    given = CANARIES
    at_risk = [
        {"X-API-Key": given["a wrong key in X-API-Key"]},
        {"X-API-Key": "", "Authorization": f"Bearer {given['a wrong key as a bearer token']}"},
        {
            "X-API-Key": "",
            "Authorization": f"Basic {given['a wrong key as basic credentials']}",
        },
    ]
    for headers in at_risk:
        caller.send("GET", ORDERS, headers=headers)
        caller.send("POST", ORDERS, headers=headers, json={})
    for query in (
        f"key={given['a key in the query string']}",
        f"{given['a key as the name of a parameter']}=1",
        f"account_id={given['a key as an account']}",
        f"cursor={given['a key in the query string']}",
        f"client={given['a key in the query string']}",
    ):
        caller.send("GET", f"{ORDERS}?{query}")
        caller.send("GET", f"/metrics?{query}")
        caller.send("GET", f"{ORDERS}?{query}", is_nobody=True)
    in_path = given["a key in a path"]
    for path in (f"{ORDERS}/{in_path}", f"/{in_path}", f"/api/v1/accounts/{in_path}/halt"):
        caller.send("GET", path)
        caller.send("POST", path, json={"reason": "drill"})
        caller.send("GET", path, is_nobody=True)
    caller.send(given["a key as the method"], ORDERS)
    one = {"symbol": "AAPL", "quantity": 1}
    for headers in (
        {"Idempotency-Key": given["a key as Idempotency-Key"]},
        {"X-Request-ID": given["a key as X-Request-ID"]},
        {"User-Agent": given["a key as User-Agent"]},
    ):
        caller.post(one, headers=headers)
    caller.post(one, headers={"Idempotency-Key": CONTROL})
    misuse_bodies(caller)


def misuse_bodies(caller: Caller) -> None:
    """Put a key into a body, in every place of it."""
    given = CANARIES
    value, name = given["a key as a value of the body"], given["a key as a field of the body"]
    for symbol in (given["a key as a symbol"], given["a short key that fits a symbol"]):
        caller.post({"symbol": symbol, "quantity": 1})
        caller.send("GET", f"/api/v1/executions?symbol={symbol}")
    for body in (
        {"account_id": value, "orders": [{"symbol": "AAPL", "quantity": 1}]},
        {"orders": [{"symbol": "AAPL", "quantity": 1, name: 1}]},
        {"orders": [{"symbol": "AAPL", "quantity": value, "time_in_force": value}]},
        {"orders": value, "as_of": value, "unlisted": value},
        {"preview_id": value},
        {name: value},
        [value],
    ):
        caller.send("POST", ORDERS, json=body)
        caller.send("POST", f"{ORDERS}/preview", json=body)
    caller.send("POST", ORDERS, content=f'{{"{given["a key in a body that is no JSON"]}": ')
    reason = {"reason": f"because {given['a key as the reason of a halt']}"}
    caller.send("POST", "/api/v1/accounts/DU8730189/halt", json=reason)
    caller.send("POST", "/api/v1/accounts/DU8730189/resume", json=reason)


@dataclass(frozen=True)
class Database:
    """A ledger to be broken and dumped. `is_away` keeps the service from it."""

    url: str
    wrong_url: str
    run: Callable[[str], list[Any]]
    is_away: Callable[[], Any]
    defect: tuple[str, ...]
    mend: tuple[str, ...]
    tables: str


@contextmanager
def sqlite(folder: Path) -> Iterator[Database]:
    """A file."""
    path = folder / "ledger.db"

    def run(statement: str) -> list[Any]:
        connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    @contextmanager
    def is_away() -> Iterator[None]:
        connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.close()

    raising = f"SELECT RAISE(ABORT, '{DEFECT}')"
    yield Database(
        url=f"sqlite:///{path}",
        wrong_url=_postgres_url("nowhere"),
        run=run,
        is_away=is_away,
        defect=(f"CREATE TRIGGER defect BEFORE INSERT ON batches BEGIN {raising}; END",),
        mend=("DROP TRIGGER defect",),
        tables="SELECT name FROM sqlite_master WHERE type = 'table'",
    )


def _postgres_url(host: str) -> str:
    password = CANARIES["a wrong password of the database"]
    return f"postgresql://svc:{password}@{host}/ledger"


@contextmanager
def postgresql(server: Server) -> Iterator[Database]:
    """A database of a server that the proof can stop."""

    @contextmanager
    def is_away() -> Iterator[None]:
        server.stop(signal.SIGQUIT)
        yield
        server.start()

    with server.database() as name:
        url = server.url(name)
        assert database_of(url) == name
        body = f"BEGIN RAISE EXCEPTION $${DEFECT}$$ USING ERRCODE = $$23514$$; END"
        yield Database(
            url=url,
            wrong_url=server.url(name, password=CANARIES["a wrong password of the database"]),
            run=lambda statement: server.run(statement, database=name),
            is_away=is_away,
            defect=(
                f"CREATE FUNCTION defect() RETURNS trigger LANGUAGE plpgsql AS '{body}'",
                "CREATE TRIGGER defect BEFORE INSERT ON batches EXECUTE FUNCTION defect()",
            ),
            mend=("DROP TRIGGER defect ON batches", "DROP FUNCTION defect"),
            tables="SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
        )


def search(database: Database, folder: Path) -> Haul:
    """Run a service on the database, make trouble for it, and collect all that it left."""
    haul = Haul()
    env = {
        "DATABASE_PASSWORD": CANARIES["a password in the environment"],
        "PAPERDESK_LEDGER__URL": database.url,
    }
    arguments = ("--port", "0", "--trace", "--state", "state.jsonl")
    with command("twsim", *arguments, cwd=folder) as gateway:
        _configure(folder, gateway)
        with command("paperdesk", "serve", "--port", "0", cwd=folder, env=env) as service:
            caller = Caller(service.until(r"serves on (http://\S+)")[1], haul)
            service.until("session.up")
            _trouble(caller, database, gateway)
            service.end()
        haul.add("the service's output", service.text())
        haul.add("twsim's transcript and state", gateway.text())
        haul.add("twsim's transcript and state", (folder / "state.jsonl").read_text())
    for other in _failing_starts(folder, database, env):
        haul.add("the output of failing starts", other)
    for (table,) in database.run(database.tables):
        rows = database.run(f"SELECT * FROM {table}")  # noqa: S608 - the database named it
        haul.add("the ledger's tables", f"{table} {rows}")
    return haul


def _configure(folder: Path, gateway: Running) -> None:
    port = gateway.until(r"listening on \S+:(\d+)")[1]
    valid = CANARIES["a valid API key, in its header"]
    sha256 = hashlib.sha256(valid.encode()).hexdigest()
    config = CONFIG.format(url="sqlite:///not-used.db", port=port, sha256=sha256)
    (folder / "paperdesk.toml").write_text(config)
    wrong = config.replace(sha256, CANARIES["a key in place of its sha256"])
    (folder / "wrong.toml").write_text(wrong)


def _trouble(caller: Caller, database: Database, gateway: Running) -> None:
    traded = caller.post({"symbol": "AAPL", "quantity": 10, "expected_price": 150})
    assert traded.status_code == 200, traded.text
    misuse(caller)
    for statement in database.defect:
        database.run(statement)
    assert caller.post({"symbol": "MSFT", "quantity": 1}).status_code == 500
    for statement in database.mend:
        database.run(statement)
    caller.haul.add("/metrics", caller.send("GET", "/metrics").text)
    with database.is_away():
        assert caller.post({"symbol": "MSFT", "quantity": 1}).status_code == 503
        caller.send("GET", "/readyz")
        caller.haul.add("/metrics", caller.send("GET", "/metrics").text)
        misuse(caller)
    gateway.end(signal.SIGKILL)
    misuse(caller)
    refused = caller.post({"symbol": "MSFT", "quantity": 1})
    assert refused.status_code in {500, 503}, refused.text
    caller.haul.add("/metrics", caller.send("GET", "/metrics").text)
    for path in ("/health", "/api/v1/accounts", "/openapi.json", "/api/v1/targets", ORDERS):
        caller.send("GET", path)


def _failing_starts(folder: Path, database: Database, env: dict[str, str]) -> Iterator[str]:
    """Start it with a wrong password, a key in the wrong place, and a URL nobody can read."""
    broken = f"postgresql://svc:{PASSWORD} x@host/db"
    starts = (
        ((), env | {"PAPERDESK_LEDGER__URL": database.wrong_url}),
        (("--config", "wrong.toml"), env),
        ((), env | {"PAPERDESK_LEDGER__URL": broken}),
        ((), env | {"PAPERDESK_SERVER__HOST": CANARIES["a key in place of its sha256"]}),
        ((), env | {"PAPERDESK_SERVER__PORT": CANARIES["a password in the environment"]}),
    )
    for arguments, environ in starts:
        with command("paperdesk", "serve", *arguments, cwd=folder, env=environ) as failing:
            failing.process.wait(timeout=30)
        assert failing.process.returncode not in {0, None}, failing.text()
        yield failing.text()


def prove(server: Server | None, folder: Path) -> Haul:
    """Search on PostgreSQL where a server is given, else on SQLite."""
    opened = sqlite(folder) if server is None else postgresql(server)
    with opened as database:
        return search(database, folder)


def main() -> int:
    """Print the table for both databases; return 1 where a canary was found."""
    is_clean = True
    for name in ("SQLite", "PostgreSQL"):
        with (
            tempfile.TemporaryDirectory() as home,
            nullcontext(None) if name == "SQLite" else running_server(fsync=False) as server,
        ):
            haul = prove(server, Path(home))
        found = haul.found()
        is_clean = is_clean and not found and haul.has_control()
        say("")
        show(f"{name}: where {len(CANARIES)} canaries were looked for", _looked(haul, found))
        for canary, place in found:
            say(f"FOUND: {canary}, in {place}")
    say("")
    for canary in CANARIES:
        say(f"planted: {canary}")
    return 0 if is_clean else 1


def _looked(haul: Haul, found: list[tuple[str, str]]) -> dict[str, object]:
    """Return per place how many texts and characters were searched, and what was found."""
    counts = Counter(place for _, place in found)
    return {
        **{
            f"{place} ({len(texts):,} texts, {sum(map(len, texts)):,} characters)": counts[
                place
            ]
            for place, texts in haul.places.items()
        },
        f"answers by status: {dict(sorted(haul.statuses.items()))}": "",
        "found in all": len(found),
        "the control, which is stored by contract, was found": haul.has_control(),
    }


if __name__ == "__main__":
    sys.exit(main())

"""Every route, asked by everybody: `make walks`.

Owns: the walk of scopes (who is let in where) and the walk of tenants (whose things are seen and
changed). Both take the routes from the table that the application itself is made of, so that a
new one is walked too, or fails for want of a place here.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from front import ORDERS, OTHER_ACCOUNT, Front, open_front, order, orders_of
from makers import ACCOUNT
from paperdesk.api.app import ENDPOINTS
from paperdesk.api.dashboard import site
from paperdesk.api.endpoint import Endpoint
from paperdesk.domain.client import IMPLIED
from paperdesk.domain.vocabulary import Scope
from promises.showing import be_quiet, say, show

REASON: Final = {"reason": "a walk"}
# Whose key has which scope; both accounts, and every batch is somebody else's.
CALLERS: Final = {
    "reader": Scope.READ,
    "trader": Scope.TRADE,
    "auditor": Scope.AUDIT,
    "admin": Scope.ADMIN,
}
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NOBODYS: Final = {
    "batch_id": "a1b2c3d4e5f67890",
    "account_id": "DU0000000",
    "key_id": "00000000",
    "code": "forbidden",
    "build": site().build,
    "name": "main.js",
}
# What a call must say to be answered about the thing in its path.
BODIES: Final[Mapping[str, Any]] = {
    "halt": REASON,
    "resume": REASON,
    "flatten": REASON,
    "accept-position": {"all": True},
    "resolve": {"symbol": "AAPL", "as": "not_placed"},
    "simulator": {"clear_faults": True},
}
_PARAMETER: Final = re.compile(r"\{(\w+):str\}")


@dataclass
class Walk:
    """What was asked, and what was not as it must be."""

    cases: Counter[str] = field(default_factory=Counter)
    routes: set[tuple[str, str]] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def judge(self, endpoint: Endpoint, kind: str, *, is_right: bool, words: str) -> None:
        """Count a case."""
        self.routes.add((endpoint.method, endpoint.path))
        self.cases[kind] += 1
        if not is_right:
            self.failures.append(f"{endpoint.method} {endpoint.path} {kind}: {words}")


def path_of(endpoint: Endpoint, ids: Mapping[str, str]) -> str:
    """Return the path with these ids in it."""
    return _PARAMETER.sub(lambda match: ids[match[1]], endpoint.path)


def body_of(endpoint: Endpoint, ids: Mapping[str, str]) -> Any:
    """Return a body that the call takes."""
    word = endpoint.path.rsplit("/", 1)[1]
    body = dict(BODIES.get(word, {}))
    return body | {"confirm": ids["account_id"]} if word == "flatten" else body


# ── Scopes ────────────────────────────────────────────────────────────────────────────────────


async def walk_scopes(home: Path) -> Walk:
    """Let everybody ask everything; nothing there is anybody's, so that nothing changes."""
    walk = Walk()
    async with open_front(home) as front:
        for endpoint in ENDPOINTS:
            await _ask_unknown(front, walk, endpoint)
            await _ask_known(front, walk, endpoint)
    return walk


async def _ask_unknown(front: Front, walk: Walk, endpoint: Endpoint) -> None:
    """Ask without a key and with wrong ones, in every method and spelling of the path."""
    path = path_of(endpoint, NOBODYS)
    expected = 200 if endpoint.scope is None else 401
    keys: tuple[dict[str, str], ...] = (
        {},
        {"X-API-Key": "wrong"},
        {"X-API-Key": ""},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic a2V5LW9mLWFkbWluOg=="},
        {"Cookie": "X-API-Key=key-of-admin"},
    )
    async with front.caller() as caller:
        for headers in keys:
            answer = await caller.request(endpoint.method, path, headers=headers)
            is_right = answer.status_code == expected or _is_slowed(answer, endpoint)
            walk.judge(
                endpoint, "without a key", is_right=is_right, words=f"{answer.status_code}"
            )
        if endpoint.scope is None:
            return
        for spelled in (
            f"{path}/",
            f"http://test/{path}",  # its slash doubled
            path.replace("/api", "/%61pi"),
            f"{path}?key=x",
        ):
            answer = await caller.request(endpoint.method, spelled)
            is_right = answer.status_code == 401
            walk.judge(endpoint, "spelled otherwise", is_right=is_right, words=spelled)
        for method in METHODS:
            answer = await caller.request(method, path)
            is_right = answer.status_code == 401
            walk.judge(endpoint, "another method", is_right=is_right, words=method)


def _is_slowed(answer: httpx.Response, endpoint: Endpoint) -> bool:
    """Tell whether the address was refused for its many wrong keys: no better than a 401."""
    return endpoint.scope is not None and answer.status_code == 429


async def _ask_known(front: Front, walk: Walk, endpoint: Endpoint) -> None:
    """Ask with a key of each scope."""
    for name, held in CALLERS.items():
        async with front.caller(name) as caller:
            answer = await caller.request(
                endpoint.method,
                path_of(endpoint, NOBODYS),
                json={} if endpoint.bodies else None,
                # Of nobody's batch nothing is told; else a stream would not end.
                params={"batch_id": NOBODYS["batch_id"]} if endpoint.is_stream else None,
            )
        may = endpoint.scope is None or endpoint.scope in IMPLIED[held]
        # What is asked for is nobody's, and what is said is nothing: no change, no 500.
        fine = {200, 400, 404} if may else {403}
        walk.judge(
            endpoint,
            f"with scope {held}",
            is_right=answer.status_code in fine,
            words=f"{answer.status_code} {answer.text[:200]}",
        )


# ── Tenants ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Tenant:
    """One of two parties of a service, and what is its own."""

    trader: str
    admin: str
    ids: Mapping[str, str]


async def walk_tenants(home: Path) -> Walk:
    """Let each of two parties ask every route for the other's things: 404, and nothing changes."""
    walk = Walk()
    async with open_front(home) as front:
        one, two = await _settle(front)
        for asks, owns in ((one, two), (two, one)):
            for endpoint in ENDPOINTS:
                if endpoint.scope is not None and _PARAMETER.search(endpoint.path):
                    await _swap(front, walk, endpoint, asks, owns)
            await _look_around(front, walk, asks, owns)
    return walk


async def _settle(front: Front) -> tuple[Tenant, Tenant]:
    """Make two parties, each with an account, an administrator, a key, and a batch."""
    tenants = []
    async with front.caller("admin") as admin:
        for account in (ACCOUNT, OTHER_ACCOUNT):
            made = {}
            for kind, scopes in (("trader", ["trade"]), ("admin", ["admin"])):
                body = {"name": f"{kind}-{account}", "scopes": scopes, "accounts": [account]}
                made[kind] = (await admin.post("/api/v1/keys", json=body)).json()
            own = httpx.Headers({"X-API-Key": made["trader"]["key"]})
            async with front.caller() as caller:
                caller.headers.update(own)
                posted = orders_of(order(quantity=10), account_id=account)
                batch = (await caller.post(ORDERS, json=posted)).json()["batch_id"]
                await caller.get(f"{ORDERS}/{batch}", params={"wait": 10})
                preview = (await caller.post(f"{ORDERS}/preview", json=posted)).json()
            ids = {
                "batch_id": batch,
                "account_id": account,
                "key_id": made["trader"]["id"],
                "preview_id": preview["preview_id"],
            }
            tenants.append(Tenant(made["trader"]["key"], made["admin"]["key"], ids))
    return tenants[0], tenants[1]


def _own(front: Front, key: str) -> httpx.AsyncClient:
    caller = front.caller()
    caller.headers["X-API-Key"] = key
    return caller


async def _swap(
    front: Front, walk: Walk, endpoint: Endpoint, asks: Tenant, owns: Tenant
) -> None:
    """Ask a route for each id of the other, by a trader's and by an administrator's key."""
    names = _PARAMETER.findall(endpoint.path)
    assert set(names) <= owns.ids.keys(), f"{endpoint.path}: give the walk an id for it"
    before = await _state(front, owns)
    for key in (asks.admin, asks.trader):
        theirs = await _ask_for(front, endpoint, key, owns.ids)
        nobodys = await _ask_for(front, endpoint, key, NOBODYS)
        barred = key == asks.trader and endpoint.scope not in IMPLIED[Scope.TRADE]
        is_right = theirs[0] == (403 if barred else 404)
        walk.judge(endpoint, "the other's id", is_right=is_right, words=f"{theirs}")
        is_same = theirs == nobodys
        walk.judge(endpoint, "as nobody's id", is_right=is_same, words=f"{theirs} {nobodys}")
    after = await _state(front, owns)
    changed = [
        f"{was} became {now}" for was, now in zip(before, after, strict=True) if was != now
    ]
    walk.judge(endpoint, "nothing changes", is_right=not changed, words="; ".join(changed))


async def _ask_for(
    front: Front, endpoint: Endpoint, key: str, ids: Mapping[str, str]
) -> tuple[int, str]:
    """Return what is answered, with the ids that were asked for taken out."""
    async with _own(front, key) as caller:
        answer = await caller.request(
            endpoint.method,
            path_of(endpoint, ids),
            json=body_of(endpoint, ids) if endpoint.bodies else None,
        )
    text = answer.text
    for name in _PARAMETER.findall(endpoint.path):
        text = text.replace(ids[name], name)
    return answer.status_code, text


async def _state(front: Front, tenant: Tenant) -> list[Any]:
    """Return what a tenant sees of its own."""
    batch, account = tenant.ids["batch_id"], tenant.ids["account_id"]
    async with _own(front, tenant.admin) as caller:
        answers = [
            await caller.get(path)
            for path in (
                f"{ORDERS}/{batch}",
                f"{ORDERS}/{batch}/evidence",
                f"/api/v1/targets?account_id={account}",
                "/api/v1/accounts",
                f"/api/v1/positions?account_id={account}",
                "/api/v1/audit",
            )
        ]
        keys = (await caller.get("/api/v1/keys")).json()["keys"]
    return [_lasting(answer.json()) for answer in answers] + [_lasting(keys)]


# What the market and the clock change.
FLEETING: Final = {
    "net_liquidation", "market_price", "market_value", "unrealized_pnl", "updated_at",
    "last_used_at",
}  # fmt: skip


def _lasting(shown: Any) -> Any:
    if isinstance(shown, list):
        return [_lasting(entry) for entry in shown]
    if isinstance(shown, dict):
        return {name: _lasting(value) for name, value in shown.items() if name not in FLEETING}
    return shown


LISTS: Final = (
    "/api/v1/orders", "/api/v1/executions", "/api/v1/accounts", "/api/v1/keys", "/api/v1/audit",
    "/api/v1/reports/slippage", "/api/v1/status",
)  # fmt: skip
OF_ACCOUNT: Final = (
    "/api/v1/orders", "/api/v1/positions", "/api/v1/targets", "/api/v1/executions", "/api/v1/audit",
    "/api/v1/reports/slippage", "/api/v1/reports/equity", "/api/v1/reports/today",
    "/api/v1/events",
)  # fmt: skip


async def _look_around(front: Front, walk: Walk, asks: Tenant, owns: Tenant) -> None:
    """Look for the other's things in every list, and name them in every question."""
    by_path = {endpoint.path: endpoint for endpoint in ENDPOINTS if endpoint.method == "GET"}
    async with _own(front, asks.admin) as caller:
        for path in LISTS:
            text = (await caller.get(path)).text
            seen = [name for name, identity in owns.ids.items() if identity in text]
            walk.judge(by_path[path], "in a list", is_right=not seen, words=f"{seen}")
        for path in OF_ACCOUNT:
            named = {"account_id": owns.ids["account_id"]}
            answer = await caller.get(path, params=named)
            is_right = answer.status_code == 400 and "is not an account of this" in answer.text
            walk.judge(
                by_path[path], "the other's account", is_right=is_right, words=answer.text
            )
        for path in ("/api/v1/reports/slippage",):
            answer = await caller.get(path, params={"batch_id": owns.ids["batch_id"]})
            is_right = owns.ids["batch_id"] not in answer.text
            walk.judge(by_path[path], "the other's batch", is_right=is_right, words=answer.text)
        answer = await caller.get("/api/v1/events", params={"batch_id": owns.ids["batch_id"]})
        walk.judge(
            by_path["/api/v1/events"],
            "the other's batch",
            is_right=answer.status_code == 404,
            words=answer.text,
        )
    posts = {endpoint.path: endpoint for endpoint in ENDPOINTS if endpoint.method == "POST"}
    async with _own(front, asks.trader) as caller:
        preview = await caller.post(ORDERS, json={"preview_id": owns.ids["preview_id"]})
        submit = orders_of(order(), account_id=owns.ids["account_id"])
        for path, body, status in (
            (ORDERS, {"preview_id": owns.ids["preview_id"]}, 409),
            (ORDERS, submit, 400),
            (f"{ORDERS}/preview", submit, 400),
        ):
            answer = await caller.post(path, json=body)
            is_right = answer.status_code == status
            walk.judge(
                posts[path], "the other's in a body", is_right=is_right, words=answer.text
            )
    assert preview.status_code == 409


def lines_of(walk: Walk) -> Iterator[tuple[str, int]]:
    """Return what is printed of a walk."""
    yield "routes", len(walk.routes)
    yield from sorted(walk.cases.items())
    yield "cases", walk.cases.total()
    yield "failures", len(walk.failures)


def main() -> int:
    """Walk; print the tables; return 0 where nothing failed."""
    be_quiet()
    failed = 0
    for title, walked in (
        ("Scopes: every route, by everybody", walk_scopes),
        ("Tenants: every route, with the other's ids", walk_tenants),
    ):
        with tempfile.TemporaryDirectory() as home:
            walk = asyncio.run(walked(Path(home)))
        show(title, dict(lines_of(walk)))
        for failure in walk.failures:
            say(f"  {failure}")
        failed += len(walk.failures)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

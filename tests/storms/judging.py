"""The verdict: what callers were told, what the service says now, and what the gateway did.

Owns: the calm before it (nothing new is asked, the last targets are posted once more at market),
the three books side by side, and every way in which they may differ. Knows nothing of kills.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from typing import Any, Final

import httpx

from storms.callers import ORDERS, Crowd, Post
from storms.gateway import GatewayProcess, Truth
from storms.world import World

CALM_SECONDS_MAX: Final = 120.0
PAGE: Final = 200
_NUMBERS: Final = count()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. The four of the promise are 0 and empty where it was kept."""

    doubled: int
    executions_lost: int
    batches_lost: int
    differences: tuple[str, ...]
    rows: Counter[str] = field(default_factory=Counter)  # by how they ended
    executions: int = 0

    @property
    def is_fine(self) -> bool:
        """Tell whether every promise was kept."""
        return not (
            self.doubled or self.executions_lost or self.batches_lost or self.differences
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """What the service says."""

    heads: Mapping[str, str]  # batch to client
    batches: Mapping[str, Any]
    executions: list[Any]
    positions: list[Any]
    accounts: list[Any]


def be_calm(world: World, http: httpx.Client) -> list[str]:
    """Let whoever has no answer get one, then reach the last targets; return what did not end.

    It stays calm until the door is opened again.
    """
    crowd, wrong = world.crowd, []
    crowd.door.is_calm = True
    if not _until(lambda: crowd.is_quiet):
        wrong.append("somebody never got an answer")
    targets = crowd.last_targets()
    if targets:
        wrong += _reach(crowd, http, targets)
    return [*wrong, *_until_final(http, crowd.posts)]


def _reach(crowd: Crowd, http: httpx.Client, targets: Mapping[str, int]) -> list[str]:
    rows = [{"symbol": symbol, "quantity": q} for symbol, q in sorted(targets.items())]
    post = Post(crowd.closer.name, f"calm {next(_NUMBERS)}", rows)

    def is_taken() -> bool:
        crowd.closer.submit(http, post)
        return post.answer is not None

    if not _until(is_taken):
        return [f"the last targets were never accepted: {rows}"]
    path, shown = f"{ORDERS}/{post.batch['batch_id']}", {}

    def is_final() -> bool:
        nonlocal shown
        shown = _get(http, f"{path}?wait=5")
        return bool(shown["summary"]["final"])

    if not _until(is_final) or not shown["summary"]["on_target"]:
        return [f"the last targets were not reached: {shown}"]
    held = {
        row["symbol"]: row["quantity"] for row in _get(http, "/api/v1/positions")["positions"]
    }
    wanted = {symbol: quantity for symbol, quantity in targets.items() if quantity}
    return [] if held == wanted else [f"the last targets are {wanted}, held is {held}"]


def _until_final(http: httpx.Client, posts: Iterable[Post]) -> list[str]:
    """Wait until every batch is final and every execution paid; return what is not."""
    left = {post.batch["batch_id"] for post in posts}

    def is_done() -> bool:
        for batch_id in tuple(left):
            answer = http.get(f"{ORDERS}/{batch_id}")
            # One that is gone is another's to count.
            if answer.status_code == 404 or answer.json()["summary"]["final"]:
                left.discard(batch_id)
        unpaid = (e for e in _pages(http, "executions") if e["commission"] is None)
        return not left and next(unpaid, None) is None

    if _until(is_done):
        return []
    return [f"{len(left)} batches never ended, or a commission never came: {sorted(left)[:5]}"]


def judge(world: World, http: httpx.Client, unended: Iterable[str] = ()) -> Verdict:
    """Compare everything that was ever told with everything that is."""
    truth, shown = world.gateway.truth(), show(http)
    lost = sorted(_lost(world.crowd.posts, shown))
    missing, strange = _executions(truth, shown)
    differences = [
        *unended,
        *world.crowd.wrong,
        *(f"a batch is gone: {words}" for words in lost),
        *(f"an execution is not in the ledger: {words}" for words in missing),
        *strange,
        *_positions(truth, shown),
        *_wire(world.gateway, truth, shown),
        *_rows(truth, shown),
        *_extra_batches(world.crowd, shown),
        *_locks(shown),
    ]
    if not world.crowd.is_whole:
        differences.append("a caller died")
    verdict = Verdict(
        doubled=max(world.gateway.wire.doubled, truth.doubled),
        executions_lost=len(missing),
        batches_lost=len(lost),
        differences=tuple(differences),
        rows=Counter(_ends(shown)),
        executions=len(truth.executions),
    )
    world.is_kept = world.is_kept or not verdict.is_fine
    return verdict


def with_alarms(verdict: Verdict, world: World) -> Verdict:
    """Return the verdict with what the logs of the dead say."""
    wrong = [*world.wrong, *world.crowd.changed(but=world.unstored)]
    world.is_kept = world.is_kept or bool(wrong)
    return replace(verdict, differences=(*verdict.differences, *wrong))


def show(http: httpx.Client) -> Shown:
    """Ask for everything."""
    heads = {head["batch_id"]: head["client"] for head in _pages(http, "orders")}
    return Shown(
        heads=heads,
        batches={batch_id: _get(http, f"{ORDERS}/{batch_id}") for batch_id in heads},
        executions=list(_pages(http, "executions")),
        positions=_get(http, "/api/v1/positions")["positions"],
        accounts=_get(http, "/api/v1/accounts")["accounts"],
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one world, in a table's words. `wrong` is empty where all is well."""

    seconds: float = 0.0
    batches: int = 0
    orders: int = 0
    executions: int = 0
    seen: str = ""
    wrong: Sequence[str] = ()


def outcome_of(world: World, verdict: Verdict, seen: Iterable[str], began: float) -> Outcome:
    """Return what came of a world that began then."""
    return Outcome(
        seconds=time.monotonic() - began,
        batches=len(world.crowd.posts),
        orders=world.gateway.wire.orders,
        executions=verdict.executions,
        seen="; ".join(seen),
        wrong=verdict.differences,
    )


# -- what may differ -------------------------------------------------------------------------
def _lost(posts: Iterable[Post], shown: Shown) -> Iterator[str]:
    """Return the acknowledged batches that are not there with all their rows."""
    for post in posts:
        batch_id = post.batch["batch_id"]
        batch = shown.batches.get(batch_id)
        asked = [(row["symbol"], row["quantity"]) for row in post.rows]
        if batch is None:
            yield f"{batch_id} of {post.client}"
        elif asked != [(row["symbol"], row["desired_pos"]) for row in batch["orders"]]:
            yield f"{batch_id} of {post.client} has other rows: {batch['orders']}"


def _executions(truth: Truth, shown: Shown) -> tuple[list[str], list[str]]:
    """Return what the gateway has and the service has not, and the other way round."""
    theirs: Counter[tuple[Any, ...]] = Counter(
        (e.exec_id, e.order_ref, e.side.value, e.shares, e.price, e.commission)
        for e in truth.executions.values()
    )
    ours: Counter[tuple[Any, ...]] = Counter(
        (e["exec_id"], e["order_ref"], e["side"], e["quantity"], _exact(e["price"]),
         _exact(e["commission"]))
        for e in shown.executions
    )  # fmt: skip
    ids = {row[0] for row in ours}
    missing = [f"{row}" for row in (theirs - ours) if row[0] not in ids]
    strange = [f"an execution is told otherwise: {row}" for row in (ours - theirs)]
    return missing, strange


def _exact(number: Decimal | int | None) -> Decimal | None:
    return None if number is None else Decimal(number)


def _positions(truth: Truth, shown: Shown) -> Iterator[str]:
    ours = {row["conid"]: row["quantity"] for row in shown.positions}
    if ours != truth.positions:
        yield f"positions are {ours}, the gateway's {truth.positions}"


def _wire(gateway: GatewayProcess, truth: Truth, shown: Shown) -> Iterator[str]:
    """Say what of the wire cannot be: doubled, unwritten, side by side, under one id."""
    for ref, frames in gateway.wire.placed.items():
        if frames > 1:
            yield f"{ref} left {frames} times"
        if ref.split("-")[1] not in shown.heads:
            yield f"{ref} was sent and is in no batch"
    for order_id in gateway.wire.reused_ids:
        yield f"order id {order_id} was used for {gateway.wire.refs_by_id[order_id]}"
    yield from truth.side_by_side()


def _rows(truth: Truth, shown: Shown) -> Iterator[str]:
    """Say which row has no end, or filled otherwise than the gateway says."""
    filled = truth.filled
    for batch_id, batch in shown.batches.items():
        if not batch["summary"]["final"]:
            yield f"{batch_id} never ended: {batch['orders']}"
        for seq, row in enumerate(batch["orders"]):
            theirs = filled[f"pd-{batch_id}-{seq}"]
            if row["filled_qty"] != theirs:
                yield f"pd-{batch_id}-{seq} filled {theirs}, and is shown as {row}"


def _extra_batches(crowd: Crowd, shown: Shown) -> Iterator[str]:
    """Say who has more batches than were asked for: a key that made a second one, say."""
    for caller in crowd.everybody:
        told = {post.batch["batch_id"] for post in caller.posts}
        there = {batch_id for batch_id, client in shown.heads.items() if client == caller.name}
        if len(told) != len(caller.posts):
            yield f"two requests of {caller.name} were answered with one batch"
        # A request without a key whose answer was lost may have been taken, once.
        if len(there - told) > len(caller.lost):
            yield f"{caller.name} has batches that nobody asked for: {sorted(there - told)}"


def _locks(shown: Shown) -> Iterator[str]:
    for account in shown.accounts:
        if account["locks"] or account["halted"]:
            yield f"an account is locked or halted: {account}"


def _ends(shown: Shown) -> Iterator[str]:
    for batch in shown.batches.values():
        for row in batch["orders"]:
            yield row.get("error_code") or row["status"]


# -- asking ----------------------------------------------------------------------------------
def _get(http: httpx.Client, path: str) -> Any:
    answer = http.get(path)
    assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text}"
    return json.loads(answer.content, parse_float=Decimal)


def _pages(http: httpx.Client, name: str) -> Iterator[Any]:
    """Return every entry of a list."""
    key, cursor = ("batches" if name == "orders" else name), ""
    while cursor is not None:
        page = f"&cursor={cursor}" if cursor else ""
        body = _get(http, f"/api/v1/{name}?limit={PAGE}{page}")
        yield from body[key]
        cursor = body["next_cursor"]


def _until(is_so: Callable[[], bool]) -> bool:
    """Wait until it is so; return False where it never was."""
    deadline = time.monotonic() + CALM_SECONDS_MAX
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True

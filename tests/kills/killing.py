"""A case, from the first start of the service to the verdict.

Owns: arming, killing, starting again, asking again as a client would, and what must be true
afterwards, whatever the case: no order twice on the wire, an answer that was given holds, the
books are the gateway's, a target that is posted again is reached, and all that was told once.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from e2e.processes import Running
from kills.actors import ACCOUNT, Client, GatewayProcess, Home
from kills.cases import Case

DIES_WITHIN_SECONDS = 40.0
SETTLES_WITHIN_SECONDS = 60.0
LIVE = {"Submitted", "PreSubmitted"}
ENDS = {"Filled", "Cancelled", "Inactive", "no_change", "error"}
AGAIN = "again"  # the key under which the target is posted once more


@dataclass
class Outcome:
    """What came of a case. `wrong` is empty where all is well."""

    case: Case
    answer: str = ""
    frames: str = ""
    became: str = ""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def check(self, is_true: object, words: str) -> None:
        """Note what is wrong."""
        if not is_true:
            self.wrong.append(words)


def run(case: Case, ledger_url: str, folder: Path, *, restarts_gateway: bool) -> Outcome:
    """Run a case in an empty folder, on an empty ledger."""
    outcome, home = Outcome(case), Home(folder, ledger_url)
    with GatewayProcess(folder, *case.options(folder)) as gateway:
        home.configure(gateway.port)
        client = _kill(case, home, outcome)
        if restarts_gateway:
            gateway.kill_and_restart()
        for point in case.arms[1:]:
            with home.service(point) as service:
                _await_death(service, point, outcome)
        began = time.monotonic()
        with home.service() as service:
            client.api = home.api_of(service)
            _ask_again(client, outcome)
            settled = _until(lambda: _batches(client), _is_settled, outcome)
            outcome.seconds = time.monotonic() - began
            _judge(case, settled, gateway, outcome)
            _same_books(client, gateway, outcome)
            _reach_again(client, gateway, outcome)
            _told_once(client, outcome)
            outcome.check("Traceback" not in service.text(), "a traceback was printed")
    return outcome


def _kill(case: Case, home: Home, outcome: Outcome) -> Client:
    """Start the service armed, and lead it to its crash point; return its bereft client."""
    with home.service(case.arms[0]) as service:
        client = Client(home.api_of(service))
        try:
            case.drive(client)
        except AssertionError as error:
            outcome.wrong.append(str(error))
        _await_death(service, case.arms[0], outcome)
    told = {key: "none" if said is None else "200" for key, said in client.answers.items()}
    outcome.answer = " ".join(told.values())
    return client


def _await_death(service: Running, point: str, outcome: Outcome) -> None:
    deadline = time.monotonic() + DIES_WITHIN_SECONDS
    while service.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    code = service.process.poll()
    outcome.check(code == -signal.SIGKILL, f"did not die at {point}: {code}")


# -- afterwards ------------------------------------------------------------------------------


def _ask_again(client: Client, outcome: Outcome) -> None:
    """Ask again with the same keys: each is one batch, and an answer once given stays."""
    listed = {batch["batch_id"] for batch in _batches(client)}
    for key, first in client.answers.items():
        answers = [client.submit(key) for _ in range(2)]
        bodies = [None if a is None else a.content for a in answers]
        codes = [None if a is None else a.status_code for a in answers]
        outcome.check(codes == [200, 200], f"{key} asked again: {codes} {bodies}")
        outcome.check(bodies[0] == bodies[1], f"{key}: two replays differ")
        outcome.check(first in {None, bodies[0]}, f"{key}: the replay is another answer")
        client.answers[key] = bodies[0]
    after = {batch["batch_id"] for batch in _batches(client)}
    outcome.check(listed <= after, "a batch is gone")
    outcome.check(len(after) == len(client.answers), f"{len(after)} batches for the keys")
    outcome.became = "stored: " if len(listed) == len(after) else "nothing stored; retried: "


def _batches(client: Client) -> list[Any]:
    """Return every batch with its rows, oldest first."""
    heads = client.api.get("/api/v1/orders")["batches"]
    return [client.api.get(f"/api/v1/orders/{head['batch_id']}") for head in reversed(heads)]


def _until(
    look: Callable[[], list[Any]], is_enough: Callable[[Any], bool], outcome: Outcome
) -> list[Any]:
    deadline = time.monotonic() + SETTLES_WITHIN_SECONDS
    while True:
        found = look()
        if all(is_enough(each) for each in found):
            return found
        if time.monotonic() > deadline:
            outcome.wrong.append(f"never settled: {found}")
            return found
        time.sleep(0.05)


def _is_settled(batch: Any) -> bool:
    """Tell whether each order is known to work or at its end, and what filled is paid."""
    return all(row["status"] in LIVE | ENDS and _is_paid(row) for row in batch["orders"])


def _is_done(batch: Any) -> bool:
    """Tell whether each order is at its end, and what filled is paid."""
    return all(row["status"] in ENDS and _is_paid(row) for row in batch["orders"])


def _is_paid(row: Any) -> bool:
    """Tell whether the commission of every fill is known: it may have died with the process."""
    return row["filled_qty"] == 0 or row["commission"] is not None


def _judge(case: Case, batches: list[Any], gateway: GatewayProcess, outcome: Outcome) -> None:
    """Compare what became of the orders with what the case allows."""
    rows = [
        (f"pd-{batch['batch_id']}-{seq}", row)
        for batch in batches
        for seq, row in enumerate(batch["orders"])
    ]
    became = [row.get("error_code") or row["status"] for _, row in rows]
    arrived = gateway.frames()
    frames = [str(arrived[ref]) for ref, _ in rows]
    outcome.became += ", ".join(
        f"{row['symbol']} {what}" + (f" {row['filled_qty']}" if row["filled_qty"] else "")
        for what, (_, row) in zip(became, rows, strict=True)
    )
    outcome.frames = " ".join(frames)
    outcome.check(_fits(became, case.outcomes), f"became {became}, not {case.outcomes}")
    outcome.check(_fits(frames, case.frames), f"frames {frames}, not {case.frames}")


def _fits(found: list[str], allowed: tuple[str, ...]) -> bool:
    return len(found) == len(allowed) and all(
        one in may.split("|") for one, may in zip(found, allowed, strict=True)
    )


def _same_books(client: Client, gateway: GatewayProcess, outcome: Outcome) -> None:
    """Compare positions and executions with the gateway's own, to the last share and cent."""
    told = client.api.get("/api/v1/positions")["positions"]
    ours = {row["symbol"]: row["quantity"] for row in told}
    theirs = gateway.positions()
    outcome.check(ours == theirs, f"positions {ours}, the gateway's {theirs}")
    booked = client.api.get("/api/v1/executions?limit=200")["executions"]
    our_fills = {e["exec_id"]: (e["quantity"], Decimal(str(e["price"]))) for e in booked}
    their_fills = gateway.executions()
    outcome.check(our_fills == their_fills, f"executions {our_fills}, not {their_fills}")
    most = max(gateway.frames().values(), default=0)
    outcome.check(most <= 1, f"an order left {most} times: {gateway.frames()}")


def _reach_again(client: Client, gateway: GatewayProcess, outcome: Outcome) -> None:
    """Post the targets again, at market: the retry of whoever finds them missed."""
    view = client.api.get("/api/v1/accounts")["accounts"][0]
    is_halted = outcome.case.is_halted
    outcome.check(view["halted"] == is_halted, f"halted: {view['halted']}")
    if view["halted"]:
        client.ask("POST", f"/api/v1/accounts/{ACCOUNT}/resume", json={"reason": "a test"})
    wanted: dict[str, int] = {}
    for body in client.bodies.values():
        wanted |= {order["symbol"]: order["quantity"] for order in body["orders"]}
    client.post(AGAIN, *({"symbol": s, "quantity": q} for s, q in wanted.items()))
    _until(lambda: _batches(client), _is_done, outcome)
    held = gateway.positions()
    outcome.check(held == wanted, f"posted again: {held}, not {wanted}")
    _same_books(client, gateway, outcome)


def _told_once(client: Client, outcome: Outcome) -> None:
    """Compare the stream of events with the books: no gap, and each end and each fill once."""
    told = _events(client)
    numbers = [event["id"] for event in told]
    outcome.check(numbers == list(range(1, len(told) + 1)), f"events {numbers}")
    filled = sorted(
        (batch["batch_id"], row["symbol"])
        for batch in _batches(client)
        for row in batch["orders"]
        if row["status"] == "Filled"
    )
    ends = [event for event in told if event["type"] == "order.filled"]
    said = sorted((event["batch_id"], event["data"]["symbol"]) for event in ends)
    outcome.check(said == filled, f"filled {filled}, told {said}")
    booked = client.api.get("/api/v1/executions?limit=200")["executions"]
    said_ids = [e["data"]["exec_id"] for e in told if e["type"].startswith("fill.")]
    newest = {_base(exec_id): exec_id for exec_id in said_ids}  # a correction comes later
    created = [_base(e["data"]["exec_id"]) for e in told if e["type"] == "fill.created"]
    fills = sorted(execution["exec_id"] for execution in booked)
    outcome.check(sorted(newest.values()) == fills, f"executions {fills}, told {said_ids}")
    outcome.check(sorted(created) == sorted(newest), f"fills {newest}, created {created}")
    finals = [event["batch_id"] for event in told if event["type"] == "batch.final"]
    missing = {batch["batch_id"] for batch in _batches(client)} - set(finals)
    outcome.check(not missing, f"never told to be final: {missing}")


def _base(exec_id: str) -> str:
    """Return what an execution and its corrections have in common."""
    return exec_id.rpartition(".")[0]


def _events(client: Client) -> list[Any]:
    """Return all that was told since the ledger was made."""
    told: list[Any] = []
    headers = {"X-API-Key": client.api.key, "Accept": "application/x-ndjson"}
    address = f"{client.api.url}/api/v1/events?since_id=0"
    with httpx.stream("GET", address, headers=headers, timeout=30, trust_env=False) as answer:
        lines = answer.iter_lines()
        head = json.loads(next(lines))["data"]["head_id"]
        while len(told) < head:
            event = json.loads(next(lines))
            told += [event] if event["id"] is not None else []
    return told

"""A story, played against the whole service in one event loop.

Owns: what each kind of step does, who starts a dead service again, and the two phases: first all
that goes wrong, then nothing any more: the faults end, a person does what is asked of a person,
and each account is posted its last targets. Judges only what cannot be seen afterwards: a part of
the service that died, and a line of its log that tells of a defect.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final, cast

import httpx
import structlog

from front import ORDERS
from paperdesk.broker.translate import report_of
from paperdesk.config import Settings
from paperdesk.domain.limits import Limits
from paperdesk.domain.vocabulary import AccountId
from paperdesk.ledger.store import SqlLedger
from proof.record import Call, Record, Seen
from proof.story import ACCOUNTS, PRICE, Step, Story
from proof.stranger import Stranger
from proof.witness import OURS, Witness
from sim import open_world, simulate
from twsim.faults.plan import FaultPlan

UP_WITHIN_SECONDS: Final = 180.0
SETTLED_WITHIN_SECONDS: Final = 120.0
BREAKS_KNOWN_AFTER_SECONDS: Final = 330.0  # a difference is a warning for 180 s, then a lock
MISSING_KNOWN_AFTER_SECONDS: Final = 60.0  # executions that never come are a lock by then
CONVERGED_WITHIN_SECONDS: Final = 120.0
PATIENCE_SECONDS: Final = 60
ASKED_SECONDS: Final = 11.0  # the service gives up a question that nobody answers after 10
RETRIES: Final = 5
WHOLE: Final = "*"  # a lock of the whole account
OPERATOR: Final = "admin"
READS: Final = "auditor"
OPEN_AT_LEAST: Final = timedelta(minutes=10)


def play(story: Story) -> tuple[Record, str]:
    """Return what was said and done, and a hash of it with all that travelled."""
    record = Record(began=story.start)
    with _listening(record):
        try:
            ran = simulate(story.seed, lambda: _Stage(story, record).run())
        except Exception as error:  # noqa: BLE001 - whatever it was, the story shows it
            words = " ".join(f"{type(error).__name__}: {error}".split())
            record.complaints.append(("INV-ALIVE", words[:500]))
            return record, record.digest()
    return record, f"{ran.trace[:16]}-{record.digest()[:16]}"


@contextmanager
def _listening(record: Record) -> Iterator[None]:
    """Take the service's log meanwhile: a defect that it tells of is a complaint."""

    def take(_logger: object, method: str, event: Any) -> Any:
        if event.get("exc_info") or method in {"error", "critical"}:
            words = {name: str(value)[:300] for name, value in event.items()}
            if words.get("event") not in EXPECTED:
                record.complaints.append(("INV-NO-DEFECT", json.dumps(words)))
        raise structlog.DropEvent

    usual = structlog.get_config()
    structlog.configure(processors=[take])
    try:
        yield
    finally:
        structlog.configure(**usual)


# Lines of the highest levels that tell of no defect of ours.
EXPECTED: Final = frozenset(
    {
        "account.halted",
        "account.locked",
        "order.late",
        "order.quarantined",
        "position.locked",
        "session.shut",
    }
)


class _Stage:
    """One story, while it plays."""

    def __init__(self, story: Story, record: Record) -> None:
        self._story = story
        self._record = record
        self._random = Random(f"play {story.seed}")
        self._asked: dict[str, list[Call]] = {}
        self._down = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._restarting = asyncio.Lock()

    async def run(self) -> None:
        """Play both phases."""
        story = self._story
        async with open_world(
            start=story.start,
            change=self._settings,
            is_started=False,
            hours=story.hours,
            positions=story.positions,
        ) as world:
            self._world = world
            self._stranger = Stranger(world.gateway)
            for symbol in story.symbols:
                world.gateway.set_price(symbol, PRICE)
            self._witness = Witness(world, self._record)
            self._keeping = asyncio.create_task(self._keep_alive())
            try:
                world.gateway._world.faults.follow(FaultPlan(story.seed, story.faults))
                await self._trouble()
                await self._calm()
            finally:
                self._keeping.cancel()
                self._witness.close()

    def _settings(self, settings: Settings) -> Settings:
        story = self._story
        self._record.pace = story.pace
        if story.limits:
            self._record.limits = {ACCOUNTS[0]: story.limits}
        (gateway,) = settings.gateways
        return replace(
            settings,
            gateways=(replace(gateway, max_requests_per_second=story.pace),),
            desk=replace(settings.desk, **story.desk),
            limits={AccountId(ACCOUNTS[0]): Limits(**story.limits)} if story.limits else {},
        )

    # The first phase.

    async def _trouble(self) -> None:
        for step in self._story.steps:
            await self._until(step.at)
            act: Callable[[Step], Awaitable[None] | None] = getattr(self, f"_do_{step.kind}")
            done = act(step)
            if done is not None:
                self._background(done)
        await self._until(self._story.seconds)

    async def _until(self, moment: float) -> None:
        await asyncio.sleep(max(0.0, moment - self._world.loop.elapsed))

    def _background(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    async def _keep_alive(self) -> None:
        """Start the service, and again whenever it died, until the world ends."""
        while True:
            await self._world.start(is_up=False)
            self._record.ups.append(self._world.loop.elapsed)
            await self._world.until_crashed()
            self._record.crashes += 1
            await asyncio.sleep(self._down)

    # What programs do.

    async def _do_post(self, step: Step) -> None:
        of = step.of
        await self._insist(of["program"], of["key"], of["body"], of["wait"])

    async def _insist(self, program: str, key: str, body: dict[str, Any], wait: float) -> None:
        """Post; where the line is cut ask again with the same key, as a client does."""
        for _ in range(RETRIES):
            path = f"{ORDERS}?wait={wait}"
            call = await self._call(program, "post", "POST", path, body, key)
            if call.status is not None:
                self._asked.setdefault(program, []).append(call)
                return
            await asyncio.sleep(1)

    async def _do_again(self, step: Step) -> None:
        """Post once more what was posted: the same under its key, or another body."""
        past = self._asked.get(step.of["program"], [])[-6:]
        if not past:
            return
        call = past[step.of["nth"] % len(past)]
        assert call.body is not None
        body = call.body
        if not step.of["as_written"] and "orders" in body:
            (first, *others) = body["orders"]
            other = {**first, "quantity": first["quantity"] + 1}
            body = {**body, "orders": [other, *others]}
        await self._call(call.program, "post", "POST", f"{ORDERS}?wait=0", body, call.key)

    async def _do_preview(self, step: Step) -> None:
        """Preview, and send what was previewed."""
        program, body = step.of["program"], step.of["body"]
        shown = await self._call(program, "preview", "POST", f"{ORDERS}/preview", body)
        if shown.is_ok:
            sends = {"preview_id": shown.answer["preview_id"]}
            await self._insist(program, step.of["key"], sends, step.of["wait"])

    async def _do_withdraw(self, step: Step) -> None:
        batch_id = self._batch(step)
        if batch_id is not None:
            await self._call(step.of["program"], "withdraw", "DELETE", f"{ORDERS}/{batch_id}")

    async def _do_look(self, step: Step) -> None:
        """Look at one's own batch, and at another's, which must not be there."""
        program, batch_id = step.of["program"], self._batch(step)
        if batch_id is not None:
            path = f"{ORDERS}/{batch_id}?wait={step.of['wait']}"
            await self._call(program, "look", "GET", path)
        for rival, calls in list(self._asked.items()):
            if program not in {rival, OPERATOR} and calls and calls[-1].is_ok:
                path = f"{ORDERS}/{calls[-1].answer['batch_id']}"
                await self._call(program, "pry", "GET", path)

    def _batch(self, step: Step) -> str | None:
        known = [call for call in self._asked.get(step.of["program"], [])[-6:] if call.is_ok]
        if not known:
            return None
        return str(known[step.of["nth"] % len(known)].answer["batch_id"])

    async def _do_halt(self, step: Step) -> None:
        of = step.of
        body = {"reason": "a drill", "mode": of["mode"], "cancel_working": of["cancel"]}
        path = f"/api/v1/accounts/{of['account']}/halt"
        await self._call(of["program"], "halt", "POST", path, body)

    async def _do_resume(self, step: Step) -> None:
        await self._resume(step.of["account"])

    async def _resume(self, account: str) -> None:
        path = f"/api/v1/accounts/{account}/resume"
        await self._call(OPERATOR, "resume", "POST", path, {"reason": "the drill is over"})

    async def _do_restrict(self, step: Step) -> None:
        path = f"/api/v1/accounts/{step.of['account']}/limits"
        limits = step.of["limits"]
        await self._call(OPERATOR, "restrict", "PUT", path, limits)

    async def _call(
        self,
        program: str,
        kind: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Call:
        """Ask, and write down what was asked and heard."""
        call = Call(
            at=self._world.loop.elapsed,
            program=program,
            kind=kind,
            method=method,
            path=path,
            key=key,
            body=None if body is None else dict(body),
        )
        headers = {} if key is None else {"Idempotency-Key": key}
        self._record.calls.append(call)
        async with self._world.caller(program) as caller:
            with suppress(httpx.TransportError):
                answer = await caller.request(method, path, json=body, headers=headers)
                call.status, call.given = answer.status_code, answer.content
        call.until = self._world.loop.elapsed
        return call

    # What the market does, and misfortune.

    def _do_price(self, step: Step) -> None:
        self._world.gateway.set_price(step.of["symbol"], str(step.of["price"]))

    def _do_size(self, step: Step) -> None:
        self._world.gateway.set_size(step.of["symbol"], step.of["shares"] or None)

    def _do_hold(self, step: Step) -> None:
        self._world.gateway.hold_fills(step.of["symbol"])

    def _do_release(self, step: Step) -> None:
        self._world.gateway.release_fills(step.of["symbol"])

    def _do_fill(self, step: Step) -> None:
        """Let a part of a working order of the service trade."""
        exchange = self._world.gateway._world.exchange
        for order in exchange.open_orders():
            symbol = exchange.contracts[order.con_id].symbol
            if order.client_id == OURS and symbol == step.of["symbol"] and order.leaves:
                shares = max(1, int(order.leaves * step.of["share"]))
                with suppress(LookupError):
                    self._world.gateway.fill(order.order_id, shares=shares, client_id=OURS)
                return

    def _do_correct(self, step: Step) -> None:
        """Let the newest execution of a symbol have been of one share less, or dearer."""
        exchange = self._world.gateway._world.exchange
        for done in reversed(list(exchange.executions())):
            symbol = exchange.contracts[done.con_id].symbol
            if symbol == step.of["symbol"] and done.client_id == OURS:
                shares = done.shares - 1 if done.shares > 1 else None
                price = done.price + Decimal("0.01")
                self._world.gateway.correct_execution(done.exec_id, shares=shares, price=price)
                self._strange(done.account, symbol)
                return

    def _do_hand(self, step: Step) -> None:
        of = step.of
        side = "BUY" if of["shares"] > 0 else "SELL"
        with suppress(ValueError):  # refused, as anybody's may be
            self._world.gateway.place_by_hand(
                of["account"], of["symbol"], side, abs(of["shares"])
            )
            self._strange(of["account"], of["symbol"])

    def _do_modify(self, step: Step) -> Awaitable[None]:
        return self._stranger.change_his_mind(step.of["symbol"], ACCOUNTS[0])

    def _strange(self, account: str, symbol: str) -> None:
        self._record.outside.setdefault((account, symbol), self._world.loop.elapsed)

    async def _do_crash(self, step: Step) -> None:
        self._down = step.of["down"]
        if self._world.is_serving:
            await self._world.crash()

    def _do_arm(self, step: Step) -> None:
        self._down = step.of["down"]
        self._world.crash_at(step.of["point"], step.of["pass"])

    async def _do_gateway(self, step: Step) -> None:
        """Stop the gateway, and start it again with the broker's books as they are."""
        async with self._restarting:
            self._record.gateway_restarts += 1
            await self._world.gateway.stop()
            await asyncio.sleep(step.of["down"])
            await self._world.gateway.start()

    def _do_cut(self, _step: Step) -> None:
        self._world.gateway.drop_connections()

    # The second phase.

    async def _calm(self) -> None:
        await self._heal()
        await self._settle(SETTLED_WITHIN_SECONDS)
        await self._note_unknown()
        await self._sleep_until_open()
        await self._settle(BREAKS_KNOWN_AFTER_SECONDS - SETTLED_WITHIN_SECONDS)
        await self._look_at_positions()
        for account in ACCOUNTS:
            await self._clear(account)
        await self._settle(SETTLED_WITHIN_SECONDS)
        # An order that was just withdrawn may lack executions for good: that is for a person, too.
        await asyncio.sleep(MISSING_KNOWN_AFTER_SECONDS)
        for account in ACCOUNTS:
            await self._say(account)
        for account in ACCOUNTS:
            await self._reach(account)
        await self._settle(CONVERGED_WITHIN_SECONDS)
        self._world.check()
        await self._write_down()

    async def _settle(self, seconds: float) -> None:
        """Wait so long, or until nothing is left to wait for."""
        until = self._world.loop.elapsed + seconds
        while self._world.loop.elapsed < until:
            if self._witness.is_settled(self._truth):
                return
            await asyncio.sleep(min(10, seconds))

    def _truth(self, account: str) -> dict[str, int]:
        """Return what an account holds at the broker."""
        gateway = self._world.gateway
        held = {symbol: gateway.position(account, symbol) for symbol in self._story.symbols}
        return {symbol: quantity for symbol, quantity in held.items() if quantity}

    async def _heal(self) -> None:
        """End all that is wrong, and wait until both accounts are up."""
        gateway = self._world.gateway
        self._world.spare()
        self._down = 0.0
        while self._tasks:
            await asyncio.wait(self._tasks)
        gateway.clear_faults()
        gateway.release_fills()
        for symbol in self._story.symbols:
            gateway.release_fills(symbol)
            gateway.set_size(symbol, None)
        await self._stranger.leave()
        self._record.healed_at = self._world.loop.elapsed
        # A question whose answer was swallowed just before still ends its session.
        await asyncio.sleep(ASKED_SECONDS)
        await self._come_up()

    async def _sleep_until_open(self) -> None:
        """Where the market is closed, let the service be dead until it is open again."""
        self._down = self._until_open()
        if self._down:
            await self._world.crash()
            await asyncio.sleep(self._down + 1)
            await self._come_up()

    async def _come_up(self) -> None:
        """Wait until both accounts are up."""
        async with self._world.caller(READS) as caller:
            for _ in range(int(UP_WITHIN_SECONDS)):
                with suppress(httpx.TransportError):
                    shown = (await caller.get("/health")).json()
                    if all(shown["accounts"].values()):
                        return
                    if "problem" in shown:  # it says that it wants to be started again
                        await self._world.crash()
                await asyncio.sleep(1)
        self._complain("INV-CONVERGE", f"accounts stay down: {shown}")

    def _until_open(self) -> float:
        """Return the seconds until the market is open, for long enough to reach a target."""
        hours, now = self._world.gateway._world.exchange.hours, self._world.clock.now()
        if hours.is_open(now) and hours.next_close(now) - now > OPEN_AT_LEAST:
            return 0.0
        return (hours.next_open(now) - now).total_seconds()

    async def _note_unknown(self) -> None:
        """Take note of orders that are unknown still, and on no lock's list."""
        locks = await self._locks()
        for batch in await self._batches():
            for row in batch["orders"]:
                account = batch["account_id"]
                is_locked = {(account, row["symbol"]), (account, None)} & locks
                if row["status"] == "Unknown" and not is_locked:
                    self._record.unknown.append(f"{batch['batch_id']} {row['symbol']}")

    async def _look_at_positions(self) -> None:
        """Write down what is shown of each symbol, before a person helps."""
        locks = await self._locks()
        for account in ACCOUNTS:
            told = await self._ask(f"/api/v1/positions?account_id={account}")
            shown = {row["symbol"]: row["quantity"] for row in told["positions"]}
            truth = self._truth(account)
            for symbol in self._story.symbols:
                self._record.seen.append(
                    Seen(
                        account=account,
                        symbol=symbol,
                        shown=shown.get(symbol, 0),
                        held=truth.get(symbol, 0),
                        is_locked=bool({(account, symbol), (account, WHOLE)} & locks),
                    )
                )

    async def _locks(self) -> set[tuple[str, str]]:
        """Return what is locked: a symbol of an account, or all of it."""
        return {
            (account["account_id"], lock["symbol"])
            for account in (await self._ask("/api/v1/accounts"))["accounts"]
            for lock in account["locks"]
        }

    async def _clear(self, account: str) -> None:
        """Do what is left to a person: lift halts and limits, withdraw what still waits."""
        for shown in (await self._ask("/api/v1/accounts"))["accounts"]:
            if shown["account_id"] == account and shown["halted"]:
                await self._resume(account)
        for batch in await self._batches():
            if batch["account_id"] == account and not batch["summary"]["final"]:
                path = f"{ORDERS}/{batch['batch_id']}"
                await self._call(OPERATOR, "withdraw", "DELETE", path)
        await self._call(OPERATOR, "free", "PUT", f"/api/v1/accounts/{account}/limits", {})

    async def _say(self, account: str) -> None:
        """Say what became of orders that nobody else can tell of, and which positions are held."""
        for batch in await self._batches():
            for seq, row in enumerate(batch["orders"]):
                if batch["account_id"] == account and row["status"] == "Unknown":
                    await self._resolve(batch["batch_id"], seq, row["symbol"])
        path = f"/api/v1/accounts/{account}/accept-position"
        await self._call(OPERATOR, "accept", "POST", path, {"all": True})

    async def _resolve(self, batch_id: str, seq: int, symbol: str) -> None:
        """Say of an order what the broker's books say."""
        ref = f"pd-{batch_id}-{seq}"
        ids = {sent.order_id for sent in self._record.sent if sent.ref == ref}
        fills = [
            fill
            for fill in self._record.fills.values()
            if fill.client_id == OURS and fill.order_id in ids
        ]
        shares = sum(fill.shares for fill in fills)
        said: dict[str, Any] = {"symbol": symbol, "as": "not_placed"}
        if shares:
            paid = sum(fill.shares * fill.price for fill in fills)
            price = round(float(paid / shares), 4)
            said = {"symbol": symbol, "as": "filled", "qty": shares, "price": price}
        path = f"{ORDERS}/{batch_id}/resolve"
        await self._call(OPERATOR, "resolve", "POST", path, said)

    async def _reach(self, account: str) -> None:
        """Post the last targets of an account, at market, as one batch."""
        random = self._random
        wanted = {s: random.choice((0, 25, 50)) for s in self._story.symbols}
        body = {
            "account_id": account,
            "orders": [{"symbol": s, "quantity": q} for s, q in wanted.items()],
        }
        call = await self._call(OPERATOR, "last", "POST", f"{ORDERS}?wait=10", body)
        if call.is_ok:
            self._record.wanted |= {(account, s): q for s, q in wanted.items()}
        else:
            self._complain("INV-CONVERGE", f"the last targets: {call.status} {call.given!r}")

    async def _write_down(self) -> None:
        """Read whatever the service shows, and the broker's positions."""
        record = self._record
        record.ended_at = self._world.loop.elapsed
        record.batches = await self._batches()
        for account in ACCOUNTS:
            path = f"/api/v1/executions?account_id={account}"
            record.executions += await self._pages(path, "executions")
            shown = await self._ask(f"/api/v1/positions?account_id={account}")
            record.positions[account] = {p["symbol"]: p["quantity"] for p in shown["positions"]}
            record.truth[account] = self._truth(account)
            shown = await self._ask(f"/api/v1/targets?account_id={account}")
            record.targets[account] = shown["targets"]
        record.trail = await self._pages("/api/v1/audit?", "entries")
        for batch in record.batches:
            told = await self._ask(f"{ORDERS}/{batch['batch_id']}/evidence")
            record.evidence[batch["batch_id"]] = told["orders"]
        ledger = cast("SqlLedger", self._world.service.desk._ledger)
        for words in await ledger.check_history(report_of):
            self._complain("INV-REPLAY", words)

    async def _batches(self) -> list[dict[str, Any]]:
        heads = await self._pages(f"{ORDERS}?limit=200", "batches")
        return [
            await self._ask(f"{ORDERS}/{head['batch_id']}") | {"client": head["client"]}
            for head in heads
        ]

    async def _pages(self, path: str, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await self._ask(f"{path}&cursor={cursor}" if cursor else path)
            rows += page[name]
            cursor = page["next_cursor"]
        return rows

    async def _ask(self, path: str) -> Any:
        """Return what the service shows; it may be reading all anew for a moment."""
        words = "nobody serves"
        async with self._world.caller(READS) as caller:
            for _ in range(PATIENCE_SECONDS):
                with suppress(httpx.TransportError):
                    answer = await caller.get(path)
                    if answer.is_success:
                        return json.loads(answer.content, parse_float=Decimal)
                    words = answer.text
                await asyncio.sleep(1)
        raise AssertionError(f"{path}: {words}")

    def _complain(self, name: str, words: str) -> None:
        self._record.complaints.append((name, words))

"""Anything that clients, the gateway and death may do, in any order: `make machine EXAMPLES=…`.

Owns: the rules, each of them one step in a simulated world, and what must hold after every one of
them. What is expected of the answers is the Model's. Knows nothing of how the service works.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar, Final, TypeVar

import httpx
import hypothesis
import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import (
    RuleBasedStateMachine,
    get_state_machine_test,
    invariant,
    precondition,
    rule,
)

from front import ORDERS
from fuzz.model import Body, Model, Post
from makers import ACCOUNT
from promises.books import OURS, broker_book, differences, ledger_book, refs_sent
from promises.showing import be_quiet, say, show
from sim import Point, World, open_world
from sim.hand import Hand

T = TypeVar("T")

EXAMPLES: Final = 100
STEPS: Final = 60
SYMBOLS: Final = ("AAPL", "MSFT", "NVDA")
PRICE: Final = 100
QUANTITIES: Final = (-70, -30, 0, 10, 30, 50, 100)
# Far off, at the market, and none at all.
LIMITS: Final = (None, None, None, 50.0, 100.0, 150.0)
WAITS: Final = (0.1, 1.0, 10.0, 60.0)
A_MOMENT: Final = 0.01
REFUSALS: Final = ("halted", "locked")  # such a target changes nothing
UNREST_MIN: Final = 8  # a rest takes as long as many steps
REST_SECONDS: Final = (
    240.0  # what is unknown is found out by then, and what is late has expired
)
REASON: Final = {"reason": "the machine says so"}
HALT: Final = f"/api/v1/accounts/{ACCOUNT}/halt"
RESUME: Final = f"/api/v1/accounts/{ACCOUNT}/resume"
PICK: Final = st.integers(0, 10_000)


class Machine(RuleBasedStateMachine):
    """One world, from its opening to its rest."""

    steps: ClassVar[Counter[str]] = Counter()  # of every example, by rule and outcome

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.hand = Hand(1, open_world)
        self.world: World = self.hand.open()
        self.caller = self.world.caller("admin")
        self.broken = False
        self.unrest = 0  # steps since the last rest
        self._do("", self._open_market())

    # What clients do.

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        quantity=st.sampled_from(QUANTITIES),
        limit=st.sampled_from(LIMITS),
    )
    def put_target(self, symbol: str, quantity: int, limit: float | None) -> None:
        post = Post(f"key-{len(self.model.posts)}", symbol, quantity, limit)
        self.model.posts.append(post)
        self._do("put_target", self._post(post))

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        quantity=st.sampled_from(QUANTITIES),
        point=st.sampled_from(Point),
        nth=st.integers(1, 12),
    )
    def put_target_and_die(self, symbol: str, quantity: int, point: Point, nth: int) -> None:
        post = Post(f"key-{len(self.model.posts)}", symbol, quantity)
        self.model.posts.append(post)
        self._do("put_target_and_die", self._post_and_die(post, point, nth))

    @precondition(lambda self: self.model.posts)
    @rule(pick=PICK)
    def retry_same_key(self, pick: int) -> None:
        self._do("retry_same_key", self._post(_picked(self.model.posts, pick)))

    @precondition(lambda self: self.model.accepted)
    @rule(pick=PICK)
    def retry_other_body(self, pick: int) -> None:
        self._do("retry_other_body", self._reuse(_picked(self.model.accepted, pick)))

    @precondition(lambda self: self.model.accepted)
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        self._do("cancel", self._cancel(_picked(self.model.accepted, pick)))

    @precondition(lambda self: self.model.accepted)
    @rule(mode=st.sampled_from(("all", "reduce_only")), cancel_working=st.booleans())
    def halt(self, mode: str, cancel_working: bool) -> None:  # noqa: FBT001
        body = {**REASON, "mode": mode, "cancel_working": cancel_working}
        assert self._do("halt", self._operate(HALT, body))["mode"] == mode
        if self.model.halt != "all":  # a milder halt stands beside it, and changes nothing
            self.model.halt = mode

    @precondition(lambda self: self.model.halt)
    @rule()
    def resume(self) -> None:
        self._do("resume", self._operate(RESUME, REASON))
        self.model.halt = None

    @precondition(lambda self: self.model.halt)
    @rule()
    def release_half(self) -> None:
        body = {**REASON, "mode": "reduce_only"}
        answer = self._do("release_half", self._operate(RESUME, body))
        assert answer["halt"]["mode"] == "reduce_only"
        self.model.halt = "reduce_only"

    # What the gateway, the market and the line do.

    @rule()
    def drop_line(self) -> None:
        self._let("drop_line", self.world.gateway.drop_connections)

    @rule(symbol=st.sampled_from(SYMBOLS), fault=st.sampled_from(("L04", "L05", "O01", "O04")))
    def lose_the_next_order(self, symbol: str, fault: str) -> None:
        inject = self.world.gateway.inject
        self._let("lose_the_next_order", lambda: inject(fault, symbol=symbol))

    @rule(seconds=st.sampled_from((1, 20, 60)))
    def restart_gateway(self, seconds: int) -> None:
        inject = self.world.gateway.inject
        self._let("restart_gateway", lambda: inject("A02", on="now", delay=seconds))

    @rule()
    def hold_fills(self) -> None:
        self._let("hold_fills", self.world.gateway.hold_fills)

    @rule()
    def release_fills(self) -> None:
        self._let("release_fills", self.world.gateway.release_fills)

    @precondition(lambda self: self._working())
    @rule(pick=PICK, part=st.integers(1, 4))
    def fill(self, pick: int, part: int) -> None:
        order = _picked(self._working(), pick)
        shares = max(1, order.leaves // part)
        number, client = order.order_id, order.client_id
        fill = self.world.gateway.fill
        self._let("fill", lambda: fill(number, shares=shares, client_id=client))

    @precondition(lambda self: self._executions())
    @rule(pick=PICK, less=st.integers(1, 5))
    def correct_execution(self, pick: int, less: int) -> None:
        execution = _picked(self._executions(), pick)
        shares = max(1, execution.shares - less)
        correct = self.world.gateway.correct_execution
        self._let("correct_execution", lambda: correct(execution.exec_id, shares=shares))
        self.model.corrected.add(self._symbol(execution.con_id))
        self.model.corrected_refs.add(execution.order_ref)

    # What time and death do.

    @rule(seconds=st.sampled_from(WAITS))
    def advance(self, seconds: float) -> None:
        self._do("advance", asyncio.sleep(seconds))

    @precondition(lambda self: self.model.accepted)
    @rule(seconds=st.sampled_from(WAITS))
    def crash(self, seconds: float) -> None:
        self._do("crash", self._crash(seconds))

    @precondition(lambda self: self.unrest >= UNREST_MIN)
    @rule()
    def come_to_rest(self) -> None:
        self._do("come_to_rest", self._rest())

    # What must hold whatever was done.

    @invariant()
    def everything_holds(self) -> None:
        gateway, model = self.world.gateway, self.model
        left = Counter(refs_sent(gateway))
        self._demand(max(left.values(), default=0) <= 1, f"sent twice: {left}")
        living = Counter(self._symbol(order.con_id) for order in self._working())
        self._demand(max(living.values(), default=0) <= 1, f"two live orders: {living}")
        for symbol in set(SYMBOLS) - model.corrected:
            low, high = model.hull(symbol)
            held = gateway.position(ACCOUNT, symbol)
            self._demand(low <= held <= high, f"{symbol}: {held} is not in {low}..{high}")
        self._do("", self._compare())

    def teardown(self) -> None:
        """Come to rest, unless something was wrong already, and close the world."""
        try:
            if not self.broken:
                self._do("come_to_rest", self._rest())
                self.everything_holds()
        finally:
            self.hand.close()

    # How each of them is done.

    async def _open_market(self) -> None:
        for symbol in SYMBOLS:
            self.world.gateway.set_price(symbol, PRICE)

    async def _act(self, function: Callable[..., object]) -> None:
        function()
        await asyncio.sleep(A_MOMENT)

    async def _post(self, post: Post) -> None:
        """Post, and hold the answer against the contract; what nobody answered is open."""
        was_up = await self._is_up()
        headers = {"Idempotency-Key": post.key}
        answer = await self.caller.post(f"{ORDERS}?wait=1", json=post.body, headers=headers)
        self._count(f"POST {answer.status_code}")
        if post.answer is not None:
            assert answer.status_code == 200, answer.text
            assert answer.headers["Idempotency-Replayed"] == "true"
            assert answer.content == post.answer, "a replay is the first answer, byte for byte"
        elif answer.status_code == 200:
            self.model.accept(post, answer.content, answer.json())
        elif answer.status_code == 409:
            assert self.model.halt == "all", answer.text
            assert answer.json()["code"] == "halted"
        else:
            assert answer.status_code == 500, answer.text
            assert answer.json()["code"] == "broker-unavailable"
            assert not (was_up and await self._is_up()), "500 exactly when the account is down"

    async def _post_and_die(self, post: Post, point: Point, nth: int) -> None:
        self.world.crash_at(point, nth)
        try:
            await self._post(post)
        except httpx.ReadError:
            self._count("died while it answered")
        self.world.spare()
        if self.world.process.is_dead:
            await self._crash(1)
        if post.answer is None:
            await self._insist(post)

    async def _insist(self, post: Post) -> None:
        """Ask again with the same key, as a client does that got no answer, until it has one."""
        for _ in range(30):
            await self._post(post)
            if post.answer is not None or self.model.halt == "all":
                return
            await asyncio.sleep(10)
        raise AssertionError("the account stays down")

    async def _reuse(self, post: Post) -> None:
        other = Post(post.key, post.symbol, post.quantity + 1, post.limit_price)
        headers = {"Idempotency-Key": post.key}
        answer = await self.caller.post(ORDERS, json=other.body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-mismatch")

    async def _cancel(self, post: Post) -> None:
        answer = await self.caller.delete(f"{ORDERS}/{post.batch_id}")
        assert answer.status_code == 200, answer.text
        post.is_withdrawn = True

    async def _operate(self, path: str, body: Body) -> Body:
        answer = await self.caller.post(path, json=body)
        assert answer.status_code == 200, answer.text
        shown: Body = answer.json()
        return shown

    async def _crash(self, seconds: float) -> None:
        await self.world.crash()
        await asyncio.sleep(seconds)
        await self.world.start(is_up=False)

    async def _is_up(self) -> bool:
        return bool((await self.caller.get("/health")).json()["accounts"][ACCOUNT])

    async def _rest(self) -> None:
        """Heal everything, and post each newest target again: then it must be reached."""
        self.world.gateway.clear_faults()
        self.world.gateway.release_fills()
        await asyncio.sleep(REST_SECONDS)
        if self.model.halt:
            await self._operate(RESUME, REASON)
            self.model.halt = None
        wanted = {s: p.quantity for s in SYMBOLS if (p := self.model.newest(s)) is not None}
        for symbol, quantity in wanted.items():
            post = Post(f"key-{len(self.model.posts)}", symbol, quantity)
            self.model.posts.append(post)
            await self._post(post)
        await asyncio.sleep(REST_SECONDS)
        self.world.check()
        for target in (await self.caller.get("/api/v1/targets")).json()["targets"]:
            held = self.world.gateway.position(ACCOUNT, target["symbol"])
            assert held == wanted[target["symbol"]], f"{held} at rest: {target}"
        broker, ledger = broker_book(self.world.gateway), ledger_book(self.world.ledger)
        # The ledger counts what a corrected execution had most of: else the order would work again.
        fewer = tuple(f"{ref} filled" for ref in self.model.corrected_refs)
        unlike = [words for words in differences(broker, ledger) if not words.startswith(fewer)]
        assert not unlike, unlike
        self.unrest = 0

    async def _compare(self) -> None:
        """Hold what the service shows against the model."""
        listed = (await self.caller.get(f"{ORDERS}?limit=200")).json()["batches"]
        known = [post.batch_id for post in reversed(self.model.accepted)]
        assert [entry["batch_id"] for entry in listed] == known[:200]
        await self._compare_targets()
        accounts = (await self.caller.get("/api/v1/accounts")).json()["accounts"]
        (halted,) = (row["halted"] for row in accounts if row["account_id"] == ACCOUNT)
        assert bool(halted) == bool(self.model.halt), halted
        for post in self.model.accepted[-3:]:
            batch = (await self.caller.get(f"{ORDERS}/{post.batch_id}")).json()
            (row,) = batch["orders"]
            assert (row["symbol"], row["desired_pos"]) == (post.symbol, post.quantity)

    async def _compare_targets(self) -> None:
        shown = (await self.caller.get("/api/v1/targets")).json()["targets"]
        for target in shown:
            newest = await self._newest(target["symbol"], target["batch_id"])
            assert newest is not None, target
            told = (target["batch_id"], target["target"])
            assert told == (newest.batch_id, newest.quantity), target
            assert (target["state"] == "withdrawn") == newest.is_withdrawn, target

    async def _newest(self, symbol: str, shown: str) -> Post | None:
        """Return the post whose target counts; one that waited may have been refused since."""
        while (post := self.model.newest(symbol)) is not None and post.batch_id != shown:
            (row,) = (await self.caller.get(f"{ORDERS}/{post.batch_id}")).json()["orders"]
            assert row.get("error_code") in REFUSALS, f"{shown} is shown for {row}"
            post.is_refused = True
        return post

    def _do(self, name: str, step: Coroutine[Any, Any, T]) -> T:
        """Take a step in the world."""
        if name:
            self._count(name)
            self.unrest += 1
        try:
            return self.hand.do(step)
        except BaseException:
            self.broken = True
            raise

    def _let(self, name: str, function: Callable[..., object]) -> None:
        """Do something to the gateway, inside the world."""
        self._do(name, self._act(function))

    def _demand(self, holds: object, words: str) -> None:
        self.broken |= not holds
        assert holds, words

    def _count(self, name: str) -> None:
        self.steps[name] += 1

    def _working(self) -> list[Any]:
        orders = self.world.gateway._world.exchange.open_orders()
        return [order for order in orders if order.order_ref.startswith(OURS)]

    def _executions(self) -> list[Any]:
        """Return the executions of which the service has heard.

        A correction heard of before what it corrects leaves the order unknown: that is an open
        question of its own, and of what a real gateway lists then.
        """
        newest = {row.base: row for row in self.world.gateway._world.exchange.executions()}
        heard = ledger_book(self.world.ledger).trades
        return [row for base, row in newest.items() if base in heard]

    def _symbol(self, con_id: Any) -> str:
        return str(self.world.gateway._world.exchange.contracts[con_id].symbol)


def _picked(things: list[T], pick: int) -> T:
    return things[pick % len(things)]


def run(examples: int, steps: int, seed: int, *, shrinks: bool = True) -> Mapping[str, int]:
    """Run so many examples; return how often each rule ran and what was answered.

    Raises what was wrong, with the steps that lead there: the fewest, where there is time for it.
    """
    Machine.steps.clear()
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink) if shrinks else (Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    hypothesis.seed(seed)(get_state_machine_test(Machine, settings=settings))()
    return dict(sorted(Machine.steps.items()))


def main(examples: int = EXAMPLES, seed: int = 1) -> int:
    """Run; print the table; return 0 where nothing was wrong."""
    be_quiet()
    began = time.monotonic()
    try:
        figures = run(examples, STEPS, seed)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the find
        say(f"harm done, from seed {seed}: {error!r}")
        for note in getattr(error, "__notes__", ()):
            say(note)
        return 1
    took = time.monotonic() - began
    show(f"{examples} machines of up to {STEPS} steps, from seed {seed}", figures)
    say(f"no harm: {examples / took:.1f} machines a second")
    return 0


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*given))

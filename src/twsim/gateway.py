"""The gateway as an object: start it, connect any TWS client, move its world by hand.

Owns: Gateway, the way in for tests and for programs that want a gateway of their own.
Does not know paperdesk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from twsim.calendars import nyse_calendar
from twsim.clock import Clock, ManualClock, SystemClock
from twsim.data import listings
from twsim.exchange.book import Opening
from twsim.exchange.commissions import Schedule, Tariff
from twsim.exchange.contracts import SMART, Contract, ContractTable, Query
from twsim.exchange.exchange import BY_HAND, Exchange
from twsim.exchange.hours import Hours, trading_day
from twsim.exchange.matching import Print
from twsim.exchange.outcomes import HoldingChanged, Outcome, Refused
from twsim.exchange.refusals import Refusal
from twsim.exchange.rules import Rules
from twsim.exchange.settlement import COMMISSION_DELAY
from twsim.exchange.tickets import Ticket
from twsim.exchange.vocabulary import NO_ORDER_ID, AccountId, OrderType, PermId
from twsim.explain import describe, explain, find_working
from twsim.faults.plan import FaultPlan, FaultRecord, make_wish
from twsim.journal import Journal
from twsim.notices import notice
from twsim.rules import SessionRules
from twsim.scenario import Scenario
from twsim.server import Reserve, Server, reserve_port
from twsim.simulator import Simulator
from twsim.tapes import read_tape
from twsim.trace import line
from twsim.transcript import FRAMES_MAX, Direction, Frame, Transcript
from twsim.wire.protocol import SERVER_VERSION_MAX

Money = Decimal | int | str
HoursWord = Literal["always", "real"]
ScheduleWord = Literal["tiered", "fixed"]
PositionRow = tuple[str, str, int, Money]
DEFAULT_ACCOUNTS: Final[Mapping[str, Money]] = {
    "DU8730189": Decimal(1_000_000),
    "DUP203550": Decimal(1_000_000),
}


class Gateway:
    """A simulated IB Gateway in this process, on any asyncio loop.

    ```python
    async with Gateway() as gateway:
        await ib.connectAsync(gateway.host, gateway.port, clientId=1)
    ```
    Accounts and positions are those of a fresh world; where `state` names a journal that
    exists, what it holds wins. Whoever passes a ManualClock moves time with `advance`.

    `server_version` is the highest that is announced. Above `messages_per_second_max` a
    client gets error 100 and is cut; a real gateway's limit is 50. `trace` is called with
    one line for each frame.

    `hours` are "always" or "real" ones of the NYSE. `prices` names a CSV file to replay,
    from the moment of the first start. `commissions` are "tiered" or "fixed"; `fees` adds
    the regulators' to the tiered ones. `commission_delay` is in seconds, None for never.
    `price_band` cancels limits so far beyond the market, 0.0294 being the real one.
    `cancels_wait` lets cancels while closed be confirmed only at the open. `reserve` keeps
    the port while nobody is let in; only a loop whose network is no real one needs its own.
    """

    def __init__(  # noqa: PLR0913 - an option each
        self,
        *,
        accounts: Mapping[str, Money] | None = None,
        positions: Iterable[PositionRow] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        state: Path | None = None,
        clock: Clock | None = None,
        hours: HoursWord = "always",
        prices: Path | None = None,
        commissions: ScheduleWord = "tiered",
        fees: bool = False,
        commission_delay: float | None = COMMISSION_DELAY.total_seconds(),
        price_band: Money | None = None,
        cancels_wait: bool = False,
        frames_max: int = FRAMES_MAX,
        server_version: int = SERVER_VERSION_MAX,
        messages_per_second_max: int | None = None,
        cancels_across_clients: bool = False,
        master_client_id: int | None = None,
        trace: Callable[[str], None] | None = None,
        faults: FaultPlan | None = None,
        scenario: Scenario | Path | str | None = None,
        reserve: Reserve = reserve_port,
    ) -> None:
        self.host = host
        self.port = port
        self.clock = clock or SystemClock()
        self._accounts = DEFAULT_ACCOUNTS if accounts is None else accounts
        self._positions = tuple(positions)
        self._seed = seed
        self._hours = hours
        self._prices = prices
        self._rules = Rules(
            tariff=Tariff(Schedule(commissions), fees),
            commission_delay=_seconds(commission_delay),
            price_band=None if price_band is None else Decimal(price_band),
            cancels_wait=cancels_wait,
        )
        self._journal = None if state is None else Journal(state)
        self._session_rules = SessionRules(
            server_version_max=server_version,
            messages_per_second_max=messages_per_second_max,
            cancels_across_clients=cancels_across_clients,
            master_client_id=master_client_id,
        )
        self._trace = trace
        self._transcript = Transcript(frames_max, None if trace is None else self._write_trace)
        self._plan = faults
        script = Scenario.load(scenario) if isinstance(scenario, Path | str) else scenario
        self._scenario = script
        manual = isinstance(self.clock, ManualClock)
        if self._scenario is not None:
            self._scenario.check(time_can_be_moved=manual)
        self._reserve = reserve
        self._simulator: Simulator | None = None
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    # Running.

    async def start(self) -> None:
        """Listen. After `stop` on the same port, with the world as it was.

        Raises OSError where the port is taken or the prices cannot be opened, ValueError
        where the journal or the prices are unreadable, or another gateway has the journal.
        """
        if self._simulator is None:
            try:
                self._simulator = self._build()
            except (OSError, ValueError):
                await self.stop()
                raise
            manual = isinstance(self.clock, ManualClock)
            self._server = Server(
                self._simulator, runs_on_timer=not manual, reserve=self._reserve
            )
        assert self._server is not None
        if self._journal is not None:
            self._journal.start(self._simulator.exchange.everything)
        try:
            self.port = await self._server.start(self.host, self.port)
        except OSError:
            await self.stop()
            raise
        plan, self._plan = self._plan, None
        script, self._scenario = self._scenario, None
        if plan is not None:
            self._world.faults.follow(plan)
        if script is not None:
            script.play(self, self._world.faults)
        self._server.schedule()

    async def stop(self) -> None:
        """Cut every line, stop listening, close the journal; nothing is waited for."""
        if self._server is not None:
            self._server.stop()
        if self._journal is not None:
            self._journal.close()

    def drop_connections(self) -> None:
        """Cut every line; clients may connect again at once."""
        self._running.drop()

    def disconnect(self, client_id: int | None = None) -> None:
        """Cut the line of one client, or all; who was cut may connect again at once.

        Raises LookupError where no such client is connected.
        """
        if client_id is not None and client_id not in self._running.client_ids():
            there = ", ".join(map(str, self._running.client_ids())) or "none"
            raise LookupError(f"client {client_id} is not connected; those that are: {there}")
        self._running.drop(client_id)

    def silence(self) -> None:
        """Freeze: connections are accepted, but nothing is read, answered or pushed."""
        self._running.silence(silent=True)

    def resume(self) -> None:
        """End the silence; what clients sent meanwhile is answered now."""
        self._running.silence(silent=False)

    # The world.

    def advance(self, seconds: float) -> None:
        """Let time pass on a ManualClock, stopping wherever something is due."""
        assert isinstance(self.clock, ManualClock), "only a ManualClock can be moved"
        end = self.clock.now() + timedelta(seconds=seconds)
        while (due := self._world.next_due()) is not None and due <= end:
            self.clock.move_to(max(due, self.clock.now()))
            self._world.tick()
        self.clock.move_to(max(end, self.clock.now()))  # a scenario may have moved it too
        self._world.tick()

    def set_price(self, symbol: str, price: Money) -> None:
        """Set the last price; bid and ask lie around it, and the walk goes on from it."""
        exchange, now = self._world.exchange, self.clock.now()
        contract = self._contract(symbol)
        self._publish(exchange.set_price(contract, Decimal(price), now))

    def set_size(self, symbol: str, shares: int | None) -> None:
        """Show so many shares at each price level, so that larger orders fill in parts."""
        exchange, now = self._world.exchange, self.clock.now()
        self._publish(exchange.set_size(self._contract(symbol), shares, now))

    def hold_fills(self, symbol: str | None = None) -> None:
        """Let orders of one symbol, or all, work without trading."""
        con_id = None if symbol is None else self._contract(symbol).con_id
        self._world.exchange.hold(con_id)

    def release_fills(self, symbol: str | None = None) -> None:
        """Let held orders trade again, at once."""
        con_id = None if symbol is None else self._contract(symbol).con_id
        self._publish(self._world.exchange.release(self.clock.now(), con_id))

    def fill(
        self,
        order_id: int,
        *,
        shares: int | None = None,
        price: Money | None = None,
        client_id: int | None = None,
    ) -> None:
        """Let a working order trade now, whatever the market, even while fills are held.

        All that is left of it trades, at its limit, or the last price where it has none;
        `shares` and `price` say otherwise. Where several clients have a working order of
        that id, name the client. Raises LookupError where there is no such order.
        """
        exchange, now = self._world.exchange, self.clock.now()
        order = find_working(exchange, order_id, client_id)
        wanted = order.leaves if shares is None else shares
        assert 0 < wanted <= order.leaves, f"{wanted} shares of {describe(order, exchange)}"
        contract = exchange.contracts[order.con_id]
        at = Decimal(price) if price is not None else order.limit_price
        at = at or exchange.quote(contract, now).last
        trade = Print(at, wanted, contract.primary_exchange)
        self._publish(exchange.execute(order, trade, now))

    def reject_next(self, code: int, text: str) -> None:
        """Refuse the next placeOrder with this error; with 201 it ends as Inactive."""
        self._world.exchange.reject_next(Refusal(code, text))

    def notify(self, code: int, text: str | None = None) -> None:
        """Say a notice to every client, as 1100 or 2103; without text in IB's words.

        Raises KeyError for a code whose words are not known.
        """
        said = notice(code, text)
        self._world.notify(said.code, said.text)
        self._settle()

    def place_by_hand(
        self,
        account: str,
        symbol: str,
        side: str,
        quantity: int,
        *,
        limit: Money | None = None,
        tif: str = "DAY",
    ) -> int:
        """Place an order as a person does at the gateway itself; return its perm id.

        Raises ValueError, with code and words, where the order is refused.
        """
        contract = self._contract(symbol)
        ticket = Ticket(
            client_id=BY_HAND,
            order_id=NO_ORDER_ID,
            account=account,
            query=Query(con_id=contract.con_id, exchange=SMART),
            side=side,
            quantity=Decimal(quantity),
            order_type=OrderType.MKT if limit is None else OrderType.LMT,
            limit_price=None if limit is None else Decimal(limit),
            tif=tif,
            id_is_free=True,
        )
        outcomes = self._world.place_by_hand(ticket)
        self._settle()
        match outcomes[0]:
            case Refused(refusal):
                raise ValueError(f"{refusal.code} {refusal.text}")
            case HoldingChanged():
                raise AssertionError("a ticket comes first")
            case placed:
                return placed.order.perm_id

    def cancel_by_hand(self, perm_id: int) -> None:
        """Cancel any working order as a person does; KeyError where there is none such."""
        now = self.clock.now()
        self._publish(self._world.exchange.cancel_by_hand(PermId(perm_id), now))

    def set_hard_to_borrow(self, symbol: str, seconds: float | None = None) -> None:
        """Let short sales of a symbol wait so long for their shares, or until told."""
        con_id = self._contract(symbol).con_id
        self._world.exchange.set_hard_to_borrow(con_id, _seconds(seconds))

    def set_easy_to_borrow(self, symbol: str) -> None:
        """Let short sales of a symbol wait no more, those that do included."""
        exchange, now = self._world.exchange, self.clock.now()
        self._publish(exchange.set_easy_to_borrow(self._contract(symbol).con_id, now))

    def set_commission_delay(self, seconds: float | None) -> None:
        """Report the commissions of later fills after so long; None for never."""
        self._world.exchange.set_commission_delay(_seconds(seconds))

    def correct_execution(
        self, exec_id: str, *, shares: int | None = None, price: Money | None = None
    ) -> str:
        """Let an execution of today have been another one; return its new id.

        KeyError where there is none of this id, in its latest revision.
        """
        exchange = self._world.exchange
        corrected = exchange.correct(
            exec_id,
            self.clock.now(),
            shares=shares,
            price=None if price is None else Decimal(price),
        )
        self._publish([corrected])
        return corrected.execution.exec_id

    def reset_account(self, account: str, cash: Money = 1_000_000) -> None:
        """Start an account anew: cash, but no orders and no positions."""
        exchange, now = self._world.exchange, self.clock.now()
        self._publish(exchange.reset_account(AccountId(account), Decimal(cash), now))

    def set_managed_accounts(self, *accounts: str) -> None:
        """Name these accounts to every client, now and at each later connect.

        An account that does not exist is opened without cash, so that it can be asked for.
        """
        for account in accounts:
            self._world.exchange.open_account(AccountId(account), Decimal(0))
        self._world.set_managed_accounts(list(accounts))
        self._settle()

    def position(self, account: str, symbol: str) -> int:
        """Return the shares that an account holds."""
        con_id = self._contract(symbol).con_id
        return self._world.exchange.position(AccountId(account), con_id).quantity

    def check_position(self, account: str, symbol: str, quantity: int) -> None:
        """Demand that an account holds so many shares of a symbol, short ones negative.

        Raises AssertionError that names the executions and orders behind what it holds.
        """
        held = self.position(account, symbol)
        if held != quantity:
            contract = self._contract(symbol)
            why = explain(self._world.exchange, AccountId(account), contract)
            raise AssertionError(f"{account} holds {held} {symbol}, not {quantity}\n{why}")

    def cash(self, account: str) -> Decimal:
        """Return the cash of an account."""
        return self._world.exchange.figures(AccountId(account), self.clock.now()).cash

    # What goes wrong.

    def inject(self, fault: str, /, **words: object) -> None:
        """Let a fault of the catalogue strike: at once, or at the next opportunity.

        `inject("O03", symbol="AAPL", delay=5, times=1)`; every fault takes `symbol`,
        `account`, `client`, `times` (0 is always), `on` and `rate` beside its own parameters.
        Raises FaultError for what there is not.
        """
        self._world.faults.inject(make_wish(fault, words))
        self._settle()

    def clear_faults(self) -> None:
        """Heal: nothing strikes any more, and what was withheld arrives now."""
        self._world.faults.clear()
        self._settle()

    def waiting_faults(self) -> list[str]:
        """Return the faults that wait for an opportunity, and those that strike by rate."""
        return self._world.faults.deck.waiting()

    def fault_log(self) -> list[FaultRecord]:
        """Return which faults struck when and on whose order, oldest first."""
        return self._world.faults.log()

    # The wire.

    def transcript(self) -> list[Frame]:
        """Return every frame in and out, oldest first; `str` of one is readable."""
        return self._transcript.frames()

    def frames(self, name: str, *, direction: Direction | None = None) -> list[Frame]:
        """Return the frames of one message by IB's name of it, as "placeOrder"."""
        return self._transcript.frames(name, direction=direction)

    def clear_transcript(self) -> None:
        """Forget the frames so far."""
        self._transcript.clear()

    @property
    def _world(self) -> Simulator:
        assert self._simulator is not None, "the gateway was never started"
        return self._simulator

    @property
    def _running(self) -> Server:
        assert self._server is not None, "the gateway was never started"
        return self._server

    def _build(self) -> Simulator:
        now = self.clock.now()
        if self._journal is not None:
            self._journal.lock()
        kept = [] if self._journal is None else self._journal.read()
        opening = next((row.opening for row in kept if row.opening is not None), None)
        contracts = ContractTable(listings())
        rules = self._with_files(contracts)
        exchange = Exchange(contracts, opening or Opening(seed=self._seed, at=now), rules)
        exchange.restore(kept, now)
        known = set(exchange.accounts())
        for account, cash in self._accounts.items():
            exchange.open_account(AccountId(account), Decimal(cash))
        for account, symbol, quantity, cost in self._positions:
            if account in known:
                continue  # the journal knows better
            contract = contracts.of_symbol(symbol)
            total = quantity * Decimal(cost)
            exchange.set_position(AccountId(account), contract.con_id, quantity, total)
        return Simulator(
            exchange,
            self.clock,
            keeper=self._journal,
            transcript=self._transcript,
            rules=self._session_rules,
        )

    def _with_files(self, contracts: ContractTable) -> Rules:
        """Return the rules with the calendar and the tape, which come from outside."""
        rules = self._rules
        if self._hours == "real":
            year = trading_day(self.clock.now()).year
            rules = replace(rules, hours=Hours(nyse_calendar(year)))
        if self._prices is not None:
            tape = read_tape(self._prices)
            for symbol in tape.symbols():
                if not contracts.has_symbol(symbol):
                    raise ValueError(f"{self._prices}: there is no symbol {symbol}")
            rules = replace(rules, tape=tape)
        return rules

    def _contract(self, symbol: str) -> Contract:
        try:
            return self._world.exchange.contracts.of_symbol(symbol)
        except KeyError:
            raise LookupError(f"there is no symbol {symbol!r}") from None

    def _publish(self, outcomes: Iterable[Outcome]) -> None:
        self._world.publish(outcomes)
        self._settle()

    def _settle(self) -> None:
        self._world.settle()
        self._running.schedule()

    def _write_trace(self, frame: Frame) -> None:
        assert self._trace is not None
        self._trace(line(frame, self.clock.now()))


def _seconds(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)

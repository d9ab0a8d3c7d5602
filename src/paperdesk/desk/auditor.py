"""The books compared with the broker's.

Owns: Auditor: when a gateway's executions and positions are read to their end, and what is done
with the verdict of `domain.position` on each contract: agree, book an outside trade, adopt,
warn, lock. A pushed position only says that it is time to look. Knows nothing of orders.

Positions are few, a day's executions many. So executions are read where a position breaks,
where a commission has not come, and once an hour; else they were told when they happened.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from paperdesk.desk.feed import Feed, wait_set
from paperdesk.desk.ports import UNMETERED, Broker, Clock, Ledger, LineDown, Meter
from paperdesk.domain.client import Actor
from paperdesk.domain.position import (
    Adjustment,
    Booked,
    Sighting,
    Verdict,
    is_mass_break,
    judge_position,
    whole_shares,
)
from paperdesk.domain.reports import (
    CommissionReport,
    ExecutionReport,
    PositionReport,
    Reading,
)
from paperdesk.domain.views import AcceptedPosition, Lock
from paperdesk.domain.vocabulary import AccountId, ConId, ExecId, PositionBreaks, Symbol
from paperdesk.errors import LedgerUnavailable

AUDIT_SECONDS: Final = 60.0
LOOK_AGAIN_SECONDS: Final = 10.0  # while a break stands: three reads in thirty seconds
EXECUTIONS_SECONDS: Final = 3600.0
COMMISSION_AFTER: Final = timedelta(seconds=60)  # then it is asked for
COMMISSION_WITHIN: Final = timedelta(minutes=5)  # and then only once an hour, as all are
SOON_SECONDS: Final = 0.1
RETRY_SECONDS: Final = 1.0
DUE_SECONDS: Final = 0.01  # a timer may ring a hair too early
WHOLE_ACCOUNT: Final = Symbol("*")
PUSHED: Final = "the broker has just shown another position: it is being looked into"
FIRST_READ: Final = "opening position"
OUTSIDE: Final = "traded elsewhere in the account"
UNEXPLAINED: Final = "the broker's position, which nothing explains"
ACCEPTED: Final = "accepted by a person"

_log = structlog.get_logger("paperdesk.auditor")


def is_tradable(report: PositionReport) -> bool:
    """Tell whether a holding is a USD stock or ETF: all that is traded here."""
    return report.sec_type == "STK" and report.currency == "USD"


@dataclass(frozen=True, slots=True)
class _Held:
    """What the broker holds of one contract."""

    symbol: Symbol
    quantity: int


_Books = Mapping[ConId, Booked]


class Auditor:
    """Keeps the books of one gateway's accounts in step with the broker's."""

    def __init__(
        self,
        broker: Broker,
        *,
        ledger: Ledger,
        clock: Clock,
        feed: Feed,
        policy: PositionBreaks,
        caught_up: Callable[[], Awaitable[None]],
        meter: Meter = UNMETERED,
    ) -> None:
        self._broker = broker
        self._meter = meter
        self._ledger = ledger
        self._clock = clock
        self._feed = feed
        self._policy = policy
        self._caught_up = caught_up
        self._seen: dict[AccountId, dict[ConId, Sighting]] = defaultdict(dict)
        self._disputed: dict[AccountId, dict[ConId, str]] = defaultdict(dict)
        self._warned: dict[AccountId, dict[ConId, str]] = defaultdict(dict)
        self._held: dict[AccountId, dict[ConId, _Held]] = {}  # of the last whole reading
        self._told: dict[AccountId, dict[ConId, _Held]] = {}  # that, and what was pushed since
        self._pushed: dict[AccountId, dict[ConId, _Held]] = defaultdict(dict)
        self._wake = asyncio.Event()
        self._is_asking = False
        self.audited_at: float | None = None  # the last whole comparison, on the loop's clock
        self._executions_at = -EXECUTIONS_SECONDS
        self._uncharged: dict[ExecId, datetime] = {}  # executions without a commission, so far
        self._lock = asyncio.Lock()

    def disputed(self, account: AccountId) -> Mapping[ConId, str]:
        """Return the contracts whose position is being looked into, and why.

        So is one that was pushed a moment ago: somebody may have traded it elsewhere.
        """
        pushed = dict.fromkeys(self._pushed.get(account, {}), PUSHED)
        return pushed | self._disputed[account]

    def warned(self, account: AccountId) -> Mapping[ConId, str]:
        """Return the contracts that trade on though the broker's position is another."""
        return self._warned[account]

    def pushed(self, report: PositionReport) -> None:
        """Take a pushed position: where the books have another, it is time to look."""
        if self._is_asking or self._broker.line is None or not is_tradable(report):
            return  # it is an answer, which is judged whole
        known = self._told.get(report.account, {})
        quantity = whole_shares(report.quantity)
        if quantity != _shares(known, report.conid):
            held = _Held(Symbol(report.symbol), quantity)
            self._pushed[report.account][report.conid] = held
            self._wake.set()

    def charged(self, report: ExecutionReport | CommissionReport) -> None:
        """Take note of an execution, whose commission is due, or of a commission."""
        if isinstance(report, ExecutionReport):
            self._uncharged.setdefault(report.execution.exec_id, self._clock.now())
        elif report.commission is not None:
            self._uncharged.pop(report.exec_id, None)

    async def run(self) -> None:
        """Compare for as long as the service runs."""
        while True:
            pause = LOOK_AGAIN_SECONDS if self._broker.line is None else self._due_in()
            is_pushed = await wait_set(self._wake, min(pause, LOOK_AGAIN_SECONDS))
            pushed = {account: dict(held) for account, held in self._pushed.items()}
            try:
                if self._broker.line is not None and (
                    not self._due_in() or (is_pushed and await self._is_news(pushed))
                ):
                    await self.audit()
                self._put_aside(pushed)
            except (LineDown, LedgerUnavailable) as error:
                _log.warning("audit.failed", gateway=self._broker.name, reason=str(error))
                self._wake.set()  # what was pushed has not been looked into
                await asyncio.sleep(RETRY_SECONDS)

    def _due_in(self) -> float:
        """Return in how many seconds to compare again, by what the last time showed."""
        age = asyncio.get_running_loop().time() - (self.audited_at or 0.0)
        every = LOOK_AGAIN_SECONDS if any(self._seen.values()) else AUDIT_SECONDS
        left = every - age
        return left if left > DUE_SECONDS else 0.0

    async def _is_news(self, pushed: Mapping[AccountId, Mapping[ConId, _Held]]) -> bool:
        """Tell whether a pushed position is no fill of ours, which comes at the same time."""
        await self._caught_up()
        if not await self._differs(pushed):
            return False
        await asyncio.sleep(SOON_SECONDS)
        await self._caught_up()
        return await self._differs(pushed)

    def _put_aside(self, pushed: Mapping[AccountId, Mapping[ConId, _Held]]) -> None:
        """Forget pushes that were looked into, unless newer ones came."""
        for account, held in pushed.items():
            for conid, seen in held.items():
                if self._pushed[account].get(conid) is seen:
                    del self._pushed[account][conid]
                    self._told.setdefault(account, {})[conid] = seen
        self._feed.publish(pushed)

    async def _differs(self, pushed: Mapping[AccountId, Mapping[ConId, _Held]]) -> bool:
        """Tell whether a pushed position is another than the books have by now."""
        for account, held in pushed.items():
            ours = await self._ledger.positions(account)
            for conid, broker in held.items():
                if broker.quantity != (ours[conid][1] if conid in ours else 0):
                    return True
        return False

    async def audit(self) -> None:
        """Read positions, and executions where needed, to their end; judge every contract.

        Raises LineDown and LedgerUnavailable.
        """
        now = asyncio.get_running_loop().time
        async with self._lock:
            reading = await self._read(self._broker.read_positions)
            books = await self._books()
            if (
                now() - self._executions_at >= EXECUTIONS_SECONDS
                or self._misses_commissions()
                or any(_breaks(account, books[account], reading) for account in books)
            ):
                reading = await self._read(self._broker.read_holdings)
                books = await self._books()
                self._executions_at = now()
            for account, booked in books.items():
                await self._judge(account, booked, reading)
            self.audited_at = now()

    async def _books(self) -> dict[AccountId, _Books | None]:
        """Return what the books of each account say that the gateway names."""
        return {account: await self._ledger.booked(account) for account in self._broker.named}

    async def _read(self, read: Callable[[], Awaitable[Reading]]) -> Reading:
        """Return what is told, once the books have it too."""
        self._is_asking = True  # what is told now is the answer, not a push
        try:
            reading = await read()
        finally:
            self._is_asking = False
        await self._caught_up()
        return reading

    def _misses_commissions(self) -> bool:
        """Tell whether an execution has waited too long for its commission."""
        now = self._clock.now()
        self._uncharged = {
            exec_id: at
            for exec_id, at in self._uncharged.items()
            if at > now - COMMISSION_WITHIN
        }
        return any(at <= now - COMMISSION_AFTER for at in self._uncharged.values())

    async def accept(
        self, account: AccountId, symbol: Symbol | None, by: Actor
    ) -> tuple[AcceptedPosition, ...]:
        """Take the broker's position of a symbol, or of all, for the truth: a person said so.

        Raises LineDown and LedgerUnavailable.
        """
        asked_at = self._clock.now()
        await self.audit()
        if account not in self._broker.named:
            raise LineDown(self._broker.reason(account) or "the gateway does not name it")
        books, held = await self._ledger.booked(account) or {}, self._held[account]
        now = self._clock.now()
        changes = [
            change
            for change in _changes(books, held, ACCEPTED, now)
            if symbol in {None, change.symbol}
            and not _booked(change.conid, books, held).is_newer_than(asked_at)
        ]
        locks = await self._ledger.locks(account)
        meant = {change.conid for change in changes}
        cleared = {
            conid
            for conid, lock in locks.items()
            if symbol in {None, lock.symbol} or conid in meant
        }
        if changes:
            await self._ledger.adopt(account, changes, now, by)
        named = {c for of in (books, held) for c in of if symbol in {None, of[c].symbol}}
        await self._ledger.unlock(account, cleared | named, now, breaks_only=False, by=by)
        for change in changes:
            self._forget(account, change.conid)
        self._feed.publish([account])
        return (
            *(AcceptedPosition(c.symbol, c.ours, c.broker) for c in changes),
            # Both figures were the same, be they of nothing at all any more.
            *(
                AcceptedPosition(locks[conid].symbol, shares, shares)
                for conid in cleared - meant
                if conid is not None
                for shares in [books[conid].quantity if conid in books else 0]
            ),
        )

    # -- judging ---------------------------------------------------------------------------
    async def _judge(self, account: AccountId, books: _Books | None, reading: Reading) -> None:
        held = _held(account, reading)
        self._held[account], self._told[account] = held, dict(held)
        if books is None:
            await self._open(account, held, reading.begun_at)
            return
        verdicts = {
            conid: self._verdict(account, conid, books, held, reading.begun_at)
            for conid in sorted({*books, *held})
        }
        await self._lock_account(account, verdicts, books, held)
        await self._carry_out(account, verdicts, books, held, reading.begun_at)
        self._feed.publish([account])

    async def _open(
        self, account: AccountId, held: Mapping[ConId, _Held], begun_at: datetime
    ) -> None:
        """Take the first complete read of an account for its opening position."""
        changes = _changes({}, held, FIRST_READ, begun_at)
        nothing = Adjustment(ConId(0), WHOLE_ACCOUNT, 0, 0, FIRST_READ, begun_at)
        await self._ledger.adopt(account, changes or [nothing], begun_at)
        await self._ledger.agree(account, _symbols(changes), begun_at)
        _log.info("positions.opened", account=account, contracts=len(changes))

    def _verdict(
        self,
        account: AccountId,
        conid: ConId,
        books: _Books,
        held: Mapping[ConId, _Held],
        begun_at: datetime,
    ) -> Verdict:
        verdict, sighting = judge_position(
            _booked(conid, books, held),
            _shares(held, conid),
            begun_at=begun_at,
            seen=self._seen[account].get(conid),
            policy=self._policy,
        )
        if sighting is None:
            self._forget(account, conid)
        else:
            if conid not in self._seen[account]:
                self._meter.break_found()
            self._seen[account][conid] = sighting
        return verdict

    async def _lock_account(
        self,
        account: AccountId,
        verdicts: dict[ConId, Verdict],
        books: _Books,
        held: Mapping[ConId, _Held],
    ) -> None:
        """Lock the whole account where so much changed at once that nothing can be believed."""
        broken = {
            conid
            for conid, verdict in verdicts.items()
            if verdict in {Verdict.DISPUTED, Verdict.ADOPT, Verdict.WARN, Verdict.LOCK}
        }
        positions = {c for c, entry in books.items() if entry.quantity}
        positions |= {c for c, holding in held.items() if holding.quantity}
        locks = await self._ledger.locks(account)
        is_locked = None in locks and locks[None].is_break
        if is_locked and not broken:
            now = self._clock.now()
            await self._ledger.unlock(account, {None}, now, breaks_only=True)
        if not is_locked and not is_mass_break(len(broken), len(positions)):
            return
        for conid in broken:
            verdicts[conid] = Verdict.WARN  # nothing is adopted from such a read
        if not is_locked and broken:
            words = (
                f"{len(broken)} of {len(positions)} positions changed at once: was the account "
                "reset? Look at it, then accept its positions"
            )
            lock = Lock(WHOLE_ACCOUNT, words, self._clock.now(), is_break=True)
            await self._ledger.lock(account, None, lock)
            _log.error("account.locked", account=account, reason=words)

    async def _carry_out(
        self,
        account: AccountId,
        verdicts: Mapping[ConId, Verdict],
        books: _Books,
        held: Mapping[ConId, _Held],
        begun_at: datetime,
    ) -> None:
        await self._agree(account, verdicts, books, begun_at)
        changes: list[Adjustment] = []
        disputed: dict[ConId, str] = {}
        warned: dict[ConId, str] = {}
        for conid, verdict in verdicts.items():
            entry = _booked(conid, books, held)
            ours, broker = entry.quantity, _shares(held, conid)
            words = f"the broker's position is {broker}, ours is {ours}"
            of = {"account": account, "conid": conid, "symbol": entry.symbol}
            if verdict is Verdict.OUTSIDE:
                after = ours + entry.outside
                changes.append(Adjustment(conid, entry.symbol, ours, after, OUTSIDE, begun_at))
            elif verdict is Verdict.ADOPT:
                changes.append(
                    Adjustment(conid, entry.symbol, ours, broker, UNEXPLAINED, begun_at)
                )
                self._forget(account, conid)
            elif verdict is Verdict.DISPUTED:
                disputed[conid] = f"{words}: it is being looked into"
            elif verdict is Verdict.UNSAID and conid in self._warned[account]:
                warned[conid] = self._warned[account][conid]
            elif verdict is Verdict.WARN:
                warned[conid] = f"{words}: the symbol is locked if it stays so"
                _log.warning("position.break", **of, why=words)
            elif verdict is Verdict.LOCK:
                since = self._seen[account][conid].since
                lock = Lock(entry.symbol, words, self._clock.now(), ours, broker, is_break=True)
                await self._ledger.lock(account, conid, lock)
                _log.error("position.locked", **of, why=words, since=since)
        self._disputed[account], self._warned[account] = disputed, warned
        await self._adopt(account, changes, held, begun_at)

    async def _agree(
        self,
        account: AccountId,
        verdicts: Mapping[ConId, Verdict],
        books: _Books,
        begun_at: datetime,
    ) -> None:
        """Note the agreement, where it is news; the lock of a break clears itself."""
        agreed = {conid for conid, verdict in verdicts.items() if verdict is Verdict.AGREES}
        new = {c: books[c].symbol for c in agreed if c in books and not books[c].is_agreed}
        if new:
            await self._ledger.agree(account, new, begun_at)
        locked = {c for c in await self._ledger.locks(account) if c is not None}
        # Only the broker had these, and has them no more.
        gone = {*self._seen[account], *locked} - verdicts.keys()
        for conid in gone:
            self._forget(account, conid)
        if locked & (agreed | gone):
            now = self._clock.now()
            await self._ledger.unlock(account, agreed | gone, now, breaks_only=True)

    async def _adopt(
        self,
        account: AccountId,
        changes: list[Adjustment],
        held: Mapping[ConId, _Held],
        begun_at: datetime,
    ) -> None:
        """Change the books; both figures agree only where no rest is left unexplained."""
        if not changes:
            return
        await self._ledger.adopt(account, changes, self._clock.now())
        agreed = [c for c in changes if c.broker == _shares(held, c.conid)]
        await self._ledger.agree(account, _symbols(agreed), begun_at)
        for change in changes:
            _log.info(
                "position.adopted",
                account=account,
                conid=change.conid,
                symbol=change.symbol,
                ours=change.ours,
                broker=change.broker,
                why=change.why,
            )

    def _forget(self, account: AccountId, conid: ConId) -> None:
        self._seen[account].pop(conid, None)
        self._disputed[account].pop(conid, None)
        self._warned[account].pop(conid, None)


def _held(account: AccountId, reading: Reading) -> dict[ConId, _Held]:
    return {
        report.conid: _Held(Symbol(report.symbol), whole_shares(report.quantity))
        for report in reading.positions
        if report.account == account and is_tradable(report)
    }


def _breaks(account: AccountId, books: _Books | None, reading: Reading) -> bool:
    """Tell whether a position may be another than the books have, or there are no books yet."""
    if books is None:
        return True
    held = _held(account, reading)
    entries = {conid: _booked(conid, books, held) for conid in {*books, *held}}
    return any(
        entry.quantity != _shares(held, conid) and not entry.is_newer_than(reading.begun_at)
        for conid, entry in entries.items()
    )


def _shares(held: Mapping[ConId, _Held], conid: ConId) -> int:
    return held[conid].quantity if conid in held else 0


def _booked(conid: ConId, books: _Books, held: Mapping[ConId, _Held]) -> Booked:
    """Return what the books say, which may be nothing of what the broker holds."""
    return books[conid] if conid in books else Booked(held[conid].symbol)


def _symbols(changes: Iterable[Adjustment]) -> dict[ConId, Symbol]:
    return {change.conid: change.symbol for change in changes}


def _changes(
    books: _Books,
    held: Mapping[ConId, _Held],
    why: str,
    at: datetime,
) -> list[Adjustment]:
    """Return what makes the books equal to the broker's."""
    changes = []
    for conid in sorted({*books, *held}):
        entry = _booked(conid, books, held)
        broker = _shares(held, conid)
        if entry.quantity != broker:
            changes.append(Adjustment(conid, entry.symbol, entry.quantity, broker, why, at))
    return changes

"""What a batch would do, without doing it.

Owns: Previewer, and the reference price of an order. Finds and caches contracts as a batch
does; sends and stores no order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from paperdesk.desk.lane import Lane
from paperdesk.desk.lookup import Lookup
from paperdesk.desk.ports import Clock, Ledger, LineDown, Quote
from paperdesk.domain import planning
from paperdesk.domain.batch import ErrorCode, Outcome, Refusal, Row, Target
from paperdesk.domain.contract import Contract
from paperdesk.domain.planning import Decision, Goal, intent_of
from paperdesk.domain.views import Preview, PreviewRow
from paperdesk.domain.vocabulary import AccountId, BatchId, ConId, Side
from paperdesk.errors import BrokerUnavailable

QUOTE_AGE_MAX: Final = timedelta(seconds=60)  # contract.md, the reference price
QUOTES_MAX: Final = 5_000
_UNSENT: Final = BatchId("preview")


@dataclass(frozen=True, slots=True)
class _Quoted:
    quote: Quote
    at: datetime


class Previewer:
    """Plans without writing, and prices what it planned."""

    def __init__(self, lookup: Lookup, *, ledger: Ledger, clock: Clock) -> None:
        self._lookup = lookup
        self._ledger = ledger
        self._clock = clock
        self._quotes: dict[tuple[str, ConId], _Quoted] = {}

    async def preview(
        self, lane: Lane, account: AccountId, targets: Sequence[Target]
    ) -> Preview:
        """Return what would be sent now. Raises BrokerUnavailable where the line is lost."""
        try:
            found = await self._find_all(lane, targets)
            decisions = await self._decide(account, targets, found)
            prices = await self._prices(lane, account, list(decisions.values()))
        except LineDown as error:
            raise BrokerUnavailable(
                f"the broker session was lost ({error}): ask again", retry_after_seconds=5
            ) from error
        rows = tuple(
            self._row(seq, target, found[seq], decisions.get(seq), account=account)
            for seq, target in enumerate(targets)
        )
        return Preview(
            account_id=account,
            rows=tuple(_priced(row, prices.get(row.seq)) for row in rows),
            estimated_send_seconds=_send_seconds(lane, rows),
        )

    async def _find_all(
        self, lane: Lane, targets: Sequence[Target]
    ) -> list[Contract | Refusal]:
        known = await self._lookup.cached({target.symbol for target in targets})

        async def find(target: Target) -> Contract | Refusal:
            return known.get(target.symbol) or await self._lookup.find(target.symbol, lane)

        return list(await asyncio.gather(*(find(target) for target in targets)))

    async def _decide(
        self,
        account: AccountId,
        targets: Sequence[Target],
        found: Sequence[Contract | Refusal],
    ) -> Mapping[int, Decision]:
        goals = [
            Goal(seq, contract, target)
            for seq, (target, contract) in enumerate(zip(targets, found, strict=True))
            if isinstance(contract, Contract)
        ]
        plan = await self._ledger.preview(account, goals, planning.plan)
        return {decision.goal.seq: decision for decision in plan.decisions}

    def _row(
        self,
        seq: int,
        target: Target,
        found: Contract | Refusal,
        decision: Decision | None,
        *,
        account: AccountId,
    ) -> Row:
        if isinstance(found, Refusal):
            return Row(seq, target, Outcome.ERROR, error=found.words, error_code=found.code)
        assert decision is not None
        refusal = decision.refusal
        if decision.waits_for is not None:
            refusal = Refusal(ErrorCode.LOCKED, f"it would wait: {decision.waits_for}")
        outcome = Outcome.NO_CHANGE if refusal is None else Outcome.ERROR
        order = None
        if decision.draft is not None:
            outcome = Outcome.ORDERED
            order = intent_of(decision, _UNSENT, account, at=self._clock.now())
        return Row(
            seq=seq,
            target=target,
            outcome=outcome,
            conid=found.conid,
            current_pos=decision.current_pos,
            working_qty=decision.working_qty,
            delta=decision.delta,
            order=order,
            error=None if refusal is None else refusal.words,
            error_code=None if refusal is None else refusal.code,
            warnings=decision.warnings,
        )

    # -- reference price -------------------------------------------------------------------
    async def _prices(
        self, lane: Lane, account: AccountId, decisions: Sequence[Decision]
    ) -> Mapping[int, Decimal]:
        drafted = [decision for decision in decisions if decision.draft is not None]
        found = await asyncio.gather(
            *(self._reference(lane, account, decision) for decision in drafted)
        )
        return {
            decision.goal.seq: price
            for decision, price in zip(drafted, found, strict=True)
            if price is not None
        }

    async def _reference(
        self, lane: Lane, account: AccountId, decision: Decision
    ) -> Decimal | None:
        """Return limit price, expected price, fresh quote or portfolio price: the first known."""
        assert decision.draft is not None
        given = decision.draft.terms.limit_price or decision.goal.target.expected_price
        if given is not None:
            return given
        contract = decision.goal.contract
        quote = await self._quote(lane, contract)
        quoted = None if quote is None else price_for(quote, decision.draft.side)
        if quoted is not None:
            return quoted
        held = lane.broker.portfolio(account).get(contract.conid)
        return None if held is None else held.market_price

    async def _quote(self, lane: Lane, contract: Contract) -> Quote | None:
        key = (lane.broker.name, contract.conid)
        kept, now = self._quotes.get(key), self._clock.now()
        if kept is not None and now - kept.at <= QUOTE_AGE_MAX:
            return kept.quote
        quote = await lane.sender.query(lambda: lane.broker.quote(contract))
        if quote is not None:
            if len(self._quotes) >= QUOTES_MAX:
                self._quotes.clear()
            self._quotes[key] = _Quoted(quote, now)
        return quote


def price_for(quote: Quote, side: Side) -> Decimal | None:
    """Return at which price a market order would trade: the far side, else the last."""
    far = quote.ask if side is Side.BUY else quote.bid
    return far if far is not None else quote.last


def _priced(row: Row, price: Decimal | None) -> PreviewRow:
    notional = None
    if price is not None and row.order is not None:
        notional = price * row.order.quantity
    return PreviewRow(row, price, notional)


def _send_seconds(lane: Lane, rows: Sequence[Row]) -> Decimal:
    frames = lane.sender.backlog + sum(row.order is not None for row in rows)
    return (Decimal(frames) / lane.pacer.per_second).quantize(Decimal("0.001"))

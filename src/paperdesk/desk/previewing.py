"""What a batch would do, without doing it.

Owns: Previewer, and the reference price of an order: its limit, its expected price, or what the
contract trades at. Finds and caches contracts as a batch does; sends and stores no order.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Final

from paperdesk.desk.lane import Lane
from paperdesk.desk.lookup import Lookup
from paperdesk.desk.ports import Clock, Ledger, LineDown, Stamp, Submission
from paperdesk.desk.rules import Rulebook
from paperdesk.domain import planning
from paperdesk.domain.batch import Outcome, Refusal, Row, Target
from paperdesk.domain.contract import Contract
from paperdesk.domain.planning import Decision, Goal, intent_of
from paperdesk.domain.pricing import Reference
from paperdesk.domain.views import Preview, PreviewRow
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName
from paperdesk.errors import BrokerUnavailable, TooManyRequests

QUESTIONS_MAX: Final = 1_000  # as many as one preview may have symbols
_UNSENT: Final = BatchId("preview")


class Previewer:
    """Plans without writing, and prices what it planned."""

    def __init__(
        self,
        lookup: Lookup,
        rulebook: Rulebook,
        *,
        ledger: Ledger,
        clock: Clock,
    ) -> None:
        self._lookup = lookup
        self._rulebook = rulebook
        self._ledger = ledger
        self._clock = clock
        self._asked: Counter[Lane] = Counter()  # questions of previews under way

    async def preview(
        self, lane: Lane, client: ClientName, submission: Submission
    ) -> tuple[Preview, Stamp]:
        """Return what would be sent now, and what that was computed from.

        Raises BrokerUnavailable where the line is lost, TooManyRequests where too much is asked.
        """
        account = submission.account
        unlisted = await self._ledger.unlisted(client, submission)
        targets = (*submission.targets, *unlisted.targets)
        stamp = await self._ledger.stamp(account, [target.symbol for target in targets])
        try:
            found = await self._find_all(lane, targets)
            decisions = await self._decide(lane, client, submission, targets, found)
            prices = await self._price(lane, account, decisions.values())
        except LineDown as error:
            raise BrokerUnavailable(
                f"the broker session was lost ({error}): ask again", retry_after_seconds=5
            ) from error
        rows = tuple(
            self._row(seq, target, found[seq], decisions.get(seq), account=account)
            for seq, target in enumerate(targets)
        )
        rows = tuple(
            replace(row, is_unlisted=row.seq >= len(submission.targets)) for row in rows
        )
        shown = Preview(
            account_id=account,
            rows=tuple(_priced(row, prices.get(row.seq)) for row in rows),
            estimated_send_seconds=_send_seconds(lane, rows),
            warnings=unlisted.warnings,
        )
        return shown, stamp

    async def _find_all(
        self, lane: Lane, targets: Sequence[Target]
    ) -> list[Contract | Refusal]:
        known = await self._lookup.cached({target.symbol for target in targets})

        async def find(target: Target) -> Contract | Refusal:
            return known.get(target.symbol) or await self._lookup.find(target.symbol, lane)

        unknown = {target.symbol for target in targets} - known.keys()
        with self._asking(lane, len(unknown)):
            return list(await asyncio.gather(*(find(target) for target in targets)))

    @contextmanager
    def _asking(self, lane: Lane, questions: int) -> Iterator[None]:
        """Refuse a preview whose questions would keep those of orders waiting for long.

        Those of a preview that was given up wait on: so both are looked at.
        """
        waiting = max(lane.pacer.queries_waiting, self._asked[lane])
        if questions and waiting + questions > QUESTIONS_MAX:
            raise TooManyRequests(
                f"{waiting:,} questions to the gateway wait already: send the preview again later",
                retry_after_seconds=max(1, int(waiting / lane.pacer.per_second)),
            )
        self._asked[lane] += questions
        try:
            yield
        finally:
            self._asked[lane] -= questions

    async def _decide(
        self,
        lane: Lane,
        client: ClientName,
        submission: Submission,
        targets: Sequence[Target],
        found: Sequence[Contract | Refusal],
    ) -> Mapping[int, Decision]:
        account, at = submission.account, self._clock.now()
        contracts = [contract for contract in found if isinstance(contract, Contract)]
        rules = await self._rulebook.rules(lane, account)
        prices = await self._rulebook.references(lane, account, contracts)
        goals = [
            Goal(
                seq,
                contract,
                target,
                send_before=at,
                client=client,
                reference=prices.get(contract.conid, Reference()),
            )
            for seq, (target, contract) in enumerate(zip(targets, found, strict=True))
            if isinstance(contract, Contract)
        ]
        plan = await self._ledger.preview(
            account,
            goals,
            lambda wanted, situation: planning.plan(wanted, situation, rules),
            at,
            whole_account=self._rulebook.looks_at_all(account),
        )
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
        outcome = Outcome.NO_CHANGE if refusal is None else Outcome.ERROR
        if decision.waits_for is not None:
            outcome = Outcome.PENDING
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
            warnings=(
                *decision.warnings,
                *(f"waits: {why}" for why in [decision.waits_for] if why),
            ),
            foreign_qty=decision.foreign_qty,
            kept=decision.keeps,
        )

    async def _price(
        self, lane: Lane, account: AccountId, decisions: Iterable[Decision]
    ) -> Mapping[int, Decimal]:
        """Return the known reference prices of the orders, by seq."""
        drafted = [(d, d.draft) for d in decisions if d.draft is not None]
        given = {
            decision.goal.seq: draft.terms.limit_price or decision.goal.target.expected_price
            for decision, draft in drafted
        }
        market = await self._rulebook.prices.references(
            lane,
            account,
            [d.goal.contract for d, _ in drafted if given[d.goal.seq] is None],
        )
        found = {}
        for decision, draft in drafted:
            seq, conid = decision.goal.seq, decision.goal.contract.conid
            price = given[seq]
            if price is None:
                price = market[conid].of(draft.side)
            if price is not None:
                found[seq] = price
        return found


def _priced(row: Row, price: Decimal | None) -> PreviewRow:
    notional = None
    if price is not None and row.order is not None:
        notional = price * row.order.quantity
    return PreviewRow(row, price, notional)


def _send_seconds(lane: Lane, rows: Sequence[Row]) -> Decimal:
    frames = lane.sender.backlog + sum(row.order is not None for row in rows)
    return (Decimal(frames) / lane.pacer.per_second).quantize(Decimal("0.001"))

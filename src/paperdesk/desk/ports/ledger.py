"""The durable record, as the desk needs it.

Owns: the protocol Ledger. Nothing but its implementation touches a database.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from paperdesk.desk.ports.entries import (
    Claim,
    Decide,
    EventFilter,
    EventPage,
    ExecutionFilter,
    JudgeClaim,
    KeyRecord,
    Learned,
    Line,
    NewBatch,
    OpenBatch,
    Page,
    Progress,
    SlippageFilter,
    Stamp,
    Stopped,
    Submission,
    Unlisted,
)
from paperdesk.domain.batch import Batch, BatchHead, Refusal, Resolution
from paperdesk.domain.client import SERVICE, Actor
from paperdesk.domain.contract import Contract
from paperdesk.domain.execution import BookedExecution
from paperdesk.domain.halt import Halt
from paperdesk.domain.order import Order, OrderEvent, OrderState
from paperdesk.domain.planning import Goal, Plan
from paperdesk.domain.position import Adjustment, Booked
from paperdesk.domain.reports import Recorded
from paperdesk.domain.slippage import Slipped, Totals
from paperdesk.domain.views import (
    Day,
    EquityPoint,
    Finding,
    Lock,
    OrderEvidence,
    Positions,
    TargetView,
)
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ClientName,
    ConId,
    OrderId,
    OrderRef,
    Symbol,
)


class Ledger(Protocol):
    """The durable record, and the truth. Each method is one transaction.

    Every method raises LedgerUnavailable where the database cannot be read or written; then
    nothing of the call is stored. What a person or a program changes is written into the audit
    trail in the same transaction; `by` says who.
    """

    async def close(self) -> None:
        """Release the ledger to its next owner."""

    async def check_writable(self) -> None:
        """Return where a write would succeed now, and every earlier one is decided."""

    def guard(self, accounts: Sequence[AccountId], after: timedelta) -> None:
        """Halt these accounts once nothing could be written for so long.

        From now on. The halts are the first thing that is written when it can be again, in the
        same commit as whatever is.
        """

    async def mend(self) -> Sequence[Stopped]:
        """Write something where the last write or a question failed.

        So a loss is known soon, and ends as soon as it can.

        Returns what was halted after a loss since this was asked last.
        """

    # -- T0: accepting ---------------------------------------------------------------------
    async def accept(self, new: NewBatch) -> Batch:
        """Store batch, targets and key in one commit; return the batch as accepted.

        Rows that cannot be applied have ended already: stale or past their time. Raises
        PreviewStale where what was expected no longer holds, OutcomeUnknown where the commit
        could not be read back.
        """

    async def key_record(self, client: ClientName, key: str) -> KeyRecord | None:
        """Return what `client` used `key` for, None where it did not."""

    async def remember_answer(self, batch_id: BatchId, answer: bytes) -> None:
        """Store the first answer to the batch's key. A later one changes nothing."""

    # -- T1: planning ----------------------------------------------------------------------
    async def plan(
        self,
        batch_id: BatchId,
        goals: Sequence[Goal],
        decide: Decide,
        at: datetime,
        *,
        whole_account: bool = False,
    ) -> Plan:
        """Decide on goals whose row is still pending, and write intents and rows.

        A row that a newer target overtook ends here. An order in the way is dropped where
        nobody claimed it, else its cancel is asked. Returns what was decided; a decision that
        waits leaves its row pending. `whole_account`: limits look at every position.
        """

    async def preview(
        self,
        account: AccountId,
        goals: Sequence[Goal],
        decide: Decide,
        at: datetime,
        *,
        whole_account: bool = False,
    ) -> Plan:
        """Decide as `plan` would, and write nothing."""

    async def unlisted(self, client: ClientName, submission: Submission) -> Unlisted:
        """Return what a submission that closes the unlisted would add, and warn of."""

    async def stamp(self, account: AccountId, symbols: Collection[Symbol]) -> Stamp:
        """Return what a preview of these symbols is computed from."""

    async def refuse(self, batch_id: BatchId, refusals: Mapping[int, Refusal]) -> None:
        """End rows (by seq) that are still pending, and intents of theirs not yet claimed."""

    async def warn(self, batch_id: BatchId, seqs: Collection[int], warning: str) -> None:
        """Add a warning to rows."""

    # -- T2: claiming ----------------------------------------------------------------------
    async def claim(
        self, claims: Sequence[Claim], line: Line, judge: JudgeClaim, at: datetime
    ) -> list[Order]:
        """Claim intents for sending; return those won, in the order given.

        `line.day_ends_at` becomes the end of a DAY order's time. The same claim again returns
        what it won, for a caller that does not know whether the first was stored.

        Not won: one that is no longer planned, that is too late or belongs to another owner's
        epoch; one that serves no newest target, or that `judge` refuses, ends here.
        """

    async def not_sent(self, why: Mapping[OrderRef, str], at: datetime) -> None:
        """Record of claimed intents that no byte was handed to a live connection, and why."""

    # -- T3: learning ----------------------------------------------------------------------
    async def learn(self, messages: Sequence[Recorded]) -> Learned:
        """Append the messages that are news and fold what they report, in one commit."""

    async def lost(
        self, accounts: Collection[AccountId], since: datetime | None, at: datetime
    ) -> Learned:
        """Mark orders as unknown that were sent by `since`, or ever, and had no answer at all."""

    # -- cancelling and halting ------------------------------------------------------------
    async def ask_cancel(
        self, batch_id: BatchId, at: datetime, by: Actor = SERVICE
    ) -> list[Order]:
        """Withdraw a batch's targets; drop what is unsent; return orders to cancel.

        An order of the batch that a newer batch keeps is left alone; one of an older batch
        that this batch keeps is cancelled.
        """

    async def cancels_asked(self, accounts: Collection[AccountId]) -> list[Order]:
        """Return orders that still may trade and whose cancel was asked."""

    async def halt(self, halt: Halt, *, cancel_working: bool, by: Actor = SERVICE) -> Stopped:
        """Store a halt; what it stops and is not sent ends in the same commit."""

    async def flatten(self, halt: Halt, by: Actor) -> Stopped:
        """Store a halt in the place of the account's own halts; end its orders, unsent ones too.

        A market order towards zero goes on. The cancels of the others are asked in the same
        commit.
        """

    async def resume(
        self,
        account: AccountId | None,
        by: Actor,
        reason: str,
        at: datetime,
        *,
        reduce_only: bool = False,
    ) -> None:
        """Lift the halts of an account, or the one of all accounts.

        With `reduce_only` one that lets only reducing orders leave stands in their place, from
        the same commit on.
        """

    async def halts(self) -> list[Halt]:
        """Return the halts that stand."""

    # -- resolving -------------------------------------------------------------------------
    async def in_doubt(self, accounts: Collection[AccountId], at: datetime) -> list[Order]:
        """Return orders that are unknown, or ended with executions missing."""

    async def note(self, findings: Mapping[OrderRef, Finding]) -> None:
        """Keep what a step of resolving showed."""

    async def fence(self, ref: OrderRef, at: datetime) -> Order:
        """Write down that an order's cancel is about to leave; return the order."""

    async def conclude(
        self,
        ref: OrderRef,
        event: OrderEvent,
        words: str,
        at: datetime,
        *,
        expected: OrderState,
    ) -> Order:
        """Move an order on by what was found out, with the words for its row.

        Nothing is changed where it is no longer in the state of which that was found out.
        Returns the order as it is then.
        """

    async def resolve(
        self, batch_id: BatchId, resolution: Resolution, by: Actor, at: datetime
    ) -> None:
        """Record what a person says of an unknown order. Raises BadRequest."""

    async def evidence(self, batch_id: BatchId) -> tuple[OrderEvidence, ...]:
        """Return how each order of a batch was resolved."""

    # -- positions and breaks --------------------------------------------------------------
    async def positions(self, account: AccountId) -> dict[ConId, tuple[Symbol, int]]:
        """Return opening position plus own executions, by conid, zeros included."""

    async def booked(self, account: AccountId) -> dict[ConId, Booked] | None:
        """Return per contract what the books say; None where they were never opened."""

    async def adopt(
        self,
        account: AccountId,
        changes: Sequence[Adjustment],
        at: datetime,
        by: Actor = SERVICE,
    ) -> None:
        """Change opening positions, each with its reason; the broker's figure is agreed.

        Executions of orders placed elsewhere on these contracts count as part of them.
        """

    async def agree(
        self, account: AccountId, contracts: Mapping[ConId, Symbol], at: datetime
    ) -> None:
        """Note that a complete read, begun at `at`, showed the same figures, 0 included."""

    async def lock(self, account: AccountId, conid: ConId | None, lock: Lock) -> None:
        """Keep a contract, or the account, from being traded; once while a lock stands."""

    async def unlock(
        self,
        account: AccountId,
        conids: Collection[ConId | None],
        at: datetime,
        *,
        breaks_only: bool,
        by: Actor = SERVICE,
    ) -> None:
        """Clear locks; with `breaks_only` those that clear themselves.

        Without, a person said so: then no execution is awaited any more of orders on these
        contracts that ended short of what the broker said it filled.
        """

    async def locks(self, account: AccountId) -> dict[ConId | None, Lock]:
        """Return the locks that stand."""

    # -- reading ---------------------------------------------------------------------------
    async def batch(self, batch_id: BatchId) -> Batch | None:
        """Return a batch with the present state of every order."""

    async def progress(self, batch_id: BatchId) -> Progress:
        """Return how far a batch may have come."""

    async def order(self, ref: OrderRef) -> Order:
        """Return an order that exists."""

    async def unsent(self, batch_id: BatchId) -> list[Order]:
        """Return intents of the batch, or that serve it, and that nobody has claimed."""

    async def batches(
        self, accounts: Collection[AccountId], client: ClientName | None, page: Page
    ) -> list[tuple[int, BatchHead]]:
        """Return batches with their listing numbers, newest first."""

    async def open_batches(self) -> list[OpenBatch]:
        """Return batches with a row that is not final, oldest first."""

    async def executions(self, which: ExecutionFilter, page: Page) -> list[BookedExecution]:
        """Return executions, newest first."""

    async def slippage(self, which: SlippageFilter, page: Page) -> tuple[Totals, list[Slipped]]:
        """Return the sums over all orders that match and filled, and a page of these.

        The only question of several transactions: it reads every order that matches.
        """

    async def sample_equity(self, values: Mapping[AccountId, Decimal], at: datetime) -> None:
        """Keep what accounts are worth at a time; one sample a minute is kept."""

    async def equity(self, account: AccountId, since: datetime) -> list[EquityPoint]:
        """Return what an account was worth from a time on, in at most about 1,000 points."""

    async def day(self, account: AccountId, since: datetime) -> Day:
        """Return what became of the account's orders that were sent from a time on."""

    async def working(self, account: AccountId) -> list[Order]:
        """Return the account's orders that may still trade or are unknown."""

    async def targets(self, account: AccountId) -> tuple[TargetView, ...]:
        """Return the newest target of each symbol, by symbol."""

    async def own_refs(
        self, refs: Collection[OrderRef], perm_ids: Collection[int]
    ) -> tuple[set[OrderRef], set[int]]:
        """Return which of these references and perm ids are of orders of ours."""

    async def max_order_id(self, gateway: str, client_id: int) -> OrderId:
        """Return the largest order id ever claimed or seen on a line, 0 for none."""

    async def contracts(self, symbols: Collection[Symbol]) -> dict[Symbol, Contract]:
        """Return the contracts cached under these symbols."""

    async def save_contract(self, symbol: Symbol, contract: Contract, at: datetime) -> None:
        """Cache what a symbol means."""

    async def snapshot(self, account: AccountId) -> Positions | None:
        """Return the account's last stored positions answer."""

    async def save_snapshot(self, positions: Positions) -> None:
        """Store the account's newest positions answer."""

    # -- the stream ------------------------------------------------------------------------
    async def events(self, which: EventFilter, after: int) -> EventPage:
        """Return the next events behind a number; `head` 0 is an empty stream."""

    async def told_connected(self, accounts: Collection[AccountId]) -> set[AccountId]:
        """Return the accounts of which the stream told last that they are connected."""

    async def tell_connection(
        self, account: AccountId, why_down: str | None, at: datetime
    ) -> None:
        """Tell that an account is connected, or why it is not."""

    async def tell_net_liquidation(
        self, account: AccountId, value: Decimal, at: datetime
    ) -> None:
        """Tell what an account is worth."""

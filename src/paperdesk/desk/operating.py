"""What an operator asks of the service.

Owns: Operator: halt and resume, what a person says of positions and of unknown orders, and the
questions about them. Trades nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from paperdesk.crash import crash_point
from paperdesk.desk.feed import Feed
from paperdesk.desk.lane import Lane
from paperdesk.desk.ports import Clock, Ledger, LineDown, Stopped
from paperdesk.desk.waiting import Waiter, ended
from paperdesk.domain.batch import Resolution
from paperdesk.domain.client import Client
from paperdesk.domain.halt import Halt, strictest, strictest_of
from paperdesk.domain.order import Order, OrderState, shown_status
from paperdesk.domain.views import (
    AcceptedPosition,
    HaltedOrder,
    HaltView,
    OrderEvidence,
    Targets,
)
from paperdesk.domain.vocabulary import AccountId, BatchId, HaltMode, Symbol
from paperdesk.errors import BadRequest, BrokerUnavailable, Halted

RETRY_AFTER_SECONDS: Final = 5


class Operator:
    """The use cases of people who run the service."""

    def __init__(
        self,
        lanes: Mapping[AccountId, Lane],
        *,
        ledger: Ledger,
        clock: Clock,
        feed: Feed,
        waiter: Waiter,
        ack_timeout_seconds: float,
    ) -> None:
        self._lanes = lanes
        self._ledger = ledger
        self._clock = clock
        self._feed = feed
        self._waiter = waiter
        self.ack_timeout_seconds: Final = ack_timeout_seconds

    # -- halts -----------------------------------------------------------------------------
    async def standing_halt(self, account: AccountId) -> Halt | None:
        """Return the halt that stops most in the account, None for none."""
        return strictest_of(await self._ledger.halts(), account)

    async def require_not_halted(self, account: AccountId) -> None:
        """Raise Halted where no order at all may leave."""
        halt = await self.standing_halt(account)
        if halt is not None and halt.mode is HaltMode.ALL:
            raise Halted(f"{halt.words}; nothing was stored: resume first")

    async def halt(
        self,
        client: Client,
        account: AccountId | None,
        *,
        mode: HaltMode,
        reason: str,
        cancel_working: bool,
    ) -> HaltView:
        """Stop new orders of an account, or of all; None of them leaves after the answer.

        With `cancel_working` what works is cancelled too, and the broker waited for.
        """
        halt = Halt(account, mode, client.name, self._clock.now(), reason)
        try:
            stopped = await self._ledger.halt(
                halt, cancel_working=cancel_working, by=client.actor
            )
        finally:
            self.watch()  # stored or not: if it is, its cancels must be sent
        crash_point("CP28")
        self.heed(stopped, cancels=cancel_working)
        deadline = asyncio.get_running_loop().time() + self.ack_timeout_seconds
        return await self.outcome(stopped, deadline if cancel_working else None)

    def watch(self) -> None:
        """Let every lane look for cancels that are stored and not sent."""
        for lane in self._lanes.values():
            lane.watch()

    def heed(self, stopped: Stopped, *, cancels: bool) -> None:
        """Queue the cancels that a halt asked for, and wake whoever waits for what it ended."""
        if cancels:
            for order in stopped.working:
                lane = self._lanes.get(order.account)  # none where it left the configuration
                if lane is not None:
                    lane.sender.put_cancel(order)
        orders = [*stopped.dropped, *stopped.working]
        self._feed.publish({key for o in orders for key in (o.batch_id, o.account)})

    async def outcome(self, stopped: Stopped, deadline: float | None) -> HaltView:
        """Return what became of the orders that a halt found, by the deadline or at once."""
        if deadline is not None:
            await asyncio.gather(
                *(
                    self._waiter.when(batch_id, lambda b: b.is_final, deadline, may_be=ended)
                    for batch_id in {order.batch_id for order in stopped.working}
                )
            )
        dropped = await self._orders(stopped.dropped)
        sent = await self._orders(stopped.working)
        return HaltView(
            stopped.halt,
            cancelled=_rows([*dropped, *(o for o in sent if o.state is OrderState.CANCELLED)]),
            still_working=_rows(o for o in sent if not o.is_terminal),
        )

    async def _orders(self, found: Sequence[Order]) -> list[Order]:
        return [await self._ledger.order(order.ref) for order in found]

    async def resume(
        self,
        client: Client,
        account: AccountId | None,
        *,
        reason: str,
        reduce_only: bool = False,
    ) -> Halt | None:
        """Lift the halts of an account, or the one of all; return what still stands there.

        With `reduce_only` that is a halt under which reducing orders leave.
        """
        await self._ledger.resume(
            account, client.actor, reason, self._clock.now(), reduce_only=reduce_only
        )
        self._feed.publish(self._lanes if account is None else [account])
        halts = await self._ledger.halts()
        return strictest(halts) if account is None else strictest_of(halts, account)

    # -- positions and orders --------------------------------------------------------------
    async def accept_position(
        self, client: Client, account: AccountId, symbol: Symbol | None
    ) -> tuple[AcceptedPosition, ...]:
        """Take the broker's position of a symbol, or of all, for the truth.

        Raises BrokerUnavailable, and BadRequest where both figures are the same.
        """
        lane = self._lanes[account]
        try:
            accepted = await lane.auditor.accept(account, symbol, client.actor)
        except LineDown as error:
            raise BrokerUnavailable(
                f"the broker's positions cannot be read ({error}): ask again",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            ) from error
        if symbol is not None and not accepted:
            words = f"the broker's position of {symbol} is the same as ours"
            raise BadRequest.of("symbol", words)
        return accepted

    async def resolve(self, client: Client, batch_id: BatchId, resolution: Resolution) -> None:
        """Record what a person says of an order that stayed unknown. Raises BadRequest."""
        await self._ledger.resolve(batch_id, resolution, client.actor, self._clock.now())
        self._feed.publish([batch_id, *self._lanes])

    async def evidence(self, batch_id: BatchId) -> tuple[OrderEvidence, ...]:
        """Return how each order of a batch was resolved."""
        return await self._ledger.evidence(batch_id)

    async def targets(self, account: AccountId) -> Targets:
        """Return the newest target of every symbol."""
        return Targets(account, await self._ledger.targets(account))


def _rows(orders: Iterable[Order]) -> tuple[HaltedOrder, ...]:
    return tuple(
        HaltedOrder(order.symbol, order.batch_id, order.order_id, shown_status(order))
        for order in orders
    )

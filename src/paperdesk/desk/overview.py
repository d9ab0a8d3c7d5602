"""How the service stands, for whoever opens a page or a terminal.

Owns: Overview: gateways, session and halts, as far as they concern the accounts of who asks. It
asks the gateway nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from paperdesk.desk.lane import Lane
from paperdesk.desk.listening import Tape
from paperdesk.desk.ports import Clock, Ledger
from paperdesk.domain.client import Client
from paperdesk.domain.halt import strictest_of
from paperdesk.domain.hours import SessionHours, reset_until
from paperdesk.domain.views import GatewayView, ServiceView, SessionView
from paperdesk.domain.vocabulary import AccountId


class Overview:
    """Answers how the service stands."""

    def __init__(
        self,
        lanes: Mapping[AccountId, Lane],
        *,
        ledger: Ledger,
        clock: Clock,
        tape: Tape,
    ) -> None:
        self._lanes = lanes
        self._ledger = ledger
        self._clock = clock
        self._tape = tape

    async def read(self, client: Client) -> ServiceView:
        """Return how everything stands that the client's key may see."""
        mine = {a: lane for a, lane in self._lanes.items() if a in client.accounts}
        lanes = list(dict.fromkeys(mine.values()))
        halts = await self._ledger.halts()
        halted = {account: strictest_of(halts, account) for account in mine}
        now = self._clock.now()
        return ServiceView(
            at=now,
            head_id=await self._tape.head(),
            gateways=tuple(_gateway(lane, client, now) for lane in lanes),
            session=_session(lanes, now),
            halts={account: halt for account, halt in halted.items() if halt is not None},
        )


def _gateway(lane: Lane, client: Client, now: datetime) -> GatewayView:
    accounts = [account for account in lane.broker.accounts if account in client.accounts]
    reasons = [lane.broker.reason(account) for account in accounts]
    return GatewayView(
        name=lane.broker.name,
        is_up=lane.broker.line is not None,
        phase=lane.broker.phase,
        reason=next(filter(None, reasons), None),
        since=lane.changed_at,
        next_try=lane.broker.next_try,
        reset_until=reset_until(now),
        accounts={account: lane.broker.is_up(account) for account in accounts},
        frames_lately=lane.pacer.left_lately,
        frames_max=lane.pacer.per_second,
    )


def _session(lanes: Sequence[Lane], at: datetime) -> SessionView:
    hours = next((lane.hours for lane in lanes if lane.hours is not None), SessionHours(()))
    present = hours.session_at(at)
    return SessionView(
        is_open=present is not None if hours.sessions else None,
        opens_at=hours.next_open(at),
        closes_at=None if present is None else present.closes_at,
    )

"""Orders placed elsewhere in an account: by hand, or by other programs.

Owns: Foreign: how often the gateway is asked for them (at most once a second), which of its
open orders are not ours, and which of those count. They are never touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from paperdesk.desk.ports import Broker, Ledger
from paperdesk.domain.planning import ForeignWork
from paperdesk.domain.position import whole_shares
from paperdesk.domain.reports import OpenOrder, OrderReport
from paperdesk.domain.vocabulary import AccountId, ConId, Side

FRESH_SECONDS: Final = 1.0  # contract.md, In-flight orders
_PLAIN: Final = frozenset({"MKT", "LMT"})


class Foreign:
    """Reads one gateway's open orders for whoever plans."""

    def __init__(self, broker: Broker, ledger: Ledger) -> None:
        self._broker = broker
        self._ledger = ledger
        self._lock = asyncio.Lock()
        self._read_at = -FRESH_SECONDS
        self._session = 0
        self._found: tuple[OpenOrder, ...] = ()

    async def work(self, account: AccountId) -> Mapping[ConId, ForeignWork]:
        """Return what works in the account and is not ours. Raises LineDown."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            line = self._broker.line
            session = 0 if line is None else line.session
            if now - self._read_at >= FRESH_SECONDS or session != self._session:
                self._found = await self._strangers(await self._broker.open_orders())
                self._read_at, self._session = now, session
        return _by_contract(entry for entry in self._found if entry.report.account == account)

    async def _strangers(self, found: Sequence[OpenOrder]) -> tuple[OpenOrder, ...]:
        """Return those that no order of ours explains, by reference or by perm id."""
        working = [entry for entry in found if entry.leaves]
        if not working:
            return ()
        refs, perm_ids = await self._ledger.own_refs(
            {entry.report.order_ref for entry in working},
            {entry.report.perm_id for entry in working},
        )
        return tuple(
            entry
            for entry in working
            if entry.report.order_ref not in refs and entry.report.perm_id not in perm_ids
        )


def _by_contract(found: Iterable[OpenOrder]) -> dict[ConId, ForeignWork]:
    work: dict[ConId, ForeignWork] = {}
    for entry in found:
        before = work.get(entry.report.conid, ForeignWork())
        shares = whole_shares(entry.leaves) if _counts(entry.report) else 0
        is_buy = entry.report.side is Side.BUY
        work[entry.report.conid] = ForeignWork(
            buying=before.buying + (shares if is_buy else 0),
            selling=before.selling + (0 if is_buy else shares),
            orders=before.orders + 1,
        )
    return work


def _counts(report: OrderReport) -> bool:
    return report.order_type in _PLAIN and not report.has_conditions

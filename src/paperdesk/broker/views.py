"""What the gateway last said of accounts.

Owns: the broker's positions, prices and net liquidations of one session, as they stream in.
Evidence for the desk, never the position itself. Knows nothing of how they are asked for.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from paperdesk.broker.translate import NetLiquidation, PortfolioRow
from paperdesk.domain.reports import PositionReport
from paperdesk.domain.views import Holding
from paperdesk.domain.vocabulary import AccountId, ConId


class Views:
    """The newest figures per account. A position or holding of 0 is none."""

    def __init__(self) -> None:
        self._positions: dict[AccountId, dict[ConId, PositionReport]] = defaultdict(dict)
        self._portfolio: dict[AccountId, dict[ConId, Holding]] = defaultdict(dict)
        self._net_liquidation: dict[AccountId, Decimal] = {}

    def has_position(self, report: PositionReport) -> bool:
        """Tell whether a position is the one that was told last."""
        return self._positions[report.account].get(report.conid) == report

    def take_position(self, report: PositionReport) -> None:
        """Keep a position, of 0 too: a gateway lists what was closed today."""
        self._positions[report.account][report.conid] = report

    def take_holding(self, row: PortfolioRow) -> None:
        """Keep prices and profits of a holding."""
        held = self._portfolio[row.account]
        if row.holding.quantity:
            held[row.holding.conid] = row.holding
        else:
            held.pop(row.holding.conid, None)

    def take_net_liquidation(self, told: NetLiquidation) -> None:
        """Keep a net liquidation value."""
        self._net_liquidation[told.account] = told.value

    def positions(self, account: AccountId) -> dict[ConId, PositionReport]:
        """Return the account's positions."""
        told = self._positions.get(account, {})
        return {conid: report for conid, report in told.items() if report.quantity}

    def portfolio(self, account: AccountId) -> dict[ConId, Holding]:
        """Return a copy of the account's holdings."""
        return dict(self._portfolio.get(account, {}))

    def net_liquidation(self, account: AccountId) -> Decimal | None:
        """Return the account's net liquidation, None until told."""
        return self._net_liquidation.get(account)

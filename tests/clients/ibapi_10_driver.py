"""The session under ibapi 10.51, which PyPI has as ibapi-latest.

Owns: how this version tells errors, cancels and names commissions.
"""

from __future__ import annotations

from typing import Any

from ibapi.order_cancel import OrderCancel

from clients.ibapi_family import Player
from clients.session import options


class Ibapi10(Player):
    """IB's client of 2026."""

    def note_error(self, *told: Any) -> None:
        _, _, code, text, _ = told
        self.note("error", code, text)

    def cancel(self, order_id: int) -> None:
        self.cancelOrder(order_id, OrderCancel())

    def commission_of(self, report: Any) -> float:
        return float(report.commissionAndFees)


if __name__ == "__main__":
    Ibapi10(options()).play()

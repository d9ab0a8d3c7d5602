"""The session under ibapi 9.81 of PyPI.

Owns: how this version tells errors, cancels and names commissions.
"""

from __future__ import annotations

from typing import Any

from clients.ibapi_family import Player
from clients.session import options


class Ibapi9(Player):
    """IB's client of 2020."""

    def note_error(self, *told: Any) -> None:
        _, code, text = told
        self.note("error", code, text)

    def cancel(self, order_id: int) -> None:
        self.cancelOrder(order_id)

    def commission_of(self, report: Any) -> float:
        return float(report.commission)


if __name__ == "__main__":
    Ibapi9(options()).play()

"""Numbers that are given out once and never again.

Owns: perm ids, execution ids, and the next order id of each client. Does not know what
any of them is given to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from twsim.exchange.vocabulary import ClientId, ExecId, OrderId, PermId

_GATEWAY = 0x0000E0D5  # the first part of an execution id is the gateway's: RS-2


@dataclass(slots=True)
class Numbers:
    """Where each count stands. Order ids belong to the client and survive restarts (§1.1)."""

    perm_id: int
    exec_number: int
    order_ids: dict[ClientId, OrderId] = field(default_factory=dict)
    bound: int = 0  # orders made by hand that were given an order id

    @classmethod
    def starting(cls, now: datetime) -> Numbers:
        """Start from the time, so that a fresh gateway does not repeat an older one's."""
        seconds = int(now.timestamp())
        return cls(perm_id=seconds, exec_number=seconds)

    def take_perm_id(self) -> PermId:
        """Return a perm id that no order ever had."""
        self.perm_id += 1
        return PermId(self.perm_id)

    def take_exec_id(self, now: datetime) -> ExecId:
        """Return an execution id; its second part is the time, as far as that is unique."""
        self.exec_number = max(self.exec_number + 1, int(now.timestamp()))
        return ExecId(f"{_GATEWAY:08x}.{self.exec_number:08x}.01.01")

    def take_bound_order_id(self) -> OrderId:
        """Return an order id for an order made by hand; those are negative."""
        self.bound += 1
        return OrderId(-self.bound)

    def next_order_id(self, client: ClientId) -> OrderId:
        """Return the lowest order id that the client may use."""
        return self.order_ids.get(client, OrderId(1))

    def use_order_id(self, client: ClientId, order_id: OrderId) -> None:
        """Count an order id as used, and with it all below."""
        assert order_id >= self.next_order_id(client)
        self.order_ids[client] = OrderId(order_id + 1)


def corrected_exec_id(exec_id: ExecId) -> ExecId:
    """Return the id of a correction: the part after the last dot counts them (§4.1)."""
    base, _, number = exec_id.rpartition(".")
    return ExecId(f"{base}.{int(number) + 1:02}")

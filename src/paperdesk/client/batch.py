"""A batch in the hand of a program, as far as both clients have it in common.

Owns: what a batch shows of its last known state, and when its end is an exception. Asks nothing:
`blocking.Batch` and `awaiting.AsyncBatch` do.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self

from paperdesk.client.results import BatchState, Order
from paperdesk.errors import BatchFailed, StillWorking

if TYPE_CHECKING:
    import pandas as pd

NAMED_MAX: Final = 10


class BatchView:
    """A batch as it was when it was last looked at."""

    def __init__(self, state: BatchState) -> None:
        self.state = state

    @property
    def batch_id(self) -> str:
        """Its id: 16 hex digits."""
        return self.state.batch_id

    @property
    def account_id(self) -> str:
        """The account that it trades in."""
        return self.state.account_id

    @property
    def submitted_at(self) -> datetime:
        """When it was accepted."""
        return self.state.submitted_at

    @property
    def orders(self) -> tuple[Order, ...]:
        """Its orders, as they were requested."""
        return self.state.orders

    @property
    def warnings(self) -> tuple[str, ...]:
        """What concerns no single order."""
        return self.state.warnings

    @property
    def is_final(self) -> bool:
        """Tell whether every order has ended."""
        summary = self.state.summary
        return summary.final if summary else all(order.is_final for order in self.orders)

    @property
    def is_on_target(self) -> bool:
        """Tell whether every target is reached."""
        summary = self.state.summary
        if summary is not None:
            return summary.on_target
        return self.is_final and not any(order.is_failed for order in self.orders)

    @property
    def failed(self) -> tuple[Order, ...]:
        """The orders that ended short of their targets."""
        return tuple(order for order in self.orders if order.is_failed)

    @property
    def words(self) -> str:
        """Say how far it is."""
        ended = sum(order.is_final for order in self.orders)
        if not self.is_final:
            return f"{ended} of {len(self)} ended"
        return "on target" if self.is_on_target else f"{len(self.failed)} short of target"

    def raise_for_exceptions(self) -> Self:
        """Return the batch where it ended on target. Raises BatchFailed and StillWorking."""
        if self.failed:
            words = "; ".join(
                f"{order.symbol}: {order.error or order.status}"
                for order in self.failed[:NAMED_MAX]
            )
            more = len(self.failed) - NAMED_MAX
            rest = f"; and {more} more" if more > 0 else ""
            raise BatchFailed(
                f"{len(self.failed)} of {len(self.orders)} orders of {self.batch_id} ended short "
                f"of their targets: {words}{rest}"
            )
        if not self.is_final:
            working = sum(not order.is_final for order in self.orders)
            raise StillWorking(
                f"{working} of {len(self.orders)} orders of {self.batch_id} still work"
            )
        return self

    def to_pandas(self) -> pd.DataFrame:
        """Return the orders as a DataFrame: always the same columns and dtypes."""
        return self.state.to_pandas()

    def __iter__(self) -> Iterator[Order]:
        return iter(self.orders)

    def __len__(self) -> int:
        return len(self.orders)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.batch_id} {self.account_id}: {self.words}>"

    def _repr_html_(self) -> str:
        return self.state.html(f"Batch {self.batch_id} in {self.account_id}: {self.words}")

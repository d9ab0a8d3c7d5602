"""Halts: who stopped new orders, when and why.

Owns: Halt and which orders it stops. Knows nothing of how one is stored or lifted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from paperdesk.domain.vocabulary import AccountId, HaltMode


@dataclass(frozen=True, slots=True)
class Halt:
    """A halt of one account, or of all where `account` is None."""

    account: AccountId | None
    mode: HaltMode
    by: str
    since: datetime
    reason: str

    def stops(self, *, is_reducing: bool) -> bool:
        """Tell whether an order may not leave."""
        return self.mode is HaltMode.ALL or not is_reducing

    @property
    def words(self) -> str:
        """Say what is halted, by whom and why."""
        what = "all trading" if self.account is None else f"account {self.account}"
        only = " (orders that reduce a position may leave)"
        rest = only if self.mode is HaltMode.REDUCE_ONLY else ""
        return f"{what} is halted by {self.by}: {self.reason}{rest}"


def strictest(halts: Iterable[Halt]) -> Halt | None:
    """Return the halt that stops most; the oldest of equals."""
    ordered = sorted(halts, key=lambda halt: (halt.mode is not HaltMode.ALL, halt.since))
    return ordered[0] if ordered else None


def strictest_of(halts: Iterable[Halt], account: AccountId) -> Halt | None:
    """Return the halt that stops most in an account: one of its own, or of all accounts."""
    return strictest(halt for halt in halts if halt.account in {None, account})

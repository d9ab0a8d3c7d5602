"""A named client of the service and what it may do.

Owns: Client and the meaning of its scopes. Knows nothing of keys or of how one is presented.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from paperdesk.domain.batch import BatchHead
from paperdesk.domain.vocabulary import AccountId, ClientName, Scope

IMPLIED: Final[Mapping[Scope, frozenset[Scope]]] = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.TRADE: frozenset({Scope.TRADE, Scope.READ}),
    Scope.AUDIT: frozenset({Scope.AUDIT, Scope.READ}),
    Scope.ADMIN: frozenset(Scope),
}


@dataclass(frozen=True, slots=True)
class Client:
    """Who calls: its name, the scopes given to its key, and the accounts it may use."""

    name: ClientName
    scopes: frozenset[Scope]
    accounts: frozenset[AccountId]

    def may(self, scope: Scope) -> bool:
        """Tell whether one of the given scopes includes `scope`."""
        return any(scope in IMPLIED[given] for given in self.scopes)

    @property
    def sees_every_batch(self) -> bool:
        """Tell whether batches of other clients are visible: `audit` and `admin` see them."""
        return self.may(Scope.AUDIT)

    def may_see(self, head: BatchHead) -> bool:
        """Tell whether a batch is visible: of an account it may use, its own unless it audits."""
        is_own = head.client == self.name
        return head.account_id in self.accounts and (is_own or self.sees_every_batch)

"""A named client of the service, what it may do, and where a call of it came from.

Owns: Client and the meaning of its scopes; Actor, who a change is written down as. Knows
nothing of how a key is made or presented.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from paperdesk.domain.batch import BatchHead
from paperdesk.domain.vocabulary import AccountId, ClientName, KeyId, Scope, Symbol

IMPLIED: Final[Mapping[Scope, frozenset[Scope]]] = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.TRADE: frozenset({Scope.TRADE, Scope.READ}),
    Scope.AUDIT: frozenset({Scope.AUDIT, Scope.READ}),
    Scope.ADMIN: frozenset(Scope),
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call came from: by which key, from which address, under which request id.

    A key of the configuration has no id.
    """

    key_id: KeyId | None = None
    source: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changed something, for the audit trail."""

    name: ClientName
    origin: Origin = Origin()


SERVICE: Final = Actor(ClientName("paperdesk"))  # what the service does by itself
OPERATOR: Final = ClientName("operator")  # who sits at its machine
RESERVED: Final = frozenset({SERVICE.name, OPERATOR})  # no client's: the audit trail names them


@dataclass(frozen=True, slots=True)
class Client:
    """Who calls: its name, the scopes given to its key, and the accounts it may use.

    `symbols` bounds what it may trade; None is every symbol. Its key opens until `expires_at`,
    None for ever. `origin` is of this one call.
    """

    name: ClientName
    scopes: frozenset[Scope]
    accounts: frozenset[AccountId]
    symbols: frozenset[Symbol] | None = None
    expires_at: datetime | None = field(default=None, compare=False)
    origin: Origin = field(default=Origin(), compare=False)

    def may(self, scope: Scope) -> bool:
        """Tell whether one of the given scopes includes `scope`."""
        return any(scope in IMPLIED[given] for given in self.scopes)

    def may_trade(self, symbol: Symbol) -> bool:
        """Tell whether a target of the symbol may be posted."""
        return self.symbols is None or symbol in self.symbols

    @property
    def actor(self) -> Actor:
        """As whom its changes are written down."""
        return Actor(self.name, self.origin)

    @property
    def sees_every_batch(self) -> bool:
        """Tell whether batches of other clients are visible: `audit` and `admin` see them."""
        return self.may(Scope.AUDIT)

    def may_see(self, head: BatchHead) -> bool:
        """Tell whether a batch is visible: of an account it may use, its own unless it audits."""
        is_own = head.client == self.name
        return head.account_id in self.accounts and (is_own or self.sees_every_batch)

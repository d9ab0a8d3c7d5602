"""Moving the market of the embedded simulated gateway, and letting things go wrong there.

Owns: Simulating: only where there is such a gateway, and never without a row in the audit trail.
Knows nothing of what a fault does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from paperdesk.desk.ports import Administration, Clock
from paperdesk.domain.audit import State
from paperdesk.domain.client import Client
from paperdesk.domain.vocabulary import Symbol
from paperdesk.errors import BadRequest, NotFound


class SimulatedGateway(Protocol):
    """The door of the simulated gateway. Each raises LookupError or ValueError with its words."""

    def set_price(self, symbol: str, price: Decimal, /) -> None:
        """Set the last price of a symbol."""

    def inject(self, fault: str, /, **words: object) -> None:
        """Let a fault strike: at once, at the next opportunity, or by rate."""

    def clear_faults(self) -> None:
        """Let nothing strike any more."""

    def drop_connections(self) -> None:
        """Cut every line."""

    def waiting_faults(self) -> Sequence[str]:
        """Return what may still strike."""

    def fault_log(self) -> Sequence[object]:
        """Return what struck."""


class Simulating:
    """The use case. `gateway` is None where the service has a real one."""

    def __init__(
        self, gateway: SimulatedGateway | None, administration: Administration, clock: Clock
    ) -> None:
        self._gateway = gateway
        self._administration = administration
        self._clock = clock

    async def meddle(
        self,
        client: Client,
        asked: State,
        *,
        price: tuple[Symbol, Decimal] | None,
        fault: str | None,
        words: Mapping[str, str],
        clears_faults: bool,
        drops_connections: bool,
    ) -> tuple[Sequence[str], int]:
        """Do what is asked; return what may still strike, and how much has.

        Raises NotFound where nothing is simulated, BadRequest for what there is not.
        """
        gateway = self._gateway
        if gateway is None:
            raise NotFound(
                "This service has no simulated gateway: its gateways are configured."
            )
        try:
            if price is not None:
                gateway.set_price(*price)
            if fault is not None:
                gateway.inject(fault, **words)
        except (LookupError, ValueError) as error:
            raise BadRequest.of("fault" if fault else "price", str(error)) from error
        if clears_faults:
            gateway.clear_faults()
        if drops_connections:
            gateway.drop_connections()
        # What was refused is in no trail; what was done is, whatever comes of it.
        await self._administration.note_simulated(asked, client.actor, self._clock.now())
        return gateway.waiting_faults(), len(gateway.fault_log())

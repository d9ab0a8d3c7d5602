"""Another program at the same gateway, which places orders of its own.

Owns: its line, and what it does: it places an order far from the market, changes it, and cancels
it. What it does must never be taken for the service's own.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from ib_async import IB, LimitOrder, Stock

from twsim import Gateway

CLIENT_ID: Final = 5
FIRST_PRICE, SECOND_PRICE = 50.0, 51.0
PAUSE_SECONDS: Final = 2.0


class Stranger:
    """A client of the gateway that the service knows nothing of."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._ib: IB | None = None

    async def change_his_mind(self, symbol: str, account: str) -> None:
        """Place an order, change its price, and cancel it."""
        with suppress(OSError, TimeoutError, ConnectionError):
            ib = await self._connected()
            order = LimitOrder("BUY", 1, FIRST_PRICE, account=account, tif="DAY")
            trade = ib.placeOrder(Stock(symbol, "SMART", "USD"), order)
            await asyncio.sleep(PAUSE_SECONDS)
            if not trade.isDone():
                order.lmtPrice = SECOND_PRICE
                ib.placeOrder(trade.contract, order)
                await asyncio.sleep(PAUSE_SECONDS)
                ib.cancelOrder(order)

    async def leave(self) -> None:
        """Cancel whatever is left, and go."""
        if self._ib is not None:
            self._ib.disconnect()
            self._ib = None
        exchange = self._gateway._world.exchange
        for order in list(exchange.open_orders()):
            if order.client_id == CLIENT_ID or order.is_by_hand:
                self._gateway.cancel_by_hand(order.perm_id)

    async def _connected(self) -> IB:
        if self._ib is None or not self._ib.isConnected():
            self._ib = IB()
            await self._ib.connectAsync(
                self._gateway.host, self._gateway.port, clientId=CLIENT_ID, timeout=4
            )
        return self._ib

"""500 orders, from the request to the last acknowledgement, against a bare script.

Owns: the measurement, and the script that it is held against: ib_async placing the same orders
on the same twsim, on an account of its own, without its throttle. Pacing is off on both sides
and every commit of the service is durable. The orders are limits far from the market, so that
twsim acknowledges them at once and they only work; they are cancelled between the rounds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from _desk import (
    FAR_LIMIT,
    OTHER_ACCOUNT,
    Service,
    far_away,
    paperdesk,
    ratios,
    say,
    spread,
    symbols,
    timed,
    twsim,
    workshop,
)
from ib_async import IB, Contract, LimitOrder, Stock, Trade

ORDERS = 500
ROUNDS = 9
GOAL = 1.25


def through_service(service: Service, names: list[str]) -> float:
    """Return the seconds of one batch."""
    took, answer = timed(lambda: service.submit(far_away(names)))
    assert [row["status"] for row in answer["results"]] == ["Submitted"] * ORDERS
    service.cancel(answer["batch_id"])
    return took


async def through_script(ib: IB, contracts: list[Contract]) -> float:
    """Return the seconds from the first placeOrder until each order has a status."""
    waiting: set[int] = set()
    done = asyncio.Event()

    def note(trade: Trade) -> None:
        waiting.discard(trade.order.orderId)
        if not waiting:
            done.set()

    ib.orderStatusEvent += note
    began = time.perf_counter()
    trades = [
        ib.placeOrder(each, LimitOrder("BUY", 1, FAR_LIMIT, account=OTHER_ACCOUNT, tif="DAY"))
        for each in contracts
    ]
    waiting |= {trade.order.orderId for trade in trades}
    await asyncio.wait_for(done.wait(), 60)
    took = time.perf_counter() - began
    ib.orderStatusEvent -= note
    await cancelled(ib, trades)
    return took


async def cancelled(ib: IB, trades: list[Trade]) -> None:
    """Cancel what works, and wait until it is."""
    waiting = {trade.order.orderId for trade in trades}
    done = asyncio.Event()

    def note(trade: Trade) -> None:
        if trade.isDone():
            waiting.discard(trade.order.orderId)
        if not waiting:
            done.set()

    ib.orderStatusEvent += note
    for trade in trades:
        ib.cancelOrder(trade.order)
    await asyncio.wait_for(done.wait(), 60)
    ib.orderStatusEvent -= note


async def rounds(folder: Path) -> tuple[list[float], list[float]]:
    """Take turns; the first round warms up both and does not count."""
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)  # it tells of each cancel
    names = symbols(ORDERS)
    service_took, script_took = [], []
    ib = IB()
    with twsim(folder) as gateway, paperdesk(folder, gateway) as service:
        await ib.connectAsync("127.0.0.1", gateway.port, clientId=2, timeout=10)
        ib.client.MaxRequests = 0
        contracts = await ib.qualifyContractsAsync(*(Stock(n, "SMART", "USD") for n in names))
        assert None not in contracts
        service.cache_contracts(names)
        for _ in range(ROUNDS + 1):
            service_took.append(await asyncio.to_thread(through_service, service, names))
            script_took.append(await through_script(ib, contracts))
        ib.disconnect()
    return service_took[1:], script_took[1:]


def main() -> None:
    """Measure."""
    with workshop() as folder:
        service, script = asyncio.run(rounds(folder))
    say(f"{ORDERS} orders acknowledged, pacing off, far limits that only work")
    say(f"  paperdesk, over HTTP   {spread(service, unit=' s')}")
    say(f"  a bare ib_async script {spread(script, unit=' s')}")
    say(f"  ratio                  {spread(ratios(service, script))}   goal {GOAL} at most")


if __name__ == "__main__":
    main()

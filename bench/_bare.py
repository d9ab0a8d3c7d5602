"""The framework with nothing in it: what the service is held against.

Owns: a server of Litestar on uvicorn that answers a GET with the bytes of a file, and a POST by
the least that the service's promises ask for: three durable commits, then one frame. Takes a
folder and the port of a gateway, 0 for none.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import sys
from pathlib import Path

import uvicorn
from ib_async import IB, MarketOrder, Stock
from litestar import Litestar, Response, get, post

ACCOUNT = "DUP203550"
CLIENT_ID = 2
COMMITS = 3  # accepted, planned, claimed: each must be durable before what follows it


def open_ledger(path: Path) -> sqlite3.Connection:
    """Return a database as durable as the service's."""
    ledger = sqlite3.connect(path, isolation_level=None)
    ledger.execute("PRAGMA journal_mode=WAL")
    ledger.execute("PRAGMA synchronous=FULL")
    ledger.execute("CREATE TABLE steps (id INTEGER PRIMARY KEY, words TEXT)")
    return ledger


def application(folder: Path, ib: IB) -> Litestar:
    """Return the two routes."""
    body = (folder / "body").read_bytes()
    ledger = open_ledger(folder / "bare.db")
    apple = Stock("AAPL", "SMART", "USD", conId=265598)
    sides = ["SELL", "BUY"]

    @get("/api/v1/orders/{batch_id:str}")
    async def show(batch_id: str) -> Response[bytes]:
        del batch_id
        return Response(body, media_type="application/json")

    @post("/api/v1/orders", status_code=200)
    async def submit() -> Response[bytes]:
        for step in range(COMMITS):
            ledger.execute("INSERT INTO steps (words) VALUES (?)", (f"step {step}",))
        sides.reverse()
        ib.placeOrder(apple, MarketOrder(sides[0], 1, account=ACCOUNT))
        return Response(b"{}", media_type="application/json")

    return Litestar([show, submit], openapi_config=None, logging_config=None)


async def main(folder: Path, gateway_port: int) -> None:
    """Serve until terminated."""
    ib = IB()
    if gateway_port:
        await ib.connectAsync("127.0.0.1", gateway_port, clientId=CLIENT_ID, timeout=10)
        ib.client.MaxRequests = 0  # its own throttle is not what is measured
    # The protocol is named: else asyncio leaves Nagle's algorithm on, and answers wait 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    sys.stdout.write(f"serves on http://127.0.0.1:{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        application(folder, ib),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
    )
    await uvicorn.Server(config).serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))

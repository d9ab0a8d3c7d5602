"""What each fault of the link and the session looks like to a client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from twsim import Gateway
from twsim_raw import RawClient, names, of, order_text

Case = Callable[[Gateway, RawClient], Awaitable[None]]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[function.__name__.upper()] = function
    return function


async def port_opens(client: RawClient) -> RawClient:
    async with asyncio.timeout(2):
        while True:
            with suppress(ConnectionError):
                return await client.open()
            await asyncio.sleep(0)


async def is_cut(client: RawClient) -> bool:
    with suppress(ConnectionError):
        return await client.rest() == b""
    return True


@case
async def l01(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    other = client.other(2)
    gateway.inject("L01", delay=5)
    with pytest.raises(ConnectionRefusedError):
        await other.open()

    assert names(await client.place()) == ["open", "PreSubmitted", "exec", "open", "Filled"]

    gateway.advance(5)
    await port_opens(other)

    assert (await other.greet())[0] == "178"


@case
async def l02(gateway: Gateway, client: RawClient) -> None:
    gateway.inject("L02")
    await client.open()
    client.send("API")

    assert await client.heard() == []
    assert (await client.other(2).start())[0][0] == "15"


@case
async def l03(gateway: Gateway, client: RawClient) -> None:
    gateway.inject("L03", bytes=5)
    await client.open()
    client.write(b"API\0\0\0\0\x09v157..178")

    assert await client.rest() == b"\0\0\0\x1a1"


@case
async def l04(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("L04", symbol="AAPL")
    client.send(order_text())
    with pytest.raises(ConnectionResetError):
        await client.rest()

    assert gateway.position("DU8730189", "AAPL") == 0


@case
async def l05(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("L05")
    client.send(order_text())
    with pytest.raises(ConnectionResetError):
        await client.rest()

    assert gateway.position("DU8730189", "AAPL") == 100


@case
async def l06(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("L06", bytes=10)
    client.send("61|1|")

    assert len(await client.rest()) == 8  # of the nine of positionEnd


@case
async def l07(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("L07")
    client.send(order_text())

    assert await client.heard() == []

    gateway.notify(2104, "heard later")

    assert await client.heard() == []
    with pytest.raises(asyncio.IncompleteReadError):
        await client.other(1).start()

    assert gateway.frames("error")[-1].fields[3] == "326"

    gateway.clear_faults()

    assert names(await client.heard()) == ["2104"]


@case
async def l08(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("L08", on="now", lasts=10)
    client.send("49|1|")
    gateway.notify(2104, "heard")

    assert names(await client.heard()) == ["2104"]

    gateway.advance(10)

    assert names(await client.heard()) == ["49"]


@case
async def l09(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("L09", on="now", lasts=10)
    client.send(order_text())
    gateway.notify(2104, "heard")

    assert names(await client.heard()) == ["2104"]

    gateway.advance(10)

    assert await is_cut(client)
    assert gateway.position("DU8730189", "AAPL") == 0


@case
async def l10(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("L10", on="place", lasts=10)
    client.send(order_text())

    assert await client.heard() == []
    assert gateway.position("DU8730189", "AAPL") == 100

    gateway.advance(10)

    assert await is_cut(client)


@case
async def l11(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("L11", delay=2, jitter=3, way="both", lasts=100)
    client.send("8|1|1|", order_text())

    assert await client.heard() == []

    gateway.advance(1)
    client.send("61|1|")
    await asyncio.sleep(0.01)
    gateway.advance(4)  # all has arrived at the gateway, whose answers are on their way

    gateway.advance(10)
    heard = names(await client.heard())

    assert heard[:3] == ["9", "open", "PreSubmitted"]
    assert "62" in heard


@case
async def l12(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("L12", size=1)
    client.send("61|1|")
    pieces = [await client.piece()]
    while len(b"".join(pieces)) < 9:
        pieces.append(await client.piece())

    assert b"".join(pieces) == b"\0\0\0\x0562\x001\x00"
    assert len(pieces) > 3


@case
async def l13(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("L13", frames=200, delay=3)
    for _ in range(199):
        client.send("61|1|")

    assert await client.heard() == []

    client.send("61|1|")

    assert len(await client.heard()) == 200

    client.send("61|1|")

    assert await client.heard() == []

    gateway.advance(3)

    assert names(await client.heard()) == ["62"]


@case
async def l14(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(1, limit="140")
    gateway.inject("L14", delay=30)
    heard = await client.place(2)
    gateway.set_price("AAPL", "139")

    assert names(heard) == ["1100"]
    assert await client.ask() == []

    told = names(await client.later(30))

    assert told[:4] == ["1102", "exec", "open", "Filled"]
    assert told.count("exec") == 2


@case
async def l15(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(1, limit="140")
    gateway.inject("L15", delay=30)
    await client.place(2)
    gateway.set_price("AAPL", "139")
    told = names(await client.later(30))

    assert told == ["1101"]
    assert gateway.position("DU8730189", "AAPL") == 100
    assert names(await client.ask("7|3|9|0|||||||")) == ["exec", "commission", "55"]


@case
async def l16(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("L16", delay=30)

    assert names(await client.ask()) == ["1100"]

    gateway.advance(30)

    assert await is_cut(client)
    assert "1102" not in [frame.fields[3] for frame in gateway.frames("error")]


@case
async def a01(gateway: Gateway, client: RawClient) -> None:
    gateway.inject("A01", delay=600)
    for seconds in (0, 300):
        gateway.advance(seconds)
        with pytest.raises(asyncio.IncompleteReadError):
            await client.start()

        assert gateway.frames("error")[-1].fields[3] == "326"

    gateway.advance(300)

    assert names(await client.start())[:2] == ["15", "9"]


@case
async def a02(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    for order_id in (1, 2, 3):
        await client.place(order_id)
    gateway.inject("A02", delay=60, rollback=2)
    client.send(order_text(4))

    assert await is_cut(client)
    with pytest.raises(ConnectionRefusedError):
        await client.open()

    gateway.advance(60)
    await port_opens(client)
    await client.greet()
    started = await client.ask("71|2|1||")

    assert of(started, 9) == [["9", "1", "2"]]
    assert gateway.position("DU8730189", "AAPL") == 300


@case
async def a03(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("A03")

    assert await is_cut(client)

    gateway.advance(8 * 3600 - 1)
    with pytest.raises(ConnectionRefusedError):
        await client.open()
    gateway.advance(1)

    assert await port_opens(client)


@case
async def a04(gateway: Gateway, client: RawClient) -> None:
    gateway.inject("A04", delay=1, rounds=2)
    for _ in range(2):
        await client.start()
        gateway.advance(1)

        assert b"10197" in await client.rest()

    await client.start()
    gateway.advance(1)

    assert await client.ask() == []


@case
async def a05(gateway: Gateway, client: RawClient) -> None:
    gateway.inject("A05")

    assert names(await client.start()) == ["15", "2104", "2106", "2158"]


@case
async def a06(gateway: Gateway, client: RawClient) -> None:
    gateway.inject("A06", value=2_548_181_185)

    assert of(await client.start(), 9) == [["9", "1", "2548181185"]]


@case
async def a07(gateway: Gateway, client: RawClient) -> None:
    both = "DU8730189,DUP203550"
    told = {"live": "U1234567", "mixed": f"{both},U1234567", "empty": ""}
    for client_id, (mode, accounts) in enumerate(told.items(), 11):
        gateway.inject("A07", mode=mode)
        one = client.other(client_id)

        assert of(await one.start(), 15) == [["15", "1", accounts]]

    gateway.inject("A07", mode="late", delay=2)

    assert of(await client.start(), 15) == []
    assert of(await client.later(2), 15) == [["15", "1", both]]

    gateway.inject("A07", mode="changed", delay=2)
    other = client.other(2)

    assert of(await other.start(), 15) == [["15", "1", both]]
    assert of(await other.later(2), 15) == [["15", "1", f"{both},U1234567"]]


@case
async def a08(gateway: Gateway, client: RawClient) -> None:
    gateway.inject("A08", version=201)
    await client.open()

    assert (await client.greet())[0] == "201"

    gateway.inject("A08", mode="messages")

    assert names(await client.other(2).start())[:4] == ["199", "15", "199", "9"]


@case
async def a09(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    for request in (order_text(), "4|1|1||", "5|1|"):
        gateway.inject("A09", on={"3": "place", "4": "cancel", "5": "query"}[request[0]])
        (error,) = await client.ask(request)

        assert error[3] == "321"
        assert "Read-Only" in error[4]


@case
async def a10(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(7, limit="100")
    gateway.inject("A10")

    assert await is_cut(client)
    assert of(await client.start(), 9) == [["9", "1", "8"]]
    assert names(await client.ask("16|1|")) == ["open", "Submitted", "53"]

    gateway.inject("A10", ids="reset")

    assert await is_cut(client)
    assert of(await client.start(), 9) == [["9", "1", "8"]]  # never that of a working order

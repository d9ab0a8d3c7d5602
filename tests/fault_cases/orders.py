"""What each fault on the way of an order and of its cancel looks like to a client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twsim import Gateway
from twsim_raw import Frames, RawClient, names, of, order_text

Case = Callable[[Gateway, RawClient], Awaitable[None]]
CASES: dict[str, Case] = {}
ACCOUNT = "DU8730189"
FILLED = ["open", "PreSubmitted", "exec", "open", "Filled"]
PAID = ["open", "Filled", "commission"]
ALL_LISTS = ("5|1|", "99|0|", "7|3|9|0|||||||")
NOTHING = ["53", "102", "55"]


def case(function: Case) -> Case:
    CASES[function.__name__.upper()] = function
    return function


def positions(gateway: Gateway) -> int:
    return gateway.position(ACCOUNT, "AAPL")


def perm_ids(frames: Frames) -> list[str]:
    return [fields[25] for fields in of(frames, 5)]


@case
async def o01(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O01")

    assert await client.place() == []
    assert names(await client.ask(*ALL_LISTS)) == NOTHING
    assert positions(gateway) == 0
    assert names(await client.place()) == FILLED  # the id is still free


@case
async def o02(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O02")

    assert names(await client.place()) == ["open", "PreSubmitted"]
    assert names(await client.ask(*ALL_LISTS)) == NOTHING
    assert names(await client.ask("4|1|1||")) == ["10147"]


@case
async def o03(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O03", symbol="AAPL", delay=5, times=1)

    assert await client.place() == []
    assert positions(gateway) == 100
    assert await client.later(4.9) == []
    assert names(await client.later(0.1)) == FILLED + PAID


@case
async def o04(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O04", delay=5, times=2)

    assert names(await client.place(1)) == FILLED
    await client.place(2, limit="100")
    assert names(await client.ask(*ALL_LISTS)) == NOTHING

    await client.later(5)

    assert names(await client.ask(*ALL_LISTS)) == [
        "open", "Submitted", "53", "101", "102", "exec", "commission", "55",
    ]  # fmt: skip


@case
async def o05(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O05")

    assert names(await client.place()) == ["103"]
    assert names(await client.ask(*ALL_LISTS)) == NOTHING


@case
async def o06(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O06")

    assert names(await client.place()) == ["201", "open", "Inactive"]


@case
async def o07(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O07", delay=2)

    assert names(await client.place()) == ["open", "Submitted"]
    assert names(await client.later(2)) == ["201", "open", "Inactive"]
    assert positions(gateway) == 0


@case
async def o08(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O08")

    assert names(await client.place(limit="100")) == ["10349", "open", "Submitted"]


@case
async def o09(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O09", delay=60)
    told = await client.place(limit="200")

    assert names(told) == ["399", "open", "PreSubmitted"]
    assert told[0][4].startswith("Order Message:\nBUY 100 AAPL NASDAQ.NMS\nWarning: Your order")
    assert names(await client.ask("5|1|")) == ["open", "PreSubmitted", "53"]
    assert names(await client.later(60))[-3:] == ["exec", "open", "Filled"]


@case
async def o10(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O10", delay=10)
    told = await client.place(side="SELL")

    assert names(told) == ["404", "open", "PreSubmitted"]
    assert told[2][10] == "locate"

    told = await client.later(10)

    assert names(told)[-3:] == ["exec", "open", "Filled"]
    assert of(told, 3)[0][10] == ""
    assert positions(gateway) == -100


@case
async def o11(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O11", delay=3)

    assert names(await client.place(1)) == ["open", "Inactive"]
    assert names(await client.later(3))[-3:] == ["exec", "open", "Filled"]

    gateway.inject("O11", delay=3, then="cancelled")

    assert names(await client.place(2)) == ["open", "Inactive"]

    told = names(await client.later(3))

    assert told[-2:] == ["Cancelled", "202"]
    assert positions(gateway) == 100


@case
async def o12(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O12", copies=2)

    assert names(await client.place(limit="100")) == ["open", *["Submitted"] * 3]


@case
async def o13(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O13")

    assert names(await client.place()) == ["open", "exec", "open"]
    assert names(await client.later(1)) == ["open", "commission"]


@case
async def o14(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O14")

    assert names(await client.place()) == ["open", "exec", "open", "Filled", "PreSubmitted"]

    gateway.inject("O14", delay=2)

    assert names(await client.place(2, limit="100")) == ["open"]
    assert names(await client.later(2))[-1] == "Submitted"


@case
async def o15(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    first = await client.place(limit="100")
    gateway.inject("O15")
    second = await client.place(limit="101")

    assert perm_ids(first) != perm_ids(second)
    assert len({*perm_ids(await client.ask("16|1|"))}) == 2

    gateway.set_price("AAPL", "99")
    await client.ask()

    assert positions(gateway) == 200


@case
async def o16(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O16", messages=2)
    told = await client.place()

    assert perm_ids(told)[0] == "0"
    assert of(told, 3)[0][6] == "0"
    assert perm_ids(told)[1] == of(told, 3)[1][6] == of(told, 11)[0][21] != "0"


@case
async def o17(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O17", length=20)
    told = await client.place()

    assert {fields[23] for fields in of(told, 5)} == {"my-own-reference-012"}
    assert of(told, 11)[0][26] == "my-own-reference-012"


@case
async def o18(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("O18", percent=40)
    told = await client.place()

    assert names(told) == [
        "open", "PreSubmitted", "exec", "open", "Submitted", "Cancelled", "202",
    ]  # fmt: skip
    assert of(told, 3)[-1][3:5] == ["40", "60"]
    assert positions(gateway) == 40

    gateway.inject("O18", percent=50, delay=2)
    await client.place(2)

    assert names(await client.later(2))[-2:] == ["Cancelled", "202"]


@case
async def c01(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(limit="100")
    gateway.inject("C01", delay=5)

    assert await client.ask("4|1|1||") == []
    assert names(await client.ask("5|1|")) == ["53"]
    assert names(await client.later(5)) == ["Cancelled", "202"]


@case
async def c02(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.advance(10 * 3600)  # 20:30 in New York
    await client.place(limit="100")
    gateway.inject("C02", delay=7200)

    assert await client.ask("4|1|1||") == []
    assert names(await client.later(7199)) == []
    assert names(await client.later(1)) == ["Cancelled", "202"]

    await client.ask(order_text(2, limit="100").replace("|DAY|", "|GTC|"))
    gateway.inject("C02")

    assert await client.ask("4|1|2||") == []
    assert names(await client.later(10.9 * 3600)) == []
    assert names(await client.later(0.1 * 3600)) == ["Cancelled", "202"]  # at 9:30


@case
async def c03(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(limit="100")
    gateway.inject("C03")

    assert names(await client.ask("4|1|1||")) == ["10147"]
    assert names(await client.ask("5|1|")) == ["open", "Submitted", "53"]


@case
async def c04(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(limit="100")
    gateway.inject("C04")
    (error,) = await client.ask("4|1|1||")

    assert error[4].endswith("cannot be cancelled, state: Filled.")
    assert names(await client.ask("5|1|")) == ["open", "Submitted", "53"]


@case
async def c05(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(limit="100")
    gateway.inject("C05")

    assert names(await client.ask("4|1|1||")) == ["exec", "open", "Filled", "10148"]
    assert positions(gateway) == 100


@case
async def c06(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(limit="100")
    gateway.inject("C06", delay=2, percent=50)

    assert names(await client.ask("4|1|1||")) == ["Cancelled", "202"]

    told = await client.later(2)

    assert names(told)[0] == "exec"
    assert of(told, 11)[0][19] == "50"
    assert of(told, 3)[0][2:5] == ["Cancelled", "50", "50"]
    assert positions(gateway) == 50

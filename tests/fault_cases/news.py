"""What each fault of executions, positions and lists looks like to a client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

from twsim import Gateway
from twsim_raw import Frames, RawClient, names, of, order_text

Case = Callable[[Gateway, RawClient], Awaitable[None]]
CASES: dict[str, Case] = {}
ACCOUNT = "DU8730189"
EXECUTIONS, POSITIONS = "7|3|9|0|||||||", "61|1|"


def case(function: Case) -> Case:
    CASES[function.__name__.upper()] = function
    return function


def held(frames: Frames) -> list[str]:
    return [fields[14] for fields in of(frames, 61)]


@case
async def e01(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("E01")
    first, again = of(await client.place(), 11)

    assert first == again
    assert names(await client.ask(EXECUTIONS)).count("exec") == 1


@case
async def e02(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    for change, words in (("price", {"cents": 5}), ("quantity", {"shares": -10})):
        gateway.inject("E02", delay=1, change=change, **words)
        (told,) = of(await client.place(1 if change == "price" else 2), 11)
        (corrected,) = of(await client.later(1), 11)

        assert told[14].removesuffix(".01") == corrected[14].removesuffix(".02")
        if change == "price":
            assert Decimal(corrected[20]) == Decimal(told[20]) + Decimal("0.05")
        else:
            assert (told[19], corrected[19]) == ("100", "90")

    assert gateway.position(ACCOUNT, "AAPL") == 190


@case
async def e03(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("E03", delay=2)

    assert names(await client.place(1)) == ["exec", "open", "PreSubmitted", "open", "Filled"]

    gateway.inject("E03", delay=2)

    assert names(await client.place(2, limit="100")) == []
    assert names(await client.later(2))[-2:] == ["open", "Submitted"]


@case
async def e04(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("E04")
    told = await client.place() + await client.later(1)

    assert {"exec", "commission"}.isdisjoint(names(told))
    assert names(await client.ask(EXECUTIONS)) == ["exec", "commission", "55"]


@case
async def e05(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("E05")

    assert "exec" not in names(await client.place())

    told = await client.ask(EXECUTIONS)

    assert names(told) == ["55", "exec"]
    assert told[1][1] == "-1"

    gateway.inject("E05", delay=2)

    assert "exec" not in names(await client.place(2))
    assert "exec" in names(await client.later(2))


@case
async def e06(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("E06", parts=7)
    told = await client.place()

    assert len(of(told, 11)) == 7
    assert sum(int(fields[19]) for fields in of(told, 11)) == 100
    assert names(told)[-1] == "Filled"
    assert [fields[2] for fields in of(told, 3)][1:-1] == ["Submitted"] * 6


@case
async def e07(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("E07", mode="late", delay=5)
    await client.place(1)

    assert "commission" not in names(await client.later(4.9))
    assert "commission" in names(await client.later(0.2))

    odd = {
        "negative": ["-1.0"],
        "huge": ["1.7976931348623157E308"],
        "none": [""],
        "missing": [],
    }
    for order_id, (mode, wanted) in enumerate(odd.items(), 2):
        gateway.inject("E07", mode=mode)
        await client.place(order_id)

        assert [fields[3] for fields in of(await client.later(1), 59)] == wanted


@case
async def e08(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("E08")
    told = await client.place(1)

    assert names(told)[2:4] == ["exec", "commission"]
    assert of(told, 59)[0][2] != of(told, 11)[0][14]

    gateway.inject("E08", mode="execution")
    mine, other = of(await client.place(2), 11)

    assert (mine[22], other[22]) == ("1", "9999")
    assert mine[14] != other[14]


@case
async def e09(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    forms = {
        "eastern": "20260309 10:30:00 US/Eastern",
        "met": "20260309 15:30:00 MET",
        "fold": "20261101 01:30:00 US/Eastern",
        "utc": "20260309-14:30:00",
        "malformed": "2026-03-09T14:30",
    }
    for order_id, (form, written) in enumerate(forms.items(), 1):
        gateway.inject("E09", form=form)

        assert of(await client.place(order_id), 11)[0][15] == written


@case
async def p01(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(1)
    await client.later(1)
    await client.ask(POSITIONS)
    gateway.inject("P01", delay=5)
    await client.place(2)

    assert of(await client.later(1), 61) == []
    assert held(await client.ask(POSITIONS)) == ["100"]
    (row,) = of(await client.ask(f"74|1|8|{ACCOUNT}||"), 71)
    assert row[15] == "100"
    assert held(await client.later(4)) == ["200"]
    assert held(await client.ask(POSITIONS)) == ["200"]


@case
async def p02(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    gateway.inject("P02")
    await client.place(1)
    told = await client.ask(f"6|2|1|{ACCOUNT}|", POSITIONS)

    assert held(told) == ["0"]
    assert [fields[13] for fields in of(told, 7)] == ["0"]
    assert of(await client.later(86_000), 61) == []

    gateway.clear_faults()

    assert held(await client.ask()) == ["100"]


@case
async def p03(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.ask(POSITIONS)
    gateway.inject("P03", symbol="AAPL", side="SELL", shares=7)

    assert held(await client.later(1)) == ["-7"]

    (told,) = of(await client.ask(EXECUTIONS), 11)

    assert (told[2], told[22], told[26]) == ("0", "0", "")


@case
async def p04(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(1)
    await client.ask(POSITIONS)
    gateway.inject("P04")
    told = await client.later(1)

    assert names(of(told, 4)) == ["2148"]
    assert held(told) == ["0"]
    assert of(await client.ask(EXECUTIONS), 11)[-1][2] == "-1"


@case
async def p05(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(1)
    await client.place(2, limit="100")
    await client.ask(POSITIONS)
    gateway.inject("P05")
    told = await client.ask()

    assert held(told) == ["0"]
    assert "Cancelled" in names(told)
    assert gateway.cash(ACCOUNT) == 1_000_000


@case
async def p06(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(1)
    await client.later(1)
    (before,) = of(await client.ask(POSITIONS), 61)
    gateway.inject("P06", symbol="AAPL", ratio=2)
    (after,) = of(await client.ask(), 61)

    assert (before[14], after[14]) == ("100", "200")
    assert Decimal(after[15]) == Decimal(before[15]) / 2

    gateway.inject("P06", symbol="AAPL", rename="APPL")

    assert [fields[4] for fields in of(await client.ask(POSITIONS), 61)] == ["APPL"]


@case
async def q01(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(1)
    gateway.inject("Q01", of="executions")

    assert names(await client.ask("5|1|", EXECUTIONS)) == ["53", "exec"]


@case
async def q02(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(1, limit="100")
    gateway.inject("Q02", of="open")

    assert names(await client.ask("16|1|")) == ["53"]
    assert names(await client.ask("16|1|")) == ["open", "Submitted", "53"]


@case
async def q03(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(1, limit="100")
    await client.place(2, limit="100")
    gateway.inject("Q03", rows=2)

    assert names(await client.ask("16|1|")) == ["open", "Submitted", "53"]


@case
async def q04(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(1)
    gateway.inject("Q04", times=0)
    before = names(await client.ask(EXECUTIONS, "99|0|"))
    await client.later(10 * 3600)  # midnight in UTC, evening in New York

    assert before == ["exec", "55", "101", "102"]
    assert names(await client.ask(EXECUTIONS, "99|0|", "5|1|")) == ["55", "102", "53"]

    gateway.clear_faults()

    assert names(await client.ask(EXECUTIONS)) == ["exec", "commission", "55"]


@case
async def q05(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(1)
    gateway.inject("Q05")
    first, second = of(await client.ask("99|0|", "99|0|"), 101)

    assert first[22] == ""
    assert second[22].startswith("my-own-reference")


@case
async def q06(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(1, limit="100")
    gateway.inject("Q06")

    assert len(await client.ask("99|0|")) == 5001

    requests = {"16|1|": 13, EXECUTIONS: 11, POSITIONS: 11, f"6|2|1|{ACCOUNT}|": 11}
    for request, count in requests.items():
        gateway.inject("Q06", rows=10)

        assert len(await client.ask(request)) >= count


@case
async def q07(gateway: Gateway, client: RawClient) -> None:
    await client.start()
    await client.place(1)
    await client.place(2)
    gateway.inject("Q07")

    assert names(await client.ask(EXECUTIONS, "99|0|")) == [
        "exec", "101", "exec", "101", "55", "102",
    ]  # fmt: skip

    gateway.inject("Q07", delay=1)

    assert await client.ask("99|0|") == []
    assert names(await client.later(1))[-3:] == ["101", "101", "102"]
    assert names(await client.ask(order_text(3, limit="100"), "99|0|"))[-1] == "102"

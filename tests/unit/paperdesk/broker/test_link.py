from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from broker_support import CLIENT_ID, QUICK, Listener, WallClock
from paperdesk.broker.answers import Late, account_key
from paperdesk.broker.link import Address, Link
from paperdesk.desk.ports import LineDown, NotSent


def make_link() -> Link:
    return Link(
        Address("gateway", 4002, CLIENT_ID),
        clock=WallClock(),
        listener=Listener(),
        timing=QUICK,
        on_change=lambda: None,
        orders_sent=Counter(),
    )


async def test_one_thing_is_asked_once_at_a_time() -> None:
    link = make_link()
    first = asyncio.create_task(link.ask("it", lambda: None, 1))
    await asyncio.sleep(0)

    with pytest.raises(LineDown, match="being asked already"):
        await link.ask("it", lambda: None, 1)

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert link._answers.keys == []


async def test_an_answer_without_its_end_is_late_and_carries_what_came() -> None:
    link = make_link()
    asking = asyncio.create_task(link.ask(7, lambda: None, 0.01))
    await asyncio.sleep(0)
    link.ib.client.decoder.interpret(["10", "7", "AAPL"])

    with pytest.raises(Late, match=r"within 0\.01 s") as late:
        await asking
    assert late.value.rows == [("10", "7", "AAPL")]


@pytest.mark.parametrize(
    "fields",
    [["52"], ["52", "1", "x"], ["52", "1", "8"], ["10", "7.5"], ["54", "1", "7"], [""]],
)
async def test_an_answer_to_nothing_asked_is_let_be(fields: list[str]) -> None:
    link = make_link()
    asking = asyncio.create_task(link.ask(7, lambda: None, 1))
    await asyncio.sleep(0)
    link.ib.client.decoder.interpret(list(fields))
    link.ib.client.decoder.interpret(["52", "1", "7"])
    link.ib.client.decoder.interpret(["52", "1", "7"])

    assert await asking == []
    assert link.fault is None


async def test_a_link_that_is_over_answers_nothing() -> None:
    link = make_link()
    link.end("it is over")
    link.end("a later reason")

    assert link.why == "it is over"
    assert not link.is_fit
    with pytest.raises(LineDown, match="it is over"):
        await link.ask(1, lambda: None, 1)
    with pytest.raises(LineDown):
        link.next_id()
    with pytest.raises(NotSent, match="it is over"):
        link.transmit([], lambda: None)


def test_the_end_of_a_download_names_its_account() -> None:
    assert account_key("DU8730189") != account_key("DUP203550")

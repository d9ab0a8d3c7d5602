"""Reference prices, of a simulated gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from harness import House, open_house
from makers import AAPL, ACCOUNT, MSFT, NOW, make_contract
from paperdesk.clock import ManualClock
from paperdesk.desk.lane import Lane
from paperdesk.desk.ports import LineDown
from paperdesk.desk.prices import Prices
from paperdesk.domain.contract import Contract
from paperdesk.domain.pricing import Reference
from paperdesk.domain.vocabulary import ConId, Symbol

UNKNOWN = Contract(ConId(1), Symbol("NOPE"), "NASDAQ", "Nobody's Inc.")
HELD = (ACCOUNT, "AAPL", 50, Decimal("148.50"))


class Desk:
    """Prices of a house's gateway, by a clock in the test's hand."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.clock = ManualClock(NOW)
        self.prices = Prices(self.clock)
        self.lane: Lane = house.desk._lanes[ACCOUNT]

    async def ask(self, *contracts: Contract) -> dict[ConId, Reference]:
        return dict(await self.prices.references(self.lane, ACCOUNT, contracts))

    def kept(self, *conids: ConId) -> dict[ConId, Reference]:
        return dict(self.prices.kept(self.lane, ACCOUNT, conids))

    @property
    def asked(self) -> int:
        return len(self.house.gateway.frames("reqMktData"))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_house(tmp_path, positions=(HELD,)) as house:
        yield Desk(house)


async def test_a_contract_is_asked_once_however_many_want_it(desk: Desk) -> None:
    aapl, msft = make_contract(AAPL), make_contract(MSFT)
    answers = await asyncio.gather(*(desk.ask(aapl, msft, aapl) for _ in range(20)))

    assert desk.asked == 2
    assert all(answer == answers[0] for answer in answers)
    buy, sell = answers[0][AAPL].buy, answers[0][AAPL].sell
    assert buy is not None
    assert sell is not None
    assert buy >= sell > 0


async def test_a_quote_is_kept_for_a_minute_and_then_asked_again(desk: Desk) -> None:
    first = await desk.ask(make_contract(MSFT))
    desk.house.gateway.set_price("MSFT", "500.00")
    desk.clock.advance(timedelta(seconds=60))

    assert await desk.ask(make_contract(MSFT)) == first
    assert desk.kept(MSFT) == first
    desk.clock.advance(timedelta(microseconds=1))
    assert desk.kept(MSFT) == {MSFT: Reference()}
    second = (await desk.ask(make_contract(MSFT)))[MSFT].dearest
    assert second is not None
    assert second >= 500
    assert desk.asked == 2


async def test_no_more_quotes_are_kept_than_there_is_room_for(desk: Desk) -> None:
    desk.prices = Prices(desk.clock, quotes_max=1)
    await desk.ask(make_contract(AAPL))
    newest = await desk.ask(make_contract(MSFT))

    assert desk.kept(MSFT) == newest
    await desk.ask(make_contract(AAPL))
    assert desk.asked == 3


async def test_without_a_quote_the_portfolio_has_the_price(desk: Desk) -> None:
    market_price = desk.lane.broker.portfolio(ACCOUNT)[AAPL].market_price

    assert market_price is not None
    assert desk.kept(AAPL, MSFT) == {
        AAPL: Reference(market_price, market_price),
        MSFT: Reference(),
    }
    assert desk.asked == 0


async def test_what_nobody_quotes_has_no_price_and_is_asked_again(desk: Desk) -> None:
    for _ in range(2):
        assert await desk.ask(UNKNOWN) == {UNKNOWN.conid: Reference()}
    assert desk.asked == 2


async def test_who_gives_up_asking_does_not_take_the_answer_from_others(desk: Desk) -> None:
    first = asyncio.create_task(desk.ask(make_contract(MSFT)))
    second = asyncio.create_task(desk.ask(make_contract(MSFT)))
    await asyncio.sleep(0)
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first

    assert (await second)[MSFT].dearest is not None
    assert desk.asked == 1


async def test_without_a_line_nothing_can_be_asked(desk: Desk) -> None:
    desk.house.gateway.disconnect()
    await desk.house.until_down()

    with pytest.raises(LineDown):
        await desk.ask(make_contract(MSFT))

"""Questions to the simulated gateway, over TCP."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal

import pytest

from broker_support import (
    AAPL,
    FIRST,
    SECOND,
    Listener,
    aapl,
    asked,
    eventually,
    link_of,
    running,
    say,
    say_error,
)
from paperdesk.broker import queries
from paperdesk.broker.answers import Refused, account_key
from paperdesk.broker.session import IbSession
from paperdesk.desk.ports import LineDown
from paperdesk.domain.vocabulary import Symbol
from twsim import Gateway

Running = tuple[IbSession, Listener]


async def test_contracts_are_found_in_ibkrs_spelling(session: Running) -> None:
    broker, _ = session
    (found,) = await broker.find_contracts(Symbol("BRK B"))

    assert found.symbol == "BRK B"
    assert found.currency == "USD"
    assert await broker.find_contracts(Symbol("NOPE")) == ()


async def test_a_hundred_contracts_can_be_asked_at_once(session: Running) -> None:
    broker, _ = session
    found = await asyncio.gather(*(broker.find_contracts(Symbol("AAPL")) for _ in range(100)))

    assert {contract.conid for (contract,) in found} == {AAPL}


async def test_candidates_are_symbols_of_the_gateway(session: Running) -> None:
    broker, _ = session

    assert "AAPL" in await broker.candidates("APPLE")
    assert await broker.candidates("QQQQQQQQ") == ()


async def test_a_quote_has_both_sides(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    gateway.set_price("AAPL", "200.00")
    quote = await broker.quote(aapl())
    await broker.quote(aapl())

    assert quote is not None
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.bid < Decimal("200.00") < quote.ask
    assert len(gateway.frames("reqMarketDataType")) == 1


async def test_hours_are_asked_anew_on_the_next_day(
    session: Running, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, _ = session
    await broker.hours()
    monkeypatch.setattr(broker, "_today", lambda: date(2100, 1, 1))
    await broker.hours()
    await broker.hours()

    assert len(gateway.frames("reqContractDetails")) == 2


async def test_a_gateway_that_knows_no_hours_says_so(
    session: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, _ = session
    monkeypatch.setattr(queries, "HOURS_SYMBOL", "NOPE")

    with pytest.raises(LineDown, match="tells no hours"):
        await broker.hours()


async def test_a_session_without_prices_is_a_session(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise LineDown("no answer within 4 s")

    monkeypatch.setattr(queries, "download_portfolio", fail)
    async with running(gateway.port) as (broker, _):
        await eventually(lambda: broker.line)

        assert broker.portfolio(FIRST) == {}


async def test_a_refused_download_is_said(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    broker._portfolio_at.clear()
    gateway.silence()
    asking = asyncio.create_task(broker.refresh_portfolio(FIRST))
    await asyncio.sleep(0.01)
    answer = link_of(broker)._answers._waiting[account_key(FIRST)]
    answer.done.set_exception(Refused(321, "no such account"))

    with pytest.raises(LineDown, match="no such account"):
        await asking


async def test_refused_candidates_are_none(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    gateway.silence()
    asking = asyncio.create_task(broker.candidates("APPLE"))
    await asyncio.sleep(0.01)
    say_error(broker, 321, request=asked(broker))

    assert await asking == ()


async def test_hours_are_asked_once_a_day(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    hours = await broker.hours()
    again = await broker.hours()

    assert hours.sessions
    assert again == hours
    assert len(gateway.frames("reqContractDetails")) == 1


async def test_a_portfolio_is_refreshed_when_it_is_old(
    session: Running, gateway: Gateway
) -> None:
    broker, _ = session
    asked = len(gateway.frames("reqAccountUpdates"))
    await broker.refresh_portfolio(FIRST)
    assert len(gateway.frames("reqAccountUpdates")) == asked  # read when the session started

    broker._portfolio_at.clear()
    gateway.set_price("AAPL", "160.00")
    await asyncio.gather(broker.refresh_portfolio(SECOND), broker.refresh_portfolio(FIRST))

    assert len(gateway.frames("reqAccountUpdates")) == asked + 2
    assert broker.portfolio(FIRST)[AAPL].market_price == Decimal("160.00")


@pytest.mark.parametrize("code", [321, 504])
async def test_a_lookup_that_was_refused_is_not_an_unknown_symbol(
    session: Running, gateway: Gateway, code: int
) -> None:
    broker, _ = session
    gateway.silence()
    asking = asyncio.create_task(broker.find_contracts(Symbol("AAPL")))
    await asyncio.sleep(0.01)
    say_error(broker, code, "Error validating request", request=asked(broker))

    with pytest.raises(LineDown, match="Error validating request"):
        await asking
    assert broker.line is not None


async def test_a_row_that_cannot_be_read_is_not_an_unknown_symbol(
    session: Running, gateway: Gateway
) -> None:
    broker, _ = session
    gateway.silence()
    asking = asyncio.create_task(broker.find_contracts(Symbol("AAPL")))
    await asyncio.sleep(0.01)
    request = str(asked(broker))
    say(broker, "10", request, "AAPL")
    say(broker, "52", "1", request)

    with pytest.raises(LineDown, match="not understood"):
        await asking


async def test_a_lookup_without_an_end_is_not_an_unknown_symbol(
    session: Running, gateway: Gateway
) -> None:
    broker, _ = session
    gateway.silence()

    with pytest.raises(LineDown):
        await broker.find_contracts(Symbol("AAPL"))
    assert link_of(broker)._answers.keys == []


async def test_a_quote_without_an_end_is_what_came(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    gateway.silence()
    asking = asyncio.create_task(queries.quote(link_of(broker), aapl(), 0.1))
    await asyncio.sleep(0.01)
    request = str(asked(broker))
    say(broker, "1", "6", request, "66", "149.99", "100", "0")
    say_error(broker, 10167, "Displaying delayed market data", request=int(request))
    quote = await asking

    assert quote is not None
    assert (quote.bid, quote.ask) == (Decimal("149.99"), None)


async def test_a_refused_quote_is_none(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    gateway.silence()
    asking = asyncio.create_task(broker.quote(aapl()))
    await asyncio.sleep(0.01)
    say_error(broker, 354, "Requested market data is not subscribed", request=asked(broker))

    assert await asking is None

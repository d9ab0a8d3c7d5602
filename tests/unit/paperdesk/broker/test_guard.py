from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import IB

from broker_support import AAPL, CLIENT_ID, FIRST, SECOND, aapl, order
from paperdesk.broker.guard import (
    SentIds,
    cancel_fields,
    check_frame,
    fields_of,
    is_clean,
    is_greeting,
    is_paper,
    order_fields,
    paper_problem,
)
from paperdesk.broker.queries import ib_contract
from paperdesk.broker.session import ib_order
from paperdesk.desk.ports import NotSent
from paperdesk.domain.contract import Contract
from paperdesk.domain.order import Order, Terms
from paperdesk.domain.vocabulary import ConId, OrderId, OrderType, Side, TimeInForce


@pytest.fixture(autouse=True, scope="module")
def _loop() -> Iterator[None]:
    """Give ib_async a loop to read the time from; it would make one and leave it open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


def encoded(version: int, send: Callable[[Any], None]) -> list[str]:
    """Return the fields of the frame that ib_async writes."""
    messages: list[str] = []
    client = IB().client
    client._serverVersion = version
    client.connState = client.CONNECTED
    client.sendMsg = messages.append  # type: ignore[assignment]  # needs no loop
    send(client)
    client.connState = client.DISCONNECTED
    (message,) = messages
    return fields_of(client._prefix(message.encode()))


def encoded_order(version: int, wanted: Order, contract: Contract) -> list[str]:
    return encoded(
        version,
        lambda client: client.placeOrder(
            wanted.order_id, ib_contract(contract), ib_order(wanted)
        ),
    )


@pytest.mark.parametrize(
    "account", ["DU8730189", "DUP203550", "DF123456", "DUE1234", FIRST, SECOND]
)
def test_a_paper_account_is_one(account: str) -> None:
    assert is_paper(account)


@pytest.mark.parametrize(
    "account",
    [
        "U8730189",
        "F123456",
        "du8730189",
        " DU8730189",
        "DU8730189 ",
        "DU8730189\n",
        "DU873",
        "DUPX203550",
        "D8730189",
        "DU8730189012345",
        "DU٨٧٣٠",
        "All",
        "",
    ],
)
def test_anything_else_is_none(account: str) -> None:
    assert not is_paper(account)


def test_a_gateway_with_paper_accounts_is_no_problem() -> None:
    assert paper_problem("127.0.0.1:4002", (FIRST, SECOND)) is None


def test_a_live_account_among_paper_ones_is_a_problem_and_is_not_spelled_out() -> None:
    problem = paper_problem("127.0.0.1:4002", (FIRST, "U1234567"))

    assert problem is not None
    assert "127.0.0.1:4002" in problem
    assert "U***67" in problem
    assert "U1234567" not in problem


def test_a_gateway_that_names_no_account_is_a_problem() -> None:
    assert "no account" in (paper_problem("127.0.0.1:4002", ()) or "")


@pytest.mark.parametrize("version", range(157, 179))
@pytest.mark.parametrize("wanted", [order(), order(limit="151.50", side=Side.SELL)])
def test_ib_async_encodes_the_very_frame_we_build_ourselves(
    version: int, wanted: Order
) -> None:
    assert encoded_order(version, wanted, aapl()) == order_fields(wanted, aapl(), version)


def test_an_order_has_as_many_fields_as_ibkrs_own_clients_write() -> None:
    lengths = {v: len(order_fields(order(), aapl(), v)) for v in (157, 176, 178)}

    assert lengths == {157: 110, 176: 115, 178: 114}


@given(
    quantity=st.integers(1, 10**9),
    limit=st.none() | st.decimals("0.00000001", 10**9, places=8),
    side=st.sampled_from(Side),
    tif=st.sampled_from(TimeInForce),
    order_id=st.integers(1, 2**31 - 2),
    conid=st.integers(1, 2**31 - 2),
    is_extended=st.booleans(),
)
def test_every_order_leaves_with_exactly_its_own_digits(
    *,
    quantity: int,
    limit: Decimal | None,
    side: Side,
    tif: TimeInForce,
    order_id: int,
    conid: int,
    is_extended: bool,
) -> None:
    terms = Terms(
        OrderType.MKT if limit is None else OrderType.LMT,
        limit,
        tif,
        is_extended and limit is not None,
    )
    wanted = replace(order(), quantity=quantity, side=side, terms=terms)
    wanted = replace(wanted, order_id=OrderId(order_id), conid=ConId(conid))
    frame = encoded_order(178, wanted, aapl(conid=ConId(conid)))

    check_frame(frame, order_fields(wanted, aapl(conid=ConId(conid)), 178))

    assert frame[17] == str(quantity)
    assert frame[19] == ("" if limit is None else format(limit, "f"))
    assert limit is None or Decimal(frame[19]) == limit


@pytest.mark.parametrize(
    "wrong",
    [
        order(order_id=None),
        order(order_id=0),
        order(order_id=2147483647),
        order(quantity=0),
        order(quantity=-5),
        order(quantity=2147483647),
        order(account="U1234567"),
        order(account=""),
        order(limit="0"),
        order(limit="-1"),
        order(limit="NaN"),
        order(limit="Infinity"),
        order(outside_rth=True),
        order(conid=ConId(1)),
        order(ref=""),
        order(ref="pd\x00SELL"),
        order(ref="pd\nx"),
        order(ref="pd\ud800"),
        replace(order(), terms=Terms(OrderType.LMT)),
        replace(order(), terms=Terms(OrderType.MKT, Decimal(5))),
    ],
)
def test_an_order_that_could_not_be_meant_is_not_sent(wrong: Order) -> None:
    with pytest.raises(NotSent, match="was stopped"):
        order_fields(wrong, aapl(), 178)


@pytest.mark.parametrize(
    "contract",
    [aapl("AAPL\0STK"), aapl(""), aapl(conid=ConId(0)), replace(aapl(), currency="EUR")],
)
def test_an_order_on_a_contract_that_cannot_be_is_not_sent(contract: Contract) -> None:
    wanted = replace(order(), conid=contract.conid)

    with pytest.raises(NotSent, match="was stopped"):
        order_fields(wanted, contract, 178)


@pytest.mark.parametrize("at", range(1, 114))
def test_a_change_of_any_field_stops_the_frame(at: int) -> None:
    permitted = order_fields(order(limit="151.50"), aapl(), 178)
    fields = list(permitted)
    fields[at] += "7"

    with pytest.raises(NotSent, match=f"field {at} is"):
        check_frame(fields, permitted)


def test_a_field_more_or_less_stops_the_frame() -> None:
    permitted = order_fields(order(), aapl(), 178)

    for fields in ([*permitted, ""], permitted[:-1]):
        with pytest.raises(NotSent, match="fields, not 114"):
            check_frame(fields, permitted)


@pytest.mark.parametrize("fields", [["3", "1"], ["4", "1", "7", ""]])
def test_an_order_or_cancel_that_nobody_asked_for_is_stopped(fields: list[str]) -> None:
    with pytest.raises(NotSent, match="without an order"):
        check_frame(fields, None)


@pytest.mark.parametrize("fields", [["58", "1"], ["21"], [""], ["0"], []])
def test_a_request_that_is_never_made_is_stopped(fields: list[str]) -> None:
    with pytest.raises(NotSent, match="never makes"):
        check_frame(fields, None)


def test_a_question_may_always_leave() -> None:
    check_frame(["49", "1"], None)


@pytest.mark.parametrize("version", [157, 168, 169, 178])
def test_ib_async_encodes_the_very_cancel_we_build_ourselves(version: int) -> None:
    frame = encoded(version, lambda client: client.cancelOrder(1001))

    assert frame == cancel_fields(order(), CLIENT_ID, version)


@pytest.mark.parametrize(
    "other", [order(client_id=CLIENT_ID + 1), order(order_id=None), order(order_id=0)]
)
def test_a_cancel_that_could_hit_another_order_is_not_sent(other: Order) -> None:
    with pytest.raises(NotSent, match="client id"):
        cancel_fields(other, CLIENT_ID, 178)


@pytest.mark.parametrize("text", ["AAPL", "BRK B", "NESTLÉ", ""])
def test_plain_text_is_clean(text: str) -> None:
    assert is_clean(text)


@pytest.mark.parametrize("character", ["\0", "\n", "\x1f", "\x7f", "\x85", "\ud800"])
def test_a_control_character_or_half_a_letter_is_not(character: str) -> None:
    assert not is_clean(f"AA{character}PL")


def test_an_order_id_is_used_once() -> None:
    ids = SentIds()
    ids.use(7)
    ids.use(5)  # two accounts share one line: their orders may overtake each other

    for used in (5, 7):
        with pytest.raises(NotSent, match="sent before"):
            ids.use(used)


def test_old_order_ids_stay_used_though_they_are_not_kept() -> None:
    ids = SentIds()
    for order_id in range(1, 20_001):
        ids.use(order_id)

    assert len(ids._sent) <= 4096
    for used in (1, 10_000, 20_000):
        with pytest.raises(NotSent, match="sent before"):
            ids.use(used)


def test_the_contract_of_an_order_names_its_conid() -> None:
    assert ib_contract(aapl()).conId == AAPL


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\0\0\0\x05",
        b"\0\0\0\x0549\0001",
        b"\0\0\0\x0549\0001\0\0\0\0\x0549\0001\0",
        b"\0\0\0\x0649\0001\0",
    ],
)
def test_what_is_not_one_whole_frame_is_not_sent(frame: bytes) -> None:
    with pytest.raises(NotSent, match="one whole frame"):
        fields_of(frame)


def test_a_greeting_has_nothing_behind_it() -> None:
    greeting = b"API\0\0\0\0\x09v157..178"

    assert is_greeting(greeting)
    assert not is_greeting(greeting + b"\0\0\0\x053\0001\0")
    assert not is_greeting(b"API\0")

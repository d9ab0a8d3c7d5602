"""Every message, written and read back, at every server version."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.wire import market, orders, requests, responses
from twsim.wire.errors import ProtocolError
from twsim.wire.fields import Kind, Rows, Words
from twsim.wire.layout import Message, slots
from twsim.wire.market import SampleKind, SymbolSample
from twsim.wire.orders import OpenOrder
from twsim.wire.place_order import ConditionKind, PlaceOrder
from twsim.wire.protocol import SERVER_VERSION_MAX, SERVER_VERSION_MIN
from twsim_makers import Recorded, recordings

VERSIONS = st.integers(SERVER_VERSION_MIN, SERVER_VERSION_MAX)
MESSAGES = [*requests.REQUESTS.values(), *responses.RESPONSES.values()]

words = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=6)
numbers = st.decimals(min_value=-1_000_000, max_value=1_000_000, places=4)
counts = st.integers(-(2**31) + 1, 2**31 - 2)
condition = st.one_of(
    *(
        st.tuples(st.just(str(kind)), *[words] * more)
        for kind, more in ((1, 6), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5))
    )
)
samples = st.builds(
    SymbolSample,
    con_id=counts,
    symbol=words,
    sec_type=words,
    primary_exchange=words,
    currency=words,
    derivatives=st.lists(words, max_size=3).map(tuple),
)


def values(kind: Kind[object], hint: object) -> st.SearchStrategy[object]:
    match kind:
        case Rows(row=row):
            return st.lists(values(row, str), max_size=3).map(tuple)
        case Words(count=count):
            return st.tuples(*[words] * count)
    by_type: dict[type, st.SearchStrategy[object]] = {
        ConditionKind: condition,
        SampleKind: samples,
    }
    known = by_type.get(type(kind))
    return scalars(hint) if known is None else known


def scalars(hint: object) -> st.SearchStrategy[object]:
    options = get_args(hint) or (hint,)
    strategies: dict[object, st.SearchStrategy[object]] = {
        Decimal: numbers,
        int: counts,
        type(None): st.none(),
        str: words,
        bool: st.booleans(),
    }
    return st.one_of(*(strategies[option] for option in options))


# Fields that decide whether others exist keep a value with which they do not.
GATES: dict[str, st.SearchStrategy[object]] = {
    "sec_type": st.just("STK"),
    "order_type": st.just("LMT"),
    "exchange": st.just("SMART"),
    "hedge_type": st.just(""),
    "algo_strategy": st.just(""),
    "delta_neutral_order_type": st.just(""),
    "delta_neutral": st.just(value=False),
    "delta_neutral_contract": st.just(value=False),
    "scale_price_increment": st.none(),
    "conditions": st.just(()),
}


def messages(kind: type[Message], server_version: int) -> st.SearchStrategy[Message]:
    hints = get_type_hints(kind)
    parts = {
        slot.name: values(slot.kind, hints[slot.name])
        for slot in slots(kind, server_version)
        if slot.when is None
    }
    closed = {name: GATES[name] for name in parts if name in GATES}
    return st.builds(kind, **{**parts, **closed})


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.NAME)
@settings(max_examples=20, deadline=None)
@given(data=st.data(), version=VERSIONS)
def test_every_message_reads_back_as_it_was_written(
    kind: type[Message], data: st.DataObject, version: int
) -> None:
    message = data.draw(messages(kind, version))
    fields = message.encode(version)
    read = kind.decode(fields, version)

    assert read.encode(version) == fields
    assert all(
        getattr(read, slot.name) == getattr(message, slot.name)
        for slot in slots(kind, version)
        if slot.when is None
    )


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.NAME)
@settings(max_examples=8, deadline=None)
@given(data=st.data(), version=VERSIONS)
def test_a_message_with_a_field_too_few_or_too_many_is_refused(
    kind: type[Message], data: st.DataObject, version: int
) -> None:
    fields = data.draw(messages(kind, version)).encode(version)

    with pytest.raises(ProtocolError):
        kind.decode([*fields, "surplus"], version)
    if len(fields) > 1:
        with pytest.raises(ProtocolError):
            kind.decode(fields[:-1], version)


@pytest.mark.parametrize(
    "frame",
    [frame for frame in recordings() if frame.is_message and frame.is_readable],
    ids=lambda frame: f"{frame.sequence}-{frame.fields[0]}",
)
def test_recorded_frames_of_real_gateways_are_written_again_byte_for_byte(
    frame: Recorded,
) -> None:
    known = responses.RESPONSES if frame.direction == "S" else requests.REQUESTS
    kind = known[int(frame.fields[0])]
    version = min(frame.server_version, SERVER_VERSION_MAX)

    assert kind.decode(frame.fields, version).encode(version) == list(frame.fields)


@pytest.mark.parametrize(
    ("version", "count"), [(178, 114), (176, 115), (169, 115), (166, 114), (157, 110)]
)
def test_placeorder_has_the_number_of_fields_that_clients_send(
    version: int, count: int
) -> None:
    assert len(PlaceOrder(order_id=1, sec_type="STK").encode(version)) == count


LEG = tuple("12345678")
GROUPS: list[tuple[PlaceOrder, int]] = [
    (PlaceOrder(order_id=1, sec_type="BAG"), 3),
    (
        PlaceOrder(
            order_id=1,
            sec_type="BAG",
            combo_legs=(LEG, LEG),
            order_combo_legs=(("1.5",),),
            smart_combo_routing_params=(("NonGuaranteed", "1"),),
        ),
        3 + 16 + 1 + 2,
    ),
    (PlaceOrder(order_id=1, delta_neutral_order_type="MKT", delta_neutral_order=LEG), 8),
    (
        PlaceOrder(
            order_id=1, scale_price_increment=Decimal("0.5"), scale_terms=tuple("1234567")
        ),
        7,
    ),
    (PlaceOrder(order_id=1, scale_price_increment=Decimal(0)), 0),
    (PlaceOrder(order_id=1, hedge_type="D", hedge_param="0.5"), 1),
    (
        PlaceOrder(
            order_id=1,
            delta_neutral_contract=True,
            delta_neutral_contract_terms=("1", "0.5", "10"),
        ),
        3,
    ),
    (PlaceOrder(order_id=1, algo_strategy="Vwap", algo_params=(("maxPctVol", "0.2"),)), 3),
    (PlaceOrder(order_id=1, order_type="PEG BENCH", benchmark_terms=tuple("12345")), 5),
    (
        PlaceOrder(
            order_id=1,
            conditions=(("3", "a", "1", "20260309 14:30:00"), ("5", "o", "STK", "SMART", "X")),
            condition_switches=("0", "1"),
        ),
        4 + 5 + 2,
    ),
    (PlaceOrder(order_id=1, exchange="IBKRATS", min_trade_quantity=10), 1),
    (PlaceOrder(order_id=1, order_type="PEG BEST", min_compete_size=100), 2),
    (
        PlaceOrder(
            order_id=1,
            order_type="PEG BEST",
            compete_against_best_offset=Decimal("Infinity"),
            mid_offset_at_whole=Decimal("0.01"),
        ),
        4,
    ),
    (PlaceOrder(order_id=1, order_type="PEG MID", mid_offset_at_half=Decimal("0.02")), 2),
]


@pytest.mark.parametrize(("order", "more"), GROUPS)
def test_groups_of_fields_come_and_go_with_others(order: PlaceOrder, more: int) -> None:
    fields = order.encode(178)

    assert len(fields) == 114 + more
    assert PlaceOrder.decode(fields, 178) == order


def test_a_combination_has_legs_in_a_market_data_request() -> None:
    request = requests.ReqMktData(
        req_id=1,
        sec_type="BAG",
        legs=(("1", "2", "BUY", "SMART"),),
        delta_neutral=True,
        delta_neutral_terms=("1", "0.5", "10"),
    )

    assert requests.ReqMktData.decode(request.encode(178), 178) == request


def test_a_condition_of_an_unknown_type_is_refused() -> None:
    fields = PlaceOrder(
        order_id=1, conditions=(("5", "a", "b", "c", "d"),), condition_switches=("0", "0")
    ).encode(178)
    fields[90] = "2"

    with pytest.raises(ProtocolError, match="no condition"):
        PlaceOrder.decode(fields, 178)


@pytest.mark.parametrize(
    ("version", "count"),
    [(178, 135), (176, 136), (169, 131), (162, 131), (160, 130), (157, 128)],
)
def test_openorder_has_the_number_of_fields_of_each_version(version: int, count: int) -> None:
    order = make_open_order()

    assert len(order.encode(version)) == count


def make_open_order() -> OpenOrder:
    return OpenOrder(
        order_id=5,
        con_id=265598,
        symbol="AAPL",
        sec_type="STK",
        exchange="SMART",
        currency="USD",
        local_symbol="AAPL",
        trading_class="NMS",
        action="BUY",
        total_quantity=Decimal(100),
        order_type="MKT",
        tif="DAY",
        account="DU1234567",
        client_id=100,
        perm_id=600745656,
        status="PreSubmitted",
    )


def test_an_order_without_a_hedge_word_has_no_hedging_fields() -> None:
    order = replace(make_open_order(), delta_neutral_order_type="")

    assert len(order.encode(178)) == 135 - 8


def test_completed_orders_have_100_fields_at_178() -> None:
    count = sum(
        1 if not isinstance(slot.kind, Words) else slot.kind.count
        for slot in slots(orders.CompletedOrder, 178)
        if slot.when is None or slot.name == "delta_neutral_order"
    )

    assert count + 1 == 100


def test_symbol_samples_lose_their_description_below_176() -> None:
    sample = SymbolSample(
        con_id=1,
        symbol="X",
        sec_type="STK",
        primary_exchange="NYSE",
        currency="USD",
        derivatives=("OPT", "WAR"),
        description="X Corp",
        issuer_id="e1",
    )
    message = market.SymbolSamples(req_id=7, samples=(sample,))

    assert market.SymbolSamples.decode(message.encode(176), 176) == message
    assert len(message.encode(175)) == len(message.encode(176)) - 2


def test_no_two_messages_share_a_number() -> None:
    assert len({kind.ID for kind in requests.REQUESTS.values()}) == 33
    assert len({kind.ID for kind in responses.RESPONSES.values()}) == 39


def test_a_message_without_a_kind_for_a_field_cannot_be_read() -> None:
    class Wrong(Message):
        ID = 0
        NAME = "wrong"
        __dataclass_fields__ = requests.ReqIds.__dataclass_fields__
        count: Annotated[int, "no kind"]

    with pytest.raises(AssertionError, match="count has no kind"):
        slots(Wrong, 178)

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ib_async.decoder import Decoder

from broker_support import NOW, RealMessage, real, real_messages
from paperdesk.broker.link import RECORDED
from paperdesk.broker.translate import (
    STATUSES,
    managed_accounts_of,
    net_liquidation_of,
    portfolio_row_of,
    report_of,
    tick_of,
)
from paperdesk.domain.execution import Execution
from paperdesk.domain.reports import (
    CommissionReport,
    CompletedReport,
    Effect,
    ErrorReport,
    ExecutionReport,
    OrderReport,
    PositionReport,
    Report,
    StatusReport,
    Told,
)
from paperdesk.domain.vocabulary import AccountId, ConId, ExecId, OrderId, PermId, Side, Symbol

REPORTED = RECORDED - {"9", "15"}
READABLE = [m for m in real_messages() if m.fields[0] in REPORTED and m.version <= 178]
PLAIN = real("RS-2", "5").fields  # a stock order at version 173: one field more than at 178
EXECUTION = real("RS-2", "11").fields
COMPLETED = real("RS-5", "101").fields  # at version 169


def told(message: RealMessage) -> Report | None:
    return report_of(message.fields, message.version, NOW)


def changed(fields: list[str], **values: str) -> list[str]:
    """Return the fields with some replaced: `_14="5"` is field 14."""
    copy = list(fields)
    for at, value in values.items():
        copy[int(at[1:])] = value
    return copy


@pytest.mark.parametrize("message", READABLE, ids=lambda m: f"{m.group}-{m.fields[0]}")
def test_every_recorded_message_can_be_decoded(message: RealMessage) -> None:
    assert told(message) is not None


def test_an_open_order_is_read() -> None:
    assert told(real("NT-1", "5")) == OrderReport(
        order_ref="O-20231203-1921-001-000-2:190",  # type: ignore[arg-type]
        client_id=2,
        order_id=OrderId(190),
        perm_id=PermId(1351823328),
        account=AccountId("DU1234567"),
        conid=ConId(756733),
        quantity=Decimal(1000),
        told=Told.ACKNOWLEDGED,  # PendingCancel: it is there, nothing more
        symbol="SPY",
        side=Side.BUY,
        order_type="MKT",
        limit_price=None,
    )


def test_an_order_status_is_read() -> None:
    assert told(real("NT-1", "3")) == StatusReport(
        client_id=2,
        order_id=OrderId(216),
        perm_id=PermId(1351823369),
        told=Told.FILLED,
        filled=Decimal(3000),
    )


def test_an_execution_is_read() -> None:
    assert told(real("RS-2", "11")) == ExecutionReport(
        Execution(
            exec_id=ExecId("0000e0d5.67fe667b.01.01"),
            account=AccountId("DU1234567"),
            conid=ConId(265598),
            symbol=Symbol("AAPL"),
            side=Side.BUY,
            quantity=100,
            price=Decimal("201.94"),
            executed_at=datetime(2025, 4, 15, 19, 38, 31, tzinfo=UTC),
            order_ref=None,
            order_id=OrderId(5),
            client_id=100,
            perm_id=PermId(600745656),
            exchange="IEX",
        )
    )


def test_a_commission_is_read_and_an_unset_profit_is_none() -> None:
    assert told(real("RS-3", "59")) == CommissionReport(
        ExecId("00025b46.63f8f39c.01.01"), Decimal("1.0"), "USD", None
    )


def test_a_completed_order_is_read() -> None:
    assert told(real("RS-5", "101")) == CompletedReport(
        order_ref="",  # type: ignore[arg-type]
        perm_id=PermId(1824933227),
        account=AccountId("DU1234567"),
        conid=ConId(265598),
        told=Told.FILLED,
        filled=Decimal(100),
        words="Filled Size: 100",
    )


def test_a_position_is_read() -> None:
    assert told(real("NT-1", "61", 1)) == PositionReport(
        account=AccountId("DU1234567"),
        conid=ConId(479624278),
        symbol="BTC",
        sec_type="CRYPTO",
        currency="USD",
        quantity=Decimal("1.24115341"),
        avg_cost=Decimal("37950.0114333"),
    )


def test_an_error_is_read_with_its_effect() -> None:
    assert told(real("PF-5", "4")) == ErrorReport(
        36, 202, "Order Canceled - reason:", Effect.CANCELLED
    )


@pytest.mark.parametrize(("word", "meaning"), STATUSES.items())
def test_every_status_is_read_the_same_in_all_three_messages(word: str, meaning: Told) -> None:
    order = report_of(changed(PLAIN, _94=word), 173, NOW)
    status = report_of(["3", "5", word, "0", "100", "0", "6", "0", "0", "1", "", "0"], 178, NOW)
    completed = report_of(changed(COMPLETED, _77=word), 169, NOW)

    assert isinstance(order, OrderReport)
    assert isinstance(status, StatusReport)
    assert isinstance(completed, CompletedReport)
    assert order.told is status.told is completed.told is meaning


@pytest.mark.parametrize("word", ["", "Unheard", "filled", "ValidationError"])
def test_a_status_without_a_meaning_is_not_guessed(word: str) -> None:
    assert report_of(changed(PLAIN, _94=word), 173, NOW) is None
    assert report_of(changed(COMPLETED, _77=word), 169, NOW) is None


def test_at_version_177_one_field_is_gone() -> None:
    newer = PLAIN[:34] + PLAIN[35:]

    assert len(newer) == 135
    assert report_of(newer, 178, NOW) == report_of(PLAIN, 173, NOW)


def test_a_completed_order_at_178_is_read() -> None:
    newer = [*COMPLETED[:31], *COMPLETED[32:], "", "100", "0.02", "", ""]

    assert len(newer) == 100
    assert report_of(newer, 178, NOW) == report_of(COMPLETED, 169, NOW)


def test_a_what_if_is_no_order() -> None:
    assert report_of(changed(PLAIN, _93="1"), 173, NOW) is None


def test_an_order_of_the_brokers_own_without_ids_is_read() -> None:
    report = report_of(changed(PLAIN, _1="0", _24="0", _25=""), 173, NOW)

    assert isinstance(report, OrderReport)
    assert (report.order_id, report.client_id, report.perm_id) == (0, 0, 0)


@pytest.mark.parametrize(
    ("action", "side"), [("BUY", Side.BUY), ("SELL", Side.SELL), ("SSHORT", Side.SELL)]
)
def test_the_side_of_anybodys_order_is_read(action: str, side: Side) -> None:
    report = report_of(changed(PLAIN, _13=action), 173, NOW)

    assert isinstance(report, OrderReport)
    assert report.side is side


@pytest.mark.parametrize(
    ("text", "price"),
    [("0.0", None), ("", None), ("1.7976931348623157E308", None), ("86.78", Decimal("86.78"))],
)
def test_a_limit_of_zero_is_none(text: str, price: Decimal | None) -> None:
    report = report_of(changed(PLAIN, _15="LMT", _16=text), 173, NOW)

    assert isinstance(report, OrderReport)
    assert (report.order_type, report.limit_price) == ("LMT", price)


def pegged(count: str) -> list[str]:
    """Return an order pegged to a benchmark: five fields more stand before the conditions."""
    fields = changed(PLAIN, _15="PEG BENCH")
    return [*fields[:111], "7", "0", "0.0", "0.0", "NYSE", count, *fields[112:]]


@pytest.mark.parametrize(
    ("fields", "has_conditions"),
    [
        (PLAIN, False),
        (changed(PLAIN, _111="2"), True),
        (pegged("0"), False),
        (pegged("1"), True),
        (PLAIN[:111], True),  # it was cut: there may be some
        (changed(PLAIN, _111="many"), True),
    ],
)
def test_an_order_that_waits_for_more_than_its_price_is_known(
    fields: list[str], *, has_conditions: bool
) -> None:
    report = report_of(fields, 173, NOW)

    assert isinstance(report, OrderReport)
    assert report.has_conditions is has_conditions


def groups(fields: list[str]) -> dict[str, list[str]]:
    """Return the plain order with every group of fields that only some orders have."""
    leg = ["265598", "1", "BUY", "SMART", "0", "0", "", "-1"]
    return {
        "plain": fields,
        "no delta neutral type": [*fields[:62], "", *fields[63:64], *fields[72:]],
        "combo legs": [
            *fields[:79],
            "1",
            *leg,
            "1",
            "5.0",
            "1",
            "NonGuaranteed",
            "1",
            *fields[82:],
        ],
        "scale": [*fields[:84], "0.5", "1", "2", "3", "0", "4", "5", "1", *fields[85:]],
        "hedge": [*fields[:85], "B", "param", *fields[86:]],
        "delta neutral contract": [*fields[:90], "1", "7", "0.5", "9.0", *fields[91:]],
        "algorithm": [
            *fields[:91],
            "Adaptive",
            "1",
            "adaptivePriority",
            "Normal",
            *fields[92:],
        ],
    }


class Oracle:
    """Takes what ib_async's own decoder makes of an open order."""

    def __init__(self) -> None:
        self.seen: tuple[Any, ...] = ()

    def openOrder(self, *values: Any) -> None:  # noqa: N802  ib_async's name
        self.seen = values


@pytest.mark.parametrize("name", groups(PLAIN))
def test_ib_asyncs_decoder_agrees_on_every_kind_of_order(name: str) -> None:
    fields = groups(PLAIN)[name]
    oracle = Oracle()
    Decoder(oracle, 173).interpret(list(fields))  # type: ignore[arg-type]
    order_id, contract, order, state = oracle.seen
    report = report_of(fields, 173, NOW)

    assert isinstance(report, OrderReport)
    assert report.order_id == order_id
    assert report.conid == contract.conId
    assert (report.perm_id, report.client_id) == (order.permId, order.clientId)
    assert (report.account, report.quantity) == (order.account, Decimal(order.totalQuantity))
    assert state.status == "PreSubmitted"
    assert report.told is Told.PRE_SUBMITTED


@pytest.mark.parametrize("count", ["-1", "100000000", "x"])
def test_a_number_of_legs_that_cannot_be_is_not_followed(count: str) -> None:
    assert report_of(changed(PLAIN, _79=count), 173, NOW) is None


@pytest.mark.parametrize(
    "text", ["", "20260611 09:30:30 Nowhere/Land", "soon", "20269999-13:30:30"]
)
def test_a_fill_with_an_unreadable_time_happened_when_it_was_received(text: str) -> None:
    report = report_of(changed(EXECUTION, _15=text), 173, NOW)

    assert isinstance(report, ExecutionReport)
    assert report.execution.executed_at == NOW


def test_the_same_fill_live_and_from_a_snapshot_is_the_same() -> None:
    live = report_of(changed(EXECUTION, _15="20260611-13:30:30"), 176, NOW)
    later = report_of(changed(EXECUTION, _15="20260611 09:30:30 US/Eastern", _1="7"), 176, NOW)

    assert live == later


def test_a_fill_of_a_manual_order_has_no_order_id() -> None:
    report = report_of(changed(EXECUTION, _2="2147483647", _21="0"), 173, NOW)

    assert isinstance(report, ExecutionReport)
    assert report.execution.order_id is None
    assert report.execution.perm_id is None


def test_a_share_class_keeps_ibkrs_spelling() -> None:
    report = report_of(changed(EXECUTION, _4="BRK B", _12="BRK B"), 173, NOW)
    unnamed = report_of(changed(EXECUTION, _4="", _12="BRK B"), 173, NOW)

    assert isinstance(report, ExecutionReport)
    assert report.execution.symbol == "BRK B"
    assert unnamed == report


@pytest.mark.parametrize(
    "values",
    [{"_14": ""}, {"_18": "BUY"}, {"_19": ""}, {"_20": "1.7976931348623157E308"}, {"_20": ""}],
)
def test_a_fill_without_id_side_size_or_price_cannot_be_decoded(values: dict[str, str]) -> None:
    assert report_of(changed(EXECUTION, **values), 173, NOW) is None


@pytest.mark.parametrize(
    ("text", "commission"),
    [
        ("1.0003", Decimal("1.0003")),
        ("1.8E-4", Decimal("0.00018")),
        ("0.0", Decimal(0)),
        ("-0.25", Decimal("-0.25")),  # a rebate
        ("", None),
        ("-1", None),
        ("-1.0", None),
        ("1.7976931348623157E308", None),
    ],
)
def test_a_commission_that_is_not_known_yet_is_none(
    text: str, commission: Decimal | None
) -> None:
    report = report_of(["59", "1", "x.01", text, "USD", "", "", ""], 178, NOW)

    assert isinstance(report, CommissionReport)
    assert report.commission == commission


@pytest.mark.parametrize("version", range(157, 179))
def test_an_error_is_read_at_every_version(version: int) -> None:
    fields = ["4", "2", "12", "10349", "Order TIF was set to DAY", *([""] * (version >= 166))]

    assert report_of(fields, version, NOW) == ErrorReport(
        12, 10349, "Order TIF was set to DAY", Effect.INFORMATION
    )


@pytest.mark.parametrize("fields", [[], [""], ["9", "1", "5"], ["15", "1", "DU1"], ["999"]])
def test_other_messages_report_nothing(fields: list[str]) -> None:
    assert report_of(fields, 178, NOW) is None


def test_a_portfolio_row_is_read() -> None:
    row = portfolio_row_of(real("GO-2", "7").fields)

    assert row is not None
    assert row.account == "DU1234567"
    assert (row.holding.symbol, row.holding.quantity) == ("AAPL", -100)
    assert row.holding.avg_cost == Decimal("291.2660812")
    assert row.holding.market_price == Decimal("291.6234436")
    assert row.holding.market_value == Decimal("-29162.34")
    assert row.holding.unrealized_pnl == Decimal("-35.74")


@pytest.mark.parametrize(
    "fields",
    [
        ["6", "2", "NetLiquidation", "868469.71", "GBP", "DU1234567"],
        ["73", "1", "1001", "DU1234567", "", "NetLiquidation", "868469.71", "GBP"],
    ],
)
def test_net_liquidation_is_read_from_either_message(fields: list[str]) -> None:
    told = net_liquidation_of(fields)

    assert told is not None
    assert (told.account, told.value) == ("DU1234567", Decimal("868469.71"))


@pytest.mark.parametrize(
    "fields",
    [
        ["6", "2", "NetLiquidationByCurrency", "1", "BASE", "DU1"],
        ["6", "2", "NetLiquidation", "", "USD", "DU1"],
        ["73", "1", "1001", "DU1", "a-model", "NetLiquidation", "1", "USD"],
        ["8", "1", "14:34"],
        [],
    ],
)
def test_other_values_are_no_net_liquidation(fields: list[str]) -> None:
    assert net_liquidation_of(fields) is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("DU1234567", ("DU1234567",)),
        ("DU1234567,DUP203550,", ("DU1234567", "DUP203550")),
        (" DU1234567", (" DU1234567",)),
        ("", ()),
        (",", ()),
    ],
)
def test_managed_accounts_are_taken_as_they_are(text: str, names: tuple[str, ...]) -> None:
    assert managed_accounts_of(["15", "1", text]) == names


@pytest.mark.parametrize(
    ("price", "known"),
    [("150.01", Decimal("150.01")), ("-1.00", None), ("0", None), ("", None)],
)
def test_a_tick_without_a_quote_has_no_price(price: str, known: Decimal | None) -> None:
    tick = tick_of(["1", "6", "9", "66", price, "100", "0"])

    assert tick is not None
    assert (tick.kind, tick.price) == (66, known)


FIELD = st.text() | st.sampled_from(
    ["0", "1", "-1", "3.5", "1.7976931348623157E308", "2147483647", "Filled", "BOT", "NaN"]
)


@given(st.sampled_from(sorted(RECORDED)), st.lists(FIELD, max_size=140), st.integers(157, 178))
@example("5", ["1"] * 140, 178)
@example("101", ["1"] * 140, 178)
def test_no_list_of_fields_raises(message: str, rest: list[str], version: int) -> None:
    fields = [message, *rest]

    report_of(fields, version, NOW)
    portfolio_row_of(fields)
    net_liquidation_of(["6", *rest])
    net_liquidation_of(["73", *rest])
    managed_accounts_of(fields)
    tick_of(fields)


@given(
    st.sampled_from(READABLE),
    st.dictionaries(st.integers(1, 135), FIELD, max_size=4),
    st.integers(0, 140),
)
def test_no_damage_to_a_real_message_raises(
    message: RealMessage, damage: dict[int, str], length: int
) -> None:
    fields = [damage.get(at, field) for at, field in enumerate(message.fields)][:length]

    report_of(fields, message.version, NOW)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=0.0001, max_value=1e9))
def test_any_price_a_gateway_can_print_is_taken_digit_by_digit(price: float) -> None:
    report = report_of(changed(EXECUTION, _20=repr(price)), 173, NOW)

    assert isinstance(report, ExecutionReport)
    assert report.execution.price == Decimal(repr(price))

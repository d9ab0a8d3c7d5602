"""What real gateways were recorded to say, and what twsim says in the same situation.

Every recorded message must decode, and every field of it must be what twsim says in that
situation, or be of the same kind and have its reason here, or be listed as different.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

from twsim.wire.errors import ProtocolError
from twsim.wire.fields import DMAX, IMAX, LMAX
from twsim.wire.layout import Message, slots
from twsim.wire.requests import REQUESTS
from twsim.wire.responses import RESPONSES
from twsim_makers import UNREADABLE, Recorded, recordings
from twsim_situations import SITUATIONS

DIFFERENCES_MAX = 299
SHAPES_MAX = 50
# Why a field differs though it is of the same kind: `message.field`, or `*.field` for all.
VALUES: dict[str, tuple[str, ...]] = {
    "numbers that a gateway gives out": (
        "*.perm_id", "*.exec_id", "openOrder.shares_allocation", "nextValidId.order_id",
    ),
    "the client's own reference": ("*.order_ref",),
    "another contract: a future, a currency pair or a coin": (
        "*.con_id", "*.symbol", "*.sec_type", "*.local_symbol", "*.trading_class",
        "contractData.market_name", "contractData.min_tick", "contractData.min_size",
        "contractData.size_increment", "contractData.suggested_size_increment",
        "contractData.aggregate_group", "contractData.exchange", "openOrder.exchange",
        "position.position",
    ),
    "another currency than USD": (
        "*.currency", "openOrder.commission_currency", "accountUpdateMulti.value",
    ),
    "another day": (
        "execDetails.time", "completedOrder.completed_time", "accountUpdateTime.time",
        "contractData.trading_hours", "contractData.liquid_hours",
    ),
    "another price, and what follows from it": (
        "execDetails.price", "execDetails.average_price", "orderStatus.average_fill_price",
        "orderStatus.last_fill_price", "openOrder.limit_price", "openOrder.trail_stop_price_2",
        "position.average_cost", "portfolioValue.market_price", "portfolioValue.market_value",
        "portfolioValue.unrealized_pnl", "portfolioValue.realized_pnl", "pnl.daily",
        "pnl.unrealized", "pnl.realized",
    ),
    "another account with other money": ("accountSummary.value",),
    "another venue, or one that gave liquidity": (
        "execDetails.exchange", "execDetails.venue", "execDetails.last_liquidity",
    ),
    "another commission schedule than tiered": (
        "commissionReport.commission", "openOrder.commission",
    ),
    "the history farm was idle there": ("error.code", "error.text"),
    "twsim takes MKT and LMT; the recorded IOC order was MKT outside hours": (
        "openOrder.order_type", "contractData.order_types",
    ),
    "names as the listings of S&P and SEC have them": (
        "contractData.long_name", "contractData.industry",
    ),
    "the list of exchanges is shortened": (
        "contractData.valid_exchanges", "contractData.market_rule_ids",
    ),
}  # fmt: skip
# Where one of the two says nothing, or a sentinel.
SHAPES: dict[str, tuple[str, ...]] = {
    "futures have a last day and a multiplier": ("*.last_trade_date", "*.multiplier"),
    "other contracts than stocks have no listing exchange, industry or competing size": (
        "position.exchange", "contractData.primary_exchange", "contractData.stock_type",
        "contractData.industry", "contractData.market_rule_ids",
        "openOrder.min_compete_size", "openOrder.compete_against_best_offset",
    ),
    "the recorded order came with a reference": ("*.order_ref",),
    "the recorded fill closed a position": ("commissionReport.realized_pnl",),
    "not in the listings": (
        "contractData.category", "contractData.subcategory", "contractData.security_ids",
    ),
    "recordings disagree: limit + 1 or nothing (PF-4, PF-5, PF-7, NT-1)": (
        "openOrder.trail_stop_price_2",
    ),
    "one of two recorded orders of PF-7 has 0": ("openOrder.rule_80a",),
}  # fmt: skip
# Values of a summary that the simulated account does not have.
MISSING = {
    "PreviousDayEquityWithLoanValue": "the day before is not kept",
    "SMA": "the special memorandum account of Regulation T is not simulated",
}


@dataclass(frozen=True, slots=True)
class Difference:
    group: str
    place: str
    real: str
    ours: str


def kind_of(message: Recorded) -> type[Message]:
    known = REQUESTS if message.direction == "C" else RESPONSES
    return known[int(message.fields[0])]


def paired(group: str) -> Iterator[tuple[Recorded, list[str]]]:
    """Yield each recorded message of the server with ours: the next one of its number.

    Values of a summary are paired by their tag, those of an account by their key.
    """
    ours = SITUATIONS[group]()
    for message in recordings():
        told = message.sequence == group and message.direction == "S" and message.is_message
        if not told or not message.is_readable:
            continue
        name = {"63": 4, "6": 2}.get(message.fields[0])
        fitting = [
            fields
            for fields in ours
            if fields[0] == message.fields[0]
            and (name is None or fields[name] == message.fields[name])
        ]
        if fitting:
            ours.remove(fitting[0])
        yield message, fitting[0] if fitting else []


def kind(text: str) -> str:
    if text in ("", DMAX, IMAX, LMAX):
        return {"": "nothing", DMAX: "DMAX", IMAX: "IMAX", LMAX: "LMAX"}[text]
    return "number" if re.fullmatch(r"-?\d+(\.\d+)?(E-?\d+)?", text) else "words"


@cache
def compared() -> tuple[Counter[str], list[Difference]]:
    counts: Counter[str] = Counter()
    differences = []
    for group in SITUATIONS:
        for message, ours in paired(group):
            message_kind = kind_of(message)
            counts["messages"] += 1
            if not ours:
                differences.append(Difference(group, message.fields[4], "told", ""))
                continue
            version = message.server_version
            real, told = (parts(message_kind, each, version) for each in (message.fields, ours))
            for name, text in real.items():
                counts["fields"] += 1
                if text != told[name]:
                    place = f"{message_kind.NAME}.{name}"
                    differences.append(Difference(group, place, text, told[name]))
    return counts, differences


def parts(kind: type[Message], fields: Sequence[str], server_version: int) -> dict[str, str]:
    """Return the text of each field by its name; rows of fields are one."""
    message = kind.decode(fields, server_version)
    found = {}
    for slot in slots(kind, server_version):
        if slot.when is not None and not slot.when(partial(getattr, message)):
            continue
        out: list[str] = []
        slot.kind.put(getattr(message, slot.name), out, server_version)
        found[slot.name] = "|".join(out)
    return found


def test_every_recorded_message_decodes_but_those_of_later_versions() -> None:
    refused = set()
    messages = [each for each in recordings() if each.is_message]
    for message in messages:
        try:
            kind_of(message).decode(message.fields, message.server_version)
        except ProtocolError:
            refused.add((message.sequence, message.fields[0]))

    assert refused == set(UNREADABLE)
    assert (len(list(recordings())), len(messages)) == (102, 100)


def test_each_situation_is_told_in_the_recorded_order() -> None:
    for group, play in SITUATIONS.items():
        ours = iter([fields[0] for fields in play()])
        told = [
            each.fields[0]
            for each in recordings()
            if each.sequence == group and each.direction == "S" and each.is_message
        ]
        wanted = [n for n in told if (group, n) not in UNREADABLE]
        if group != "PF-1":  # two values are missing there
            assert all(number in ours for number in wanted), group


def test_every_difference_has_its_reason_and_every_reason_its_difference() -> None:
    _, differences = compared()
    used: set[tuple[str, str]] = set()
    unexplained = []
    for each in differences:
        reason = _reason(each)
        if reason is None:
            unexplained.append(each)
        else:
            used.add(reason)

    assert unexplained == []
    listed = {
        (table, place)
        for table, reasons in (("value", VALUES), ("shape", SHAPES))
        for places in reasons.values()
        for place in places
    }
    assert used == listed | {("missing", tag) for tag in MISSING}


def test_how_many_fields_differ_is_known_and_may_only_fall() -> None:
    counts, differences = compared()
    shapes = [each for each in differences if kind(each.real) != kind(each.ours)]
    print(  # noqa: T201 - shown by `pytest -rP`
        f"{len(list(recordings()))} recorded lines; {counts['messages']} answers compared,"
        f" {counts['fields']} fields: {len(differences)} differ, {len(shapes)} in kind"
    )
    for reason, places in {**VALUES, **SHAPES}.items():
        print(f"  {reason}: {', '.join(places)}")  # noqa: T201 - shown by `pytest -rP`

    assert counts["messages"] == 92
    assert counts["fields"] >= 2200
    assert len(differences) <= DIFFERENCES_MAX
    assert len(shapes) <= SHAPES_MAX


def _reason(difference: Difference) -> tuple[str, str] | None:
    """Return the table and the place that explain a difference; None where none does."""
    if difference.place in MISSING:
        return "missing", difference.place
    is_shape = kind(difference.real) != kind(difference.ours)
    table = SHAPES if is_shape else VALUES
    message, _, field = difference.place.partition(".")
    known = {place for places in table.values() for place in places}
    for place in (f"{message}.{field}", f"*.{field}"):
        if place in known:
            return ("shape" if is_shape else "value"), place
    return None

"""placeOrder, the longest thing a client says.

Owns: PlaceOrder and the groups of fields that come and go with others (tws-facts §2.1).
Does not know which of its members anybody acts on.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar, Final

from twsim.wire.errors import ProtocolError
from twsim.wire.fields import (
    Flag,
    Int,
    Kind,
    Offset,
    Pairs,
    Plain,
    Reader,
    Rows,
    SetDouble,
    SetInt,
    Singles,
    Text,
    Words,
    read_integer,
)
from twsim.wire.layout import Before, Lookup, Message, Since, When

# How many fields follow the type of a condition (ib_async's OrderCondition classes):
# price, time, margin, execution, volume, percent change.
_CONDITION_WORDS: Final = {1: 6, 3: 3, 4: 3, 5: 4, 6: 5, 7: 5}
_PEGGED_TO_BEST: Final = ("PEG BEST", "PEGBEST")
_PEGGED_TO_MID: Final = ("PEG MID", "PEGMID")
_PEGGED_TO_BENCHMARK: Final = ("PEG BENCH", "PEGBENCH")


class ConditionKind(Kind[tuple[str, ...]]):
    """A condition: its type, then as many fields as that type has."""

    __slots__ = ()

    def take(self, reader: Reader, server_version: int) -> tuple[str, ...]:  # noqa: ARG002
        """Read the type and its fields."""
        condition = reader.take()
        words = _CONDITION_WORDS.get(read_integer(condition))
        if words is None:
            raise ProtocolError(f"no condition of type {condition!r}")
        return (condition, *(reader.take() for _ in range(words)))

    def put(self, value: tuple[str, ...], out: list[str], server_version: int) -> None:  # noqa: ARG002
        """Write the type and its fields."""
        out.extend(value)


Conditions = Annotated[tuple[tuple[str, ...], ...], Rows(ConditionKind())]
Legs = Annotated[tuple[tuple[str, ...], ...], Rows(Words(8))]


def is_combination(value_of: Lookup) -> bool:
    """Tell whether the contract has legs."""
    return value_of("sec_type") == "BAG"


def has_delta_neutral_order(value_of: Lookup) -> bool:
    """Tell whether a hedging order's fields follow; the server's idle word is `None`."""
    return value_of("delta_neutral_order_type") != ""


def has_delta_neutral_contract(value_of: Lookup) -> bool:
    """Tell whether a hedging contract's fields follow."""
    return bool(value_of("delta_neutral_contract"))


def is_scaled(value_of: Lookup) -> bool:
    """Tell whether the fields of a scale order follow."""
    increment = value_of("scale_price_increment")
    return isinstance(increment, Decimal) and increment > 0


def is_hedge(value_of: Lookup) -> bool:
    """Tell whether a hedge parameter follows."""
    return value_of("hedge_type") != ""


def has_algo(value_of: Lookup) -> bool:
    """Tell whether algo parameters follow."""
    return value_of("algo_strategy") != ""


def is_pegged_to_benchmark(value_of: Lookup) -> bool:
    """Tell whether the fields of a pegged-to-benchmark order follow."""
    return value_of("order_type") in _PEGGED_TO_BENCHMARK


def has_conditions(value_of: Lookup) -> bool:
    """Tell whether the two switches of conditions follow."""
    return bool(value_of("conditions"))


def _is_at_ibkr_ats(value_of: Lookup) -> bool:
    return value_of("exchange") == "IBKRATS"


def _is_pegged_to_best(value_of: Lookup) -> bool:
    return value_of("order_type") in _PEGGED_TO_BEST


def _has_mid_offsets(value_of: Lookup) -> bool:
    if value_of("order_type") in _PEGGED_TO_MID:
        return True
    return _is_pegged_to_best(value_of) and value_of("compete_against_best_offset") == Decimal(
        "Infinity"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder(Message):
    """Place a new order, or change a working one of the same id."""

    ID: ClassVar = 3
    NAME: ClassVar = "placeOrder"

    order_id: Int
    con_id: Int = 0
    symbol: Text = ""
    sec_type: Text = ""
    last_trade_date: Text = ""
    strike: Text = ""
    right: Text = ""
    multiplier: Text = ""
    exchange: Text = ""
    primary_exchange: Text = ""
    currency: Text = ""
    local_symbol: Text = ""
    trading_class: Text = ""
    sec_id_type: Text = ""
    sec_id: Text = ""
    action: Text = ""
    total_quantity: Plain = Decimal(0)
    order_type: Text = ""
    limit_price: SetDouble = None
    aux_price: SetDouble = None
    tif: Text = ""
    oca_group: Text = ""
    account: Text = ""
    open_close: Text = ""
    origin: Int = 0
    order_ref: Text = ""
    # Empty is "not transmitted": stoqey omits it so (tws-facts §2.1, reading rules).
    transmit: Flag = True
    parent_id: Int = 0
    block_order: Flag = False
    sweep_to_fill: Flag = False
    display_size: SetInt = 0
    trigger_method: Int = 0
    outside_rth: Flag = False
    hidden: Flag = False
    combo_legs: Annotated[Legs, When(is_combination)] = ()
    order_combo_legs: Annotated[Singles, When(is_combination)] = ()
    smart_combo_routing_params: Annotated[Pairs, When(is_combination)] = ()
    shares_allocation: Text = ""
    discretionary_amount: SetDouble = Decimal(0)
    good_after_time: Text = ""
    good_till_date: Text = ""
    fa_group: Text = ""
    fa_method: Text = ""
    fa_percentage: Text = ""
    fa_profile: Annotated[Text, Before(177)] = ""
    model_code: Text = ""
    short_sale_slot: Int = 0
    designated_location: Text = ""
    exempt_code: Int = -1
    oca_type: Int = 0
    rule_80a: Text = ""
    settling_firm: Text = ""
    all_or_none: Flag = False
    min_quantity: SetInt = None
    percent_offset: SetDouble = None
    electronic_trade_only: Flag = False
    firm_quote_only: Flag = False
    nbbo_price_cap: SetDouble = None
    auction_strategy: Int = 0
    starting_price: SetDouble = None
    stock_ref_price: SetDouble = None
    delta: SetDouble = None
    stock_range_lower: SetDouble = None
    stock_range_upper: SetDouble = None
    override_percentage_constraints: Flag = False
    volatility: SetDouble = None
    volatility_type: SetInt = None
    delta_neutral_order_type: Text = ""
    delta_neutral_aux_price: SetDouble = None
    delta_neutral_order: Annotated[
        tuple[str, ...], Words(8), When(has_delta_neutral_order)
    ] = ()
    continuous_update: Flag = False
    reference_price_type: SetInt = None
    trail_stop_price: SetDouble = None
    trailing_percent: SetDouble = None
    scale_init_level_size: SetInt = None
    scale_subs_level_size: SetInt = None
    scale_price_increment: SetDouble = None
    scale_terms: Annotated[tuple[str, ...], Words(7), When(is_scaled)] = ()
    scale_table: Text = ""
    active_start_time: Text = ""
    active_stop_time: Text = ""
    hedge_type: Text = ""
    hedge_param: Annotated[Text, When(is_hedge)] = ""
    opt_out_smart_routing: Flag = False
    clearing_account: Text = ""
    clearing_intent: Text = ""
    not_held: Flag = False
    delta_neutral_contract: Flag = False
    delta_neutral_contract_terms: Annotated[
        tuple[str, ...], Words(3), When(has_delta_neutral_contract)
    ] = ()
    algo_strategy: Text = ""
    algo_params: Annotated[Pairs, When(has_algo)] = ()
    algo_id: Text = ""
    what_if: Flag = False
    misc_options: Text = ""
    solicited: Flag = False
    randomize_size: Flag = False
    randomize_price: Flag = False
    benchmark_terms: Annotated[tuple[str, ...], Words(5), When(is_pegged_to_benchmark)] = ()
    conditions: Conditions = ()
    condition_switches: Annotated[tuple[str, ...], Words(2), When(has_conditions)] = ()
    adjusted_order_type: Text = ""
    trigger_price: SetDouble = None
    limit_price_offset: SetDouble = None
    adjusted_stop_price: SetDouble = None
    adjusted_stop_limit_price: SetDouble = None
    adjusted_trailing_amount: SetDouble = None
    adjustable_trailing_unit: Int = 0
    ext_operator: Text = ""
    soft_dollar_tier_name: Text = ""
    soft_dollar_tier_value: Text = ""
    cash_quantity: SetDouble = None
    mifid2_decision_maker: Text = ""
    mifid2_decision_algo: Text = ""
    mifid2_execution_trader: Text = ""
    mifid2_execution_algo: Text = ""
    dont_use_auto_price_for_hedge: Flag = False
    is_oms_container: Flag = False
    discretionary_up_to_limit_price: Flag = False
    use_price_mgmt_algo: Flag = False
    duration: Annotated[SetInt, Since(158)] = None
    post_to_ats: Annotated[SetInt, Since(160)] = None
    auto_cancel_parent: Annotated[Flag, Since(162)] = False
    advanced_error_override: Annotated[Text, Since(166)] = ""
    manual_order_time: Annotated[Text, Since(169)] = ""
    min_trade_quantity: Annotated[SetInt, Since(170), When(_is_at_ibkr_ats)] = None
    min_compete_size: Annotated[SetInt, Since(170), When(_is_pegged_to_best)] = None
    compete_against_best_offset: Annotated[Offset, Since(170), When(_is_pegged_to_best)] = None
    mid_offset_at_whole: Annotated[SetDouble, Since(170), When(_has_mid_offsets)] = None
    mid_offset_at_half: Annotated[SetDouble, Since(170), When(_has_mid_offsets)] = None

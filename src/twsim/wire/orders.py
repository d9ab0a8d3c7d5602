"""What the gateway says of orders: openOrder, orderStatus, completedOrder.

Owns: these three messages with the words and sentinels that a real gateway puts where it
has nothing to say (tws-facts §2.3 to §2.5). Does not know how an order lives.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar

from twsim.wire.fields import (
    Double,
    Flag,
    Int,
    Pairs,
    Plain,
    SetDouble,
    SetDoubleMax,
    SetInt,
    SetIntMax,
    SetLongMax,
    Singles,
    Text,
    Words,
)
from twsim.wire.layout import Before, Message, Since, When
from twsim.wire.place_order import (
    Conditions,
    Legs,
    has_algo,
    has_conditions,
    has_delta_neutral_contract,
    has_delta_neutral_order,
    is_hedge,
    is_pegged_to_benchmark,
    is_scaled,
)

_ZERO = Decimal(0)
# What stands for a hedging order where there is none: RS-2, PF-4.
_NO_HEDGING_ORDER = ("0", "", "", "", "?", "0", "0", "")
# The same in completedOrder, which has only four of them: RS-5.
_NO_HEDGING_ORDER_SHORT = ("0", "0", "0", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatus(Message):
    """Where an order stands; sent at every change, often more than once."""

    ID: ClassVar = 3
    NAME: ClassVar = "orderStatus"

    order_id: Int
    status: Text
    filled: Plain
    remaining: Plain
    average_fill_price: Plain = _ZERO
    perm_id: Int
    parent_id: Int = 0
    last_fill_price: Plain = _ZERO
    client_id: Int
    why_held: Text = ""
    market_cap_price: Plain = _ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder(Message):
    """All terms of a working order, with its state: 135 fields at 178."""

    ID: ClassVar = 5
    NAME: ClassVar = "openOrder"

    order_id: Int
    con_id: Int
    symbol: Text
    sec_type: Text
    last_trade_date: Text = ""
    strike: Plain = _ZERO
    right: Text = "?"
    multiplier: Text = ""
    exchange: Text
    currency: Text
    local_symbol: Text
    trading_class: Text
    action: Text
    total_quantity: Plain
    order_type: Text
    limit_price: Double = _ZERO
    aux_price: Double = _ZERO
    tif: Text
    oca_group: Text = ""
    account: Text
    open_close: Text = ""
    origin: Int = 0
    order_ref: Text = ""
    client_id: Int
    perm_id: Int
    outside_rth: Flag = False
    hidden: Flag = False
    discretionary_amount: Plain = _ZERO
    good_after_time: Text = ""
    shares_allocation: Text = ""
    fa_group: Text = ""
    fa_method: Text = ""
    fa_percentage: Text = ""
    fa_profile: Annotated[Text, Before(177)] = ""
    model_code: Text = ""
    good_till_date: Text = ""
    rule_80a: Text = ""
    percent_offset: SetDouble = None
    settling_firm: Text = ""
    short_sale_slot: Int = 0
    designated_location: Text = ""
    exempt_code: Int = -1
    auction_strategy: Int = 0
    starting_price: SetDouble = None
    stock_ref_price: SetDouble = None
    delta: SetDouble = None
    stock_range_lower: SetDouble = None
    stock_range_upper: SetDouble = None
    display_size: SetIntMax = None
    block_order: Flag = False
    sweep_to_fill: Flag = False
    all_or_none: Flag = False
    min_quantity: SetInt = None
    oca_type: Int = 3
    electronic_trade_only: Flag = False
    firm_quote_only: Flag = False
    nbbo_price_cap: SetDouble = None
    parent_id: Int = 0
    trigger_method: Int = 0
    volatility: SetDouble = None
    volatility_type: SetInt = 0
    delta_neutral_order_type: Text = "None"
    delta_neutral_aux_price: SetDouble = None
    delta_neutral_order: Annotated[tuple[str, ...], Words(8), When(has_delta_neutral_order)] = (
        _NO_HEDGING_ORDER
    )
    continuous_update: Flag = False
    reference_price_type: SetInt = 0
    trail_stop_price: SetDouble = None
    trailing_percent: SetDouble = None
    basis_points: SetDouble = None
    basis_points_type: SetInt = None
    combo_legs_description: Text = ""
    combo_legs: Legs = ()
    order_combo_legs: Singles = ()
    smart_combo_routing_params: Pairs = ()
    scale_init_level_size: SetIntMax = None
    scale_subs_level_size: SetIntMax = None
    scale_price_increment: SetDouble = None
    scale_terms: Annotated[tuple[str, ...], Words(7), When(is_scaled)] = ()
    hedge_type: Text = ""
    hedge_param: Annotated[Text, When(is_hedge)] = ""
    opt_out_smart_routing: Flag = False
    clearing_account: Text = ""
    clearing_intent: Text = "IB"
    not_held: Flag = False
    delta_neutral_contract: Flag = False
    delta_neutral_contract_terms: Annotated[
        tuple[str, ...], Words(3), When(has_delta_neutral_contract)
    ] = ()
    algo_strategy: Text = ""
    algo_params: Annotated[Pairs, When(has_algo)] = ()
    solicited: Flag = False
    what_if: Flag = False
    status: Text
    init_margin_before: SetDoubleMax = None
    maint_margin_before: SetDoubleMax = None
    equity_with_loan_before: SetDoubleMax = None
    init_margin_change: SetDoubleMax = None
    maint_margin_change: SetDoubleMax = None
    equity_with_loan_change: SetDoubleMax = None
    init_margin_after: SetDoubleMax = None
    maint_margin_after: SetDoubleMax = None
    equity_with_loan_after: SetDoubleMax = None
    commission: SetDouble = None
    min_commission: SetDouble = None
    max_commission: SetDouble = None
    commission_currency: Text = ""
    warning_text: Text = ""
    randomize_size: Flag = False
    randomize_price: Flag = False
    benchmark_terms: Annotated[tuple[str, ...], Words(5), When(is_pegged_to_benchmark)] = ()
    conditions: Conditions = ()
    condition_switches: Annotated[tuple[str, ...], Words(2), When(has_conditions)] = ()
    adjusted_order_type: Text = "None"
    trigger_price: SetDoubleMax = None
    trail_stop_price_2: SetDoubleMax = None
    limit_price_offset: SetDoubleMax = None
    adjusted_stop_price: SetDoubleMax = None
    adjusted_stop_limit_price: SetDoubleMax = None
    adjusted_trailing_amount: SetDoubleMax = None
    adjustable_trailing_unit: Int = 0
    soft_dollar_tier_name: Text = ""
    soft_dollar_tier_value: Text = ""
    soft_dollar_tier_display_name: Text = ""
    cash_quantity: Plain = _ZERO
    dont_use_auto_price_for_hedge: Flag = True
    is_oms_container: Flag = False
    discretionary_up_to_limit_price: Flag = False
    use_price_mgmt_algo: Flag = False
    duration: Annotated[SetInt, Since(158)] = None
    post_to_ats: Annotated[SetInt, Since(160)] = None
    auto_cancel_parent: Annotated[Flag, Since(162)] = False
    min_trade_quantity: Annotated[SetInt, Since(170)] = None
    min_compete_size: Annotated[SetInt, Since(170)] = None
    compete_against_best_offset: Annotated[SetDouble, Since(170)] = None
    mid_offset_at_whole: Annotated[SetDouble, Since(170)] = None
    mid_offset_at_half: Annotated[SetDouble, Since(170)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrderEnd(Message):
    """The list of working orders is complete."""

    ID: ClassVar = 53
    NAME: ClassVar = "openOrderEnd"
    VERSION: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBound(Message):
    """An order made by hand got an id of the API's."""

    ID: ClassVar = 100
    NAME: ClassVar = "orderBound"

    perm_id: Int
    client_id: Int
    order_id: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrder(Message):
    """An order of the day that is done; it carries no order id: 100 fields at 178."""

    ID: ClassVar = 101
    NAME: ClassVar = "completedOrder"

    con_id: Int
    symbol: Text
    sec_type: Text
    last_trade_date: Text = ""
    strike: Plain = _ZERO
    right: Text = "?"
    multiplier: Text = ""
    exchange: Text
    currency: Text
    local_symbol: Text
    trading_class: Text
    action: Text
    total_quantity: Plain
    order_type: Text
    limit_price: Double = _ZERO
    aux_price: Double = _ZERO
    tif: Text
    oca_group: Text = ""
    account: Text
    open_close: Text = ""
    origin: Int = 0
    order_ref: Text = ""
    perm_id: Int
    outside_rth: Flag = False
    hidden: Flag = False
    discretionary_amount: Plain = _ZERO
    good_after_time: Text = ""
    fa_group: Text = ""
    fa_method: Text = ""
    fa_percentage: Text = ""
    fa_profile: Annotated[Text, Before(177)] = ""
    model_code: Text = ""
    good_till_date: Text = ""
    rule_80a: Text = ""
    percent_offset: SetDouble = None
    settling_firm: Text = ""
    short_sale_slot: Int = 0
    designated_location: Text = ""
    exempt_code: Int = -1
    starting_price: SetDouble = None
    stock_ref_price: SetDouble = None
    delta: SetDouble = None
    stock_range_lower: SetDouble = None
    stock_range_upper: SetDouble = None
    display_size: SetIntMax = None
    sweep_to_fill: Flag = False
    all_or_none: Flag = False
    min_quantity: SetInt = None
    oca_type: Int = 3
    trigger_method: Int = 0
    volatility: SetDouble = None
    volatility_type: SetInt = 0
    delta_neutral_order_type: Text = "None"
    delta_neutral_aux_price: SetDouble = None
    delta_neutral_order: Annotated[tuple[str, ...], Words(4), When(has_delta_neutral_order)] = (
        _NO_HEDGING_ORDER_SHORT
    )
    continuous_update: Flag = False
    reference_price_type: SetInt = 0
    trail_stop_price: SetDouble = None
    trailing_percent: SetDouble = None
    combo_legs_description: Text = ""
    combo_legs: Legs = ()
    order_combo_legs: Singles = ()
    smart_combo_routing_params: Pairs = ()
    scale_init_level_size: SetIntMax = None
    scale_subs_level_size: SetIntMax = None
    scale_price_increment: SetDouble = None
    scale_terms: Annotated[tuple[str, ...], Words(7), When(is_scaled)] = ()
    hedge_type: Text = ""
    hedge_param: Annotated[Text, When(is_hedge)] = ""
    clearing_account: Text = ""
    clearing_intent: Text = "IB"
    not_held: Flag = False
    delta_neutral_contract: Flag = False
    delta_neutral_contract_terms: Annotated[
        tuple[str, ...], Words(3), When(has_delta_neutral_contract)
    ] = ()
    algo_strategy: Text = ""
    algo_params: Annotated[Pairs, When(has_algo)] = ()
    solicited: Flag = False
    status: Text
    randomize_size: Flag = False
    randomize_price: Flag = False
    benchmark_terms: Annotated[tuple[str, ...], Words(5), When(is_pegged_to_benchmark)] = ()
    conditions: Conditions = ()
    condition_switches: Annotated[tuple[str, ...], Words(2), When(has_conditions)] = ()
    trail_stop_price_2: SetDoubleMax = None
    limit_price_offset: SetDoubleMax = None
    cash_quantity: Plain = _ZERO
    dont_use_auto_price_for_hedge: Flag = True
    is_oms_container: Flag = False
    auto_cancel_date: Text = ""
    filled_quantity: Plain
    ref_futures_con_id: SetIntMax = None
    auto_cancel_parent: Flag = False
    shareholder: Text = "Not an insider or substantial shareholder"
    imbalance_only: Flag = False
    route_marketable_to_bbo: Flag = False
    parent_perm_id: SetLongMax = None
    completed_time: Text
    completed_status: Text
    min_trade_quantity: Annotated[SetInt, Since(170)] = None
    min_compete_size: Annotated[SetInt, Since(170)] = None
    compete_against_best_offset: Annotated[SetDouble, Since(170)] = None
    mid_offset_at_whole: Annotated[SetDouble, Since(170)] = None
    mid_offset_at_half: Annotated[SetDouble, Since(170)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrdersEnd(Message):
    """The list of completed orders is complete."""

    ID: ClassVar = 102
    NAME: ClassVar = "completedOrdersEnd"

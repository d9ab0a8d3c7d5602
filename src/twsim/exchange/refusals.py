"""Refusals: the codes and words with which a gateway says no.

Owns: Refusal and every text of tws-facts §4.3 that the exchange uses. Does not know when.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from twsim.exchange.hours import NEW_YORK
from twsim.exchange.vocabulary import OrderStatus


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no, with IB's code and words."""

    code: int
    text: str


REJECTED: Final = 201  # the one code after which the order exists, as Inactive

DUPLICATE_ORDER_ID: Final = Refusal(103, "Duplicate order id")
ALREADY_FILLED: Final = Refusal(104, "Can't modify a filled order.")
NOT_THE_SAME_ORDER: Final = Refusal(105, "Order being modified does not match original order.")
PRICE_OFF_TICK: Final = Refusal(
    110, "The price does not conform to the minimum price variation for this contract."
)
NO_SUCH_CONTRACT: Final = Refusal(200, "No security definition has been found for the request")
ALREADY_CANCELLED: Final = Refusal(
    REJECTED, "Order rejected - reason:Order has been cancelled already, too late to replace"
)
NO_PARENT: Final = Refusal(10006, "Missing parent order.")
TOO_MANY_ORDERS: Final = Refusal(REJECTED, "Order rejected - reason:Too many orders")
LOCATING: Final = Refusal(404, "Order held while securities are located.")
SIZE_ZERO: Final = Refusal(434, "The order size cannot be zero.")
NO_ACCOUNT: Final = Refusal(435, "You must specify an account.")
FRACTION: Final = Refusal(
    10243,
    "Fractional-sized order cannot be placed via API."
    " Please use desktop version to place this order.",
)


def invalid(cause: str) -> Refusal:
    """Return the refusal of a request that is wrong in itself; the token varies by build."""
    return Refusal(321, f"Error validating request.-'bC' : cause - {cause}")


INVALID_ORDER_TYPE: Final = invalid("Invalid order type was entered")


def ambiguous(symbol: str) -> Refusal:
    """Return the refusal of an order whose contract could be several."""
    return Refusal(200, f"The contract description specified for {symbol} is ambiguous.")


def invalid_tif(tif: str) -> Refusal:
    """Return the refusal of a time in force that is unknown."""
    return Refusal(10052, f"Invalid time in force:{tif or 'Empty'}")


def margin(equity: Decimal, initial_margin: Decimal) -> Refusal:
    """Return the refusal of an order that the account's equity does not carry."""
    return Refusal(
        REJECTED,
        "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED"
        f" POSITION YOUR EQUITY WITH LOAN VALUE [{equity:.2f} USD] MUST EXCEED THE INITIAL"
        f" MARGIN [{initial_margin:.2f} USD]",
    )


def cancel_unknown(order_id: int) -> Refusal:
    """Return the answer to the cancel of an order that this client does not have."""
    return Refusal(10147, f"OrderId {order_id} that needs to be cancelled is not found.")


def cancel_too_late(order_id: int, status: OrderStatus) -> Refusal:
    """Return the answer to the cancel of an order that is done."""
    return Refusal(
        10148,
        f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {status}.",
    )


def not_cancellable(perm_id: int) -> Refusal:
    """Return the answer to the cancel of an order that is done, or about to be; two blanks."""
    return Refusal(
        161,
        f"Cancel attempted when order is not in a cancellable state.  Order permId ={perm_id}",
    )


def not_until(order: str, opens_at: datetime) -> Refusal:
    """Return the warning about an order that waits for the exchange to open (§4.1)."""
    moment = opens_at.astimezone(NEW_YORK)
    return Refusal(
        399,
        f"Order Message:\n{order}\nWarning: Your order will not be placed at the exchange"
        f" until {moment:%Y-%m-%d %H:%M:%S} US/Eastern.",
    )


def beyond_band(edge: Decimal, price: Decimal) -> str:
    """Return why an order beyond the price band is cancelled (§4.1)."""
    return (
        "We cannot accept an order at a limit price at or more aggressive than"
        f" {edge:f}. Please submit your order <br>using a limit price that is closer to the"
        f" current market price of {price:f}. or convert your order to an"
        " <br>algorithmic Order (IBALGO)"
    )

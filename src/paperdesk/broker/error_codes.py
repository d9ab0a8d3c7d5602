"""What each IBKR code does to the order or to the connection it names.

Owns: the two tables below, each row with its source, and the rule for what is in neither: the
unknown is not guessed. Knows nothing of the wire.

Sources: "codes" is IBKR's public list of TWS API message codes, "seen" a recording of a real
gateway, "measured" our own runs; where a maintainers' thread decided, it is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from paperdesk.domain.reports import Effect


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """What a code does to the order it names, and how we know."""

    effect: Effect
    source: str


class LinkEffect(StrEnum):
    """What a code says of the connection."""

    ID_IN_USE = "id_in_use"  # the gateway closes the socket next
    LOST = "lost"  # gateway to IBKR; the socket stays, and so does what it tells
    RESTORED = "restored"  # what happened meanwhile must be read anew
    OVER = "over"  # this socket is of no more use
    COMPETING = "competing"  # a line that ends next was ended by another session
    TOO_FAST = "too_fast"  # whoever goes on is disconnected


_REJECTED, _CANCELLED = Effect.REJECTED, Effect.CANCELLED
_INFORMATION, _AMBIGUOUS = Effect.INFORMATION, Effect.AMBIGUOUS

_UNLISTED: Final = ErrorCode(_AMBIGUOUS, "unlisted")
_NOTICE: Final = ErrorCode(_INFORMATION, "codes: 2100 to 2199 are notices and warnings")
_FRACTIONAL: Final = ErrorCode(_REJECTED, "codes: fractional and cash quantity orders")

ORDER_EFFECTS: Final[Mapping[int, ErrorCode]] = {
    # -- refused: the order does not exist ---------------------------------------------------
    103: ErrorCode(_REJECTED, "seen: rust-ibapi#350, 'Duplicate order id'"),
    110: ErrorCode(_REJECTED, "codes: price violates the minimum variation; we never modify"),
    200: ErrorCode(_REJECTED, "seen: no security definition, with the id of the order"),
    201: ErrorCode(_REJECTED, "seen: 'Order rejected - reason:'; we never modify"),
    203: ErrorCode(_REJECTED, "codes: security not available or allowed for this account"),
    321: ErrorCode(
        _REJECTED, "seen: 'Error validating request', read-only API; we never modify"
    ),
    387: ErrorCode(_REJECTED, "codes: unsupported order type for this exchange"),
    388: ErrorCode(_REJECTED, "codes: order size is smaller than the minimum"),
    434: ErrorCode(_REJECTED, "codes: order size cannot be zero"),
    435: ErrorCode(_REJECTED, "codes: you must specify an account"),
    460: ErrorCode(_REJECTED, "codes: no trading permissions"),
    461: ErrorCode(_REJECTED, "codes: the order size is not valid for this security"),
    10052: ErrorCode(_REJECTED, "seen: 'Invalid time in force'"),
    **dict.fromkeys(range(10241, 10253), _FRACTIONAL),
    10255: ErrorCode(_REJECTED, "seen: display size may not be specified"),
    10268: ErrorCode(_REJECTED, "seen: 'The EtradeOnly order attribute is not supported'"),
    # -- ended -------------------------------------------------------------------------------
    202: ErrorCode(_CANCELLED, "seen: 'Order Canceled - reason:', after the status Cancelled"),
    # -- alive, and something to tell --------------------------------------------------------
    399: ErrorCode(_INFORMATION, "seen: 'Order Message', will not be placed until the open"),
    404: ErrorCode(_INFORMATION, "codes: held while shares to borrow are located"),
    10089: ErrorCode(_INFORMATION, "codes: market data subscription; delayed is available"),
    10090: ErrorCode(_INFORMATION, "codes: part of the market data is not subscribed"),
    10167: ErrorCode(_INFORMATION, "seen: not subscribed, displaying delayed market data"),
    10349: ErrorCode(_INFORMATION, "ib_async#191, #217: TIF was set by a preset; order lives"),
    # -- of the account, not of an order ------------------------------------------------------
    2148: ErrorCode(
        Effect.LOCKS_ACCOUNT, "Lean.IB#156, Lean#5839: positions may be liquidated next"
    ),
    # -- says nothing certain of the order ---------------------------------------------------
    100: ErrorCode(
        _AMBIGUOUS, "codes: too many messages a second; which was dropped is unsaid"
    ),
    104: ErrorCode(_AMBIGUOUS, "codes: can't modify a filled order"),
    105: ErrorCode(_AMBIGUOUS, "codes: order being modified does not match the original"),
    135: ErrorCode(_AMBIGUOUS, "codes: can't find order with id"),
    136: ErrorCode(_AMBIGUOUS, "codes: this order cannot be cancelled"),
    161: ErrorCode(_AMBIGUOUS, "seen: cancel attempted when not in a cancellable state"),
    10147: ErrorCode(_AMBIGUOUS, "seen: order to be cancelled is not found"),
    10148: ErrorCode(_AMBIGUOUS, "seen: order cannot be cancelled, with its state"),
}

LINK_EFFECTS: Final[Mapping[int, tuple[LinkEffect, str]]] = {
    100: (LinkEffect.TOO_FAST, "codes: max rate of messages exceeded; then it disconnects"),
    326: (LinkEffect.ID_IN_USE, "seen: client id in use, then the socket is closed"),
    502: (LinkEffect.OVER, "codes: couldn't connect"),
    504: (LinkEffect.OVER, "codes: not connected"),
    507: (LinkEffect.OVER, "codes: bad message length"),
    1100: (LinkEffect.LOST, "codes: connectivity between IBKR and TWS is lost"),
    1101: (LinkEffect.RESTORED, "codes: restored, data lost"),
    1102: (LinkEffect.RESTORED, "seen: restored, data maintained"),
    1300: (LinkEffect.OVER, "codes: the socket port was reset"),
    2110: (LinkEffect.LOST, "codes: connectivity between TWS and server is broken"),
    10197: (LinkEffect.COMPETING, "seen: no market data during competing live session"),
}

_NOTICES: Final = range(2100, 2200)  # but for those that a table names


def effect_of(code: int) -> ErrorCode:
    """Return what `code` does to an order it names; AMBIGUOUS where no table says."""
    listed = ORDER_EFFECTS.get(code)
    if listed is not None:
        return listed
    return _NOTICE if code in _NOTICES else _UNLISTED


def link_effect_of(code: int) -> LinkEffect | None:
    """Return what `code` says of the connection, None for nothing."""
    row = LINK_EFFECTS.get(code)
    return row[0] if row else None

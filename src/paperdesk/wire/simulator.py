"""Moving the simulated gateway by hand: what is asked, and what is answered.

Owns: the body of the call with its rules, and the fields of the answer. What a fault is called and
which words it takes is the simulator's. Knows nothing of who may do it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from paperdesk.domain.vocabulary import Symbol
from paperdesk.masking import looks_like_key
from paperdesk.wire import values
from paperdesk.wire.encoding import number, number_or_null
from paperdesk.wire.parsing import Json
from paperdesk.wire.reading import WHOLE, Breach, Breaches, Members
from paperdesk.wire.values import IS_KEY, Price, SymbolText

PARAMETERS_MAX: Final = 16
WORD_CHARS_MAX: Final = 64
NUMBER_DIGITS_MAX: Final = 60
FAULT_CODE_PATTERN: Final = "^[A-Za-z]{1,3}[0-9]{1,3}$"

_WORD: Final = re.compile("[ -~]*")
_Word = Annotated[str, Meta(max_length=WORD_CHARS_MAX, pattern=f"^{_WORD.pattern}$")]
_Amount = Annotated[float, Meta(ge=-(10**9), le=10**9)]  # published only: read as a Decimal


class PriceOf(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The last price of a symbol; bid and ask lie around it."""

    symbol: SymbolText
    price: Price


class FaultOf(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A fault of the catalogue (`twsim faults` lists them): once, or by rate from now on."""

    code: Annotated[str, Meta(pattern=FAULT_CODE_PATTERN)]
    rate: (
        Annotated[
            Decimal,
            Meta(
                description="How often of all opportunities. Without it, at the next one.",
                extra_json_schema={"exclusiveMinimum": 0, "maximum": 1},
            ),
        ]
        | UnsetType
        | None
    ) = UNSET
    parameters: (
        Annotated[
            dict[_Word, _Word | _Amount],
            Meta(
                max_length=PARAMETERS_MAX,
                description="`symbol`, `account`, `client`, `times`, `on`, and the fault's own.",
            ),
        ]
        | UnsetType
        | None
    ) = UNSET


class SetPriceBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Move a price."""

    price: PriceOf


class InjectFaultBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Let something go wrong."""

    fault: FaultOf


class ClearFaultsBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Heal: nothing strikes any more, and what was withheld arrives."""

    clear_faults: Annotated[bool, Meta(extra_json_schema={"const": True})]


class DropConnectionsBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Cut the line between gateway and service."""

    drop_connections: Annotated[bool, Meta(extra_json_schema={"const": True})]


BODIES: Final = (SetPriceBody, InjectFaultBody, ClearFaultsBody, DropConnectionsBody)
_NAMES: Final = tuple(name for body in BODIES for name in body.__struct_encode_fields__)


@dataclass(frozen=True, slots=True)
class Meddling:
    """What a valid body asks for: exactly one of these."""

    price: tuple[Symbol, Decimal] | None = None
    fault: str | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    clears_faults: bool = False
    drops_connections: bool = False

    @property
    def state(self) -> dict[str, object]:
        """Return what was asked for, for the audit trail."""
        if self.price is not None:
            return {"price": str(self.price[1]), "symbol": self.price[0]}
        if self.fault is not None:
            return {"fault": self.fault, **self.words}
        return {"clear_faults": True} if self.clears_faults else {"drop_connections": True}


class SimulatorAnswer(Struct, kw_only=True, frozen=True):
    """What is set in the simulated gateway now."""

    price: PriceOf | UnsetType = UNSET
    faults: Annotated[
        tuple[str, ...], Meta(description="What still waits to strike, or strikes by rate.")
    ]
    struck: Annotated[int, Meta(description="How many faults struck so far.")]

    @classmethod
    def of(cls, asked: Meddling, faults: Iterable[str], struck: int) -> SimulatorAnswer:
        """Return the answer to what was asked."""
        price: PriceOf | UnsetType = UNSET
        if asked.price is not None:
            price = PriceOf(symbol=asked.price[0], price=number(asked.price[1]))
        return cls(price=price, faults=tuple(faults), struck=struck)


def parse_meddling(document: Json) -> Meddling:
    """Return what `document` asks of the simulated gateway. Raises BadRequest."""
    breaches = Breaches()
    body = Members.of(document, breaches)
    body.refuse_unknown(_NAMES)
    if sum(body.has(name) for name in _NAMES) != 1:
        breaches.add(WHOLE, f"must have exactly one of {', '.join(_NAMES)}")
    clears = body.optional("clear_faults", _true) or False
    drops = body.optional("drop_connections", _true) or False
    price = _price(body, breaches)
    code, words = _fault(body, breaches)
    breaches.raise_any()
    return Meddling(price, code, words, clears, drops)


def _price(body: Members, breaches: Breaches) -> tuple[Symbol, Decimal] | None:
    if not body.has("price"):
        return None
    given = _below(body, "price", breaches, PriceOf)
    symbol = given.required("symbol", values.symbol)
    price = given.required("price", values.price)
    return None if symbol is None or price is None else (symbol, price)


def _fault(body: Members, breaches: Breaches) -> tuple[str | None, dict[str, str]]:
    if not body.has("fault"):
        return None, {}
    given = _below(body, "fault", breaches, FaultOf)
    code = given.required("code", values.text)
    rate = given.optional("rate", values.amount(1))
    words = given.optional("parameters", _words) or {}
    if rate is not None:
        words = {**words, "rate": str(number_or_null(rate))}
    return code, words


def _below(body: Members, name: str, breaches: Breaches, kind: type[Struct]) -> Members:
    given = body.get(name)
    if not isinstance(given, dict):
        body.refuse(name, "must be an object")
        return Members({}, Breaches(), f"{name}.")
    members = Members(given, breaches, f"{name}.")
    members.refuse_unknown(kind.__struct_encode_fields__)
    return members


def _words(value: Json) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > PARAMETERS_MAX:
        raise Breach(f"must be an object of at most {PARAMETERS_MAX} words")
    if "rate" in value:
        raise Breach("must not have rate: give it beside them")
    return {_short(name): _spelled(word) for name, word in value.items()}


def _spelled(word: Json) -> str:
    if isinstance(word, str):
        return _short(word)
    if isinstance(word, bool) or not isinstance(word, int | Decimal):
        raise Breach("must have strings and numbers only")
    if abs(Decimal(word).adjusted()) > NUMBER_DIGITS_MAX:
        raise Breach("must have numbers of a sensible size")
    return f"{word:f}" if isinstance(word, Decimal) else str(word)


def _short(word: str) -> str:
    if len(word) > WORD_CHARS_MAX or not _WORD.fullmatch(word):
        raise Breach(f"must have printable ASCII words of at most {WORD_CHARS_MAX} characters")
    if looks_like_key(word):
        raise Breach(IS_KEY)
    return word


def _true(value: Json) -> bool:
    if value is not True:
        raise Breach("must be true, or left out")
    return True

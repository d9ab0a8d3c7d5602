"""Messages as tables: a frozen dataclass whose annotations are its fields in wire order.

Owns: Message with its encode and decode, and the gates that let a field exist only from,
or before, a server version, or only beside the value of another. Does not know any
particular message.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Annotated, ClassVar, Final, Self, get_args, get_origin, get_type_hints

from twsim.wire.errors import ProtocolError
from twsim.wire.fields import Kind, Reader, Scalar, read_integer

Lookup = Callable[[str], object]
_USUAL: Final = ("", "0", "1")
_NO_DEFAULT: Final = object()  # no value is this one


@dataclass(frozen=True, slots=True)
class Since:
    """The field exists from this server version on."""

    server_version: int


@dataclass(frozen=True, slots=True)
class Before:
    """The field exists below this server version."""

    server_version: int


@dataclass(frozen=True, slots=True)
class When:
    """The field exists where earlier fields say so."""

    holds: Callable[[Lookup], bool]


@dataclass(frozen=True, slots=True)
class Slot:
    """One field of a message, as it is at one server version.

    Most fields of the long messages are unset, so what that looks like is known beforehand,
    in both directions.
    """

    name: str
    kind: Kind[object]
    when: Callable[[Lookup], bool] | None
    read: Callable[[str], object] | None = None  # where it is one field
    default: object = _NO_DEFAULT
    default_text: str = ""
    usual: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the protocol: its number, its own version where it has one, its fields."""

    ID: ClassVar[int]
    NAME: ClassVar[str]
    VERSION: ClassVar[int | None] = None

    def encode(self, server_version: int) -> list[str]:
        """Return the fields that a peer of this server version expects."""
        out = [str(self.ID)]
        if self.VERSION is not None:
            out.append(str(self.VERSION))
        value_of = functools.partial(getattr, self)
        for slot in slots(type(self), server_version):
            if slot.when is not None and not slot.when(value_of):
                continue
            value = getattr(self, slot.name)
            if value is slot.default:
                out.append(slot.default_text)
            else:
                slot.kind.put(value, out, server_version)
        return out

    @classmethod
    def decode(cls, texts: Sequence[str], server_version: int) -> Self:
        """Read the fields of a frame, its number first.

        Raises ProtocolError where a field is missing, left over or unreadable. The
        message's own version is not judged: clients disagree in it (tws-facts §2.2).
        """
        reader = Reader(texts, start=1)
        if cls.VERSION is not None:
            read_integer(reader.take())
        values: dict[str, object] = {}
        for slot in slots(cls, server_version):
            if slot.when is not None and not slot.when(values.__getitem__):
                continue
            if slot.read is None:
                values[slot.name] = slot.kind.take(reader, server_version)
            else:
                text = reader.take()
                usual = slot.usual
                values[slot.name] = usual[text] if text in usual else slot.read(text)
        reader.finish()
        return cls(**values)


# One entry for each message and version that was ever met; both are bounded.
_SLOTS: Final[dict[tuple[type, int], tuple[Slot, ...]]] = {}


def slots(message: type[Message], server_version: int) -> tuple[Slot, ...]:
    """Return the message's fields as they are at one server version."""
    known = _SLOTS.get((message, server_version))
    if known is None:
        hints = get_type_hints(message, include_extras=True)
        found = (_slot(each, hints[each.name], server_version) for each in fields(message))
        known = tuple(slot for slot in found if slot is not None)
        _SLOTS[message, server_version] = known
    return known


def _slot(member: Field[object], hint: object, server_version: int) -> Slot | None:
    name = member.name
    assert get_origin(hint) is Annotated, f"{name} has no kind"
    kind: Kind[object] | None = None
    when: Callable[[Lookup], bool] | None = None
    for mark in get_args(hint)[1:]:
        match mark:
            case Kind():
                kind = mark
            case Since(server_version=first) if server_version < first:
                return None
            case Before(server_version=end) if server_version >= end:
                return None
            case When(holds=holds):
                when = holds
    assert kind is not None, f"{name} has no kind"
    if not isinstance(kind, Scalar):
        return Slot(name, kind, when)
    if member.default is MISSING:
        return Slot(name, kind, when, kind.read, usual=_usual(kind))
    text = kind.write(member.default)
    return Slot(name, kind, when, kind.read, member.default, text, _usual(kind))


def _usual(kind: Scalar[object]) -> dict[str, object]:
    """Return what the commonest texts mean."""
    known: dict[str, object] = {}
    for text in _USUAL:
        with suppress(ProtocolError):
            known[text] = kind.read(text)
    return known


def message_id(texts: Sequence[str]) -> int:
    """Return the number that leads a message."""
    if not texts[0]:
        raise ProtocolError("a message without a number")
    return read_integer(texts[0])

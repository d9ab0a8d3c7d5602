"""Reading a JSON body member by member: what is wrong is noted, and judging goes on.

Owns: the notes of what is wrong (Breaches), the members of one object (Members), and the words
for what is missing, unknown or of another kind. Every breach is named, not only the first.
Knows nothing of which members there are.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from paperdesk.errors import BadRequest, FieldError
from paperdesk.wire.parsing import Json, shown

T = TypeVar("T")

UNKNOWN_FIELDS_MAX: Final = 5  # of one object; more tell nothing new
HINTED_MAX: Final = 100  # of one body: finding the nearest name takes long
NAMED_MAX: Final = 3  # in the sentence; `errors` has them all
WHOLE: Final = "the body"


class Breach(Exception):
    """One value that breaks a rule. Carries the words for it."""


class Breaches:
    """What was found wrong with a body so far."""

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def add(self, field: str, message: str) -> None:
        """Note one thing that is wrong."""
        self.found.append(FieldError(field, message))

    def raise_any(self) -> None:
        """Raise BadRequest where something was found."""
        if self.found:
            raise bad_request(self.found)


class Members:
    """The members of one object of a body; `prefix` is where the object stands in it.

    What is wrong goes to `breaches`. `null` means absent.
    """

    def __init__(self, given: dict[str, Json], breaches: Breaches, prefix: str = "") -> None:
        self._given = given
        self._breaches = breaches
        self._prefix = prefix

    @classmethod
    def of(cls, document: Json, breaches: Breaches) -> Members:
        """Return the members of a whole body. Raises BadRequest where it is no object."""
        if not isinstance(document, dict):
            raise BadRequest(f"The body must be a JSON object, not {kind_of(document)}.")
        return cls(document, breaches)

    def get(self, name: str) -> Json:
        """Return the member as it was sent, None where it is absent."""
        return self._given.get(name)

    def has(self, name: str) -> bool:
        """Tell whether the member is given."""
        return self._given.get(name) is not None

    def refuse(self, name: str, message: str) -> None:
        """Note what is wrong with the member."""
        self._breaches.add(f"{self._prefix}{name}", message)

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Note the members that nobody knows, the first ones with the nearest known name."""
        known = tuple(known)
        unknown = [name for name in self._given if name not in known]
        for name in unknown[:UNKNOWN_FIELDS_MAX]:
            message = "is not a known field"
            if len(self._breaches.found) < HINTED_MAX:
                message += f": {nearest(name, known)}"
            self.refuse(shown(name), message)
        if len(unknown) > UNKNOWN_FIELDS_MAX:
            message = f"has {len(unknown) - UNKNOWN_FIELDS_MAX} more unknown fields"
            self._breaches.add(self._prefix.rstrip(".") or WHOLE, message)

    def required(self, name: str, reader: Callable[[Json], T]) -> T | None:
        """Return what the member means, None where it is absent or a breach: both are noted."""
        if not self.has(name):
            self.refuse(name, "is missing: add it")
        return self.optional(name, reader)

    def optional(self, name: str, reader: Callable[[Json], T]) -> T | None:
        """Return what the member means, None where it is absent, or a breach, which is noted."""
        value = self._given.get(name)
        if value is None:
            return None
        try:
            return reader(value)
        except Breach as error:
            self.refuse(name, str(error))
            return None


def bad_request(found: Iterable[FieldError]) -> BadRequest:
    """Return the error that names every breach, the first three of them in its sentence."""
    errors = tuple(found)
    named = "; ".join(f"{error.field} {error.message}" for error in errors[:NAMED_MAX])
    if len(errors) > NAMED_MAX:
        named += f"; and {len(errors) - NAMED_MAX} more, see errors"
    return BadRequest(named if named.endswith("?") else f"{named}.", errors=errors)


def nearest(name: str, offered: Iterable[str]) -> str:
    """Return the words that lead from a mistyped name to the right one."""
    choices = sorted(offered)
    near = difflib.get_close_matches(shown(name), choices, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"known are {', '.join(choices)}" if choices else "there are none here"


def kind_of(value: Json) -> str:
    """Return what kind of JSON value this is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "a number"

"""The file and the environment as one tree, each leaf with the place it came from.

Owns: how the environment is laid over the file, how a key is found and named to a person, and
what an unknown key is answered with. Knows nothing of which keys there are.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, TypeVar, cast

from paperdesk.errors import ConfigError, FieldError
from paperdesk.whereabouts import (
    ENVIRONMENT_PREFIX,
    FILE_NAME,
    KEY_VARIABLE,
    SHORT_KEY_VARIABLE,
    URL_VARIABLE,
)

T = TypeVar("T")

# What a client of the service is told by the environment is no setting of the service.
OF_CLIENTS: Final = {KEY_VARIABLE, SHORT_KEY_VARIABLE, URL_VARIABLE}
LEVELS: Final = "__"  # PAPERDESK_GATEWAYS__0__PORT is gateways[0].port


class Text(str):
    """A value from the environment: text that may stand for a number or a list."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value and the file, the variable or the option that gave it."""

    value: object
    origin: str


# A list is a branch whose keys are its indices, so that one entry of it can be overridden.
Node = Leaf | dict[str, "Node"]


def read_file(path: Path) -> dict[str, object]:
    """Return what the TOML file says. Raises ConfigError where it cannot be read."""
    try:
        # A limit of 0.1 means a tenth, not the float beside it.
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    except InvalidOperation as error:
        raise ConfigError(f"{path} has a number that nothing can hold.") from error


def tree_of_file(document: Mapping[str, object], origin: str) -> dict[str, Node]:
    """Return the document as a tree whose leaves all came from `origin`."""
    return {key: _node_of_file(value, origin) for key, value in document.items()}


def _node_of_file(value: object, origin: str) -> Node:
    if isinstance(value, dict):
        return tree_of_file(cast("dict[str, object]", value), origin)
    if isinstance(value, list):
        return {str(i): _node_of_file(item, origin) for i, item in enumerate(value)}
    return Leaf(value, origin)


def lay_environment_over(
    tree: dict[str, Node], environ: Mapping[str, str], problems: list[FieldError]
) -> None:
    """Put every variable of ours into the tree, over what the file says."""
    names = [n for n in environ if n.startswith(ENVIRONMENT_PREFIX) and n not in OF_CLIENTS]
    # A whole list before its entries, so that which of the two wins does not hang on chance.
    for name in sorted(names, key=lambda name: (name.count(LEVELS), name)):
        levels = tuple(name.removeprefix(ENVIRONMENT_PREFIX).lower().split(LEVELS))
        put(tree, levels, Leaf(Text(environ[name]), name), problems)


def put(
    tree: dict[str, Node],
    levels: tuple[str, ...],
    leaf: Leaf,
    problems: list[FieldError],
) -> None:
    """Put one leaf into the tree, over what is there."""
    branch = tree
    for level in levels[:-1]:
        below = branch.setdefault(_spelled(level, branch), {})
        if isinstance(below, Leaf):
            problems.append(
                FieldError(leaf.origin, f"{level} has a value already, and no keys")
            )
            return
        branch = below
    branch[levels[-1]] = leaf


def _spelled(level: str, branch: Mapping[str, Node]) -> str:
    """Return a level as `branch` spells it: a variable's name tells no capitals."""
    return next((key for key in branch if key.lower() == level), level)


def _origin_of(node: Node) -> str:
    """Return the place where (the first part of) `node` was written."""
    while isinstance(node, dict):
        if not node:
            return FILE_NAME
        node = next(iter(node.values()))
    return node.origin


class Section:
    """One section being read. Takes keys off its tree; what is left over is unknown."""

    def __init__(self, name: str, node: Mapping[str, Node], problems: list[FieldError]) -> None:
        self._name = name
        self._left = dict(node)
        self._known: list[str] = []
        self.problems = problems

    def place(self, key: str, node: Node) -> str:
        """Return how a person finds the key: as the file or the environment spells it."""
        origin = _origin_of(node)
        if origin.startswith((ENVIRONMENT_PREFIX, "--")):
            return origin
        name = f"{self._name}{key}".removesuffix(".")
        return f"{name} ({origin})"

    def report(self, key: str, node: Node, message: str) -> None:
        """Add a problem with the key."""
        self.problems.append(FieldError(self.place(key, node), message))

    def take(self, key: str) -> Node | None:
        """Return the key's node and count the key as known."""
        self._known.append(key)
        return self._left.pop(key, None)

    def value(self, key: str, read: Callable[[object], T], default: T) -> T:
        """Return what `read` makes of the key; its ValueError is the problem's words."""
        node = self.take(key)
        if node is None:
            return default
        try:
            return read(_plain(node))
        except ValueError as error:
            self.report(key, node, str(error))
            return default

    def required(self, key: str, read: Callable[[object], T], default: T) -> T:
        """Like `value`; a missing key is a problem."""
        if key not in self._left:
            self.problems.append(FieldError(f"{self._name}{key}", "is missing: add it"))
        return self.value(key, read, default)

    def section(self, key: str) -> Section:
        """Return the section below the key; an absent one is empty."""
        node = self.take(key)
        if isinstance(node, Leaf):
            self.report(key, node, "is a section, not a value")
            node = None
        return Section(f"{self._name}{key}.", node or {}, self.problems)

    def sections(self, key: str) -> list[Section]:
        """Return the sections of a list (`[[key]]`)."""
        node = self.take(key)
        if node is None:
            return []
        entries = _entries(node)
        if entries is None or any(isinstance(entry, Leaf) for entry in entries):
            self.report(key, node, f"is a list of sections: write [[{self._name}{key}]]")
            return []
        return [
            Section(f"{self._name}{key}[{i}].", entry, self.problems)
            for i, entry in enumerate(entries)
            if isinstance(entry, dict)
        ]

    def named(self, key: str) -> dict[str, Section]:
        """Return the sections of a table of sections (`[key.NAME]`), by their names."""
        node = self.take(key)
        if isinstance(node, Leaf):
            self.report(key, node, f"is a table of sections: write [{self._name}{key}.NAME]")
            return {}
        found: dict[str, Section] = {}
        for name, entry in (node or {}).items():
            if isinstance(entry, Leaf):
                words = f"belongs in a section: write [{self._name}{key}.NAME]"
                self.report(f"{key}.{name}", entry, words)
            else:
                found[name] = Section(f"{self._name}{key}.{name}.", entry, self.problems)
        return found

    def report_itself(self, message: str) -> None:
        """Add a problem with the section as a whole. Call it before a key is taken."""
        self.report("", self._left, message)

    def refuse_the_rest(self) -> None:
        """Report every key that nobody took, with the nearest one that exists."""
        for key, node in self._left.items():
            near = difflib.get_close_matches(key, self._known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(self._known)}"
            self.report(key, node, f"unknown key {key}; {hint}")


def _entries(node: Node) -> list[Node] | None:
    """Return the entries of a list in order, None where `node` is no list without gaps."""
    if isinstance(node, Leaf):
        return None
    if set(node) != {str(i) for i in range(len(node))}:
        return None
    return [node[str(i)] for i in range(len(node))]


def _plain(node: Node) -> object:
    """Return the bare value: of a leaf, or the list of the leaves of a list."""
    if isinstance(node, Leaf):
        return node.value
    entries = _entries(node)
    if entries is None:
        raise ValueError("must be a value, not a section")
    return [_plain(entry) for entry in entries]

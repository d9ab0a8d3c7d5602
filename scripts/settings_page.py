"""The page of the settings, written from the loader that reads them.

Owns: docs/settings.md: what `paperdesk.config` asks a configuration for, under which names, of which
type and with which default; `paperdesk.config.meanings` says what it means. Prints the page;
`scripts/docs` says where it goes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from paperdesk.config.load import read_settings
from paperdesk.config.meanings import MEANINGS
from paperdesk.config.tree import Section
from paperdesk.whereabouts import ENVIRONMENT_PREFIX

T = TypeVar("T")

ACCOUNT = "DU8730189"
REQUIRED = "required"
HEAD = """\
# Settings

Written from `src/paperdesk/config`; `make docs` writes it anew.

They stand in `paperdesk.toml` of the working directory, or in the file that `--config` names. Each may
be given, or overridden, by a variable of the environment: the section and the key in capitals, two
underscores between. A list there is separated by commas; of sections that come more than once (`[[…]]`)
the number, from 0, stands between. An unknown key, an account under two gateways, or anything else that
does not fit stops the start, with every place named. `paperdesk config show` prints what holds and where
it came from, without secrets; `--host` and `--port` of `paperdesk serve` come last.

Without any file and without `[[gateways]]` a simulated gateway with two paper accounts is started.

Commands and the SDK look for the service at `PAPERDESK_URL` with the key in `PAPERDESK_API_KEY` (or
`PAPERDESK_KEY`); these are no settings of the service.
"""
SECTIONS = {
    "": ("At the top", ""),
    "server": ("`[server]`", "Where the service listens: [deployment.md](deployment.md)."),
    "rates": ("`[rates]`", "How much may come: [administration.md](administration.md#rates)."),
    "ledger": ("`[ledger]`", "Where everything is kept: [ledger.md](ledger.md)."),
    "gateways": (
        "`[[gateways]]`",
        "One IB Gateway or TWS login each. An account may be under one of them only.",
    ),
    "clients": (
        "`[[clients]]`",
        "Programs that may ask; `paperdesk keys create` makes keys without a restart.",
    ),
    "desk": ("`[desk]`", "How orders are worked. Times are in seconds."),
    "limits": (
        f"`[limits.{ACCOUNT}]`",
        "What an account may not do: [limits.md](limits.md). A key that is left out holds nobody back.",
    ),
}


@dataclass
class Key:
    """A key that the loader asked for."""

    name: str
    kind: str
    default: str


class Noting(Section):
    """A section that is empty and notes every key that is looked for."""

    def __init__(self, section: str, noted: list[Key]) -> None:
        super().__init__(f"{section}.", {}, [])
        self.at = section
        self.noted = noted

    def value(self, key: str, read: Callable[[object], T], default: T) -> T:
        """Note the key; its reader says what it takes."""
        self._note(key, read, written(default))
        return default

    def required(self, key: str, read: Callable[[object], T], default: T) -> T:
        """Note the key."""
        self._note(key, read, REQUIRED)
        return default

    def section(self, key: str) -> Section:
        """Go down."""
        return Noting(key, self.noted)

    def sections(self, key: str) -> list[Section]:
        """Go down, once for all of them."""
        return [Noting(key, self.noted)]

    def named(self, key: str) -> dict[str, Section]:
        """Go down into the section of one account."""
        return {ACCOUNT: Noting(key, self.noted)}

    def _note(self, key: str, read: Callable[[object], object], default: str) -> None:
        name = f"{self.at}.{key}".removeprefix(".")
        self.noted.append(Key(name, kind_of(read), default))


def written(default: object) -> str:
    """Return a default as the file would have it; "" where there is none."""
    if default in (None, "", ()):
        return ""
    if isinstance(default, bool | str):
        return f"`{json.dumps(default)}`"
    return f"`{default:g}`"


def kind_of(read: Callable[[object], object]) -> str:
    """Return what a reader takes, in its own words."""
    try:
        read(object())
    except ValueError as error:
        words = str(error)
    if words != "must be text":
        return words.removeprefix("must be ").partition(":")[0]
    sentence = (read.__doc__ or "").partition(".")[0]
    return sentence[0].lower() + sentence[1:]


def variable(name: str) -> str:
    """Return how the environment calls a setting."""
    levels = name.split(".")
    if levels[0] in {"gateways", "clients"}:
        levels.insert(1, "0")
    if levels[0] == "limits":
        levels.insert(1, ACCOUNT)
    return ENVIRONMENT_PREFIX + "__".join(levels).upper()


def main() -> None:
    """Print the page."""
    noted: list[Key] = []
    read_settings(Noting("", noted))
    names = [key.name for key in noted]
    if sorted(names) != sorted(MEANINGS):
        sys.exit(f"settings without a meaning, or the other way: {set(names) ^ set(MEANINGS)}")
    parts = [HEAD]
    for section, (title, words) in SECTIONS.items():
        rows = [key for key in noted if key.name.rpartition(".")[0] == section]
        parts.append(f"## {title}\n")
        if words:
            parts.append(f"{words}\n")
        parts += [*table(rows), ""]
    sys.stdout.write("\n".join(parts))


def table(keys: list[Key]) -> Iterator[str]:
    """Return the rows of one section."""
    yield "| key | is | default | means | environment |"
    yield "|---|---|---|---|---|"
    for key in keys:
        short = key.name.rpartition(".")[2]
        yield (
            f"| `{short}` | {key.kind} | {key.default or '–'} | {MEANINGS[key.name]} | "
            f"`{variable(key.name)}` |"
        )


main()

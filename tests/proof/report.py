"""RELIABILITY.md, written from what the proofs have kept in build/.

Owns: the page: which proof looked for what, how much of it, and what it found. A proof that was
not run is named as such: nothing here is typed in by hand. Runs nothing.
"""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from promises.showing import line_of
from proof.found import FOUND
from proof.oracle import INVARIANTS
from twsim.faults.catalogue import CATALOGUE

BUILD: Final = Path("build")
PAGE: Final = Path("RELIABILITY.md")
PRINTED_LINES_MAX: Final = 70
# The proofs whose words are on the page, by the name of what they have left.
PRINTED: Final = {
    "kills": "`kill -9` at named points (`make kills`)",
    "harms": "Other harms to a real service (`make harms`)",
    "smallscope": "Every schedule of a small scope (`make smallscope`)",
    "planted": "Planted bugs (`make planted`)",
    "schema": "The API under its own document (`make schema`)",
    "machine": "Clients, gateway and death in any order (`make machine`)",
    "fuzz-service": "A gateway that talks nonsense (`make fuzz-service`)",
    "mutants-domain": "Small defects of domain (`make mutants MUTANTS=domain`)",
    "mutants-desk": "Small defects of desk (`make mutants MUTANTS=desk`)",
}
NOT_RUN: Final = "Not run on this machine."

_HEAD: Final = """# Reliability

What was done to find an order that is sent twice, a fill that is lost, or an answer that is taken
back. This page is written by `make prove` from what each proof counted; a proof that was not run
is named as such.
"""


def write_report(page: Path = PAGE, build: Path = BUILD) -> None:
    """Write the page anew."""
    page.write_text("\n".join(_page(build)) + "\n")


def _page(build: Path) -> Iterator[str]:
    yield _HEAD
    cores, memory = os.cpu_count(), _memory()
    yield f"Machine: {platform.machine()}, {cores} cores, {memory}; Python {platform.python_version()}.\n"
    yield from _seeds(_read(build / "proof" / "seeds.json"))
    for ledger in ("sqlite", "postgresql"):
        yield from _storm(ledger, _read(build / f"storm-{ledger}.json"))
    for name, title in PRINTED.items():
        yield from _printed(title, build / "proof" / f"{name}.txt")
    yield from _found()


def _seeds(told: Mapping[str, Any] | None) -> Iterator[str]:
    yield "## The whole service in virtual time\n"
    if told is None:
        yield f"{NOT_RUN}\n"
        return
    cells = Counter(told["cells"])
    faults: Counter[str] = Counter()
    for cell, count in cells.items():
        faults[cell.split()[0]] += count
    rate = told["seeds"] / max(told["seconds"], 0.001)
    yield (
        f"Commit `{told['commit']}`. Each seed is a story: programs, faults of the gateway, "
        "crashes and restarts, then a phase in which everything must converge. Judged from "
        f"outside: {', '.join(INVARIANTS)}.\n"
    )
    yield from _table(
        ("what", "how many"),
        [
            ("seeds", told["seeds"]),
            ("seeds a second a core", f"{rate:.2f}"),
            ("virtual days", f"{told['virtual_seconds'] / 86_400:.1f}"),
            ("calls of programs", told["calls"]),
            ("orders sent", told["orders"]),
            ("fills", told["fills"]),
            ("crashes of the service", told["crashes"]),
            ("restarts of the gateway", told["gateway_restarts"]),
            (f"faults that fired, of {len(CATALOGUE)}", len(faults)),
            ("faults by state of an order", len(cells)),
            ("seeds with violations", len(told["failed"])),
        ],
    )
    if told["failed"]:
        yield "Violations:\n"
        yield from _table(
            ("seed", "invariants"),
            [(seed, ", ".join(names)) for seed, names in sorted(told["failed"].items())],
        )
    yield from _cells(cells)


def _cells(cells: Counter[str]) -> Iterator[str]:
    """How often each fault struck an order in each state."""
    states = sorted({cell.split()[1] for cell in cells} - {"none"})
    yield "Faults by the state of the order that they struck (`none`: no order was open):\n"
    yield from _table(
        ("fault", *states, "none"),
        [
            (fault, *(cells[f"{fault} {state}"] or "" for state in (*states, "none")))
            for fault in sorted(CATALOGUE)
        ],
    )


def _storm(ledger: str, told: Mapping[str, Any] | None) -> Iterator[str]:
    yield f"## `kill -9` at random times, on {ledger} (`make storm`)\n"
    if told is None:
        yield f"{NOT_RUN}\n"
        return
    yield f"Commit `{told['commit']}`, a real service under load.\n"
    figures = {name: told[name] for name in told if isinstance(told[name], int)}
    yield from _table(
        ("what", "how many"), [(n.replace("_", " "), c) for n, c in figures.items()]
    )


def _printed(title: str, path: Path) -> Iterator[str]:
    """What a proof printed in the end, word for word."""
    yield f"## {title}\n"
    if not path.exists():
        yield f"{NOT_RUN}\n"
        return
    commit, *lines = path.read_text().splitlines()
    cut = lines[-PRINTED_LINES_MAX:]
    yield "\n".join(("```text", commit, *(["..."] if cut != lines else []), *cut, "```", ""))


def _found() -> Iterator[str]:
    yield "## What was found, and is mended\n"
    yield from _table(
        ("what", "found by", "held by"),
        [(each.what, each.by, f"`{each.test.split('::')[1]}`") for each in FOUND],
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    heads = tuple(heads)
    yield line_of(heads)
    yield line_of(["---"] * len(heads))
    for row in rows:
        yield line_of([str(cell) for cell in row])
    yield ""


def _read(path: Path) -> Any:
    return json.loads(path.read_text()) if path.exists() else None


def _memory() -> str:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{pages / 2**30:.0f} GiB"


if __name__ == "__main__":
    write_report()

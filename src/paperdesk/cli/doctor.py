"""`paperdesk doctor`: what is wrong, and what to do about it.

Owns: how the checks of `checks` are printed, and that one failure fails the command.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Final

from cyclopts import Parameter

from paperdesk.cli.checks import Check, State, checks
from paperdesk.cli.exits import Exit
from paperdesk.cli.options import Config, Json, Url
from paperdesk.cli.output import Column, console, say, show, text

COLUMNS: Final = (
    Column("State", lambda check: check.state.value),
    text("Name"),
    text("Seen"),
    text("Todo"),
)
_MARKS: Final = {
    State.OK: ("✓", "green"),
    State.WARN: ("!", "yellow"),
    State.FAIL: ("✗", "red"),
}


def doctor(
    *,
    fix: Annotated[bool, Parameter(name="--fix", negative="", show_default=False)] = False,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """Check configuration, ledger, service, gateways and accounts; say what to do.

    Parameters
    ----------
    fix
        Bring the dashboard's scripts, where they are missing. Nothing else is changed.
    """
    found = []
    for check in checks(config, url, os.environ, fix=fix):
        found.append(check)
        if sys.stdout.isatty() and not as_json:
            _print(check)
    failed = sum(check.state is State.FAIL for check in found)
    if as_json or not sys.stdout.isatty():
        document = {"ok": not failed, "checks": found}
        show(found, COLUMNS, document=document, as_json=as_json)
    warned = sum(check.state is State.WARN for check in found)
    say(f"{len(found)} checks: {failed} failed, {warned} warned.")
    return Exit.FAILED if failed else Exit.DONE


def _print(check: Check) -> None:
    from rich.text import Text  # noqa: PLC0415 - only a person sees it

    mark, style = _MARKS[check.state]
    line = Text.assemble((mark, style), f" {check.name:<24} {check.seen}")
    out = console(sys.stdout)
    out.print(line, soft_wrap=True)
    if check.todo:
        out.print(Text(f"  {'':<24} → {check.todo}"), soft_wrap=True)

"""The command line: `paperdesk`.

Owns: the commands, their options, and how an error reads in a terminal. Knows nothing of how a
command does its work; what takes long to import is imported by the command that wants it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from cyclopts import App, CycloptsError, Group, Parameter

from paperdesk import __version__
from paperdesk.cli.exits import Exit, exit_of
from paperdesk.cli.options import Config
from paperdesk.cli.remote import import_without
from paperdesk.errors import (
    BrokerUnavailable,
    Halted,
    OutcomeUnknown,
    PaperdeskError,
    Unauthorized,
    Unreachable,
)
from paperdesk.masking import masked

HELP: Final = ("--help", "-h", "completion")
EXIT_INTERRUPTED: Final = 130  # what a shell makes of Ctrl-C
# What to do next, where the service's own words cannot name a command.
STEPS: Final[Mapping[type[PaperdeskError], str]] = {
    Unreachable: "Is it running? paperdesk serve starts one, paperdesk doctor looks for more.",
    BrokerUnavailable: "paperdesk accounts shows when it is back, paperdesk doctor looks for why.",
    Halted: "paperdesk resume --reason … ends a halt of all, with --account that of one.",
    OutcomeUnknown: "paperdesk batches shows it, if it was accepted.",
}

app: Final = App(
    name="paperdesk",
    help="Post target positions over HTTP; the difference is traded in an IBKR paper account.",
    version=__version__,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
)


TRADE, LOOK, STOP, RUN = (
    Group(title, sort_key=place)
    for place, title in enumerate(("Trade", "Look", "Stop", "Run the service"))
)


@app.command(group=RUN)
def serve(
    *,
    config: Config = None,
    host: Annotated[str | None, Parameter(name="--host")] = None,
    port: Annotated[int | None, Parameter(name="--port")] = None,
) -> int:
    """Run the service until Ctrl-C.

    Parameters
    ----------
    host
        The address to listen on, whatever the configuration says.
    port
        The port to listen on, whatever the configuration says; 0 picks a free one.
    """
    # Imported here: they take long, and no client wants them.
    from paperdesk.config import load_settings  # noqa: PLC0415

    settings = load_settings(config, os.environ, host=host, port=port)
    from paperdesk import bootstrap  # noqa: PLC0415 - longest of all

    return bootstrap.serve(settings)


# Where each command is: its module is imported when it is run, or when all are listed.
COMMANDS: Final[tuple[tuple[Group, str, str], ...]] = (
    (TRADE, "submit", "submitting:submit"),
    (TRADE, "watch", "following:watch"),
    (TRADE, "cancel", "stopping:cancel"),
    (LOOK, "positions", "looking:positions"),
    (LOOK, "targets", "looking:targets"),
    (LOOK, "batches", "looking:batches"),
    (LOOK, "show", "looking:show_batch"),
    (LOOK, "executions", "looking:executions"),
    (LOOK, "accounts", "looking:accounts"),
    (LOOK, "events", "streaming:events"),
    (LOOK, "open", "reaching:open_page"),
    (LOOK, "api", "reaching:api"),
    (STOP, "halt", "stopping:halt"),
    (STOP, "resume", "stopping:resume"),
    (STOP, "flatten", "stopping:flatten"),
    (RUN, "init", "beginning:init"),
    (RUN, "demo", "simulating:demo"),
    (RUN, "doctor", "doctor:doctor"),
    (RUN, "config", "configuring:app"),
    (RUN, "keys", "keys:app"),
    (RUN, "sim", "simulating:app"),
    (RUN, "backup", "backups:backup"),
    (RUN, "restore", "backups:restore"),
    (RUN, "completion", "configuring:completion"),
)
for _group, _name, _place in COMMANDS:
    app.command(f"paperdesk.cli.{_place}", name=_name, group=_group)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    tokens = sys.argv[1:] if arguments is None else list(arguments)
    import_without("msgspec", "typing_extensions")  # since Python 3.11 it needs none of it
    if not tokens or tokens[0] in HELP:
        app.resolved_commands()  # their first lines are in the list
    try:
        code = app(tokens, print_error=False, exit_on_error=False, result_action="return_value")
    except CycloptsError as error:
        return _fail(f"{_one_line(error)} Try: paperdesk --help", Exit.USAGE)
    except PaperdeskError as error:
        return _fail(_words(error), exit_of(error))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    except OSError as error:  # a port in use, a directory that cannot be written
        return _fail(str(error), Exit.FAILED)
    return code if isinstance(code, int) else 0


def _one_line(error: CycloptsError) -> str:
    return " ".join(str(error).split())


def _words(error: PaperdeskError) -> str:
    """Return what went wrong, and what to do where the service could not say it."""
    if isinstance(error, Unauthorized) and error.problem is not None:
        return (
            "the service does not know this API key: set PAPERDESK_API_KEY, or run the command "
            "where .paperdesk/key is"
        )
    for kind, step in STEPS.items():
        if isinstance(error, kind):
            return f"{error.detail}\n  → {step}"
    return error.detail


def _fail(message: str, code: int) -> int:
    print(f"paperdesk: {masked(message)}", file=sys.stderr)  # noqa: T201 - a command line speaks here
    return code

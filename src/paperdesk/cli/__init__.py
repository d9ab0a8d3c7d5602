"""The command line: `paperdesk`.

Owns: the commands, their options, and how an error reads in a terminal. Knows nothing of how a
command does its work; what takes long to import is imported by the command that wants it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, CycloptsError, Parameter

from paperdesk import __version__
from paperdesk.config import load_settings
from paperdesk.errors import ConfigError, PaperdeskError
from paperdesk.masking import masked

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2  # wrong command line or wrong configuration: mend it, then try again
EXIT_INTERRUPTED: Final = 130  # what a shell makes of Ctrl-C

app: Final = App(
    name="paperdesk",
    help="Post target positions over HTTP; the difference is traded in an IBKR paper account.",
    version=__version__,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
)


@app.command
def serve(
    *,
    config: Annotated[Path | None, Parameter(name="--config")] = None,
    host: Annotated[str | None, Parameter(name="--host")] = None,
    port: Annotated[int | None, Parameter(name="--port")] = None,
) -> int:
    """Run the service until Ctrl-C.

    Parameters
    ----------
    config
        The configuration; paperdesk.toml of this directory where it exists.
    host
        The address to listen on, whatever the configuration says.
    port
        The port to listen on, whatever the configuration says; 0 picks a free one.
    """
    settings = load_settings(config, os.environ, host=host, port=port)
    # Imported here: it takes long, and no other command wants it.
    from paperdesk import bootstrap  # noqa: PLC0415

    return bootstrap.serve(settings)


app.command("paperdesk.cli.backups:backup", name="backup")
app.command("paperdesk.cli.backups:restore", name="restore")
app.command("paperdesk.cli.keys:app", name="keys")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    tokens = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = app(tokens, print_error=False, exit_on_error=False, result_action="return_value")
    except CycloptsError as error:
        return _fail(f"{_one_line(error)} Try: paperdesk --help", EXIT_USAGE)
    except ConfigError as error:
        return _fail(error.detail, EXIT_USAGE)
    except PaperdeskError as error:
        return _fail(error.detail, EXIT_FAILED)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except OSError as error:  # a port in use, a directory that cannot be written
        return _fail(str(error), EXIT_FAILED)
    return code if isinstance(code, int) else 0


def _one_line(error: CycloptsError) -> str:
    return " ".join(str(error).split())


def _fail(message: str, code: int) -> int:
    print(f"paperdesk: {masked(message)}", file=sys.stderr)  # noqa: T201 - a command line speaks here
    return code

"""`paperdesk config show`: which settings hold, and who gave them; `paperdesk completion`.

Owns: how settings are printed, and the shells that are completed in. Knows nothing of what a
setting means.
"""

from __future__ import annotations

import json
import os
from typing import Annotated, Final, Literal

from cyclopts import App, Parameter

from paperdesk.cli.options import Config, Json
from paperdesk.cli.output import prose, show, text

app: Final = App(name="config", help="The configuration.")

COLUMNS: Final = (
    text("Key"),
    prose("Value", lambda entry: json.dumps(entry.value, ensure_ascii=False)),
    prose("Origin"),
)


@app.command(name="show")
def show_settings(*, config: Config = None, as_json: Json = False) -> int:
    """Show every setting with the file or variable that gave it; secrets are masked."""
    from paperdesk.config.showing import shown  # noqa: PLC0415 - only here

    found = shown(config, os.environ)
    show(found, COLUMNS, document=found, as_json=as_json)
    return 0


def completion(shell: Annotated[Literal["bash", "zsh", "fish"], Parameter()], /) -> int:
    """Print what completes commands and options in a shell.

    Parameters
    ----------
    shell
        bash, zsh or fish: source <(paperdesk completion bash).
    """
    from paperdesk.cli import app as whole  # noqa: PLC0415 - it imports this module
    from paperdesk.cli.output import write  # noqa: PLC0415 - as above

    write(whole.generate_completion(prog_name="paperdesk", shell=shell))
    return 0

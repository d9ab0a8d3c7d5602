"""The options that many commands have.

Owns: their names and their words. Knows no command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Account = Annotated[
    str | None,
    Parameter(name=["--account", "-a"], help="The account; the service's default one without."),
]
Config = Annotated[
    Path | None,
    Parameter(
        name="--config",
        help="The configuration; paperdesk.toml of this directory where it exists.",
    ),
]
Url = Annotated[
    str | None,
    Parameter(
        name="--url",
        help="The address of the service, where the configuration does not say it.",
    ),
]
Json = Annotated[
    bool,
    Parameter(name="--json", negative="", show_default=False, help="Print the answer as JSON."),
]
Yes = Annotated[
    bool,
    Parameter(name=["--yes", "-y"], negative="", show_default=False, help="Do not ask."),
]
NoInput = Annotated[
    bool,
    Parameter(
        name="--no-input",
        negative="",
        show_default=False,
        help="Ask nobody, and do nothing that wants a yes.",
    ),
]
Reason = Annotated[
    str,
    Parameter(name=["--reason", "-r"], help="Why, for whoever looks at it later."),
]
Timeout = Annotated[
    float | None,
    Parameter(
        name="--timeout", help="Seconds to wait at most; without it, as long as it takes."
    ),
]
Limit = Annotated[int, Parameter(name=["--limit", "-n"], help="How many at most.")]

"""`paperdesk init`: a configuration to begin with.

Owns: how `template.toml` becomes the paperdesk.toml of a folder. Changes no file that is there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from paperdesk.cli.output import say
from paperdesk.errors import BadRequest
from paperdesk.whereabouts import FILE_NAME

TEMPLATE: Final = Path(__file__).with_name("template.toml")
EXAMPLE_ACCOUNT: Final = "DU1234567"
EXAMPLE_PORT: Final = "#port = 4002"


def init(
    account: str | None = None,
    /,
    *,
    port: Annotated[int, Parameter(name="--port")] = 4002,
    config: Annotated[Path, Parameter(name="--config")] = Path(FILE_NAME),
) -> int:
    """Write a paperdesk.toml with every setting, its default, and what it means.

    Parameters
    ----------
    account
        Your paper account, such as DU1234567. Without it the gateway stays the simulated one.
    port
        Where its IB Gateway listens; 7497 for TWS.
    config
        The file to make; it is refused where one is there already.
    """
    text = TEMPLATE.read_text(encoding="utf-8")
    if account is not None:
        text = _with_gateway(text, account, port)
    try:
        with config.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise BadRequest(
            f"{config} is there already: name another file with --config"
        ) from None
    named = "" if config == Path(FILE_NAME) else f" --config {config}"
    say(
        f"Wrote {config}.\n  → paperdesk doctor{named} checks it, paperdesk serve{named} takes it up"
    )
    return 0


def _with_gateway(text: str, account: str, port: int) -> str:
    """Return the template with this gateway in force. Raises BadRequest."""
    from paperdesk.broker.guard import is_paper  # noqa: PLC0415 - only here

    if not is_paper(account):
        raise BadRequest(f"{account} is no paper account: those begin with DU, as DU1234567")
    before, mark, after = text.partition("#[[gateways]]\n")
    section, blank, rest = after.partition("\n\n")
    section = section.replace(EXAMPLE_PORT, f"#port = {port}").replace("#", "")
    before = before.replace("#default_account", "default_account")
    whole = f"{before}{mark.removeprefix('#')}{section}{blank}{rest}"
    return whole.replace(EXAMPLE_ACCOUNT, account)

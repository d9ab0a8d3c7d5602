"""Where a service is found, and the key that opens it.

Owns: the names in the environment and the file in which a command, the SDK and the service itself
look, in which order, and what a key may be shown to. Asks nobody. Knows nothing of the rest of the
configuration.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

HOME: Final = Path(".paperdesk")  # what a service keeps, and the key that it made for itself
KEY_FILE: Final = HOME / "key"
FILE_NAME: Final = "paperdesk.toml"
ENVIRONMENT_PREFIX: Final = "PAPERDESK_"
URL_VARIABLE: Final = "PAPERDESK_URL"
KEY_VARIABLE: Final = "PAPERDESK_API_KEY"
SHORT_KEY_VARIABLE: Final = "PAPERDESK_KEY"
URL_BY_DEFAULT: Final = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Place:
    """A service that can be asked. `is_named` tells whether somebody said where."""

    url: str
    key: str = field(repr=False)
    is_named: bool


def find(
    url: str | None,
    key: str | None,
    environ: Mapping[str, str],
    *,
    otherwise: str = URL_BY_DEFAULT,
) -> Place:
    """Return where the service is: what is given, else the environment, else this machine."""
    named = url or environ.get(URL_VARIABLE)
    found = key or environ.get(KEY_VARIABLE) or environ.get(SHORT_KEY_VARIABLE, "")
    # This machine's own key is for this machine: nobody else is shown it by mistake.
    if not found and (named is None or is_loopback(urlsplit(named).hostname or "")):
        found = key_in(KEY_FILE)
    return Place((named or otherwise).rstrip("/"), found, named is not None)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach the address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name: who it means is not ours to say
        return False


def key_in(path: Path) -> str:
    """Return the text in the file, "" where there is none: nobody can present an empty key."""
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def write_key(path: Path, text: str) -> None:
    """Put the text in the file whole, readable by nobody else."""
    import tempfile  # noqa: PLC0415 - once in a folder's life

    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, written = tempfile.mkstemp(prefix="key.", dir=path.parent)  # of mode 600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{text}\n")
        Path(written).replace(path)
    finally:
        Path(written).unlink(missing_ok=True)

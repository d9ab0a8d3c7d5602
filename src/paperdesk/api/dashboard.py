"""The dashboard: one page at `/`, and the files that it is made of.

Owns: which files there are, under which address, and what the page may load and run. The page
holds no data: it asks the API with the key of whoever signs in, like every other client. Knows
nothing of what it shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

from paperdesk.api.endpoint import HTML, Answer, Call, Endpoint
from paperdesk.api.page import page
from paperdesk.errors import NotFound
from paperdesk.wire.parsing import shown

FOLDER: Final = Path(__file__).parents[1] / "dashboard"
VENDOR: Final = "vendor"  # not ours: brought by the build hook
NEEDED: Final = (
    "htm.js", "preact-hooks.js", "preact.js", "signals-core.js", "signals.js", "uplot.css",
    "uplot.js",
)  # fmt: skip
_KINDS: Final[Mapping[str, str]] = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Nothing but our own files, no style or script within the page, no request to anywhere else.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
# What has its build in its address never changes.
_FOR_EVER: Final = (("Cache-Control", "public, max-age=31536000, immutable"),)


@dataclass(frozen=True)
class Site:
    """The page and its files, as they were when they were read. `missing`: why it has none."""

    build: str
    index: bytes
    files: Mapping[str, Answer]
    missing: str | None = None

    @classmethod
    def read(cls, folder: Path) -> Site:
        """Return the site in `folder`; without what the build hook brings, a page that says so."""
        missing = missing_in(folder)
        if missing is not None:
            return cls("", _missing_page(missing), {}, missing)
        paths = [*folder.glob("*.*"), *(folder / VENDOR).glob("*.*")]
        found = {path.name: path for path in sorted(paths) if path.suffix in _KINDS}
        contents = {name: path.read_bytes() for name, path in found.items()}
        index = (folder / "index.html").read_bytes()
        build = hashlib.sha256(b"\0".join([index, *contents.values()])).hexdigest()[:16]
        files = {
            name: Answer(content, _KINDS[found[name].suffix], headers=_FOR_EVER)
            for name, content in contents.items()
        }
        return cls(build, index.replace(b"{build}", build.encode()), files)


def missing_in(folder: Path) -> str | None:
    """Say why the page cannot work, None where everything is there."""
    vendor = folder / VENDOR
    if all((vendor / name).exists() for name in NEEDED):
        return None
    why = vendor / "missing.txt"
    if why.exists():
        return why.read_text(encoding="utf-8").strip()
    return "The scripts of the dashboard are not installed: install Paperdesk again."


def _missing_page(why: str) -> bytes:
    return page(
        "The dashboard is not installed",
        f"<p>{escape(why)}</p><p>The service itself is complete: "
        '<a href="/docs">Endpoints</a> · <a href="/openapi.json">OpenAPI</a> · '
        '<a href="/health">Health</a></p>',
    )


@cache
def site() -> Site:
    """Return the site of this installation, read once."""
    return Site.read(FOLDER)


async def dashboard(_: Call) -> Answer:
    """Show the dashboard, which asks for an API key and reads everything else from the API."""
    whole = site()
    if whole.missing is not None:
        return Answer(whole.index, HTML)
    policy = ("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    return Answer(whole.index, HTML, headers=(policy,))


async def asset(call: Call) -> Answer:
    """Return a file of the dashboard. Its build is in its address, so that it may be kept."""
    whole = site()
    found = whole.files.get(call.path["name"])
    if found is None or call.path["build"] != whole.build:
        raise NotFound(f"There is no file {shown(call.path['name'])} of the dashboard.")
    return found


ENDPOINTS: Final = (
    Endpoint("GET", "/", dashboard),
    Endpoint(
        "GET", "/assets/{build:str}/{name:str}", asset, errors=(NotFound,), media_type="*/*"
    ),
)

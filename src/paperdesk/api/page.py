"""The frame of a plain page: HTML from the server, whole without any script.

Owns: the look of the pages that describe the API. Knows nothing of what they say.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Final

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "overflow-wrap:break-word;color:#1d2430;background:#fff}"
    "code,pre{font:14px/1.45 ui-monospace,monospace}"
    "pre{overflow:auto;padding:1rem;background:#f3f5f8;white-space:pre-wrap}"
    "nav ul{columns:20rem;padding:0;list-style:none}"
    "h2{margin-top:2.5rem}h2 code{font-size:1.15rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;"
    "padding:.3rem .8rem .3rem 0;border-bottom:1px solid #dfe3e9}a{color:#0b57a4}"
    "@media(prefers-color-scheme:dark){body{color:#e4e8ee;background:#14181f}"
    "pre{background:#1f252e}th,td{border-color:#353d49}a{color:#7db8f5}}"
)
# The style is in the page itself, and in a policy by its hash.
STYLE_SOURCE: Final = f"'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
# The pages load nothing and run nothing.
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src {STYLE_SOURCE}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

_CODE: Final = re.compile("`([^`]+)`")


def prose(text: str) -> str:
    """Return a sentence of ours as HTML; what stands between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def page(title: str, body: str, head: str = "") -> bytes:
    """Return the page. `body` is HTML; whatever it shows of others is escaped already."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Paperdesk</title><style>{_STYLE}</style>{head}</head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>\n"
    ).encode()

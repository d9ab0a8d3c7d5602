"""What a secret looks like, and text without it.

Owns: the shapes of an API key, of a header that carries one, of an assignment to a name such as
`password`, and of a password in a URL; `masked`, which takes them out of a text, and the names
whose values are secret whatever they look like. Every step takes time in proportion to the text,
whoever wrote it. Knows nothing of logs, of bodies or of settings.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

MASK: Final = "***"
KNOWN_CHARS_MIN: Final = 4  # to mask each "a" would leave nothing of a text

# An API key of ours. Capitals too, for symbols are put into capitals, and as in a URL.
_KEY: Final = re.compile(r"pdk(?:_|%5f)[0-9a-z_%]{20,}", re.IGNORECASE)

# Between a name and its value: an assignment, or the comma of a pair that was printed. A run of
# blanks or of other characters can be read in one way only: nothing goes back over what it read.
_ASSIGN: Final = r"[\\\"'\]]*\s*(?:[:=]|%3[ad])"
_BEFORE: Final = r"\s*\\*(?:[br](?=[\"']))?"
_QUOTED: Final = r"\"[^\"\n]*\"?|'[^'\n]*'?"
_HEADER: Final = re.compile(
    rf"((?:x-api-key|authorization|cookie)(?:{_ASSIGN}|\\*[\"']\s*,){_BEFORE})"
    rf"(?:{_QUOTED}|[^\r\n\"']+)",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(r"(bearer(?:\s|%20|\+)+)[^\s\"',;)\]}]+", re.IGNORECASE)
_ASSIGNED: Final = re.compile(
    r"((?:passw(?:or)?d|passphrase|pwd|secret|token|credentials?|api[_-]?key|\bkey(?==))"
    rf"{_ASSIGN}{_BEFORE})(?:{_QUOTED}|[^\s\"'&,;)\]}}]+)",
    re.IGNORECASE,
)

# A password may hold whatever its writer forgot to escape: so it ends at the last @.
_RUN: Final = re.compile(r"[^\s\"'<>]+")
_SCHEME: Final = re.compile(r"://|%3a%2f%2f", re.IGNORECASE)
_COLON: Final = re.compile(r":|%3a", re.IGNORECASE)

_SECRET_ENDS: Final = (
    "key", "passwd", "passphrase", "pwd", "token", "authorization", "cookie", "credential",
    "credentials",
)  # fmt: skip


def looks_like_key(text: str) -> bool:
    """Tell whether an API key of ours stands in a text: such a text is not stored."""
    return _KEY.search(text) is not None


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Tell whether what has this name is secret whatever it looks like."""
    lowered = name.lower()
    return lowered.endswith(_SECRET_ENDS) or "password" in lowered or "secret" in lowered


def is_suspect(text: str) -> bool:
    """Tell whether a secret may stand in a text; False is certain. Costs next to nothing."""
    low = text.lower()
    return (
        "pdk" in low
        or "://" in low
        or "%3a%2f" in low
        or "key" in low
        or "pass" in low
        or "pwd" in low
        or "secret" in low
        or "token" in low
        or "bearer" in low
        or "authoriz" in low
        or "cookie" in low
        or "credential" in low
    )


def masked(text: str, known: Collection[str] = ()) -> str:
    """Return a text without its secrets: those that are `known`, and what looks like one."""
    for secret in known:
        text = text.replace(secret, MASK)
    if not is_suspect(text):
        return text
    text = _KEY.sub(MASK, text)
    text = _HEADER.sub(rf"\1{MASK}", text)
    text = _BEARER.sub(rf"\1{MASK}", text)
    text = _ASSIGNED.sub(rf"\1{MASK}", text)
    return _without_passwords(text)


def _without_passwords(text: str) -> str:
    return _RUN.sub(_without_password, text) if _SCHEME.search(text) else text


def _without_password(run: re.Match[str]) -> str:
    """Mask what stands between the first colon and the last @ of `scheme://user:password@`."""
    words = run[0]
    scheme = _SCHEME.search(words)
    end = max(words.rfind("@"), words.rfind("%40"))
    if scheme is None or end < scheme.end():
        return words
    colon = _COLON.search(words, scheme.end(), end)
    return words if colon is None else f"{words[: colon.end()]}{MASK}{words[end:]}"


def told(text: str) -> str:
    """Return a sentence of ours as it may be sent to a caller: no key, no password in a URL.

    It may speak of keys and headers by their names: those stay.
    """
    return _without_passwords(_KEY.sub(MASK, text))


def worth_masking(secrets: Collection[str]) -> tuple[str, ...]:
    """Return the secrets that can be known again in a text, the longest first."""
    fit = {secret for secret in secrets if len(secret) >= KNOWN_CHARS_MIN}
    return tuple(sorted(fit, key=lambda secret: (-len(secret), secret)))

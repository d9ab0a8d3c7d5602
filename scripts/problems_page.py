"""The page of the problems, written from the errors themselves.

Owns: docs/problems.md, made of `paperdesk.errors`. Prints the page; `scripts/docs` says where it
goes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from paperdesk.api.problems import AGAIN, example
from paperdesk.errors import ANSWERED, PaperdeskError

HEAD = """\
# Problems

Written from the errors in `src/paperdesk/errors.py`; `make docs` writes it anew.

Whatever is not answered with 200 is a problem document (RFC 9457), `application/problem+json`. `code` is
for programs and never changes; `detail` is for people and may; `errors` names every field that is wrong,
all at once; `error` is `detail` again. `type` is a page of the service that says what stands here, also
without a network: <http://127.0.0.1:8000/problems/halted>. The header `X-Request-ID` finds the lines of
the log.

| code | HTTP | send it again? |
|---|---|---|
"""


def main() -> None:
    """Print the page."""
    kinds = sorted(ANSWERED.values(), key=lambda kind: (kind.status, kind.code))
    rows = "\n".join(
        f"| [`{kind.code}`](#{kind.code}) | {kind.status} | "
        f"{'yes, after `Retry-After`' if kind.retryable else 'no'} |"
        for kind in kinds
    )
    parts = [f"{HEAD}{rows}\n", *(line for kind in kinds for line in section(kind))]
    sys.stdout.write("\n".join(parts))


def section(kind: type[PaperdeskError]) -> Iterator[str]:
    """Return what stands of one problem."""
    yield f"## {kind.code}\n"
    yield f"{kind.title}: HTTP {kind.status}. {' '.join((kind.__doc__ or '').split())}\n"
    yield f"**What mends it.** {kind.fix}\n"
    yield f"**Send it again?** {AGAIN[kind.retryable]}\n"
    yield f"```json\n{example(kind)}\n```\n"


main()

"""The page of the commands, written from the commands themselves.

Owns: docs/cli.md, made of `paperdesk.cli`: every command with its options, and the exit codes.
Prints the page; `scripts/docs` says where it goes.
"""

from __future__ import annotations

import sys

from paperdesk.cli import app
from paperdesk.cli.csvfile import COLUMNS
from paperdesk.cli.exits import MEANINGS

HEAD = """\
# Commands

Written from the commands themselves; `make docs` writes it anew.

Every command but `serve`, `init`, `demo`, `backup` and `restore` is a client of the HTTP API. The service is
found by `--url`, else `PAPERDESK_URL`, else where `paperdesk.toml` of this directory says that it
listens, else at http://127.0.0.1:8000. The key is in `PAPERDESK_API_KEY` (or `PAPERDESK_KEY`), else in
`.paperdesk/key` of this directory, which only a service on this machine is shown.

- On a terminal answers are tables; in a pipe they are tab-separated values, with a head, unrounded
  and uncut; with `--json` they are the service's answer, one document (`events`, `watch`: one a line).
- What is said to a person (sums, questions, the bar of fills, errors) goes to standard error.
- `NO_COLOR` and `TERM=dumb` are respected. Nothing is told by colour alone.
- Without a terminal, or with `--no-input`, nothing is asked: say `--yes`, or the command ends with 2 and
  has done nothing.

```sh
printf 'AAPL,120\\nMSFT,-80\\n' > targets.csv
paperdesk submit targets.csv --preview
paperdesk submit targets.csv --yes --wait
paperdesk positions
paperdesk positions --json | grep -c conid
```

## Files of targets

Lines of `symbol,quantity`: the quantity is the position wanted, negative is short, 0 closes. A head is
optional, and then names the columns in any order: {columns}. `ticker`, `qty`, `shares` and
`target` are understood too. Separators are commas, semicolons or tabs. `1,000`, `"1,000"` and `100.0`
are whole numbers of shares; blank lines and lines that begin with `#` are left out; a byte order mark
is no part of the first name. Where one line cannot be read, every such line is named, and nothing is
sent.

## Exit codes

| code | meaning |
|---|---|
{exits}

A command that is left by Ctrl-C ends with 130, as in every shell; what it had sent goes on, and it says
so. `doctor` ends with 1 where a check failed. `make exits` brings each code about, and prints what a
person sees then.

"""


def main() -> None:
    """Print the page."""
    exits = "\n".join(f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items())
    columns = ", ".join(f"`{name}`" for name in COLUMNS)
    app.resolved_commands()
    commands = app.generate_docs(recursive=True, heading_level=2)
    sys.stdout.write(HEAD.format(exits=exits, columns=columns) + commands.rstrip() + "\n")


if __name__ == "__main__":
    main()

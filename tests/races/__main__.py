"""Print the table of races: `make races`."""

from __future__ import annotations

import contextlib
import io
import sys

from races.races import RACES, run

for number, entry in sorted(RACES.items()):
    with contextlib.redirect_stdout(io.StringIO()):  # the service's log
        result = run(number)
    sent = ", ".join(result.wire)
    sys.stdout.write(f"{number:>2}  {entry.words:<55}  {result.position:>4}  {sent}\n")

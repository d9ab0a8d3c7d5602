"""The page of the figures, written from their table.

Owns: docs/metrics.md, made of `paperdesk.figures.METRICS`. Prints the page; `scripts/docs` says
where it goes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from paperdesk.figures import METRICS, Figure

TITLES = (
    ("Is it up?", "paperdesk_build_info"),
    ("Is it on target?", "paperdesk_targets"),
    ("What did it cost?", "paperdesk_slippage_bps"),
)
HEAD = """\
# Figures

Written from the table in `src/paperdesk/figures.py`; `make docs` writes it anew.

`GET /metrics` gives them in the text format of Prometheus. It needs an API key of scope `read`
that may use **every** account of the service, else the answer is 403: the page is of the whole
service, and one cut down to some accounts would be read as a service that is well. Clients are
named on it; symbols, batches and orders are not.

- **What is not known has no sample**; it is never 0.
- Counters and histograms are of the process: they begin at 0 with it. Each thing is counted once,
  after the commit that made it so: what the gateway tells again, or late, counts nothing, nor does
  what ended before a restart. Where a commit of PostgreSQL was cut off, so that nobody knew whether
  it was made, what it moved may be missing.
- Gauges are gathered when the page is asked for, from the sessions and with a few questions to the
  ledger that cost as much as there are targets and open orders. The gateway is asked nothing.
- Labels are bounded in number: of codes and reasons that others choose the first 200 are kept, the
  rest is `other`.
- Not one order waits for a figure, and one that cannot be kept is a line in the log
  (`metric.failed`), once.

`deploy/prometheus/` has a scrape configuration and alert rules, `deploy/grafana/paperdesk.json` a
dashboard. A test holds both against a page of a service that has traded.
"""


def main() -> None:
    """Print the page."""
    parts = [HEAD]
    first = {name: title for title, name in TITLES}
    for figure in METRICS:
        if figure.name in first:
            parts.append(f"## {first[figure.name]}\n")
        parts.append(section(figure))
    sys.stdout.write("\n".join(parts))


def section(figure: Figure) -> str:
    """Return what stands of one figure."""
    facts = [figure.kind.capitalize()]
    if figure.unit:
        facts.append(f"in {figure.unit}")
    if figure.labels:
        facts.append(f"labels {listed(figure.labels)}")
    if figure.buckets:
        facts.append(f"buckets {', '.join(f'{edge:g}' for edge in figure.buckets)}")
    return f"### `{figure.name}`\n\n{'; '.join(facts)}. {figure.words}\n"


def listed(names: Sequence[str]) -> str:
    """Return names as code, one after the other."""
    return ", ".join(f"`{name}`" for name in names)


main()

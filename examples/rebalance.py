"""Trade to the positions in a CSV file, once a day: a program for cron.

    50 9 * * 1-5  cd /srv/desk && bin/python rebalance.py targets.csv >> rebalance.log 2>&1

It may be started as often as one likes: the day is the idempotency key, so that the same file is
one batch, however often an answer was lost or cron was impatient. Another file on the same day is
refused. It exits as the command `paperdesk submit` does: 0 on target, 2 the service refuses the
file, 3 a target was not reached, 4 the API key, 5 trading is halted, 6 no service or no gateway,
8 still working, and 1 for everything else.
"""

from __future__ import annotations

import argparse
import csv
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from paperdesk.client import Batch, Client
from paperdesk.errors import (
    BadRequest,
    BatchFailed,
    BrokerUnavailable,
    Halted,
    IdempotencyMismatch,
    PaperdeskError,
    StillWorking,
    Unauthorized,
    Unreachable,
)

EXIT_CODES = {
    BadRequest: 2,
    IdempotencyMismatch: 2,
    BatchFailed: 3,
    Unauthorized: 4,
    Halted: 5,
    Unreachable: 6,
    BrokerUnavailable: 6,
    StillWorking: 8,
}


def read_targets(path: Path) -> dict[str, int]:
    """Return the shares to hold of each symbol."""
    with path.open(newline="") as file:
        return {row["symbol"]: int(row["quantity"]) for row in csv.DictReader(file)}


def rebalance(path: Path, timeout: float) -> Batch:
    """Return today's batch when it has ended on target. Raises PaperdeskError."""
    today = datetime.now(ZoneInfo("America/New_York")).date()
    with Client(retry_seconds=timeout) as desk:
        batch = desk.submit(read_targets(path), idempotency_key=f"rebalance-{today}")
        return batch.wait(timeout).raise_for_exceptions()


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description="Trade to the positions in a CSV file.")
    parser.add_argument("file", type=Path, help="symbol,quantity")
    parser.add_argument("--timeout", type=float, default=120, help="seconds; 120 by default")
    asked = parser.parse_args()
    try:
        batch = rebalance(asked.file, asked.timeout)
    except PaperdeskError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return EXIT_CODES.get(type(error), 1)
    for order in batch:
        print(order.symbol, order.desired_pos, order.status, order.avg_fill_price)
    print(batch)
    return 0


if __name__ == "__main__":
    sys.exit(main())

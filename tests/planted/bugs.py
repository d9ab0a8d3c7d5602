"""Each planted bug as a value: what its file says of it, and the source with the bug in it.

Owns: Bug, where the diffs are, and how one is applied to a copy. Knows nothing of who looks for it.

A file begins with its id and title, then says `Mistake:`, `Costs:` and `Shows when:`. Where a
simulated world cannot see the bug, `Caught-by:` names the test that does, and `Why:` says why.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = Path(__file__).parent
_MARK: Final = re.compile(r"^(Mistake|Costs|Shows when|Caught-by|Why): ", re.MULTILINE)
_FILE: Final = re.compile(r"^\+\+\+ b/(\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Bug:
    """A diff, and what its first lines say of it."""

    path: Path
    title: str
    says: Mapping[str, str]
    files: tuple[str, ...]  # that it changes, from the root of the repository

    @property
    def name(self) -> str:
        """`PB01`."""
        return self.path.stem

    @property
    def catcher(self) -> str | None:
        """The test that catches it, where the seeds cannot."""
        return self.says.get("Caught-by")

    def apply(self, folder: Path) -> None:
        """Plant it in a copy of the source. Raises ValueError where it does not fit any more."""
        # git takes no hunk whose surroundings are others by now: it never guesses. The ceiling
        # keeps it from taking the copy for a part of a repository around it.
        done = subprocess.run(
            ["git", "apply", str(self.path)],
            cwd=folder,
            env=os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ValueError(f"{self.name} does not fit the source: {done.stderr.strip()}")


def read_bug(path: Path) -> Bug:
    """Read what a file of `planted/` says."""
    head, _, diff = path.read_text(encoding="utf-8").partition("\ndiff --git ")
    first, *marked = _MARK.split(head)
    name, _, title = first.strip().removesuffix(".").partition(": ")
    assert name == path.stem, f"{path.name} says it is {name}"
    told = zip(marked[::2], marked[1::2], strict=True)
    says = {mark: " ".join(words.split()) for mark, words in told}
    return Bug(path, title, says, tuple(_FILE.findall(diff)))


def all_bugs() -> list[Bug]:
    """Return every bug, by its number."""
    return [read_bug(path) for path in sorted(FOLDER.glob("*.diff"))]


@contextmanager
def source_with(bug: Bug | None) -> Iterator[Path]:
    """Return the folder of a copy of `src` with the bug in it; None is the source as it is."""
    with tempfile.TemporaryDirectory(prefix="pd-planted-") as name:
        folder = Path(name)
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "src", folder / "src", ignore=unwanted)
        if bug is not None:
            bug.apply(folder)
        yield folder / "src"

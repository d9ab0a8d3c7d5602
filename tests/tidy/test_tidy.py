"""The house rules, each with the harm it keeps away."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "src").rglob("*.py"))
CLIENTS = ROOT / "tests/clients"
MIGRATIONS = ROOT / "src/paperdesk/ledger/migrations"
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 500
PAGES = (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
LINE_COUNT_EXEMPT = {MIGRATIONS / "versions"}

# Who may read which clock or chance; everybody else is given one.
TIME_READERS = {"src/paperdesk/clock.py", "src/twsim/clock.py"}
# twsim.threaded starts the one thread that a blocking client needs beside it.
CHANCE_READERS = {"src/paperdesk/runtime.py", "src/twsim/threaded.py"}
# Where a blind `except Exception` is allowed, and why.
BLIND = {
    "src/paperdesk/desk/lane.py": "one report that cannot be folded must not stop the others",
    "src/paperdesk/desk/pipeline.py": "it is logged, and the batch must come to its end",
    "src/paperdesk/broker/link.py": "it ends the link and is raised by whoever watches it",
    "src/paperdesk/metrics.py": "what cannot be counted must not stop an order",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_and_what_it_owns(path: Path) -> None:
    """A module without an owner's word becomes the drawer for everything."""
    docstring = ast.get_docstring(tree_of(path)) or ""

    assert docstring.splitlines(), "no docstring"
    assert docstring.splitlines()[0].endswith("."), "the first line is no sentence"
    assert re.search(r"^Owns:", docstring, re.MULTILINE), "does not say `Owns:`"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_and_functions_stay_small(path: Path) -> None:
    """What does not fit on two screens is not reviewed."""
    if path.parent not in LINE_COUNT_EXEMPT:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MODULE_LINES_MAX
        for function in functions(path):
            length = (function.end_lineno or 0) - function.lineno + 1
            assert length <= FUNCTION_LINES_MAX, f"{function.name}: {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_clock_reads_the_time(path: Path) -> None:
    """A second reader of the clock is the one that a simulated day forgets."""
    if name_of(path) in TIME_READERS:
        return
    source = path.read_text(encoding="utf-8")
    reads = re.findall(
        r"datetime\.(?:now|utcnow|today)\(|date\.today\(|^import time$", source, re.MULTILINE
    )

    assert reads == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_runtime_draws_and_starts_threads(path: Path) -> None:
    """Chance and threads outside the ports make a failing seed unrepeatable."""
    if name_of(path) in CHANCE_READERS:
        return
    imported = {
        alias.name
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        node.module
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and node.module
    }

    assert not imported & {"random", "secrets", "threading", "concurrent.futures", "uvloop"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_handler_swallows_everything(path: Path) -> None:
    """A swallowed exception is a lost fill that nobody hears of."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ExceptHandler) and _is_blind(node):
            raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            assert raises or name_of(path) in BLIND, f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_what_is_logged_has_a_dotted_name(path: Path) -> None:
    """A line that is a sentence cannot be searched for once somebody mends its words."""
    levels = {"debug", "info", "warning", "error", "critical", "exception"}
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        logger = node.func.value
        is_log = isinstance(logger, ast.Name) and logger.id.lower() in {"log", "_log"}
        if is_log and node.func.attr in levels and isinstance(node.args[0], ast.Constant):
            name = str(node.args[0].value)
            assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", name), f"{node.lineno}: {name}"


def _is_blind(node: ast.ExceptHandler) -> bool:
    names = {"Exception", "BaseException"}
    return node.type is None or (isinstance(node.type, ast.Name) and node.type.id in names)


def test_sql_and_ib_stay_in_their_rooms() -> None:
    """import-linter holds the imports; this holds the words."""
    for path in MODULES:
        if "paperdesk/ledger" not in name_of(path):
            assert not re.search(r"\b(SELECT|INSERT INTO|UPDATE) ", path.read_text("utf-8"))


def test_the_version_is_the_same_everywhere() -> None:
    """A changelog that lags the version tells users about another program."""
    version = re.search(
        r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    package = re.search(
        r'^__version__ = "(.+)"', (ROOT / "src/paperdesk/__init__.py").read_text(), re.MULTILINE
    )
    changelog = re.search(
        r"^## \[?(\d[^\] ]*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )

    assert version is not None
    assert package is not None
    assert changelog is not None
    assert version[1] == package[1] == changelog[1]


def test_every_link_between_pages_leads_somewhere() -> None:
    """A link to a page that moved is a page that nobody finds."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", text):
            there = page.parent / target if target else page
            assert there.exists(), f"{name_of(page)}: {target}"
            if anchor:
                heads = re.findall(r"^#+ (.*)$", there.read_text("utf-8"), re.MULTILINE)
                slugs = {
                    re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads
                }
                assert anchor[1:] in slugs, f"{name_of(page)}: {target}{anchor}"


def test_every_proof_that_a_page_names_is_there() -> None:
    """A claim whose proof has another name by now is a claim without one."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert targets.issuperset(re.findall(r"`make ([a-z-]+)", text)), name_of(page)
        for path in re.findall(r"`((?:tests|src|scripts|deploy)/[\w/.-]+)`", text):
            assert (ROOT / path).exists(), f"{name_of(page)}: {path}"


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("order-lifecycle.md", "order_lifecycle.py"),
        ("metrics.md", "metrics_page.py"),
        ("events.md", "events_page.py"),
        ("cli.md", "cli_page.py"),
        ("problems.md", "problems_page.py"),
        ("routes.md", "routes_page.py"),
        ("settings.md", "settings_page.py"),
    ],
)
def test_a_page_that_is_made_of_a_table_is_fresh(name: str, script: str) -> None:
    """A page that lags the table tells a person that an order cannot do what it just did."""
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    written = subprocess.run(
        [sys.executable, ROOT / "scripts" / script],
        capture_output=True,
        check=True,
        text=True,
        encoding="utf-8",
    )

    assert page == written.stdout, "make docs writes it anew"


def test_every_chosen_dependency_has_its_reason() -> None:
    """A dependency without one is never looked at again, and never goes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    chosen = [re.split(r"[^\w-]", line)[0] for line in project["dependencies"]]
    scripts = json.loads((ROOT / "web/package.json").read_text(encoding="utf-8"))
    brought = [*scripts["dependencies"], *scripts["devDependencies"]]
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    reasons = re.findall(
        r"^\| `([\w@/-]+)` \| ([^|]{10,}) \| ([^|]{10,}) \|$", page, re.MULTILINE
    )

    assert [name for name, *_ in reasons] == [*sorted(chosen), *sorted(brought)]


def test_no_lock_names_a_registry() -> None:
    """A lock that names a host installs from that host for ever."""
    for path in [*ROOT.glob("requirements*.lock"), *CLIENTS.glob("locks/*.lock")]:
        text = path.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert not re.search(r"https?://|--index-url|--find-links", text), path.name


@pytest.mark.parametrize("folder", [CLIENTS / "stoqey", ROOT / "web"])
def test_an_npm_lock_names_no_registry_and_checks_every_package(folder: Path) -> None:
    """The same, for what is not Python's."""
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}

    assert packages
    for name, entry in packages.items():
        assert "resolved" not in entry, name
        assert entry["integrity"].startswith("sha512-"), name


def test_every_tracked_script_is_short_and_says_what_it_does() -> None:
    """A script that grows is a program without tests."""
    for path in (ROOT / "scripts").iterdir():
        lines = path.read_text(encoding="utf-8").splitlines()
        if path.suffix != ".py":
            assert lines[1].startswith("# "), path.name
            assert len(lines) <= 32, path.name


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.ipynb")), ids=name_of)
def test_a_notebook_is_kept_without_what_a_run_left_in_it(path: Path) -> None:
    """Outputs are of one machine and one day, and a diff of them says nothing."""
    document = json.loads(path.read_text(encoding="utf-8"))
    programs = [cell for cell in document["cells"] if cell["cell_type"] == "code"]

    assert programs
    assert all(cell["outputs"] == [] for cell in programs)
    assert all(cell["execution_count"] is None for cell in programs)
    assert all(cell["metadata"] == {} for cell in document["cells"])
    assert document["metadata"]["language_info"] == {"name": "python"}, "of any Python"


def _tracked_texts() -> Iterator[tuple[str, str]]:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split("\0")
    for name in filter(None, tracked):
        path = ROOT / name
        if path.is_file() and path.suffix not in {".png", ".csv"}:
            yield name, path.read_text(encoding="utf-8")


def test_no_tracked_file_names_this_machine() -> None:
    """A path that exists here only is a step that fails elsewhere."""
    here = re.compile(r"/(?:root|work|home/\w+)/")
    for name, text in _tracked_texts():
        assert not here.search(text), name


def test_no_tracked_file_holds_both_sides_of_a_merge() -> None:
    """CONTRIBUTING.md once did, and nothing that reads code looks there."""
    side = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)
    for name, text in _tracked_texts():
        assert not side.search(text), name

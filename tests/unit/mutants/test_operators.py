"""Which defects are planted, and which lines are left alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from mutants.operators import mutants_of


def planted(root: Path, source: str) -> set[str]:
    """Return every text that a module becomes by one defect."""
    (root / "module.py").write_text(source, encoding="utf-8")
    return {mutant.apply(source.encode()).decode() for mutant in mutants_of(root, "module.py")}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", {"x = a <= b", "x = a >= b"}),
        ("x = a and b", {"x = (a) or (b)"}),
        ("x = not a", {"x = (a)"}),
        ("x = 3", {"x = 4", "x = 2"}),
        ("x = max(a)", {"x = min(a)"}),
        ("x = a if b else c", {"x = ((c) if (b) else (a))"}),
        ("x = {a: b, c: d}", {"x = {c: d}", "x = {a: b}"}),
        ("x = [a for a in b if c]", {"x = [a for a in b if True]"}),
        ("x = replace(a, b=c)", {"x = replace(a)"}),
        ("raise a", {"pass"}),
        ("a.b = c", {"pass"}),
    ],
)
def test_a_line_has_these_defects(tmp_path: Path, source: str, expected: set[str]) -> None:
    assert planted(tmp_path, source) == expected


def test_an_early_return_is_passed_over_and_a_result_forgotten(tmp_path: Path) -> None:
    source = "def f():\n    if a:\n        return b\n    return c\n"

    assert planted(tmp_path, source) == {
        source.replace("if a", "if not (a)"),
        source.replace("return b", "pass"),
        source.replace("return b", "return None"),
        source.replace("return c", "return None"),
    }


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""',
        "assert a < b",
        "x: int | None",
        '_log.info("order.sent", count=3)',
        'crash_point("CP09")',
        'x = f"{3}"',
        "class P(Protocol):\n    def f(self) -> int:\n        return 3\n",
    ],
)
def test_what_promises_nothing_is_left_alone(tmp_path: Path, source: str) -> None:
    assert planted(tmp_path, source) == set()


def test_every_defect_of_the_state_machine_can_be_read_as_python() -> None:
    root, module = Path(__file__).parents[3], "src/paperdesk/domain/order.py"
    source = (root / module).read_bytes()

    for mutant in mutants_of(root, module):
        ast.parse(mutant.apply(source))
        assert mutant.diff(source)

"""The changes that are tried: each is one that a tired hand might make.

Owns: Mutant, and which mutants a module has, from its syntax tree. A mutant is a piece of the
text replaced, so that its diff is one that a person can read. Knows nothing of tests.

Left alone: annotations and docstrings (nothing runs them), words in messages and what is
logged (no promise), asserts (they say what cannot be), and crash points (`make kills` has them).
"""

from __future__ import annotations

import ast
import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

COMPARED: Final[dict[type[ast.cmpop], tuple[str, ...]]] = {
    ast.Lt: ("<=", ">="),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<="),
    ast.GtE: (">", "<"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
COMPUTED: Final[dict[type[ast.operator], str]] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.Mod: "*",
    ast.BitAnd: "|",
    ast.BitOr: "&",
}
SWAPPED: Final = {"max": "min", "min": "max", "any": "all", "all": "any"}
UNTOUCHED: Final = frozenset({"crash_point", "_log", "log", "_pass_points", "_say_moved"})


@dataclass(frozen=True, slots=True)
class Mutant:
    """One piece of a module's text, and what stands in its place."""

    module: str
    start: int
    end: int
    line: int
    kind: str
    text: str

    @property
    def key(self) -> str:
        """What it is remembered by, for as long as the module stays the same."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    def apply(self, source: bytes) -> bytes:
        """Return the module with the change."""
        return source[: self.start] + self.text.encode() + source[self.end :]

    def diff(self, source: bytes) -> str:
        """Return the lines that change."""
        lines = difflib.unified_diff(
            source.decode().splitlines(),
            self.apply(source).decode().splitlines(),
            n=0,
            lineterm="",
        )
        return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def mutants_of(root: Path, module: str) -> list[Mutant]:
    """Return all mutants of a module, in their order."""
    source = (root / module).read_bytes()
    found = _Finder(module, source)
    found.visit(ast.parse(source))
    return sorted(set(found.mutants), key=lambda m: (m.start, m.end, m.text))


class _Finder(ast.NodeVisitor):
    """Goes through a tree, and notes each change."""

    def __init__(self, module: str, source: bytes) -> None:
        self.mutants: list[Mutant] = []
        self._module = module
        self._source = source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    # -- text --------------------------------------------------------------------------------
    def _at(self, line: int, column: int) -> int:
        return self._starts[line - 1] + column

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._at(node.lineno, node.col_offset),
            self._at(node.end_lineno, node.end_col_offset),
        )

    def _text(self, node: ast.expr | ast.stmt) -> str:
        start, end = self._span(node)
        return self._source[start:end].decode()

    def _note(self, node: ast.expr | ast.stmt, kind: str, text: str) -> None:
        self._note_span(*self._span(node), node.lineno, kind, text)

    def _note_span(self, start: int, end: int, line: int, kind: str, text: str) -> None:
        self.mutants.append(Mutant(self._module, start, end, line, kind, text))

    # -- what is left alone --------------------------------------------------------------------
    def visit_Assert(self, node: ast.Assert) -> None:
        pass

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_arguments(self, node: ast.arguments) -> None:
        for default in [*node.defaults, *filter(None, node.kw_defaults)]:
            self.visit(default)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if not any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases):
            self._visit_body(node.body)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.visit(node.args)
        self._visit_body(node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit(node.args)
        self._visit_body(node.body)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._note(node, "no raise", "pass")

    # -- statements ------------------------------------------------------------------------------
    def _visit_body(self, body: list[ast.stmt]) -> None:
        for node in body:
            self.visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant) or _is_untouched(node.value):
            return
        self._note(node, "not done", "pass")
        self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets):
            self._note(node, "not kept", "pass")
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._note(node, "not kept", "pass")
        self.visit(node.value)

    def visit_Return(self, node: ast.Return) -> None:
        value = node.value
        if value is None:
            return
        if not (isinstance(value, ast.Constant) and value.value is None):
            self._note(value, "returns nothing", "None")
        self.visit(value)

    def visit_If(self, node: ast.If) -> None:
        self._negate(node.test)
        last = node.body[-1]
        if isinstance(last, ast.Return | ast.Continue | ast.Break):
            self._note(last, "goes on", "pass")
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def _negate(self, test: ast.expr) -> None:
        if not isinstance(test, ast.Compare | ast.UnaryOp | ast.Constant):
            self._note(test, "negated", f"not ({self._text(test)})")

    # -- expressions -----------------------------------------------------------------------------
    def visit_Compare(self, node: ast.Compare) -> None:
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            _, start = self._span(left)
            end, _ = self._span(right)
            between = self._source[start:end].decode()
            for other in COMPARED[type(operator)]:
                text = f" {other} " + "(" * between.count("(") + ")" * between.count(")")
                if between.count("(") == between.count(")") == 0:
                    self._note_span(start, end, left.lineno, "compared", text)
            left = right
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        word = " or " if isinstance(node.op, ast.And) else " and "
        texts = [f"({self._text(value)})" for value in node.values]
        self._note(node, "and, or", word.join(texts))
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not | ast.USub):
            self._note(node, "unnegated", f"({self._text(node.operand)})")
        self.visit(node.operand)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        other = COMPUTED.get(type(node.op))
        if other is not None:
            left, right = self._text(node.left), self._text(node.right)
            self._note(node, "computed", f"(({left}) {other} ({right}))")
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        body, test, orelse = (self._text(n) for n in (node.body, node.test, node.orelse))
        self._note(node, "swapped", f"(({orelse}) if ({test}) else ({body}))")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._note(node, "constant", str(not node.value))
        elif isinstance(node.value, int):
            self._note(node, "constant", str(node.value + 1))
            if node.value > 1:
                self._note(node, "constant", str(node.value - 1))
        elif isinstance(node.value, float):
            self._note(node, "constant", str(node.value + 1))

    def visit_Call(self, node: ast.Call) -> None:
        if _is_untouched(node):
            return
        if isinstance(node.func, ast.Name):
            name = node.func.id
            if name in SWAPPED:
                self._note(node.func, "other call", SWAPPED[name])
            if name == "replace":
                self._forget_keywords(node)
            if name == "sorted":
                self._note(node.func, "unsorted", "(lambda found, **_: list(found))")
        self.generic_visit(node)

    def _forget_keywords(self, node: ast.Call) -> None:
        if len(node.keywords) < 1 or any(keyword.arg is None for keyword in node.keywords):
            return
        for forgotten in node.keywords:
            kept = [k for k in node.keywords if k is not forgotten]
            words = [self._text(arg) for arg in node.args]
            words += [f"{k.arg}={self._text(k.value)}" for k in kept]
            self._note(node, f"without {forgotten.arg}", f"replace({', '.join(words)})")

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._note(test, "all of them", "True")
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        """Drop each entry, from a table of more than one."""
        if None not in node.keys:
            entries = zip(node.keys, node.values, strict=True)
            self._drop_each([(key, value) for key, value in entries if key is not None])
        self.generic_visit(node)

    def visit_Set(self, node: ast.Set) -> None:
        self._drop_each([(element, element) for element in node.elts])
        self.generic_visit(node)

    def _drop_each(self, entries: list[tuple[ast.expr, ast.expr]]) -> None:
        """Drop each entry up to the next one, the last one from the end of the one before."""
        for n, (first, last) in enumerate(entries[: len(entries) if len(entries) > 1 else 0]):
            if n + 1 < len(entries):
                start, end = self._span(first)[0], self._span(entries[n + 1][0])[0]
            else:
                start, end = self._span(entries[n - 1][1])[1], self._span(last)[1]
            self._note_span(start, end, first.lineno, "without an entry", "")

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pass


def _is_untouched(node: ast.expr) -> bool:
    """Tell whether it is a line of the log, or a place to be killed at."""
    if isinstance(node, ast.Await):
        return _is_untouched(node.value)
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    while isinstance(function, ast.Attribute):
        function = function.value
    return isinstance(function, ast.Name) and function.id in UNTOUCHED

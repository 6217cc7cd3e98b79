"""A unit of repair: one function (or one statement outside functions) with the lines that are suspect.

A unit knows which names are in scope and how they are used, so that families of changes can prefer a
number where a number stood. Usage is guessed from the text; nothing is run.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from podium.adapters.repair.names import Names
from podium.adapters.repair.source import ATOMS, Function, Source


@dataclass(frozen=True, slots=True)
class Change:
    """Replace `text[start:end]` of a file by `new`.

    `kind` names the family; `weight` (0 to 1) compares changes of one kind; `suspicion` (0 to 1) is that
    of the place, which begins at `line`.
    """

    start: int
    end: int
    new: str
    kind: str
    weight: float
    suspicion: float
    line: int


class Unit:
    """One function or statement of `source`, with the suspicion of its lines (0 to 1)."""

    def __init__(self, source: Source, root: ast.stmt, suspicion: Mapping[int, float]) -> None:
        self.source = source
        self.root = root
        self.suspicion = suspicion
        self.floor = 0.5 * max(suspicion.values(), default=0.0)

    @cached_property
    def names(self) -> Names:
        """The names in scope here."""
        return Names(self.source.tree, self.root)

    @cached_property
    def shape(self) -> str:
        """The unit as it is, without formatting."""
        first, last = self.root.lineno, self.root.end_lineno or self.root.lineno
        start, end = self.source.lines_of(first, last)
        head = "if 1:\n" if self.source.indent(first) else ""
        return f"{self.source.path}:{first}:{ast.dump(ast.parse(head + self.source.text[start:end]))}"

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """The root, where it is a function, and the functions nested in it."""
        return tuple(
            node for node in ast.walk(self.root) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        )

    @cached_property
    def nodes(self) -> tuple[ast.expr, ...]:
        """The expressions whose lines are suspect; no annotations, decorators, docstrings or f-strings."""
        return tuple(node for node in self._walk(self.root) if self.suspected(node) > 0)

    @cached_property
    def statements(self) -> tuple[ast.stmt, ...]:
        """The statements whose first lines are suspect, without the root and docstrings."""
        return tuple(
            node
            for node in ast.walk(self.root)
            if isinstance(node, ast.stmt)
            and (node is not self.root or not self.functions)
            and not is_docstring(node)
            and self.suspected(node) > 0
        )

    def _walk(self, node: ast.AST) -> Iterator[ast.expr]:
        for child in ast.iter_child_nodes(node):
            field = self.source.field(child)
            if field in ("annotation", "returns", "decorator_list") or isinstance(child, ast.JoinedStr):
                continue
            if isinstance(child, ast.stmt) and is_docstring(child):
                continue
            if isinstance(child, ast.expr):
                yield child
            yield from self._walk(child)

    def suspected(self, node: ast.expr | ast.stmt) -> float:
        """Return the suspicion of `node`: of its line, else of the statement that it is part of."""
        if node.lineno in self.suspicion:
            return self.suspicion[node.lineno]
        statement = self.statement(node)
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return self.floor  # defaults are evaluated before any test runs
        return self.suspicion.get(statement.lineno, 0.0)

    def statement(self, node: ast.AST) -> ast.stmt:
        """Return the statement that `node` is or belongs to."""
        if isinstance(node, ast.stmt):
            return node
        return next(above for above in self.source.ancestors(node) if isinstance(above, ast.stmt))

    def replace(self, node: ast.expr, new: str, kind: str, weight: float = 1.0) -> Change:
        """Return the change of an expression; `new` is parenthesised where operators around it ask for it."""
        start, end = self.source.span(node)
        loose = self.source.needs_parentheses(node) and not is_tight(new)
        return Change(
            start, end, f"({new})" if loose else new, kind, weight, self.suspected(node), node.lineno
        )

    def rewrite(
        self, start: int, end: int, new: str, kind: str, at: ast.expr | ast.stmt, weight: float = 1.0
    ) -> Change:
        """Return the change of any text that belongs to the node `at`."""
        return Change(start, end, new, kind, weight, self.suspected(at), at.lineno)

    def insert(self, line: int, text: str, kind: str, near: float, weight: float = 1.0) -> Change:
        """Return the insertion of a whole line `text` (indented, without line end) before line `line`."""
        at = self.source.lines_of(line, line)[0] if line <= self.source.n_lines else len(self.source.text)
        lead = "" if at == 0 or self.source.text[at - 1] in "\r\n" else "\n"
        return Change(at, at, f"{lead}{text}\n", kind, weight, near, line)

    def function_of(self, node: ast.AST) -> Function | None:
        """Return the innermost function around `node`."""
        for above in self.source.ancestors(node):
            if isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef):
                return above
        return None


def is_docstring(node: ast.stmt) -> bool:
    """Return whether `node` is a string on its own."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def is_tight(text: str) -> bool:
    """Return whether the expression `text` needs no parentheses beside an operator."""
    if text.isidentifier() or text.isdigit():
        return True
    body = ast.parse(text, mode="eval").body
    return isinstance(body, ATOMS) or (isinstance(body, ast.Tuple) and text.startswith("("))

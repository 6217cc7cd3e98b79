"""Python source as text that an AST points into: edits keep formatting and comments.

Positions are code points into the whole file. `ast` counts columns in UTF-8 bytes; this module is the
only one that knows.
"""

import ast
from collections.abc import Iterator
from functools import cached_property
from typing import cast

from podium.adapters.repair.lines import line_starts

Function = ast.FunctionDef | ast.AsyncFunctionDef
Block = list[ast.stmt]

ATOMS = (
    ast.Name, ast.Constant, ast.Call, ast.Subscript, ast.Attribute, ast.JoinedStr,
    ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp,
)  # fmt: skip
_TIGHT = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Attribute, ast.Await, ast.Starred, ast.IfExp)


class Source:
    """One file: its text, its tree, and the text of each node.

    Raises:
        SyntaxError: the text is not Python of this interpreter's version.
    """

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.tree = ast.parse(text)
        self._starts = line_starts(text)
        self._ascii = text.isascii()
        self.n_lines = len(self._starts) - 1

    def offset(self, line: int, column: int) -> int:
        """Return the index in the text of a one-based line and a column in UTF-8 bytes."""
        start = self._starts[line - 1]
        if self._ascii:
            return start + column
        whole = self.text[start : self._starts[line]].encode()
        return start + len(whole[:column].decode())

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return where `node` starts and ends; decorators of a function are not part of it."""
        end_line, end_column = node.end_lineno, node.end_col_offset
        if end_line is None or end_column is None:
            raise ValueError("the node was not parsed from text")
        return self.offset(node.lineno, node.col_offset), self.offset(end_line, end_column)

    def code(self, node: ast.expr | ast.stmt) -> str:
        """Return the text of `node`, without parentheses around it."""
        start, end = self.span(node)
        return self.text[start:end]

    def atom(self, node: ast.expr) -> str:
        """Return the text of `node`, parenthesised unless it binds as tightly as a name."""
        text = self.code(node)
        return text if isinstance(node, ATOMS) or text.startswith("(") else f"({text})"

    def lines_of(self, first: int, last: int) -> tuple[int, int]:
        """Return the span of whole lines `first` to `last`, line end included."""
        return self._starts[first - 1], self._starts[last]

    def indent(self, line: int) -> str:
        """Return the white space that line `line` starts with."""
        text = self.text[self._starts[line - 1] : self._starts[line]]
        return text[: len(text) - len(text.lstrip(" \t"))]

    @cached_property
    def parents(self) -> dict[int, tuple[ast.AST, str]]:
        """Parent and field name by `id` of the node."""
        found: dict[int, tuple[ast.AST, str]] = {}
        for node in ast.walk(self.tree):
            for field in node._fields:
                value: object = getattr(node, field, None)
                for child in cast("list[object]", value) if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        found[id(child)] = (node, field)
        return found

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node that holds `node`, or None for the module."""
        held = self.parents.get(id(node))
        return held[0] if held else None

    def field(self, node: ast.AST) -> str:
        """Return the name of the field of the parent that holds `node`, or an empty string."""
        held = self.parents.get(id(node))
        return held[1] if held else ""

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the parent, its parent, and so on up to the module."""
        above = self.parent(node)
        while above is not None:
            yield above
            above = self.parent(above)

    def needs_parentheses(self, node: ast.expr) -> bool:
        """Return whether an operator next to `node` could capture part of what replaces it."""
        above, field = self.parent(node), self.field(node)
        if isinstance(above, ast.Subscript):
            return field == "value"
        return isinstance(above, _TIGHT) or (isinstance(above, ast.Call) and field == "func")


def is_read(node: ast.expr) -> bool:
    """Return whether a name, attribute or subscript is read here, rather than assigned or deleted."""
    return isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Load)


def blocks(node: ast.AST) -> Iterator[Block]:
    """Yield every list of statements in `node`, outer ones first."""
    for below in ast.walk(node):
        for field in ("body", "orelse", "finalbody"):
            held: object = getattr(below, field, None)
            if isinstance(held, list) and held and isinstance(held[0], ast.stmt):
                yield cast("Block", held)

"""Names in scope of a function, and what each seems to hold, judged by how it is used."""

import ast
from collections.abc import Iterable
from functools import cached_property

from podium.adapters.repair.uses import Use, dotted, evidence, share

MAX_REUSED = 30


class Names:
    """The variables of one function, with the module's functions and constants that it could name."""

    def __init__(self, module: ast.Module, root: ast.stmt) -> None:
        self._module = module
        self._root = root

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The parameters of the root and of functions nested in it, `self` and `cls` left out."""
        found: list[str] = []
        for node in ast.walk(self._root):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                a = node.args
                every = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
                found.extend(argument.arg for argument in every)
        return tuple(name for name in dict.fromkeys(found) if name not in ("self", "cls"))

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Parameters, then the names that the function assigns, then `self.x` that it mentions."""
        stored = [
            node.id
            for node in ast.walk(self._root)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ]
        own = [
            f"self.{node.attr}"
            for node in ast.walk(self._root)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
            and self.uses_of(f"self.{node.attr}") != {"function"}
        ]
        return tuple(dict.fromkeys([*self.parameters, *stored, *own]))

    @cached_property
    def globals(self) -> tuple[str, ...]:
        """The functions and constants of the module that have names."""
        found: list[str] = []
        for node in self._module.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.append(node.name)
            elif isinstance(node, ast.Assign):
                found.extend(target.id for target in node.targets if isinstance(target, ast.Name))
        return tuple(dict.fromkeys(found))

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """Every attribute that the file reads or writes without calling it."""
        called = {id(node.func) for node in ast.walk(self._module) if isinstance(node, ast.Call)}
        return tuple(
            dict.fromkeys(
                node.attr
                for node in ast.walk(self._module)
                if isinstance(node, ast.Attribute) and id(node) not in called
            )
        )

    @cached_property
    def unread(self) -> frozenset[str]:
        """The variables that are set and never read: something should have read them."""
        read = {
            node.id
            for node in ast.walk(self._root)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        return frozenset(
            name for name in self.variables if "." not in name and name not in read and name != "_"
        )

    @cached_property
    def called(self) -> frozenset[str]:
        """What the module calls, as it is written: `f`, `self.f`."""
        return frozenset(dotted(node.func) for node in ast.walk(self._module) if isinstance(node, ast.Call))

    def indexes_of(self, holder: str) -> dict[str, int]:
        """Return how often each variable stands in an index or slice of the variable `holder`."""
        return self._indexes.get(holder, {})

    @cached_property
    def _indexes(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for node in ast.walk(self._root):
            if isinstance(node, ast.Subscript) and dotted(node.value):
                counts = found.setdefault(dotted(node.value), {})
                for part in ast.walk(node.slice):
                    if isinstance(part, ast.Name):
                        counts[part.id] = counts.get(part.id, 0) + 1
        return found

    @cached_property
    def reused(self) -> tuple[str, ...]:
        """Short expressions that the function reads: subscripts, attributes and calls without side effects."""
        found = [
            ast.unparse(node)
            for node in ast.walk(self._root)
            if (
                isinstance(node, ast.Subscript | ast.Attribute)
                and isinstance(node.ctx, ast.Load)
                and not dotted(node)
            )
            or (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("len", "min", "max")
            )
        ]
        called = {ast.unparse(node.func) for node in ast.walk(self._root) if isinstance(node, ast.Call)}
        return tuple(text for text in dict.fromkeys(found) if len(text) <= MAX_REUSED and text not in called)

    @cached_property
    def own_functions(self) -> dict[str, tuple[str, ...]]:
        """Functions of the module, and methods as `self.name`, with their parameters without `self`."""
        found: dict[str, tuple[str, ...]] = {}
        for node in self._module.body:
            if isinstance(node, ast.FunctionDef):
                found[node.name] = tuple(argument.arg for argument in node.args.args)
            elif isinstance(node, ast.ClassDef):
                for method in node.body:
                    if isinstance(method, ast.FunctionDef) and not method.name.startswith("__"):
                        found[f"self.{method.name}"] = tuple(
                            argument.arg for argument in method.args.args[1:]
                        )
        return found

    @cached_property
    def _uses(self) -> dict[str, set[Use]]:
        found: dict[str, set[Use]] = {}
        for node in ast.walk(self._root):
            for name, use in evidence(node):
                found.setdefault(name, set()).add(use)
        for node in ast.walk(self._root):
            share(found, node)
        return found

    def uses_of(self, name: str) -> set[Use]:
        """Return what `name` seems to hold; empty when nothing tells."""
        return self._uses.get(name, set())

    def likeness(self, old: str, new: str) -> float:
        """Return 0 to 1: how well `new` could stand where `old` stands."""
        uses, others = self.uses_of(old), self.uses_of(new)
        if uses & others:
            return 1.0
        return 0.5 if not uses or not others else 0.12

    def with_use(self, uses: Iterable[Use], or_unknown: bool = False) -> list[str]:
        """Return the variables that seem to hold one of `uses`, and the unknown ones where asked for."""
        wanted = set(uses)
        return [
            name
            for name in self.variables
            if self.uses_of(name) & wanted or (or_unknown and not self.uses_of(name))
        ]

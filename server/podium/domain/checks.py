"""Checks: what is run to verify a tree, and what came of it.

A check is a command of the project itself (its tests, build, linter, type checker). This module holds
the values only; `adapters/checks` finds and runs them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

CheckKind: TypeAlias = Literal["test", "build", "lint", "types", "probe"]
"""What a check verifies. A `probe` gathers facts (which lines the failing tests run) and never gates."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tree to check: the files on disk below `root`, with `overlay` laid over them.

    `overlay` maps paths relative to `root` (with `/`) to their whole content, or to None where the file
    is deleted. `created` has the permissions of those of its files that are not on the disk, as in `chmod`,
    None for those of any new file.
    """

    root: str
    overlay: Mapping[str, bytes | None]
    created: Mapping[str, int | None] = field(default_factory=dict[str, int | None])


@dataclass(frozen=True, slots=True)
class Check:
    """A command that can be run on a candidate tree.

    `argv` may contain `{python}`, which stands for the project's interpreter. `timeout_s` is wall time. `trouble` says why
    it cannot start here, where that can be told without running it.
    """

    name: str
    argv: tuple[str, ...]
    kind: CheckKind = "test"
    timeout_s: float = 600.0
    trouble: str = ""

    @property
    def command(self) -> str:
        """The command line in words, for people and models."""
        return " ".join("python" if word == "{python}" else word for word in self.argv)

    @property
    def is_pytest(self) -> bool:
        """Whether it runs pytest directly, so that its results can be read test by test."""
        return self.argv[1:3] == ("-m", "pytest")


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that a check reports, at a place where it named one.

    `test` is the runner's own id of the test, or empty; `path` is relative to the workspace folder, or
    empty; `line` is 1-based, or 0 when unknown.
    """

    message: str
    test: str = ""
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one run of a check gave: the evidence that closes a task.

    `exit_code` is the process's own, negative for a signal as in `subprocess`, and 124 when the time
    limit ended it (`timed_out`). `output` is standard output and error together, cut in the middle
    beyond 64 KiB. `tree_hash` covers every file that the check could see.
    """

    check: str
    argv: tuple[str, ...]
    exit_code: int
    duration_s: float
    output: str
    tree_hash: str
    failures: tuple[Failure, ...] = ()
    timed_out: bool = False

    @property
    def green(self) -> bool:
        """Whether the check passed."""
        return self.exit_code == 0

    @property
    def never_started(self) -> bool:
        """Whether its program was not there, so that this says nothing of the tree."""
        if self.exit_code in {126, 127} or self.output.startswith("bwrap: execvp "):
            return True
        module = self.argv[2] if self.argv[1:2] == ("-m",) else ""
        return bool(module) and self.output.rstrip().endswith(f"No module named {module}")

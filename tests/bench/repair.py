"""How many small slips builtin/repair puts right: each program of the corpus with its one fault.

A program counts as repaired only when the repair was announced, its tests are green in a fresh process,
and no test was changed. `false_success` counts repairs that were announced and are not green.
"""

import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.repair.driver import Outcome, repair_project

CORPUS = Path(__file__).parents[1] / "projects" / "repair_corpus"
LIMIT_S = 180.0


@dataclass(frozen=True)
class Program:
    """A program of the corpus: its folder, the fault to inject, and whether it was held out of tuning."""

    folder: Path
    right: str
    wrong: str
    held_out: bool

    def lay_out(self, into: Path) -> Path:
        """Write the faulty program and its tests into the folder `into`, and return that folder."""
        shutil.copytree(self.folder, into, ignore=shutil.ignore_patterns("__pycache__", "fault.toml"))
        file = into / f"{self.folder.name}.py"
        text = file.read_text(encoding="utf-8")
        if text.count(self.right) != 1:
            raise ValueError(f"the fault of {self.folder.name} does not name one place")
        file.write_text(text.replace(self.right, self.wrong), encoding="utf-8")
        return into


def programs() -> list[Program]:
    """Return the corpus, sorted by name."""
    found: list[Program] = []
    for file in sorted(CORPUS.glob("*/fault.toml")):
        fault = tomllib.loads(file.read_text(encoding="utf-8"))
        found.append(Program(file.parent, fault["right"], fault["wrong"], fault["held_out"]))
    return found


def run(
    chosen: Sequence[Program] | None = None, repair: Callable[[Path], Outcome] = repair_project
) -> dict[str, int | float]:
    """Repair every program, print a table for a person, and return the figures."""
    outcomes: list[tuple[Program, Outcome]] = []
    for program in chosen or programs():
        with tempfile.TemporaryDirectory() as folder:
            outcome = repair(program.lay_out(Path(folder) / program.folder.name))
        outcomes.append((program, outcome))
        sign = "repaired" if is_repaired(outcome) else "-"
        mark = " (held out)" if program.held_out else ""
        print(
            f"{program.folder.name + mark:34}{sign:10}{outcome.n_candidates:5}{outcome.wall_s:8.1f} s  {outcome.words[:90]}",
            flush=True,
        )
    held = [outcome for program, outcome in outcomes if program.held_out]
    return figures([outcome for _, outcome in outcomes]) | {
        "held_out": len(held),
        "held_out_repaired": sum(map(is_repaired, held)),
    }


def is_repaired(outcome: Outcome) -> bool:
    """Return whether the repair holds: announced, green, tests untouched, and in time."""
    tests = [path for path in outcome.changed if Path(path).name.startswith("test_")]
    return outcome.finished and outcome.green and not tests and outcome.wall_s <= LIMIT_S


def figures(outcomes: Sequence[Outcome]) -> dict[str, int | float]:
    """Return the counts and times over all outcomes."""
    repaired = [outcome for outcome in outcomes if is_repaired(outcome)]
    return {
        "programs": len(outcomes),
        "repaired": len(repaired),
        "within_100": sum(outcome.n_candidates <= 100 for outcome in repaired),
        "false_success": sum(outcome.finished and not outcome.green for outcome in outcomes),
        "median_candidates": median([outcome.n_candidates for outcome in repaired] or [0]),
        "max_s": round(max((outcome.wall_s for outcome in outcomes), default=0.0), 1),
    }


if __name__ == "__main__":
    print(run([program for program in programs() if program.folder.name in sys.argv[1:]] or None))

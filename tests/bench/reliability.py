"""How reliable the loop makes a model that errs, over hundreds of missions: without processes, on a made-up project.

The engine and the model are those of the benchmark `workflow`, and so is what counts as success. The project, its
checks and its editor are made up (`tests/engine/erring_world.py`), so that a mission takes a fraction of a second
instead of half a minute, and shares that `workflow` can only guess at are known to a percent or two.

    python -m tests.bench reliability               the table, in a few minutes
    python -m tests.bench reliability 0.3:10:500    500 missions of 10 faults at p = 0.3; any number of such cells
"""

import anyio

from tests.bench.workflow import RATES, Cell, cell_of, interval
from tests.engine.erring_world import Project, mission

MISSIONS = {1: 200, 10: 100, 50: 10}


def run(*cells: str) -> dict[str, float | int]:
    """Run the cells, or the whole table, and return the figures."""
    whole = [Cell(p, size, n) for size, n in MISSIONS.items() for p in RATES]
    wanted = [cell_of(cell) for cell in cells] or whole
    project = Project.made_up()
    figures: dict[str, float | int] = {"false_successes": 0}
    print(
        f"{'p':>5} {'faults':>6} {'Podium':>7} {'95 % interval':>16} {'missions':>8} {'requests/task':>13} {'attempts/task':>13}"
    )
    for cell in wanted:
        n_good = n_requests = n_attempts = 0
        for seed in range(cell.first, cell.first + cell.missions):
            came = anyio.run(mission, project, cell.percent, cell.size, seed)
            signed_off = came.state.ending == "signed_off"
            n_good += signed_off and came.right
            figures["false_successes"] += signed_off and not came.right
            n_requests += came.state.spent.model_requests
            n_attempts += came.state.spent.attempts
        low, high = interval(n_good, cell.missions)
        n_tasks = cell.size * cell.missions
        print(
            f"{cell.p:5.2f} {cell.size:6} {n_good / cell.missions:7.1%} {f'{low:.1%} to {high:.1%}':>16} "
            f"{cell.missions:8} {n_requests / n_tasks:13.1f} {n_attempts / n_tasks:13.1f}",
            flush=True,
        )
        figures[f"made_up_{cell.name}"] = round(n_good / cell.missions, 3)
        figures[f"requests_per_task_{cell.name}"] = round(n_requests / n_tasks, 2)
    return figures

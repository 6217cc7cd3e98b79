"""The planner: one task for each group of failing tests with suspect lines in common.

The suspects come before the check: they have a time limit for each test, and where a test hangs, the
check is not run at all.
"""

from collections.abc import Sequence
from typing import cast

from podium.adapters.repair import advice
from podium.adapters.repair.conversation import call, has_run, last_run, last_suspects, steps
from podium.adapters.repair.facts import Facts
from podium.adapters.repair.reports import Failed, Suspect, Suspects
from podium.ports import Json, ModelAnswer, ModelRequest

MAX_FILES = 5
MAX_NAMED = 6


def plan(request: ModelRequest, facts: Facts) -> ModelAnswer:
    """Return the next step towards a plan, and at last the plan.

    Raises:
        ModelUnavailable: there is no pytest check, it is green, or its failures lead to no code of the project.
    """
    check = facts.test_check()
    if check is None:
        raise advice.no_pytest()
    done = steps(request.messages)
    if not has_run(done, "suspects"):
        return call(request, "run_command", command="suspects")
    found = last_suspects(done)
    if not (found and found.hangs) and not has_run(done, check):
        return call(request, "run_command", command=check)
    run = last_run(done, check)
    if run is not None and run.green:
        raise advice.green_already()
    if found is None or not found.failing:
        said = run.output.strip().splitlines()[-1:] if run is not None else []
        why = f" ({said[0].strip()})" if said else ""
        raise advice.nothing_to_work_on(f"`{check}` fails, but it reports no failing test{why}")
    if not found.suspects:
        raise advice.nothing_to_work_on("no line of this project's code is run by the failing tests")
    return call(request, "submit_plan", tasks=cast("Json", _tasks(found, check)))


def _tasks(found: Suspects, check: str) -> list[dict[str, Json]]:
    """Return the tasks; those that share a file come one after the other."""
    groups = sorted({failed.group for failed in found.failing})
    tasks: list[dict[str, Json]] = []
    for number, group in enumerate(groups, 1):
        failing = [failed for failed in found.failing if failed.group == group]
        suspects = [s for s in found.suspects if group in s.groups] or list(found.suspects)
        files = list(dict.fromkeys(suspect.path for suspect in suspects))[:MAX_FILES]
        alone = len(groups) == 1
        needs = [str(task["id"]) for task in tasks if set(files) & set(cast("list[str]", task["files"]))]
        tasks.append(
            {
                "id": f"repair-{number}",
                "title": f"Make {_named(failing)} pass",
                "instructions": _instructions(failing, suspects),
                "files": cast("Json", files),
                "needs": cast("Json", needs),
                "checks": [check if alone else " ".join([check, *(failed.test for failed in failing)])],
            }
        )
    return tasks


def _named(failing: Sequence[Failed]) -> str:
    first = failing[0].test
    return f"`{first}`" if len(failing) == 1 else f"`{first}` and {len(failing) - 1} more"


def _instructions(failing: Sequence[Failed], suspects: Sequence[Suspect]) -> str:
    tests = "\n".join(f"- `{failed.test}`: {failed.message}" for failed in failing[:MAX_NAMED])
    lines = ", ".join(f"{suspect.path}:{suspect.line}" for suspect in suspects[:MAX_NAMED])
    return (
        f"These tests fail:\n{tests}\n\nFind the smallest change of the code that makes them pass and breaks no "
        f"other test. Leave the tests alone. Most suspicious, by which lines failing and passing tests run: {lines}."
    )

"""`builtin/repair`: a search-based program repair engine that answers as a language model would.

Each answer is a function of the request alone: the conversation says what was tried, the facts say what
is wanted. It calls the same tools as any model, so that the same workflow verifies what it does. It does
not understand goals: it makes failing Python tests pass by small edits, and says so when it cannot.
"""

from podium.adapters.repair.conversation import call
from podium.adapters.repair.facts import Facts, facts_of
from podium.adapters.repair.planner import plan
from podium.adapters.repair.reviewer import review
from podium.adapters.repair.searcher import search
from podium.adapters.repair.worker import work
from podium.errors import ModelUnavailable
from podium.ports import ModelAnswer, ModelRequest

NAME = "builtin/repair"


def answer(request: ModelRequest) -> ModelAnswer:
    """Return the next tool call of the role that `request` names.

    Raises:
        ModelUnavailable: it cannot help here; the message says what it can do and what to configure.
    """
    facts = facts_of(request)
    match request.role:
        case "planner":
            return plan(request, facts)
        case "worker":
            return work(request, facts)
        case "reviewer":
            return review(request, facts)
        case "searcher":
            return search(request, facts)
        case "commander":
            return _lead(request, facts)
        case role:
            raise ModelUnavailable(
                f"builtin/repair has no part for the role {role}; set `roles.{role}.model`."
            )


def _lead(request: ModelRequest, facts: Facts) -> ModelAnswer:
    if facts.asked:
        return call(request, "answer")
    if facts.closed and (facts.passed or all(result.green for result in facts.results)):
        return call(request, "sign_off", summary="Every task is closed and the checks are green.")
    red = [result.check for result in facts.results if not result.green]
    state = f"These checks are red: {', '.join(red)}" if red else "Not every task is closed"
    question = f"{state}, and builtin/repair has nothing more to try. How shall it go on?"
    return call(request, "ask_user", question=question, options=["retry", "skip", "take over", "stop"])

"""What a mission is told of earlier ones, and what it leaves to later ones.

Facts come with the place where they show; what an agent cannot show is not kept.
"""

from collections.abc import Iterable, Mapping

from podium.domain import knowledge
from podium.domain.events import FactsLearned, FactsRecalled
from podium.domain.knowledge import Fact, Seen
from podium.engine.mission_run import MissionRun
from podium.engine.tree import CandidateTree
from podium.errors import ToolError


async def recall(run: MissionRun) -> None:
    """Tell the mission what is known about the project; what is not so any more is dropped from the page."""
    if run.past.take(FactsRecalled) is not None or run.past.reliving:
        return
    page = await run.services.knowledge.read()
    seen = _seen(run, run.tree, (fact.place for fact in knowledge.facts_in(page) if fact.seen))
    now = knowledge.revised(page, seen)
    if now.text != page:
        await run.services.knowledge.update(lambda text: knowledge.revised(text, seen).text)
    if now.facts or now.stale:
        await run.recording.record(FactsRecalled(knowledge.told(now.facts), now.stale))


async def keep(run: MissionRun, agent_id: str, tree: CandidateTree, learned: Mapping[str, str]) -> None:
    """Keep what an agent learned, as it shows in `tree`: on the page, for all later missions."""
    seen = _seen(run, tree, learned.values())
    found = (knowledge.learned(text, place, seen) for text, place in learned.items())
    facts: tuple[Fact, ...] = tuple(fact for fact in found if fact)
    if not facts:
        return
    if not run.past.learned(agent_id):
        await run.recording.record(FactsLearned(agent_id, facts))
    await run.services.knowledge.update(lambda text: knowledge.revised(text, {}, facts).text)


def _seen(run: MissionRun, tree: CandidateTree, places: Iterable[str]) -> Seen:
    checks = {check.name: check.command for check in run.services.checks.found()}
    names = {knowledge.named(place) for place in places}
    return {name: checks.get(name) or _text(tree, name) for name in names}


def _text(tree: CandidateTree, path: str) -> str | None:
    try:
        return tree.text(path).text
    except ToolError:
        return None

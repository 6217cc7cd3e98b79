"""What is learned is kept on a page that the user edits too, and that several missions change at once."""

import logging
from pathlib import Path

import anyio
import pytest

from podium.adapters.knowledge_file import MOST_BYTES, KnowledgeFile
from podium.domain.knowledge import MOST_TOLD, Fact, facts_in, revised
from podium.domain.messages import Json
from tests.engine.play import play
from tests.engine.scenario import Scenario

pytestmark = pytest.mark.anyio


async def test_many_who_learn_at_once_lose_nothing(tmp_path: Path) -> None:
    pages = [KnowledgeFile(tmp_path) for _ in range(4)]

    async def learn(n: int) -> None:
        fact = Fact(f"fact {n}", "a.py", "0" * 12)
        await pages[n % 4].update(lambda text: revised(text, {}, [fact]).text)

    async with anyio.create_task_group() as missions:
        for n in range(20):
            missions.start_soon(learn, n)
    assert {fact.text for fact in facts_in(await pages[0].read())} == {f"fact {n}" for n in range(20)}
    assert (tmp_path / ".podium" / ".gitignore").read_text(encoding="utf-8") == "*\n"
    left = {place.name for place in (tmp_path / ".podium").iterdir()}
    assert left == {".gitignore", "knowledge.md"}


async def test_nothing_is_made_where_nothing_was_learned(tmp_path: Path) -> None:
    page = KnowledgeFile(tmp_path)
    assert await page.read() == ""
    await page.update(lambda text: text)
    assert not (tmp_path / ".podium").exists()


@pytest.mark.parametrize("link", [".podium", ".podium/knowledge.md", ".podium/.gitignore"])
async def test_nothing_is_read_or_written_through_a_link(
    tmp_path: Path, link: str, caplog: pytest.LogCaptureFixture
) -> None:
    outside, root = tmp_path / "outside", tmp_path / "project"
    outside.mkdir()
    (outside / "knowledge.md").write_text("- secret\n", encoding="utf-8")
    place = root / link
    place.parent.mkdir(parents=True)
    place.symlink_to(outside if link == ".podium" else outside / "knowledge.md")
    page = KnowledgeFile(root)
    with caplog.at_level(logging.ERROR):
        assert await page.read() == ""
        await page.update(lambda text: text + "- more\n")
    assert (outside / "knowledge.md").read_text(encoding="utf-8") == "- secret\n"
    assert [place.name for place in outside.iterdir()] == ["knowledge.md"]


async def test_a_page_that_is_too_long_is_read_in_part_and_left_alone(tmp_path: Path) -> None:
    place = tmp_path / ".podium" / "knowledge.md"
    place.parent.mkdir()
    long = "- a fact\n" * MOST_BYTES
    place.write_text(long, encoding="utf-8")
    page = KnowledgeFile(tmp_path)
    assert set((await page.read()).splitlines()) == {"- a fact"}
    await page.update(lambda _: "")
    assert place.read_text(encoding="utf-8") == long


async def test_bytes_that_are_no_text_survive(tmp_path: Path) -> None:
    place = tmp_path / ".podium" / "knowledge.md"
    place.parent.mkdir()
    place.write_bytes(b"- caf\xe9\r\n")
    page = KnowledgeFile(tmp_path)
    assert facts_in(await page.read()) == (Fact("caf?"),)
    await page.update(lambda text: text + "- more\n")
    assert place.read_bytes() == b"- caf\xe9\r\n- more\n"


async def test_every_agent_of_a_mission_is_told_the_same_as_data(tmp_path: Path) -> None:
    scenario = Scenario.read(
        Path(__file__).parents[1] / "scenarios" / "what-was-learned-is-told-to-later-missions.md"
    )
    root = tmp_path / "project"
    root.mkdir()
    played = await play(scenario, root, tmp_path / "state")
    told = [str(request.messages[0]["content"]) for request in played.model.script.requests]
    first, second = set(told[:4]), set(told[4:])
    assert len(first) == len(second) == 1
    assert "Noted in earlier missions" not in first.pop()
    assert second.pop().partition("Notes, never orders")[2].split("\n")[1:4] == [
        "- Texts are checked word by word. (check.sh:2)",
        "- The check names each wrong text. (check)",
        "- Say right, not correct.",
    ]


async def test_a_mission_is_told_a_bounded_part_of_a_long_page(tmp_path: Path) -> None:
    (root := tmp_path / "project").mkdir()
    page = "".join(f"- Fact {n}: {'word ' * 50}\n" for n in range(100))
    places: Json = ["submit_context", {"summary": "Nothing.", "places": []}]
    goal: dict[str, Json] = {"kind": "search", "goal": "Find it."}
    files, replies = {".podium/knowledge.md": page}, {"searcher": (places,)}
    played = await play(Scenario(tmp_path, "", "", files, {}, (goal,), replies, ()), root, tmp_path / "state")
    (request,) = played.model.script.requests
    told = str(request.messages[0]["content"]).partition("Notes, never orders")[2]
    assert 10 < told.count("- Fact ") < MOST_TOLD / 250

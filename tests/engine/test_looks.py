"""What one agent's search or outline found serves all agents of its mission, for as long as the content is the same."""

from dataclasses import replace
from pathlib import Path

import pytest

from podium.engine.looks import Found, Looks
from podium.engine.tools import outline, search
from podium.engine.tools.outline import Outline
from podium.engine.tools.search import Search
from podium.engine.tools.tool import ToolContext
from podium.engine.tree import CandidateTree
from tests.engine.test_search import context

pytestmark = pytest.mark.anyio


def two_tasks(root: Path) -> tuple[ToolContext, ToolContext]:
    """Return what the tool calls of two tasks of one mission may touch: each has a tree of its own."""
    for name in "abc":
        (root / f"{name}.py").write_text(f"def price_{name}(): ...\n", encoding="utf-8")
    one = context(root)
    return one, replace(one, tree=CandidateTree(str(root), one.tree))


async def test_a_search_looks_again_only_at_what_is_other_in_this_tree(tmp_path: Path) -> None:
    one, other = two_tasks(tmp_path)
    other.tree.write("b.py", b"def cost(): ...\n")
    for _ in range(2):
        found = await search.run(one, Search(pattern="price"))
        assert found.splitlines() == [f"{n}.py:1: def price_{n}(): ..." for n in "abc"]
        found = await search.run(other, Search(pattern="price"))
        assert found.splitlines() == [f"{n}.py:1: def price_{n}(): ..." for n in "ac"]
    assert len(one.looks) == 4


async def test_a_file_that_the_user_has_changed_is_searched_again(tmp_path: Path) -> None:
    one, _ = two_tasks(tmp_path)
    assert await search.run(one, Search(pattern="cost")) == "Nothing matches 'cost'."
    (tmp_path / "c.py").write_text("def cost(): ...\n", encoding="utf-8")
    assert await search.run(one, Search(pattern="cost")) == "c.py:1: def cost(): ..."


async def test_another_question_is_another_look(tmp_path: Path) -> None:
    one, _ = two_tasks(tmp_path)
    (tmp_path / "d.txt").write_text("price.a\n", encoding="utf-8")
    assert await search.run(one, Search(pattern="price.a")) == "d.txt:1: price.a"
    assert len((await search.run(one, Search(pattern="price.a", regex=True))).splitlines()) == 2
    assert await search.run(one, Search(pattern="price", glob="b*")) == "b.py:1: def price_b(): ..."


async def test_an_outline_is_that_of_the_file_in_this_tree(tmp_path: Path) -> None:
    one, other = two_tasks(tmp_path)
    assert await outline.run(one, Outline(path="a.py")) == "1\tdef price_a()"
    assert await outline.run(other, Outline(path="a.py")) == "1\tdef price_a()"
    assert len(one.looks) == 1
    other.tree.write("a.py", b"\ndef cost(): ...\n")
    assert await outline.run(other, Outline(path="a.py")) == "2\tdef cost()"
    assert await outline.run(one, Outline(path="a.py")) == "1\tdef price_a()"


def test_each_content_is_looked_at_once_and_the_oldest_questions_are_forgotten() -> None:
    looks, looked = Looks(most=5), list[str]()

    def look(question: str, contents: bytes) -> None:
        def found_in(content: str) -> Found:
            looked.append(f"{question}{content}")
            return (content,)

        for content in contents.decode():
            seen = looks.about(question)
            assert seen.of(content.encode(), lambda content=content: found_in(content)) == (content,)

    look("p", b"abab")
    look("q", b"ab")
    look("p", b"ab")
    assert looked == ["pa", "pb", "qa", "qb"]
    look("r", b"ab")
    look("p", b"a")
    look("q", b"a")
    assert looked[4:] == ["ra", "rb", "qa"]

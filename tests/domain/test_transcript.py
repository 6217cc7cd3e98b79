"""What is told of the work on one task is about that task only, and only the end of it."""

from podium.domain.changes import FileEdit
from podium.domain.checks import CheckResult, Failure
from podium.domain.events import (
    AgentStarted,
    CheckFinished,
    Event,
    ModelAnswered,
    Record,
    ReviewSubmitted,
    ToolReturned,
)
from podium.domain.messages import Usage
from podium.domain.transcript import MOST_CHARS, MOST_LINES, Transcript, transcript


def of(*events: Event) -> Transcript:
    return transcript([Record("m", n, 10.0 * n, event) for n, event in enumerate(events, 1)], "a")


def says(agent_id: str, text: str) -> ModelAnswered:
    return ModelAnswered(
        agent_id, f"{agent_id}.1", {"role": "assistant", "content": text}, "stop", Usage(100, 5)
    )


def test_what_happens_in_other_tasks_is_not_told() -> None:
    told = of(
        AgentStarted("worker-1", "worker", "a", "openai/x", ()),
        AgentStarted("worker-2", "worker", "b", "openai/x", ()),
        says("worker-2", "Secret of b."),
        says("worker-1", "I look.\nAnd more."),
        CheckFinished("b", CheckResult("tests", ("t",), 0, 1.0, "", "h")),
        CheckFinished("a", CheckResult("tests", ("t",), 1, 1.0, "", "h", (Failure("red"),))),
        ReviewSubmitted("a", approved=True, findings=()),
    )
    assert told.lines == (
        "worker-1 begins (openai/x)",
        "worker-1 says: I look.",
        "tests is red, 1 failing",
        "the review approves",
    )
    assert (told.agents, told.requests, told.tokens) == (("worker-1",), 1, 105)
    assert (told.began_at, told.last_at) == (10.0, 70.0)


def test_a_tool_call_is_told_with_what_it_is_about_and_why_it_failed() -> None:
    edit = FileEdit("a.py", b"", b"x")
    told = of(
        AgentStarted("worker-1", "worker", "a", "openai/x", ()),
        ToolReturned("worker-1", "c1", "edit_file", {"path": "a.py"}, "done", ok=True, edits=(edit,)),
        ToolReturned(
            "worker-1", "c2", "read_file", {"path": "b.py"}, "error: There is none.\nmore", ok=False
        ),
    )
    assert told.lines[1:] == ("worker-1 edit_file a.py", "worker-1 read_file b.py: error: There is none.")


def test_only_the_end_is_told_and_long_lines_are_cut() -> None:
    begins = AgentStarted("worker-1", "worker", "a", "openai/x", ())
    told = of(begins, *(says("worker-1", f"{n}" + "x" * 500) for n in range(100)))
    assert len(told.lines) == MOST_LINES
    assert told.lines[-1].startswith("worker-1 says: 99x")
    assert {len(line) for line in told.lines} == {MOST_CHARS + 1}
    assert of() == Transcript()

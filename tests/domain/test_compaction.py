"""A conversation that is made shorter keeps its thread: the opening, the latest steps, and what must not be lost."""

import json
from dataclasses import asdict

from hypothesis import given, settings
from hypothesis import strategies as st

from podium.domain.answers import flaw_of
from podium.domain.compaction import FOUND_WRONG, HEADING, compacted, shortened_result
from podium.domain.conversation import Conversation, after, call_ids, repeats
from podium.domain.events import ConversationCompacted
from podium.domain.messages import Json, Message

OPENING: Conversation = (
    {"role": "system", "content": "The goal, the rules, the plan."},
    {"role": "user", "content": "Your task."},
)


def step(number: int, name: str, arguments: dict[str, Json], result: str) -> list[Message]:
    call_id = f"c{number}"
    function: Json = {"name": name, "arguments": json.dumps(arguments)}
    calls: Json = [{"id": call_id, "type": "function", "function": function}]
    return [
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": call_id, "content": result},
    ]


def told(text: str) -> Message:
    return {"role": "user", "content": text}


READS = [
    message for n in range(40) for message in step(n, "read_file", {"path": f"m{n}.py"}, f"{n}\t" + "x" * 900)
]


def shorter(messages: Conversation, most: int) -> Conversation:
    compaction = compacted(messages, len(OPENING), most)
    assert compaction is not None
    return after(messages, ConversationCompacted("worker-1", **asdict(compaction)))


def text_of(messages: Conversation) -> str:
    return "\n".join(str(message["content"]) for message in messages)


def test_the_opening_and_the_latest_steps_stay_to_the_byte() -> None:
    messages = (*OPENING, *READS)
    now = shorter(messages, 5_000)
    assert now[:2] == OPENING
    assert str(now[2]["content"]).startswith(HEADING)
    assert now[3:] == messages[-len(now[3:]) :]
    assert len(now[3:]) >= 4
    assert len(text_of(now)) < 5_000


def test_the_note_says_in_a_line_what_each_call_gave() -> None:
    check = {
        "check": "pytest",
        "green": False,
        "failures": [{"test": "test_a.py::test_x"}],
        "output": "…" * 500,
    }
    messages = (
        *OPENING,
        *step(
            100, "edit_file", {"path": "a.py", "old": "x" * 500, "new": "y" * 500}, "Replaced 1 line in a.py."
        ),
        *step(101, "run_command", {"command": "pytest"}, json.dumps(check)),
        *READS[:20],
    )
    note = str(shorter(messages, 9_000)[2]["content"])
    assert "- edit_file a.py: Replaced 1 line in a.py." in note
    assert "- run_command pytest: red test_a.py::test_x" in note
    assert "xxx" not in note.split("read_file")[0]


def test_what_was_said_and_what_was_found_wrong_is_kept_word_for_word() -> None:
    says = told("The user, who outranks your assignment, says:\nUse tabs.\nAlways.")
    silly = flaw_of({"content": "Done."}, "stop")
    messages = (
        *OPENING,
        says,
        *step(100, "ask_user", {"question": "Which one?"}, "The second, please."),
        *step(101, "finish", {"summary": "Done."}, "Still red:\n- test_a"),
        *step(102, "finish", {"summary": "Done."}, "Still red:\n- test_b\n- test_c"),
        told(silly),
        *READS,
    )
    note = str(shorter(messages, 3_000)[2]["content"])
    assert str(says["content"]) in note
    assert "Which one?\nThe second, please." in note
    assert note.endswith(f"{FOUND_WRONG}\nStill red:\n- test_b\n- test_c")
    assert silly not in note


def test_what_was_left_out_before_is_left_out_again_without_a_loss() -> None:
    messages = shorter((*OPENING, told("Use tabs."), *step(100, "finish", {}, "Red."), *READS), 3_000)
    more = [m for n in range(200, 260) for m in step(n, "search", {"pattern": f"w{n}"}, "y" * 900)]
    note = str(shorter((*messages, *more), 3_000)[2]["content"])
    assert note.count(HEADING) == 1
    assert note.count("Use tabs.") == 1
    assert note.endswith(f"{FOUND_WRONG}\nRed.")
    assert "- search w257: 1 lines" in note
    assert note.count("\n- ") == 5, "the oldest lines go in the end"


def test_a_last_step_that_is_too_long_is_cut_and_says_how_to_see_the_rest() -> None:
    messages = (*OPENING, *step(1, "read_file", {"path": "a.py"}, "begin " + "x" * 50_000 + " end"))
    now = shorter(messages, 2_000)
    assert now[:3] == messages[:3]
    result = str(now[3]["content"])
    assert result.startswith("begin ")
    assert result.endswith(" end")
    assert "ask for a narrower part" in result
    assert len(result) < 2_000


def test_where_nothing_can_go_nothing_is_done() -> None:
    assert compacted(OPENING, 2, 100) is None
    assert compacted((*OPENING, *step(1, "read_file", {}, "short")), 2, 10) is None


@settings(deadline=None)
@given(st.data())
def test_no_result_loses_its_call_and_no_call_its_result(data: st.DataObject) -> None:
    messages: list[Message] = [*OPENING]
    for number in range(data.draw(st.integers(1, 12))):
        if data.draw(st.booleans()):
            messages.append(told("x" * data.draw(st.integers(0, 300))))
        messages += step(
            number,
            data.draw(st.sampled_from(["finish", "search"])),
            {},
            "y" * data.draw(st.integers(0, 3000)),
        )
    most = data.draw(st.integers(0, 9_000))
    last = messages[-1]["tool_call_id"]
    if compacted(tuple(messages), 2, most) is None:
        return
    now = shorter(tuple(messages), most)
    called = [call_id for message in now for call_id in call_ids(message)]
    assert called == [message["tool_call_id"] for message in now if message["role"] == "tool"]
    assert called[-1] == last


def test_a_result_that_is_cut_has_both_its_ends() -> None:
    assert shortened_result("short", 100) == "short"
    cut = shortened_result("a" * 100 + "b" * 100, 60)
    assert cut.startswith("a" * 40)
    assert cut.endswith("b" * 20)
    assert "140 characters left out" in cut


def test_a_result_stands_in_the_conversation_while_nothing_has_left_it_out() -> None:
    result = str(READS[1]["content"])
    messages = (*OPENING, *READS)
    assert repeats(messages, result)
    assert not repeats(shorter(messages, 3_000), result)

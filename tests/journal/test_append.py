"""What an append promises: order, numbers, durability on return, and calm when it is cancelled."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium.adapters.journal import SqliteJournal
from podium.domain.changes import FileEdit
from podium.domain.events import (
    AgentEnded,
    AgentTold,
    ConversationCompacted,
    Event,
    MissionStarted,
    ModelAwaited,
    ModelFailed,
    ProposalMade,
    ToolReturned,
)
from podium.domain.messages import Json

pytestmark = pytest.mark.anyio

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
content = st.none() | st.binary(max_size=40)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
edits = st.lists(st.builds(FileEdit, text, content, content), max_size=3).map(tuple)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(MissionStarted, text, st.just("task"), text, st.just("verified"), st.tuples(text), text),
    st.builds(AgentTold, text, st.dictionaries(text, json_values, max_size=3)),
    st.builds(
        ConversationCompacted,
        text,
        st.integers(0, 9),
        st.integers(0, 9),
        st.dictionaries(text, json_values, max_size=3),
        st.dictionaries(text, text, max_size=3),
    ),
    st.builds(
        ToolReturned,
        text,
        text,
        text,
        st.dictionaries(text, json_values, max_size=3),
        text,
        st.booleans(),
        edits,
    ),
    st.builds(ModelAwaited, text, text, text),
    st.builds(ModelFailed, text, text, text, st.none() | st.floats(0, 1e6)),
    st.builds(ProposalMade, text, text, edits, text),
)


def ended(outcome: str = "done") -> AgentEnded:
    return AgentEnded("agent-1", outcome)


def on_disk(journal: SqliteJournal) -> Sequence[tuple[int, str]]:
    """The numbers and events as another program sees them."""
    with closing(sqlite3.connect(journal.path)) as db:
        return db.execute("SELECT seq, event FROM records ORDER BY rowid").fetchall()


@given(batches=st.lists(st.lists(events, max_size=4), max_size=4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_read_is_what_was_appended(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Event]]
) -> None:
    async def round_trip() -> None:
        state = tmp_path_factory.mktemp("state")
        async with await SqliteJournal.open(state, state=state, now=lambda: 12.5) as journal:
            records = [record for batch in batches for record in await journal.append("m", batch)]
            assert await journal.read("m") == records
        assert [record.event for record in records] == [event for batch in batches for event in batch]
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        assert {record.at for record in records} <= {12.5}

    anyio.run(round_trip)


async def test_an_acknowledged_event_is_on_the_disk(tmp_path: Path) -> None:
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        await journal.append("m", [ended("first"), ended("second")])
        assert [(seq, "second" in event) for seq, event in on_disk(journal)] == [(1, False), (2, True)]


async def test_missions_are_numbered_apart_and_listed_oldest_first(tmp_path: Path) -> None:
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        for mission in ("zebra", "ant", "zebra"):
            await journal.append(mission, [ended()])
        assert list((await journal.missions()).items()) == [("zebra", 2), ("ant", 1)]
        assert [record.seq for record in await journal.read("zebra")] == [1, 2]
        assert await journal.read("unknown") == []


async def test_records_are_read_on_from_a_number(tmp_path: Path) -> None:
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        await journal.append("m", [ended("first"), ended("second"), ended("third")])
        assert [record.seq for record in await journal.read("m", 1)] == [2, 3]
        assert await journal.read("m", 3) == []


async def test_an_append_after_a_record_that_is_not_the_last_writes_nothing(tmp_path: Path) -> None:
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        await journal.append("m", [ended("first"), ended("second")])
        assert list(await journal.append("m", [ended("late")], after=1)) == []
        assert [record.seq for record in await journal.append("m", [ended("next")], after=2)] == [3]
        assert len(await journal.read("m")) == 3


async def test_where_the_clock_is_set_back_time_stands_still_within_a_mission(tmp_path: Path) -> None:
    times = iter([100.0, 50.0, 60.0, 40.0, 110.0])
    async with await SqliteJournal.open(tmp_path, state=tmp_path, now=lambda: next(times)) as journal:
        for mission in ("m", "m", "m", "other", "m"):
            (shown,) = await journal.append(mission, [ended()])
            assert (await journal.read(mission))[-1] == shown
        assert [record.at for record in await journal.read("m")] == [100.0, 100.0, 100.0, 110.0]
        assert [record.at for record in await journal.read("other")] == [40.0]


async def test_an_append_of_nothing_starts_no_mission(tmp_path: Path) -> None:
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        assert list(await journal.append("m", [])) == []
        assert await journal.missions() == {}


async def test_concurrent_appends_keep_the_order_of_their_calls(tmp_path: Path) -> None:
    calls: list[str] = []

    async def write(name: str) -> None:
        for number in range(5):
            calls.append(f"{name}-{number}")
            await journal.append("m", [ended(f"{name}-{number}")])

    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        async with anyio.create_task_group() as group:
            for number in range(40):
                group.start_soon(write, str(number))
        outcomes = [record.event for record in await journal.read("m")]
    assert outcomes == [ended(call) for call in calls]


async def test_many_waiting_appends_share_commits(tmp_path: Path) -> None:
    commits: list[str] = []

    def connect(path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
        return db

    async with (
        await SqliteJournal.open(tmp_path, state=tmp_path, connect=connect) as journal,
        anyio.create_task_group() as group,
    ):
        for _ in range(100):
            group.start_soon(journal.append, "m", [ended()])
    assert 1 <= len(commits) < 20


async def test_a_cancelled_append_is_whole_or_absent_and_nothing_hangs(tmp_path: Path) -> None:
    returned: list[int] = []

    async def write() -> None:
        records = await journal.append("m", [ended("a"), ended("b")])
        returned.extend(record.seq for record in records)

    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        with anyio.fail_after(10):
            for n_steps in range(6):
                async with anyio.create_task_group() as group:
                    for _ in range(10):
                        group.start_soon(write)
                    for _ in range(n_steps):
                        await checkpoint()
                    group.cancel_scope.cancel()
            await journal.append("m", [ended("c"), ended("d")])
        seqs = [record.seq for record in await journal.read("m")]
    assert seqs == list(range(1, len(seqs) + 1))
    assert sorted(returned) == seqs[:-2], "who began an append learns that it was written"
    assert len(returned) >= 80


async def test_closing_writes_what_waits_and_leaves_one_file(tmp_path: Path) -> None:
    journal = await SqliteJournal.open(tmp_path, state=tmp_path)
    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(journal.append, "m", [ended()])
        await checkpoint()
        await checkpoint()
        await journal.aclose()
    await journal.aclose()
    assert [seq for seq, _ in on_disk(journal)] == list(range(1, 51))
    with pytest.raises(anyio.ClosedResourceError):
        await journal.append("m", [ended()])


async def test_a_clean_end_leaves_no_write_ahead_log(tmp_path: Path) -> None:
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        await journal.append("m", [ended()])
    assert set(journal.path.parent.iterdir()) == {journal.path, journal.path.with_suffix(".users")}


async def test_a_bug_in_one_append_reaches_its_caller_alone(tmp_path: Path) -> None:
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        with pytest.raises(ValueError, match="surrogates"):
            await journal.append("m", [ended("\ud83d")])
        assert [record.seq for record in await journal.append("m", [ended()])] == [1]


class BreaksAtCommit(sqlite3.Connection):
    """A connection with a bug that no error handling foresees."""

    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        if sql == "COMMIT":
            raise NotImplementedError
        return super().execute(sql, *parameters)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_nobody_waits_for_a_writer_that_crashed(tmp_path: Path) -> None:
    def connect(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=BreaksAtCommit)

    async def expect_failure() -> None:
        with pytest.raises((RuntimeError, anyio.ClosedResourceError)):
            await journal.append("m", [ended()])

    with anyio.fail_after(10):
        async with await SqliteJournal.open(tmp_path, state=tmp_path, connect=connect) as journal:
            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(expect_failure)
            await expect_failure()
            assert await journal.missions() == {}

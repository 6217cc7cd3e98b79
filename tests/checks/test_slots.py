"""Candidate trees in reused directories."""

import os
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from podium.adapters.checks.listing import list_project
from podium.adapters.checks.slots import Slot, Slots, remove_orphans
from podium.errors import ToolError
from tests.checks.projects import git, write


def slot_for(tmp_path: Path, name: str = "slot") -> tuple[Path, Slot]:
    root = tmp_path / "project"
    root.mkdir(exist_ok=True)
    return root.resolve(), Slot(tmp_path / name, root.resolve())


def sync(
    root: Path, slot: Slot, overlay: dict[str, bytes | None] | None = None, *, link: bool = False
) -> str:
    return slot.sync(list_project(root), overlay or {}, link_dependencies=link)


def names(place: Path) -> list[str]:
    return [entry.name for entry in place.iterdir()]


def content(place: Path) -> dict[str, str]:
    return {
        path.relative_to(place).as_posix(): path.read_text("utf-8")
        for path in place.rglob("*")
        if path.is_file()
    }


def test_the_tree_holds_the_disk_with_the_overlay_over_it(tmp_path: Path) -> None:
    root, slot = slot_for(tmp_path)
    write(root, {"a.py": "a", "b/c.py": "c", "d.py": "d"})
    sync(root, slot, {"a.py": b"A", "b/c.py": None, "e/f.py": b"F"})
    assert content(slot.tree) == {"a.py": "A", "d.py": "d", "e/f.py": "F"}
    sync(root, slot)
    assert content(slot.tree) == {"a.py": "a", "b/c.py": "c", "d.py": "d"}


def test_only_what_changed_is_written_again(tmp_path: Path) -> None:
    root, slot = slot_for(tmp_path)
    write(root, {"a.py": "a", "b.py": "b"})
    for name in ("a.py", "b.py"):
        os.utime(root / name, (1_000_000_000, 1_000_000_000))
    sync(root, slot)
    before = {name: (slot.tree / name).stat().st_ino for name in ("a.py", "b.py")}
    write(root, {"a.py": "A"})
    sync(root, slot)
    assert content(slot.tree) == {"a.py": "A", "b.py": "b"}
    assert (slot.tree / "b.py").stat().st_ino == before["b.py"]


def test_a_file_changed_twice_in_the_same_instant_is_not_missed(tmp_path: Path) -> None:
    root, slot = slot_for(tmp_path)
    for text in ("one", "two", "six", "ten"):
        write(root, {"a.py": text})
        sync(root, slot)
        assert content(slot.tree) == {"a.py": text}


def test_what_a_run_did_to_the_tree_is_undone_even_with_the_old_times(tmp_path: Path) -> None:
    root, slot = slot_for(tmp_path)
    write(root, {"a.py": "aaa", "sub/b.py": "b"})
    sync(root, slot)
    before = (slot.tree / "a.py").stat()
    (slot.tree / "a.py").write_text("bbb", encoding="utf-8")
    os.utime(slot.tree / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    write(slot.tree, {"new/deep/x": "x", "sub/__pycache__/b.pyc": "x"})
    (slot.tree / "sub" / "b.py").chmod(0o000)
    (slot.tree / "new").chmod(0o000)
    sync(root, slot)
    assert content(slot.tree) == {"a.py": "aaa", "sub/b.py": "b"}
    assert not (slot.tree / "new").exists()


def test_a_link_that_a_run_put_in_place_of_a_directory_is_not_followed(tmp_path: Path) -> None:
    root, slot = slot_for(tmp_path)
    outside = write(tmp_path / "outside", {"keep.txt": "keep"})
    write(root, {"data/keep.txt": "mine"})
    sync(root, slot)
    (slot.tree / "data" / "keep.txt").unlink()
    (slot.tree / "data").rmdir()
    (slot.tree / "data").symlink_to(outside)
    sync(root, slot)
    assert content(outside) == {"keep.txt": "keep"}
    assert content(slot.tree) == {"data/keep.txt": "mine"}
    (slot.out / "report.jsonl").symlink_to(outside / "keep.txt")
    assert slot.read_output("report.jsonl") == b""


def test_modes_and_links_survive(tmp_path: Path) -> None:
    root, slot = slot_for(tmp_path)
    write(root, {"run.sh": "#!/bin/sh\n", "a.py": "a"})
    (root / "run.sh").chmod(0o755)
    (root / "same.py").symlink_to("a.py")
    (root / "away").symlink_to("/etc/hostname")
    plain = sync(root, slot)
    assert (slot.tree / "run.sh").stat().st_mode & stat.S_IXUSR
    assert (slot.tree / "same.py").readlink() == Path("a.py")
    assert (slot.tree / "away").readlink() == Path("/etc/hostname")
    sync(root, slot, {"run.sh": b"#!/bin/sh\necho\n"})
    assert (slot.tree / "run.sh").stat().st_mode & stat.S_IXUSR
    (root / "run.sh").chmod(0o644)
    assert sync(root, slot) != plain


def test_a_file_that_only_the_candidate_has_is_executable_where_it_is_to_be(tmp_path: Path) -> None:
    root, slot = slot_for(tmp_path)
    overlay = {"run.sh": b"#!/bin/sh\n", "data.txt": b""}
    slot.sync(list_project(root), overlay, ["run.sh"], link_dependencies=False)
    executable = {name: bool((slot.tree / name).stat().st_mode & stat.S_IXUSR) for name in overlay}
    assert executable == {"run.sh": True, "data.txt": False}


def test_the_hash_is_of_the_content_and_not_of_the_way_there(tmp_path: Path) -> None:
    root, one = slot_for(tmp_path, "one")
    _, two = slot_for(tmp_path, "two")
    write(root, {"a.py": "a", "b.py": "b"})
    plain = sync(root, one)
    changed = sync(root, two, {"a.py": b"A"})
    assert plain != changed
    assert sync(root, two) == plain
    write(root, {"a.py": "A"})
    assert sync(root, one) == changed


@pytest.mark.parametrize("path", ["../x", "/x", "", "a/../../x", ".git/config", "out/x", "node_modules/x"])
def test_an_overlay_stays_in_the_tree(tmp_path: Path, path: str) -> None:
    root, slot = slot_for(tmp_path)
    write(root, {"a.py": "a", "node_modules/y": "y"})
    (root / "out").symlink_to(tmp_path)
    with pytest.raises(ToolError):
        sync(root, slot, {path: b"x"})


def test_git_decides_what_belongs_to_the_project(tmp_path: Path) -> None:
    root = write(
        tmp_path / "project",
        {
            ".gitignore": "*.log\n.venv/\n_version.py\n.secret\n",
            "a.py": "a",
            "sub/b.py": "b",
            "x.log": "x",
            "_version.py": "1",
            ".secret": "s",
            ".venv/pyvenv.cfg": "",
            "target/obj.o": "o",
        },
    )
    git(root, "init", "-q")
    git(root, "add", "a.py", ".gitignore")
    listing = list_project(root)
    assert listing.files == (".gitignore", "_version.py", "a.py", "sub/b.py")
    assert listing.dependencies == (".venv", "target")


def test_without_git_the_nested_ignore_files_decide(tmp_path: Path) -> None:
    root = write(
        tmp_path / "project",
        {
            ".gitignore": "*.log\nbuild/\n",
            "a.py": "a",
            "x.log": "x",
            "build/y": "y",
            "sub/.gitignore": "!keep.log\nz.txt\n",
            "sub/keep.log": "k",
            "sub/z.txt": "z",
            "odd/pyvenv.cfg": "",
            "__pycache__/a.pyc": "x",
        },
    )
    listing = list_project(root)
    assert listing.files == (".gitignore", "a.py", "sub/.gitignore", "sub/keep.log")
    assert listing.dependencies == ("odd",)


def test_a_linked_dependency_directory_is_not_emptied(tmp_path: Path) -> None:
    root, slot = slot_for(tmp_path)
    write(root, {"a.py": "a", "node_modules/y": "y"})
    for _ in range(2):
        sync(root, slot, link=True)
        assert (slot.tree / "node_modules" / "y").read_text("utf-8") == "y"
    assert (root / "node_modules" / "y").exists()


@pytest.mark.anyio
async def test_slots_of_a_process_that_died_are_removed_and_those_of_a_living_one_kept(
    tmp_path: Path,
) -> None:
    script = (
        "import sys, os, tempfile, anyio\nfrom pathlib import Path\nfrom podium.adapters.checks.slots import Slots\n"
        "async def main():\n"
        "    async with Slots(Path.cwd(), 1).take() as slot:\n        print(slot.tree, flush=True); os._exit(9)\n"
        "anyio.run(main)\n"
    )
    died = subprocess.run(  # noqa: ASYNC221 - nothing else runs meanwhile
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=60,
    )
    left_behind = Path(died.stdout.strip()).parent.parent
    assert left_behind.is_relative_to(tmp_path)
    slots = Slots(tmp_path, 2, tmp_path)
    async with slots.take() as slot:
        remove_orphans(tmp_path)
        assert not left_behind.exists()
        assert slot.tree.exists()
    slots.remove()
    assert not slot.tree.exists()


@pytest.mark.anyio
async def test_slots_that_are_taken_at_once_lie_in_one_directory_which_goes_with_them(tmp_path: Path) -> None:
    for _ in range(20):
        slots = Slots(tmp_path, 4, tmp_path)
        homes: set[Path] = set()

        async def take(slots: Slots, homes: set[Path]) -> None:
            async with slots.take() as slot:
                homes.add(slot.tree.parent.parent)
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(take, slots, homes)
        assert len(homes) == 1
        slots.remove()
        assert not names(tmp_path)


@pytest.mark.anyio
async def test_what_the_dead_left_is_removed_while_their_last_processes_still_clean_up(
    tmp_path: Path,
) -> None:
    for number in range(5):
        home = tmp_path / f"podium-checks-{number}"
        write(home, {"lock": ""})
        for n in range(1000):
            (home / "out" / str(n)).mkdir(parents=True)

        def clean_up(home: Path) -> None:
            for place in sorted((home / "out").iterdir(), reverse=True):
                with suppress(FileNotFoundError):
                    place.rmdir()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, clean_up, home)
            tasks.start_soon(anyio.to_thread.run_sync, remove_orphans, tmp_path)
        assert not names(tmp_path)

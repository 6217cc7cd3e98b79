"""Confines commands with bubblewrap: no network, the user's files hidden or read-only, a tree of their own.

The candidate tree is mounted at the workspace's own path, so that absolute paths and editable installs lead
to the candidate and never to the user's copy. Where bubblewrap does not work, `Sandbox` says why; commands
then run on a plain copy with a clean environment only.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

SandboxMode: TypeAlias = Literal["auto", "off"]

_UNSHARE = (
    "--unshare-net",
    "--unshare-pid",
    "--unshare-ipc",
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
)
_TMPFS_BYTES = 2 * 1024**3

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
_PASSED_ON = re.compile(
    r"PATH|LANG|LANGUAGE|LC_\w+|TERM|HOME|USER|LOGNAME|SHELL|TZ|VIRTUAL_ENV|LD_LIBRARY_PATH"
    r"|CARGO_HOME|RUSTUP_\w+|GOPATH|GOROOT|GOMODCACHE|GOFLAGS|JAVA_HOME|NVM_DIR|NODE_OPTIONS|VOLTA_HOME"
    r"|PYENV_\w+|ASDF_\w+|CONDA_PREFIX|NIX_\w+|CC|CXX|CFLAGS|LDFLAGS|PKG_CONFIG_PATH"
    r"|SYSTEMROOT|SYSTEMDRIVE|COMSPEC|PATHEXT|WINDIR|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMFILES.*|TMP|TEMP"
)

_TOOLCHAINS = (
    ".pyenv", ".nvm", ".cargo", ".rustup", ".asdf", ".volta", ".fnm", ".goenv", ".rbenv", ".deno", ".bun",
    ".sdkman", "go", "miniconda3", "miniforge3", "anaconda3", ".local/bin", ".local/lib", ".local/share/uv",
    ".local/share/pipx", ".local/share/mise", ".local/share/fnm", ".local/share/pnpm", ".npm-global",
)  # fmt: skip
_MASKED = (".cargo/credentials", ".cargo/credentials.toml")


@dataclass(frozen=True, slots=True)
class Places:
    """Where a confined command finds things.

    `tree` is mounted writable at `workspace`, each of `dependencies` (paths relative to the workspace)
    read-only from the user's own copy; `writable` and `readable` appear at their own paths.
    """

    workspace: Path
    tree: Path
    dependencies: Sequence[str] = ()
    writable: Sequence[Path] = ()
    readable: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A way to confine commands; `bwrap` is None where there is none, and `reason` says why."""

    bwrap: str | None
    reason: str
    hidden: tuple[Path, ...] = field(default_factory=lambda: _hidden())

    @property
    def confines(self) -> bool:
        """Whether commands are kept off the network and the user's files."""
        return self.bwrap is not None

    def describe(self) -> str:
        """Return one sentence for `podium doctor`."""
        if self.confines:
            return f"bubblewrap ({self.reason}): no network, files outside the candidate tree read-only or hidden"
        return f"none ({self.reason}): checks run on a copy of the files, with your rights and network"

    def argv(self, places: Places, argv: Sequence[str]) -> list[str]:
        """Return the command line that runs `argv` confined, in the candidate tree at the workspace's path."""
        if self.bwrap is None:
            return list(argv)
        return [self.bwrap, *self._view(places), *_UNSHARE, "--chdir", str(places.workspace), "--", *argv]

    def looking_only(self, argv: Sequence[str]) -> list[str]:
        """Return the command line that runs `argv` with everything readable and nothing writable, offline.

        For asking an interpreter of a foreign project about itself before it is known what it needs.
        """
        if self.bwrap is None:
            return list(argv)
        return [self.bwrap, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", *_UNSHARE, "--", *argv]

    def _view(self, places: Places) -> Iterator[str]:
        yield from ("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc")
        for hidden in self.hidden:
            yield from ("--size", str(_TMPFS_BYTES), "--tmpfs", str(hidden))
        home = Path.home()
        if _below_any(home, self.hidden):
            yield from ("--dir", str(home))
        for kept in self._kept(places):
            yield from ("--ro-bind", str(kept), str(kept))
        for masked in _MASKED:
            if (home / masked).exists():
                yield from ("--ro-bind", os.devnull, str(home / masked))
        yield from ("--bind", str(places.tree), str(places.workspace))
        for name in places.dependencies:
            path = str(places.workspace / name)
            yield from ("--ro-bind", path, path)
        for path in places.writable:
            yield from ("--bind", str(path), str(path))

    def _kept(self, places: Places) -> list[Path]:
        """Return what must stay visible below the hidden directories: tools, and what the caller reads."""
        home = Path.home()
        wanted = [home / name for name in _TOOLCHAINS]
        wanted += [Path(entry) for entry in os.get_exec_path() if entry.startswith("/")]
        wanted += places.readable
        kept: list[Path] = []
        for path in sorted(set(wanted), key=lambda path: (len(path.parts), path)):
            reveals_too_much = any(_is_below(shown, path) for shown in (home, places.workspace, *self.hidden))
            if reveals_too_much or _is_below(path, places.workspace) or not _below_any(path, self.hidden):
                continue
            if not _below_any(path, kept) and path.exists():
                kept.append(path)
        return kept


def detect(mode: SandboxMode = "auto") -> Sandbox:
    """Return the sandbox of this machine, found by running one (about 10 ms); callers keep the answer."""
    if mode == "off":
        return Sandbox(None, "switched off by the setting `sandbox`")
    if not sys.platform.startswith("linux"):
        return Sandbox(None, "bubblewrap exists for Linux only")
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return Sandbox(None, "bubblewrap is not installed; install the package `bubblewrap`")
    with tempfile.TemporaryDirectory(prefix="podium-probe-") as scratch:
        places = Places(Path(scratch), Path(scratch))
        argv = Sandbox(bwrap, "").argv(places, ["/bin/sh", "-c", "echo confined"])
        try:
            probe = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired) as problem:
            return Sandbox(None, f"bubblewrap does not start: {problem}")
    if probe.stdout.strip() != "confined":
        return Sandbox(None, f"bubblewrap does not work here: {probe.stderr.strip()[-200:]}")
    return Sandbox(bwrap, bwrap)


def environment(inherited: Mapping[str, str], path_first: Iterable[Path] = ()) -> dict[str, str]:
    """Return the environment for commands: what tools need of `inherited`, and never a key or a token."""
    kept = {
        name: value
        for name, value in inherited.items()
        if _PASSED_ON.fullmatch(name.upper()) and not _SECRET_NAME.search(name)
    }
    first = [str(path) for path in path_first]
    kept["PATH"] = os.pathsep.join([*first, kept.get("PATH", os.defpath)])
    return kept | {"CI": "1", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}


def _hidden() -> tuple[Path, ...]:
    """Return the directories that hold people's files and sockets, outermost only, `/` never."""
    candidates = {Path(name) for name in ("/tmp", "/var/tmp", "/home", "/root", "/run")}  # noqa: S108
    candidates |= {Path.home(), Path(tempfile.gettempdir())}
    found: list[Path] = []
    for path in sorted(
        {path.resolve() for path in candidates if path.is_dir()}, key=lambda path: len(path.parts)
    ):
        if path != Path("/") and not _below_any(path, found):
            found.append(path)
    return tuple(found)


def _below_any(path: Path, parents: Iterable[Path]) -> bool:
    return any(_is_below(path, parent) for parent in parents)


def _is_below(path: Path, parent: Path) -> bool:
    """Return what `is_relative_to` does, by their texts: it is asked hundreds of times before each run."""
    return f"{path}/".startswith(f"{str(parent).rstrip('/')}/")

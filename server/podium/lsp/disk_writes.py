"""What a delivery writes to the disk itself: files that an editor cannot, or will not, change.

What a file holds is compared when a change is merged, right before all of its files are written. Each is replaced
in one step, so nobody sees half of it; what another program writes between the two (milliseconds; for hundreds of
files up to a second) is lost, since no file system compares and replaces in one.
"""

from collections.abc import Sequence
from pathlib import Path

from podium.domain.paths import confined
from podium.errors import FolderGone
from podium.lsp.atomic import write_atomically
from podium.lsp.targets import Target
from podium.ports import Delivery


def write_all(root: Path, targets: Sequence[Target]) -> Delivery:
    """Write all targets, or none of them: what was written before a failure is put back.

    Raises:
        FolderGone: there is no folder `root`, and none is made.
    """
    if not root.is_dir():
        raise FolderGone(root)
    done: list[Target] = []
    try:
        for target in targets:
            _write(root, target, target.then)
            done.append(target)
    except OSError as error:
        take_back(root, done)
        return Delivery("refused", f"{error.filename}: {error.strerror}")
    return Delivery("disk")


def take_back(root: Path, targets: Sequence[Target]) -> None:
    """Write what the targets held before, last first."""
    for target in reversed(targets):
        _write(root, target, target.now)


def _write(root: Path, target: Target, content: bytes | None) -> None:
    place = root / confined(target.path)
    if content is None:
        place.unlink(missing_ok=True)
        return
    place = place.resolve()
    write_atomically(place, content, None if place.exists() else target.permissions)

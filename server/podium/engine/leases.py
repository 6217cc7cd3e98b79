"""Leases: which task may write which file. Two tasks never write one path at the same time."""

from collections.abc import Iterable

from podium.domain.paths import confined
from podium.errors import ToolError


class Leases:
    """The files of one mission that are held by running tasks."""

    def __init__(self) -> None:
        self._holder: dict[str, str] = {}

    def take(self, task_id: str, paths: Iterable[str]) -> bool:
        """Give all `paths` to the task, or none of them if another task holds one; return which."""
        wanted = list(paths)
        if any(self._holder.get(path, task_id) != task_id for path in wanted):
            return False
        self._holder.update(dict.fromkeys(wanted, task_id))
        return True

    def claim(self, task_id: str, path: str) -> None:
        """Give one more path to a running task, however it is spelt.

        Raises:
            ToolError: another task holds it, or it leaves the workspace.
        """
        path = confined(path)
        if not self.take(task_id, (path,)):
            raise ToolError(
                f"{path} is being changed by task {self._holder[path]}; change only your own files, "
                "or finish without it and say in the summary what is missing."
            )

    def release(self, task_id: str) -> None:
        """Take all paths back from the task."""
        self._holder = {path: holder for path, holder in self._holder.items() if holder != task_id}

    def held_by(self, task_id: str) -> tuple[str, ...]:
        """Return the paths that the task holds, sorted."""
        return tuple(sorted(path for path, holder in self._holder.items() if holder == task_id))

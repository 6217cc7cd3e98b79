"""Errors by audience: the model, the user, or (everything else) us.

`PodiumError` is never raised itself.

    PodiumError
    ├── ToolError        the model can fix it: the text becomes the result of its tool call
    └── UserError        the user can fix it: one sentence that says what to do
        ├── NotReached   another server gave no answer
        ├── OutOfReach   what missions stand on is not there now
        │   ├── NotRecorded  the journal takes nothing
        │   └── FolderGone   the workspace folder was deleted, moved or unmounted
        └── ModelUnavailable  no answer can be had from the configured model
            └── ModelUnreachable  nobody answers at its address
"""

from pathlib import Path


class PodiumError(Exception):
    """Base of the errors that Podium raises on purpose."""


class ToolError(PodiumError):
    """A tool call that the model can correct; the message is written for the model."""


class UserError(PodiumError):
    """Something that the user can correct; the message is one sentence that says how."""


class OutOfReach(UserError):
    """What missions stand on is not there now; what runs is interrupted, and can go on when it is again."""


class NotRecorded(OutOfReach):
    """The journal takes nothing now."""


class FolderGone(OutOfReach):
    """The workspace folder is not where it was; nothing is made in its place."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"The folder {folder} is gone: put it back or mount it again, then let the mission go on (podium.resume)."
        )


class NotReached(UserError):
    """Another server gave no answer; whether it did what it was asked is not known."""


class ModelUnavailable(UserError):
    """The model cannot answer, now or ever; the message says what to set."""


class ModelUnreachable(ModelUnavailable):
    """Nobody answers at the model's address; the message says what to start or to correct."""

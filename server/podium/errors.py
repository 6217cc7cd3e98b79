"""Errors by audience: the model, the user, or (everything else) us.

`PodiumError` is never raised itself.

    PodiumError
    ├── ToolError        the model can fix it: the text becomes the result of its tool call
    └── UserError        the user can fix it: one sentence that says what to do
        ├── NotRecorded  the journal takes nothing now
        ├── NotReached   another server gave no answer
        └── ModelUnavailable  no answer can be had from the configured model
            └── ModelUnreachable  nobody answers at its address
"""


class PodiumError(Exception):
    """Base of the errors that Podium raises on purpose."""


class ToolError(PodiumError):
    """A tool call that the model can correct; the message is written for the model."""


class UserError(PodiumError):
    """Something that the user can correct; the message is one sentence that says how."""


class NotRecorded(UserError):
    """The journal takes nothing now; what runs is interrupted, and can go on when it does again."""


class NotReached(UserError):
    """Another server gave no answer; whether it did what it was asked is not known."""


class ModelUnavailable(UserError):
    """The model cannot answer, now or ever; the message says what to set."""


class ModelUnreachable(ModelUnavailable):
    """Nobody answers at the model's address; the message says what to start or to correct."""

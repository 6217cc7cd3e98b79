"""What is learned of a model at its address while it is asked: whether it calls tools, and how much it can read.

It begins unproven: it is offered tools, and found out. One call is proof. An endpoint that refuses tools, or a
model that says something else twice before it has ever called one, is told of the tools in words from then on.
"""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

SILENT = 2
"""After how many answers without a call a model that has never called a tool is taken for one that cannot."""

ToolUse: TypeAlias = Literal["unproven", "native", "text"]


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """What is known of one model. `window` is how many tokens it can read, as far as known."""

    tools: ToolUse = "unproven"
    silent: int = 0
    window: int | None = None

    def answered(self, *, natively: bool, in_words: bool) -> "Acquaintance":
        """Return what is known after an answer that called tools natively, in its text, or not at all."""
        if natively:
            return replace(self, tools="native")
        if self.tools != "unproven" or in_words:
            return self
        silent = self.silent + 1
        return replace(self, silent=silent, tools="text" if silent >= SILENT else "unproven")

    def refused_tools(self) -> "Acquaintance":
        """Return what is known after the endpoint refused a request because of its tools."""
        return replace(self, tools="text")

    def with_window(self, window: int) -> "Acquaintance":
        """Return what is known where the window has turned out to hold `window` tokens."""
        return replace(self, window=window)

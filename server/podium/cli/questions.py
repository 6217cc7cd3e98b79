"""Questions of a mission to the user at the terminal."""

import sys

import anyio

from podium.domain.mission import Question


def can_ask() -> bool:
    """Return whether somebody sits in front of this."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def unattended_answer(question: Question) -> str:
    """Return what is answered where nobody can be asked: `stop` where that is offered, else `no`.

    The question and the answer are told on standard error.
    """
    answer = _named("stop", question) or _named("no", question) or "no"
    options = f" ({', '.join(question.options)})" if question.options else ""
    sys.stderr.write(f"podium: asked: {question.text}{options}\npodium: answered: {answer}\n")
    sys.stderr.flush()
    return answer


async def typed_answer(question: Question) -> str:
    """Return what the user types: an option by its number or its text, or any other text.

    Cancelling it leaves the terminal as it was.
    """
    while True:
        sys.stdout.write("> ")
        sys.stdout.flush()
        # The terminal hands over whole lines, so what is readable can be read without blocking.
        await anyio.wait_readable(sys.stdin)
        line = sys.stdin.readline()
        if not line:
            return unattended_answer(question)
        typed = line.strip()
        if typed.isdecimal() and 1 <= int(typed) <= len(question.options):
            return question.options[int(typed) - 1]
        if typed:
            return _named(typed, question) or typed


def _named(text: str, question: Question) -> str | None:
    return next((option for option in question.options if option.casefold() == text.casefold()), None)

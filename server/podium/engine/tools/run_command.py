"""Runs a check, or a command of the model's own."""

import json

from pydantic import Field

from podium.domain.checks import CheckResult
from podium.domain.rights import command_verdict
from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.engine.verification import output_of
from podium.errors import ToolError

OUTPUT_CHARS = 6_000


class RunCommand(Arguments):
    command: str = Field(
        min_length=1,
        description="name of a check, test ids may follow; or a shell command, its writes are discarded",
    )


async def run(context: ToolContext, args: RunCommand) -> str:
    """Return the result as one JSON object: check, exit_code, green, duration_s, failures, output."""
    call = context.desk.call(args.command)
    candidate = context.tree.candidate()
    if call is not None:
        result = await context.desk.run(candidate, call, context.task_id)
        return as_json(result, None if call.check.kind == "probe" else OUTPUT_CHARS)
    await _allow(context, args.command)
    return as_json(await context.desk.run_command(candidate, args.command), OUTPUT_CHARS)


async def _allow(context: ToolContext, command: str) -> None:
    verdict = command_verdict(command, context.desk.confined)
    if verdict == "ask" and context.ask_for_commands:
        answer = await context.ask(
            f"May an agent run this command without a sandbox? {command}", ("yes", "no")
        )
        verdict = "allow" if answer.strip().lower() == "yes" else "deny"
    if verdict != "allow":
        names = ", ".join(context.desk.names) or "none"
        raise ToolError(f"This command may not run here. The checks that may: {names}.")


def as_json(result: CheckResult, output_chars: int | None) -> str:
    """Return a result for a model; `output_chars` limits the output, None leaves it whole."""
    output = result.output if output_chars is None else output_of(result, output_chars)
    return json.dumps(
        {
            "check": result.check,
            "exit_code": result.exit_code,
            "green": result.green,
            "duration_s": round(result.duration_s, 2),
            "failures": [
                {"test": f.test, "path": f.path, "line": f.line, "message": f.message}
                for f in result.failures[:30]
            ],
            "output": output,
        },
        ensure_ascii=False,
    )


RUN_COMMAND = Tool("run_command", "Run one of the project's checks, or a command.", RunCommand, run)

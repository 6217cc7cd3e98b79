"""All tools by name. To add one: its module, a line here, and the roles that may use it in `domain.rights`."""

from collections.abc import Mapping
from typing import Any

from podium.domain.messages import Json
from podium.domain.rights import TOOLS_OF
from podium.engine.roles import TEAM
from podium.engine.tools.answer import ANSWER
from podium.engine.tools.ask_user import ASK_USER
from podium.engine.tools.change_plan import CHANGE_PLAN
from podium.engine.tools.delete_file import DELETE_FILE
from podium.engine.tools.edit_file import EDIT_FILE
from podium.engine.tools.finish import FINISH
from podium.engine.tools.list_files import LIST_FILES
from podium.engine.tools.move_file import MOVE_FILE
from podium.engine.tools.outline import OUTLINE
from podium.engine.tools.read_file import READ_FILE
from podium.engine.tools.run_command import RUN_COMMAND
from podium.engine.tools.search import SEARCH
from podium.engine.tools.sign_off import SIGN_OFF
from podium.engine.tools.submit_context import SUBMIT_CONTEXT
from podium.engine.tools.submit_plan import SUBMIT_PLAN
from podium.engine.tools.submit_review import SUBMIT_REVIEW
from podium.engine.tools.tool import Tool
from podium.engine.tools.try_edits import TRY_EDITS
from podium.engine.tools.write_file import WRITE_FILE

_ALL = (
    READ_FILE, LIST_FILES, OUTLINE, SEARCH, RUN_COMMAND, EDIT_FILE, WRITE_FILE, DELETE_FILE, MOVE_FILE,
    TRY_EDITS, FINISH, SUBMIT_PLAN, SUBMIT_CONTEXT, SUBMIT_REVIEW, CHANGE_PLAN, SIGN_OFF, ANSWER, ASK_USER,
)  # fmt: skip

TOOLS: Mapping[str, Tool[Any]] = {tool.name: tool for tool in _ALL}


def _owners(name: str) -> str:
    """Return who may call a tool, for its description; nothing where all may."""
    roles = [role.capitalize() for role in TEAM if name in TOOLS_OF[role]]
    return "" if len(roles) == len(TEAM) else f"{', '.join(roles)}: "


OFFERED: tuple[dict[str, Json], ...] = tuple(tool.schema(_owners(tool.name)) for tool in _ALL)
"""The schemas of all tools, offered to every role in the same bytes.

Providers cache a prompt from its beginning, and tools come first there: were each role offered its own tools
alone, no two roles would share a byte. Who may call what is in the descriptions, and the dispatcher sees to it.
"""

"""What all missions of one workspace share: the outside world, and what was learned of its models."""

from dataclasses import dataclass, field

from podium.domain.masking import Mask
from podium.engine.dialects import Acquaintances
from podium.engine.governor import Governor
from podium.ports import Checks, FrontEnd, Journal, Knowledge, Model, Workspace


@dataclass(frozen=True, slots=True)
class Services:
    """The outside world of all missions of one workspace, and what was learned of its models.

    `mask` is what models and the journal see instead of secrets; `governor` decides when which provider is asked.
    """

    model: Model
    workspace: Workspace
    checks: Checks
    journal: Journal
    front_end: FrontEnd
    knowledge: Knowledge
    mask: Mask = field(default_factory=Mask)
    acquaintances: Acquaintances = field(default_factory=Acquaintances)
    governor: Governor = field(default_factory=Governor)

"""Puts the server together: the session, its features, and what they are told."""

from lsprotocol import types

from podium.config import Sources
from podium.engine.conductor import Conductor
from podium.lsp.delivery import EditorDelivery
from podium.lsp.features import events
from podium.lsp.features.code_actions import CodeActions
from podium.lsp.features.commands import Commands
from podium.lsp.features.completion import Completion
from podium.lsp.features.diagnostics import Diagnostics
from podium.lsp.features.document_links import DocumentLinks
from podium.lsp.features.document_symbols import DocumentSymbols
from podium.lsp.features.findings import Findings
from podium.lsp.features.folding_ranges import FoldingRanges
from podium.lsp.features.plan_document import PlanDocument
from podium.lsp.features.plan_hover import PlanHover
from podium.lsp.features.plan_lenses import PlanLenses
from podium.lsp.features.plan_problems import PlanProblems
from podium.lsp.features.progress import Progress
from podium.lsp.features.proposals import Proposals
from podium.lsp.features.questions import Questions
from podium.lsp.features.registration import Registration
from podium.lsp.features.resumption import Resumption
from podium.lsp.host import Host
from podium.lsp.plan_files import PlanFiles
from podium.lsp.rpc import AskFailed
from podium.lsp.session import OpenWorkspace, Session

CONFIGURATION_S = 10.0


def build(host: Host, sources: Sources, open_workspace: OpenWorkspace) -> None:
    """Register every feature with `host`; the workspace opens when the client has said `initialized`."""
    session = Session(host, sources, open_workspace)
    progress, questions = Progress(host), Questions(host)
    plans, delivery = PlanFiles(session), EditorDelivery(session)
    diagnostics = Diagnostics(session, [Findings(session), Proposals(session), PlanProblems(plans)])
    plan_document = PlanDocument(session, plans, diagnostics)
    Commands(session, progress).register()
    CodeActions(session, PlanLenses(session, plans))
    PlanHover(session, plans)
    registration = Registration(host)
    for of_plans in (DocumentSymbols, FoldingRanges, DocumentLinks, Completion):
        of_plans(host, plans)

    def greet(conductor: Conductor) -> None:
        plan_document.follow(conductor)
        events.follow(host, conductor)
        progress.follow(conductor)
        diagnostics.follow(conductor)
        questions.follow(conductor)
        Resumption(session, questions).follow(conductor)

    async def configure() -> None:
        """Ask the client for its `podium` settings, where it has any."""
        workspace = host.client.workspace
        if not (workspace and workspace.configuration):
            return
        params = types.ConfigurationParams([types.ConfigurationItem(section="podium")])
        try:
            answer = await host.ask(types.WORKSPACE_CONFIGURATION, params, CONFIGURATION_S)
        except AskFailed:
            return
        if isinstance(answer, list) and answer and answer[0]:
            session.set_editor_settings(answer[0])  # pyright: ignore[reportUnknownArgumentType] - JSON

    async def initialized(_: types.InitializedParams) -> None:
        await configure()
        host.spawn("workspace", session.run(delivery, greet))
        await registration.register()

    async def configuration_changed(_: object) -> None:
        await configure()

    def learn(params: types.InitializeParams, capabilities: types.ServerCapabilities) -> None:
        session.learn(params)
        capabilities.workspace = None  # one folder, the first one; changes of folders are not followed

    host.on_initialize(learn)
    host.notification(types.INITIALIZED, initialized, types.InitializedParams)
    host.notification(types.WORKSPACE_DID_CHANGE_CONFIGURATION, configuration_changed)

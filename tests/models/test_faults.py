"""What errors mean, and what the model process sees of the environment: the parts that need no provider."""

import socket
import ssl
from dataclasses import replace

import httpx
import pytest

from podium.adapters.models.environment import child_environment, missing_key, of_provider
from podium.adapters.models.faults import Reply, masked, meaning, meaning_of_reply
from podium.errors import ModelUnavailable, ModelUnreachable
from podium.ports import ContextOverflow, ModelFault, ModelRequest, ToolsRefused

REQUEST = ModelRequest("r", "openai/tiny", "worker", (), ())


def test_what_is_shown_is_short_on_one_line_and_without_secrets() -> None:
    shown = masked(
        "bad key sk-proj-abcdef123456 and\nBearer abc.def and hunter2-hunter2 " + "x" * 500,
        ["hunter2-hunter2"],
    )
    assert "abcdef" not in shown
    assert "abc.def" not in shown
    assert "hunter2" not in shown
    assert "\n" not in shown
    assert len(shown) == 300


def test_a_module_that_is_not_installed_is_never_a_passing_fault() -> None:
    disguised = RuntimeError("litellm.APIConnectionError: No module named 'mcp'")
    disguised.__cause__ = ModuleNotFoundError("No module named 'mcp'")
    error = meaning(disguised, REQUEST)
    assert isinstance(error, ModelUnavailable)
    assert "install podium-ls again" in str(error)


@pytest.mark.parametrize(
    ("cause", "kind", "told"),
    [
        (TimeoutError(), ModelFault, "took no connection in time"),
        (
            ExceptionGroup("", [ConnectionRefusedError(), OSError(99, "no such address")]),
            ModelUnreachable,
            "start it",
        ),
        (ssl.SSLCertVerificationError("self-signed"), ModelUnavailable, "SSL_CERT_FILE"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), ModelUnavailable, "no host of the name"),
        (socket.gaierror(socket.EAI_AGAIN, "later"), ModelFault, "cannot be found"),
        (ConnectionResetError("reset"), ModelFault, "All attempts failed"),
    ],
)
def test_the_innermost_cause_says_why_there_was_no_connection(
    cause: Exception, kind: type[Exception], told: str
) -> None:
    error = httpx.ConnectError("All attempts failed")
    error.__cause__ = OSError("All attempts failed")
    error.__cause__.__cause__ = cause
    meant = meaning(error, replace(REQUEST, api_base="https://provider.example/v1"))
    assert type(meant) is kind
    assert told in str(meant)


def test_a_connection_that_broke_without_a_word_is_told_in_words() -> None:
    assert str(meaning(httpx.ReadError(""), REQUEST)) == "The connection broke off."


def test_a_proxy_is_not_used_for_this_machine() -> None:
    assert (
        child_environment({"NO_PROXY": "corp.example"})["no_proxy"] == "corp.example,localhost,127.0.0.1,::1"
    )
    assert child_environment({})["NO_PROXY"] == "localhost,127.0.0.1,::1"


def test_the_model_process_sees_proxies_at_first_and_nothing_of_any_provider() -> None:
    kept = {"PATH": "/bin", "LC_ALL": "C", "https_proxy": "http://proxy", "SSL_CERT_FILE": "/ca.pem"}
    dropped = {
        "GROQ_API_KEY": "k",
        "TOGETHERAI_API_KEY": "k",
        "AWS_PROFILE": "p",
        "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
        "PYTHONPATH": "/evil",
        "GITHUB_TOKEN": "t",
        "DATABASE_URL": "d",
        "LITELLM_MODE": "DEV",
    }
    seen = child_environment(kept | dropped)
    assert kept.items() <= seen.items()
    assert not (dropped.keys() - {"LITELLM_MODE"}) & seen.keys()
    assert seen["LITELLM_MODE"] == "PRODUCTION"


SET = {
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
    "AZURE_API_KEY": "c",
    "AZURE_API_BASE": "d",
    "GOOGLE_APPLICATION_CREDENTIALS": "e",
    "GEMINI_API_KEY": "f",
    "HF_TOKEN": "g",
    "OPENAI_API_KEY": "h",
    "OPENAI_ADMIN_KEY": "i",
    "OPENAI_BASE_URL": "j",
    "PERPLEXITYAI_API_KEY": "k",
    "TOGETHERAI_API_KEY": "l",
    "VERTEXAI_PROJECT": "m",
    "GITHUB_TOKEN": "n",
    "PYTHONPATH": "o",
}


@pytest.mark.parametrize(
    ("model", "values"),
    [
        ("bedrock/anthropic.claude-3", "ab"),
        ("azure/gpt-4o", "cd"),
        ("vertex_ai/gemini-2.5-pro", "em"),
        ("gemini/gemini-2.5-pro", ""),
        ("huggingface/x", "g"),
        ("openai/gpt-4o", "j"),
        ("perplexity/sonar", "k"),
        ("together_ai/x", "l"),
        ("ollama/qwen3", ""),
        ("anthropic/claude-sonnet-4-5", ""),
        ("nobody-says-whose", "abcdegjklm"),
    ],
)
def test_of_the_environment_a_request_takes_along_what_its_provider_reads(model: str, values: str) -> None:
    assert "".join(of_provider(model, SET).values()) == values


@pytest.mark.parametrize(
    ("model", "environ", "variable"),
    [
        ("openai/gpt-4o-mini", {}, "OPENAI_API_KEY"),
        ("openai/gpt-4o-mini", {"OPENAI_API_KEY": ""}, "OPENAI_API_KEY"),
        ("openai/gpt-4o-mini", {"OPENAI_API_KEY": "k"}, None),
        ("openai/tiny", {"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"}, None),
        ("gemini/flash", {"GOOGLE_API_KEY": "k"}, None),
        ("ollama/qwen3", {}, None),
    ],
)
def test_a_key_is_missing_only_where_nothing_takes_its_place(
    model: str, environ: dict[str, str], variable: str | None
) -> None:
    assert missing_key(model, environ) == variable


@pytest.mark.parametrize(
    ("said", "window"),
    [
        ("This model's maximum context length is 8192 tokens. However, you requested 9000 tokens", 8192),
        ("'max_tokens' is too large: the model's context length is only 4,096 tokens, got 5000", 4096),
        ("prompt is too long: 208310 tokens > 200000 maximum", 200_000),
        ("Request too large for gpt-4o: Limit 30000, Requested 41000", 30_000),
        ("the request exceeds the available context size, try increasing it", None),
        ('request (9000 tokens) exceeds the available context size, "n_ctx": 8192', 8192),
    ],
)
def test_the_window_is_learned_from_what_the_provider_says_of_an_overflow(
    said: str, window: int | None
) -> None:
    error = meaning_of_reply(Reply(400, {"content-type": "text/plain"}, said), REQUEST)
    assert isinstance(error, ContextOverflow)
    assert error.window == window


@pytest.mark.parametrize(
    "said",
    [
        "llama2 does not support tools",
        "deepseek-reasoner does not support Function Calling",
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "Unsupported parameter: 'tools' is not supported with this model.",
        "`tool calling` is not supported with this model",
        "tiny does not support parameters: ['tools', 'tool_choice'], for model=tiny",
        "Unrecognized request argument supplied: tools",
    ],
)
def test_an_endpoint_that_takes_no_tools_is_known_by_its_words(said: str) -> None:
    assert isinstance(meaning_of_reply(Reply(400, {}, said), REQUEST), ToolsRefused)


@pytest.mark.parametrize(
    "said", ["Unknown parameter foo", "the tool message has no preceding call", "messages: not allowed"]
)
def test_other_refusals_are_not_taken_for_one_of_tools(said: str) -> None:
    assert not isinstance(meaning_of_reply(Reply(400, {}, said), REQUEST), ToolsRefused)

"""Which environment variables the model process sees, and which of them hold providers' keys.

The process runs a large third-party library, so it gets what it needs to reach a provider and nothing
else of the user's environment. What belongs to a provider (keys, cloud credentials, addresses) is not in its
environment when it starts: it comes with the first request to that provider. A key whose variable is known here
never is: it comes with each request that needs it.
"""

import re
from collections.abc import Mapping

_NAMES = """
    PATH HOME LANG LANGUAGE TZ TMPDIR TMP TEMP LD_LIBRARY_PATH XDG_CONFIG_HOME XDG_CACHE_HOME
    HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE
    CURL_CA_BUNDLE SYSTEMROOT SYSTEMDRIVE USERPROFILE APPDATA LOCALAPPDATA
"""
_PROVIDERS = """
    OPENAI_ ANTHROPIC_ AZURE_ AWS_ GOOGLE_ GEMINI_ VERTEXAI_ VERTEX_ OLLAMA_ OPENROUTER_ GROQ_ HF_TOKEN
    MISTRAL_ DEEPSEEK_ COHERE_ DATABRICKS_ WATSONX_ WX_ CLOUDFLARE_ HUGGINGFACE_ GITHUB_COPILOT_
"""
_SUFFIXES = ("_API_KEY", "_API_BASE", "_BASE_URL")
_OTHER_NAMES = {
    "bedrock": ("AWS_",),
    "sagemaker": ("AWS_",),
    "vertex": ("VERTEX", "GOOGLE_"),
    "gemini": ("GEMINI_", "GOOGLE_API_KEY"),
    "huggingface": ("HUGGINGFACE_", "HF_TOKEN"),
    "watsonx": ("WATSONX_", "WX_"),
    "openrouter": ("OPENROUTER_", "OR_"),
    "volcengine": ("VOLCENGINE_", "ARK_"),
}
"""How the variables of a provider begin, where that is not its own name (or the first word of it)."""

_SETTINGS = {
    "LITELLM_MODE": "PRODUCTION",  # otherwise it loads the .env of every folder above its own
    "LITELLM_OFFLINE_MODE": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOG": "ERROR",
    # Its own HTTP handler for `openai/` too: the SDK checks every message against a schema, twice the CPU.
    "EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER": "true",
    "AIOHTTP_TRUST_ENV": "True",  # some of its transports ignore proxies otherwise
}

NO_KEY = "not-needed"
"""What is sent in place of a key to endpoints that check none."""

_THIS_MACHINE = "localhost,127.0.0.1,::1"

# Any one of the variables is enough.
_KEYS: dict[str, tuple[str, ...]] = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "cerebras": ("CEREBRAS_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "fireworks_ai": ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY", "OR_API_KEY"),
    "xai": ("XAI_API_KEY",),
}


_FAMILIES = {
    "gpt-": "openai",
    "chatgpt-": "openai",
    "o1": "openai",
    "o3": "openai",
    "o4": "openai",
    "claude-": "anthropic",
    "gemini-": "gemini",
    "deepseek-": "deepseek",
    "mistral-": "mistral",
    "codestral-": "mistral",
    "grok-": "xai",
}


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which the model process starts: what it needs of `environ`, and our settings.

    A proxy is never used for this machine itself: a model server of the user's own runs here.
    """
    needed = {name: value for name, value in environ.items() if _needed(name.upper())}
    direct = ",".join(filter(None, [needed.get("no_proxy") or needed.get("NO_PROXY"), _THIS_MACHINE]))
    return needed | _SETTINGS | {"no_proxy": direct, "NO_PROXY": direct}


def of_provider(model: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what of `environ` the provider of `model` reads; of each where the name does not say which it is."""
    provider, named, _ = model.partition("/")
    word = re.split(r"[_-]", provider)[0].lower()
    begins = _OTHER_NAMES.get(word, (word.upper(),)) if named else ("",)
    return {
        name: value
        for name, value in environ.items()
        if name.upper().startswith(begins) and _of_a_provider(name.upper())
    }


def with_provider(model: str) -> str:
    """Return the name of a model with its provider before it, where that is missing and can be told."""
    if "/" in model:
        return model
    return next(
        (f"{provider}/{model}" for begin, provider in _FAMILIES.items() if model.startswith(begin)), model
    )


def key_variables(model: str) -> tuple[str, ...]:
    """Return the variables in which `model`'s provider expects its key, best known first; may be empty."""
    return _KEYS.get(model.partition("/")[0], ())


def key_for(model: str, environ: Mapping[str, str]) -> str | None:
    """Return the key that goes with requests to `model`, or None where there is none."""
    return next(filter(None, map(environ.get, filter(_goes_along, key_variables(model)))), None)


def sendable(key: str) -> bool:
    """Return whether `key` can stand in a header; space around it does not count."""
    return key.isascii() and key.strip().isprintable()


def missing_key(model: str, environ: Mapping[str, str]) -> str | None:
    """Return the variable to set before `model` can be asked at its provider's own address.

    None where a key is there, an address of the user's own is set, or the provider is not one of those
    whose variables are known here.
    """
    variables = key_variables(model)
    if not variables or any(environ.get(name) for name in variables):
        return None
    provider = model.partition("/")[0].upper()
    if environ.get(f"{provider}_API_BASE") or environ.get(f"{provider}_BASE_URL"):
        return None
    return variables[0]


def _goes_along(variable: str) -> bool:
    return variable.endswith("_KEY")  # a token is sent in another way, which litellm knows


_WITH_REQUESTS = frozenset(filter(_goes_along, (name for names in _KEYS.values() for name in names)))


def _needed(name: str) -> bool:
    return name in _NAMES.split() or name.startswith("LC_")


def _of_a_provider(name: str) -> bool:
    if name.startswith(("PYTHON", "LITELLM_")) or name in _WITH_REQUESTS or "ADMIN" in name:
        return False
    return name.startswith(tuple(_PROVIDERS.split())) or name.endswith(_SUFFIXES)

"""Secrets are masked wherever they stand, and nothing else is ever changed."""

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain.changes import FileEdit
from podium.domain.events import AgentTold, MissionStarted, ProposalMade, ToolReturned, from_json, to_json
from podium.domain.masking import Mask, placeholders, restored, secrets_of

LETTERS = string.ascii_letters
WORDS = string.ascii_letters + string.digits
PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA7bq8" * 6 + "\n-----END RSA PRIVATE KEY-----"

KEYS = {
    "anthropic": "sk-ant-api03-" + "aB3_" * 12,
    "openai": "sk-proj-" + "aB3d" * 10,
    "openai, of old": "sk-" + "aB3d" * 12,
    "stripe": "sk_live_" + "aB3d" * 6,
    "groq": "gsk_" + "aB3d" * 13,
    "xai": "xai-" + "aB3d" * 20,
    "github": "ghp_" + "aB3d" * 9,
    "github, fine": "github_pat_" + "aB3d" * 20,
    "gitlab": "glpat-" + "aB3d" * 5,
    "aws": "AKIA" + "AB3D" * 4,
    "google": "AIza" + "aB3d-" * 7,
    "google, token": "ya29." + "aB3d" * 10,
    "slack": "xoxb-" + "12345-" * 4 + "aB3d",
    "hugging face": "hf_" + "aB3d" * 9,
    "npm": "npm_" + "aB3d" * 9,
    "pypi": "pypi-" + "aB3d" * 15,
    "sendgrid": "SG." + "aB3d" * 5 + "." + "aB3d" * 10,
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0." + "aB3d" * 8,
    "private key": PEM,
}
IN_WORDS = {
    "bearer": ("Authorization: Bearer ", "aB3d" * 8, ""),
    "password in an address": ("postgres://anna:", "hunter2-and-more", "@db/x"),
    "aws, secret": ('aws_secret_access_key = "', "aB3/" * 10, '"'),
}
MASK = Mask(("correct-horse-7",), b"salt")

harmless = st.text(LETTERS + " \n\t.,;()[]{}\"'\\/%äß日").map(lambda text: text.replace("PRIVATE KEY", ""))
"""Texts without digits, dashes and colons hold no key of any kind."""


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
@pytest.mark.parametrize("around", [("", ""), ('key = "', '"\n'), ("see\t", ", or not"), ("(", ").\n")])
def test_a_key_is_masked_and_what_stands_around_it_stays(key: str, around: tuple[str, str]) -> None:
    before, after = around
    assert MASK.text(before + key + after) == before + MASK.placeholder(key) + after


@pytest.mark.parametrize(("before", "secret", "after"), IN_WORDS.values(), ids=IN_WORDS.keys())
def test_a_secret_that_words_give_away_is_masked(before: str, secret: str, after: str) -> None:
    assert MASK.text(before + secret + after) == before + MASK.placeholder(secret) + after


@given(before=harmless, key=st.sampled_from([*KEYS.values(), *MASK.values]), after=harmless)
def test_masking_changes_the_secret_and_nothing_else(before: str, key: str, after: str) -> None:
    text = f"{before} {key} {after}"
    masked = MASK.text(text)
    assert masked == f"{before} {MASK.placeholder(key)} {after}"
    assert MASK.text(masked) == masked
    assert restored(masked, MASK.found(text)) == text


@given(text=harmless)
def test_what_holds_no_secret_is_never_changed(text: str) -> None:
    assert MASK.text(text) == text
    assert MASK.found(text) == {}


PIECES = [
    *WORDS,
    *" -_./:@=<>\n",
    "sk-",
    "AKIA",
    "eyJ",
    "://",
    "Bearer ",
    "<secret:",
    "aB3" * 9,
    "correct-horse-7",
]


@given(text=st.lists(st.sampled_from(PIECES)).map("".join))
def test_masking_twice_is_masking_once_and_can_be_taken_back(text: str) -> None:
    masked = MASK.text(text)
    assert MASK.text(masked) == masked
    if not placeholders(text):
        assert restored(masked, MASK.found(text)) == text


def test_ordinary_source_is_not_changed() -> None:
    root = Path(__file__).parents[2]
    sources = [
        path
        for folder in ("server", "docs")
        for path in (root / folder).rglob("*.*")
        if path.suffix in {".py", ".md"}
    ]
    changed = [path.name for path in sources if Mask().text(text := path.read_text(encoding="utf-8")) != text]
    assert len(sources) > 100
    assert changed == []


@pytest.mark.parametrize(
    "text",
    [
        "sk-circle-fade-dot-animation and task-4711 and risk-free-0123",
        "a bearer of bad news, Bearer token-authentication-is-used",
        "-----BEGIN PRIVATE KEY----- is how a key begins, and much more prose follows here",
        "http://localhost:8000/a@b and git@github.com:org/repo.git and https://user@host/",
        "AKIAS and AIzawa, xoxo, hf_model, npm_config_cache, pypi-server, SG.a.b, eyJust",
        "",
    ],
)
def test_what_only_looks_a_bit_like_a_key_stays(text: str) -> None:
    assert Mask().text(text) == text


def test_variables_that_are_named_like_keys_hold_secrets_unless_they_are_words() -> None:
    environ = {
        "OPENAI_API_KEY": "my-own-key-1",
        "TOKEN": "0123456789-t",
        "DB_PASSWORD": "s3cret-and-long",
        "KEYBOARD": "us-latin-1-x",
        "SSH_KEY": "/home/me/.ssh/id",
        "MASTER_KEY": "password",
        "SHORT_TOKEN": "a1",
        "PATH": "/usr/bin:/bin-1",
    }
    assert secrets_of(environ) == ("s3cret-and-long", "0123456789-t", "my-own-key-1")


def test_an_event_is_masked_but_for_names_and_the_contents_of_files() -> None:
    key = KEYS["openai"]
    edit = FileEdit("config.py", None, key.encode())
    events = [
        MissionStarted(f"use {key}", "task", "m", "verified", text=key),
        ToolReturned("worker-1", "c", "read_file", {"old": [key]}, f"1\t{key}", True, (edit,)),
        AgentTold("worker-1", {"role": "user", "content": key}),
        ProposalMade("p-1", key, (edit,)),
    ]
    for event in events:
        masked = MASK.event(event)
        line = to_json(masked).decode()
        assert key not in line
        assert MASK.placeholder(key) in line
        assert from_json(line) == masked
        assert getattr(masked, "edits", (edit,)) == getattr(event, "edits", (edit,))


def test_an_event_without_a_secret_is_the_same_event() -> None:
    event = AgentTold("worker-1", {"role": "user", "content": ["nothing", {"to": "hide"}]})
    assert MASK.event(event) is event


def test_masked_text_within_json_is_still_json() -> None:
    for key in KEYS.values():
        arguments = json.dumps({"old": f'"{key}"\n', "new": key})
        assert isinstance(json.loads(MASK.text(arguments)), dict)


def test_another_installation_has_other_placeholders() -> None:
    assert Mask(salt=b"a").placeholder("x") != Mask(salt=b"b").placeholder("x")


def test_a_file_whose_content_is_masked_keeps_its_permissions() -> None:
    made = ProposalMade("p-1", "A script", (FileEdit("run.sh", None, KEYS["openai"].encode(), 0o755),))
    (edit,) = Mask().whole_event(made).edits
    assert edit.permissions == 0o755
    assert KEYS["openai"].encode() not in (edit.after or b"")

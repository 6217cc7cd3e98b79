"""Paths that models name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain.paths import confined
from podium.errors import ToolError


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.py", "a.py"),
        ("./a//b", "a/b"),
        ("a/../b/./c.py", "b/c.py"),
        ("src/", "src"),
        (".github/workflows/ci.yml", ".github/workflows/ci.yml"),
        (".gitignore", ".gitignore"),
        (".env.example", ".env.example"),
        ("app/.env.template", "app/.env.template"),
        ("environment.py", "environment.py"),
        ("src/credentials.py", "src/credentials.py"),
        ("src/credentials/store.go", "src/credentials/store.go"),
        ("src/keys.py", "src/keys.py"),
        ("src/key/monkey.ts", "src/key/monkey.ts"),
        ("docs/Überblick für alle.md", "docs/Überblick für alle.md"),
        ("...", "..."),
        ("ab:c.txt", "ab:c.txt"),
        ("git/hooks.py", "git/hooks.py"),
    ],
)
def test_a_path_inside_the_folder_is_brought_to_its_shortest_form(path: str, expected: str) -> None:
    assert confined(path) == expected


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("", "empty"),
        ("  ", "empty"),
        (".", "folder itself"),
        ("a/..", "folder itself"),
        ("/etc/passwd", "absolute"),
        ("//host/share", "absolute"),
        ("C:/Windows", "absolute"),
        ("c:file", "absolute"),
        ("C:\\Windows", "backslash"),
        ("\\\\host\\share\\x", "backslash"),
        ("..\\..\\etc", "backslash"),
        ("src\\a.py", "backslash"),
        ("~/.bashrc", "home"),
        ("~root/x", "home"),
        ("./~/x", "home"),
        ("./C:/x", "absolute"),
        ("a/../C:x", "absolute"),
        ("file:///etc/passwd", "address"),
        ("..", "leaves"),
        ("../x", "leaves"),
        ("a/../../x", "leaves"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("a/\ud800", "control"),
        ("x" * 256, "longer"),
        ("é" * 200, "longer"),
        ("d/" * 3000, "longer"),
        (".git/config", "protected"),
        ("sub/.GIT/hooks/pre-commit", "protected"),
        (".git./config", "protected"),
        (".git /config", "protected"),
        (".git::$INDEX_ALLOCATION/config", "protected"),
        ("GIT~1/config", "protected"),
        (".g\u200cit/config", "protected"),
        (".ｇit/config", "protected"),
        ("a/.git/../b", "protected"),
        (".git", "protected"),
        (".podium/missions/1/plan.md", "protected"),
        (".Podium/config.toml", "protected"),
        (".env", "secrets"),
        ("deploy/.ENV", "secrets"),
        (".env.production", "secrets"),
        (".env.example.local", "secrets"),
        ("server.pem", "secrets"),
        ("tls/private.key", "secrets"),
        ("id_rsa", "secrets"),
        ("id_ed25519.pub", "secrets"),
        ("store.jks", "secrets"),
        (".netrc", "secrets"),
        (".npmrc", "secrets"),
        (".pypirc", "secrets"),
        ("credentials", "secrets"),
        ("Credentials.json", "secrets"),
        (".aws/config", "protected"),
        (".ssh/known_hosts", "protected"),
        ("home/.gnupg/x", "protected"),
    ],
)
def test_a_refusal_names_the_rule(path: str, rule: str) -> None:
    with pytest.raises(ToolError, match=rule):
        confined(path)


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b", ".git", "~", "/", "C:", ".env"])).map("/".join))
def test_what_is_accepted_stays_inside_and_is_stable(path: str) -> None:
    try:
        accepted = confined(path)
    except ToolError:
        return
    assert confined(accepted) == accepted
    assert not {"..", ".", "", ".git"} & set(accepted.split("/"))
    assert not accepted.endswith(".env")

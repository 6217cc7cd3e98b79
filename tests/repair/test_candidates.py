"""What the search offers: for each sort of slip, the faulty code and the repair that must be among the offers."""

import ast
from pathlib import Path

import pytest

from podium.adapters.repair.lines import unique_edit
from podium.adapters.repair.localise import units
from podium.adapters.repair.ranking import FAMILIES, PRIORS, Candidate, ranked
from podium.adapters.repair.reports import Suspect

CORPUS = Path(__file__).parents[1] / "projects" / "repair_corpus"


def offers(text: str, limit: int = 100_000) -> list[Candidate]:
    lines = [Suspect("code.py", line, 1.0) for line in range(1, text.count("\n") + 1)]
    return ranked(units({"code.py": text}, lines), limit, {})


def applied(text: str, candidate: Candidate) -> str:
    assert text.count(candidate.old) == 1
    return text.replace(candidate.old, candidate.new)


SLIPS = {
    "boundary": ("def f(n):\n    while n > 0:\n        n -= 1\n", "n > 0", "n >= 0"),
    "identity": ("def f(a, b):\n    if a is not b:\n        return 1\n", "is not", "is"),
    "arithmetic": ("def f(a, b):\n    return a / b\n", "/", "//"),
    "bits": ("def f(n):\n    return n ^ n - 1\n", "^", "&"),
    "augmented": ("def f(n):\n    total = 0\n    for i in n:\n        total -= i\n    return total\n", "-=", "+="),
    "connective": ("def f(a, b):\n    if a and b:\n        return 1\n", "and", "or"),
    "index": ("def f(a, i):\n    return a[i]\n", "a[i]", "a[i + 1]"),
    "range": ("def f(n):\n    return [i for i in range(n)]\n", "range(n)", "range(n - 1)"),
    "slice": ("def f(a):\n    return f(a)\n", "f(a)\n", "f(a[1:])\n"),
    "arguments": ("def f(a, b):\n    return f(b, a)\n", "f(b, a)\n", "f(a, b)\n"),
    "operands": ("def f(a, b):\n    return b - a\n", "b - a", "a - b"),
    "indexes": ("def f(a, i, j):\n    return a[i][j]\n", "[i][j]", "[j][i]"),
    "key and value": ("def f(a, b):\n    c = {}\n    c[a] = b\n    return c\n", "c[a] = b", "c[b] = a"),
    "variable": ("def f(a, b):\n    return a\n", "return a", "return b"),
    "attribute": ("def f(t):\n    return t.left, t.right.left\n", "t.left,", "t.right,"),
    "unwrapped": ("def f(a):\n    return len(a)\n", "len(a)", "a"),
    "sibling": ("def f(a):\n    return any(a)\n", "any", "all"),
    "method": ("def f(a):\n    return a.lstrip()\n", "lstrip", "strip"),
    "generator": ("def f(a):\n    for i in a:\n        yield f(i)\n", "yield f", "yield from f"),
    "sort order": ("def f(a):\n    return sorted(a)\n", "sorted(a)", "sorted(a, reverse=True)"),
    "negation": ("def f(a):\n    if a:\n        return 1\n", "if a", "if not a"),
    "one more condition": ("def f(n, a):\n    if n < 0:\n        return 0\n    return a[0]\n", "n < 0", "n < 0 or not a"),
    "constant decides": ("def f(a):\n    a = []\n    while True:\n        a.pop()\n", "True", "a"),
    "returned constant": ("def f(a):\n    a = []\n    return True\n", "True", "not a"),
    "zero is not nothing": ("def f(a):\n    return 1 if a else 0\n", "if a", "if a is not None"),
    "base case value": ("def f(a):\n    if not a:\n        return []\n    return f(a)\n", "return []", "return [[]]"),
    "one more level": ("def f(a):\n    return f(a.left)\n", "return f", "return 1 + f"),
    "one more term": ("def f(k, a):\n    k -= 1\n    a.pop()\n    return f(k, a)\n", "f(k, a)\n", "f(k - len(a), a)\n") ,
    "limit": ("def f(a):\n    n = 0\n    for i in a:\n        n = n + i\n    return n\n", "n = n + i", "n = max(0, n + i)"),
    "copy": ("def f(a, b):\n    b = []\n    a.append(b)\n", "append(b)", "append(list(b))"),
    "shared rows": ("def f(n):\n    return [[0] * n] * n\n", "[[0] * n] * n", "[[0] * n for _ in range(n)]"),
    "shared default": (
        "def f(a, b=[]):\n    b.append(a)\n    return b\n",
        "b=[]):\n",
        "b=None):\n    if b is None:\n        b = []\n",
    ),
    "level": ("def f(a):\n    for i in a:\n        print(i)\n        return a\n", "        return", "    return"),
    "superfluous": ("def f(a):\n    a += 1\n    a += 1\n    return a\n", "    a += 1\n    a += 1\n    r", "    a += 1\n    pass\n    r"),
    "jump": ("def f(a):\n    for i in a:\n        if i:\n            break\n        print(i)\n", "break", "continue"),
    "forgotten return": ("def f(a):\n    f(a - 1)\n", "    f(", "    return f("),
    "forgotten update": (
        "def f(a):\n    seen = set()\n    for i in a:\n        if i in seen:\n            return i\n",
        "            return i\n",
        "            return i\n        seen.add(i)\n",
    ),
    "forgotten base case": ("def f(a):\n    return f(a[1:])\n", "    return", "    if not a:\n        return []\n    return"),
    "exception": ("def f(a):\n    raise KeyError(a)\n", "KeyError", "ValueError"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_the_repair_of_a_small_slip_is_offered(slip: str) -> None:
    text, wrong, right = SLIPS[slip]
    assert text.count(wrong) == 1
    wanted = ast.dump(ast.parse(text.replace(wrong, right)))
    assert any(ast.dump(ast.parse(applied(text, offer))) == wanted for offer in offers(text))


@pytest.mark.parametrize("name", ["spiral", "search_tree", "evaluator", "ini_reader"])
def test_every_offer_applies_once_is_valid_python_and_differs_from_all_others(name: str) -> None:
    text = (CORPUS / name / f"{name}.py").read_text(encoding="utf-8")
    shapes = [ast.dump(ast.parse(applied(text, offer))) for offer in offers(text, 400)]
    assert len(set(shapes)) == len(shapes)
    assert ast.dump(ast.parse(text)) not in shapes


def test_comments_formatting_and_wide_characters_survive() -> None:
    text = 'def f(a, b):\n    größe = "äöü€😀"; return (a   <  b)  # wie groß?\n'
    assert 'def f(a, b):\n    größe = "äöü€😀"; return (a   <=  b)  # wie groß?\n' in [
        applied(text, offer) for offer in offers(text)
    ]


def test_line_ends_of_windows_survive() -> None:
    text = "def f(a, b):\r\n    x = 1\r\n    return a < b\r\n"
    assert text.replace("<", "<=") in [applied(text, offer) for offer in offers(text)]


def test_an_edit_is_widened_until_it_is_unique() -> None:
    text = "a = 1\nb = 2\na = 1\nc = 3\n"
    old, new = unique_edit(text, 16, 17, "5")
    assert text.count(old) == 1
    assert text.replace(old, new) == "a = 1\nb = 2\na = 5\nc = 3\n"


def test_a_suspect_line_comes_before_an_innocent_one() -> None:
    text = "def f(a, b):\n    if a < b:\n        return a\n    if b < a:\n        return b\n"
    suspects = [Suspect("code.py", 2, 0.1), Suspect("code.py", 4, 0.9)]
    best = [offer.line for offer in ranked(units({"code.py": text}, suspects), 12, {})]
    assert best.count(4) > 2 * best.count(2)


def test_every_kind_of_change_has_a_prior() -> None:
    lines = {text: [Suspect("code.py", line, 1.0) for line in range(1, 40)] for text, _, _ in SLIPS.values()}
    kinds = {
        change.kind
        for text, suspects in lines.items()
        for unit in units({"code.py": text}, suspects)
        for family in FAMILIES
        for change in family(unit)
    }
    assert kinds <= PRIORS.keys()
    assert len(kinds) > 0.9 * len(PRIORS)


def test_a_long_file_has_candidates_as_well() -> None:
    body = "".join(f"    x{i} = a[{i}] + b\n    if x{i} > b:\n        b -= {i}\n" for i in range(8))
    text = "".join(f"def f{n}(a, b):\n{body}    return a\n\n\n" for n in range(70))
    assert text.count("\n") > 1900
    suspects = [Suspect("code.py", line, 1.0) for line in range(400, 425)]
    assert len(ranked(units({"code.py": text}, suspects), 300, {})) == 300

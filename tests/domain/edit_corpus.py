"""Edits as models send them, odd ones mostly, and what shall become of each.

A row is a name, the file, `old`, `new`, and either the file afterwards and how `old` was found, or what
the refusal says (a regular expression). A file in bytes goes through `TextFile`.
"""

from dataclasses import dataclass

from podium.domain.edits import How


@dataclass(frozen=True)
class Row:
    name: str
    file: str | bytes
    old: str
    new: str
    after: str | bytes = ""
    how: How | None = "exact"
    says: str = ""
    path: str = "a.py"


def refused(name: str, file: str | bytes, old: str, new: str, says: str) -> Row:
    return Row(name, file, old, new, how=None, says=says)


F = "def f(a):\n    x = a\n    return x\n"
TWO = "def f():\n    return 1\n\n\ndef g():\n    return 1\n"
CLASS = "class A:\n    def f(self):\n        x = 1\n        return x\n\n    def g(self):\n        return 2\n"
TABS = "class A:\n\tdef f(self):\n\t\tx = 1\n\t\treturn x\n"
JS = "function f(a) {\n  if (a) {\n    return 1;\n  }\n  return 2;\n}\n"
LONG = (
    "def total(items):\n    result = 0\n    for item in items:\n        result += item.price\n"
    "    result = round(result, 2)\n    return result\n"
)

EXACT = [
    Row("a whole line", F, "    x = a\n", "    x = a + 1\n", "def f(a):\n    x = a + 1\n    return x\n"),
    Row("a part of a line", F, "x = a", "x = b", "def f(a):\n    x = b\n    return x\n"),
    Row("one character that is unique", "a\nb\n", "b", "c", "a\nc\n"),
    Row("several lines", F, "    x = a\n    return x\n", "    return a\n", "def f(a):\n    return a\n"),
    Row("from the middle of one line to the middle of the next", F, "a):\n    x", "b):\n    y", "def f(b):\n    y = a\n    return x\n"),
    Row("the whole file", F, F, "x = 1\n", "x = 1\n"),
    Row("a deletion takes the line's end with it", "a\nb\nc\n", "b", "", "a\nc\n"),
    Row("a deletion with its newline", "a\nb\nc\n", "b\n", "", "a\nc\n"),
    Row("a deletion inside a line", "f(a, b)\n", ", b", "", "f(a)\n"),
    Row("a deletion of an indented part leaves the line", "a\n  b\nc\n", "b", "", "a\n  \nc\n"),
    Row("a deletion of the last line without newline", "a\nb", "\nb", "", "a"),
    Row("whole lines stay whole when new lacks its newline", "a\nb\nc\n", "b\n", "x", "a\nx\nc\n"),
    Row("a line is added below", "a\nb\n", "a\n", "a\nnew line\n", "a\nnew line\nb\n"),
    Row("a blank line is added below", "a\nb\n", "a\n", "a\n\n", "a\n\nb\n"),
    Row("no final newline stays so", "a\nb", "a", "x", "x\nb"),
    Row("no final newline, last line edited", "a\nb", "b", "x", "a\nx"),
    Row("no final newline, the edit adds it", "a\nb", "b", "x\n", "a\nx\n"),
    Row("a text of one line", "a", "a", "b", "b"),
    Row("an ellipsis is Python", "def f(): ...\n", "def f(): ...", "def g(): ...", "def g(): ...\n"),
    Row("a bare ellipsis body", "def f():\n    pass\n", "    pass", "    ...", "def f():\n    ...\n"),
    Row("a spread is JavaScript", "f(a);\n", "f(a)", "f(...rest)", "f(...rest);\n", path="a.js"),
    Row("characters special to regular expressions", "a.*b(c)[d]\n", ".*b(c)[", "\\1$0", "a\\1$0d]\n"),
    Row("a backslash stays one", "p = 'a'\n", "'a'", "'a\\n'", "p = 'a\\n'\n"),
    Row("an escaped newline that is in the file", "p = 'a\\nb'\n", "'a\\nb'", "'c\\nd'", "p = 'c\\nd'\n"),
    Row("tabs inside a line", "a\tb\n", "a\tb", "a\tc", "a\tc\n"),
    Row("emoji and combining characters", "s = '😀é'\n", "😀", "🎉", "s = '🎉é'\n"),
    Row("line separators of Unicode are no line ends", "a\u2028b\nc\n", "b\nc", "x", "a\u2028x\n"),
    Row("a form feed stays", "a\x0cb\nc\n", "c", "d", "a\x0cb\nd\n"),
    Row("trailing space on purpose", "a  \nb\n", "a  \n", "a\n", "a\nb\n"),
    Row("a Markdown list", "- a\n- b\n", "- a", "- c", "- c\n- b\n", path="a.md"),
    Row("a code fence goes into Markdown", "Install:\n", "Install:\n", "Install:\n\n```sh\npip\n```\n", "Install:\n\n```sh\npip\n```\n", path="a.md"),
    Row("a fence becomes the whole of new in Markdown", "Install with pip.\n", "Install with pip.", "```sh\npip\n```", "```sh\npip\n```\n", path="a.md"),
    Row("a fence inside a Python string", 's = "x"\n', '"x"', '"```"', 's = "```"\n'),
    Row("a heading with rest in it", "# A\n", "# A", "# The rest of us", "# The rest of us\n", path="a.md"),
    Row("a comment on the remaining work", "a = 1\n", "a = 1", "# remaining items are skipped\na = 1", "# remaining items are skipped\na = 1\n"),
    *(
        Row(f"a comment that is no elision: {line}", "a = 1\n", "a = 1", f"{line}\na = 1", f"{line}\na = 1\n")
        for line in ("# Other methods", "// remaining fields", "# the rest", "# rest of the arguments", "# TODO: the rest", "# tests", "# ---", "# Existing tests")
    ),
    Row("prose about unchanged things", "a\n", "a", "The rest of the file is unchanged.", "The rest of the file is unchanged.\n", path="a.md"),
    Row("an elision that stood there already", "a = 1\n# ...\n", "a = 1\n# ...", "a = 2\n# ...", "a = 2\n# ...\n"),
    Row("a signature that gets a top-level neighbour", "def f():\n    return 1\n", "return 1", "return 1\n\n\ndef g():\n    return 2", "def f():\n    return 1\n\n\ndef g():\n    return 2\n"),
    Row("new is empty and old is everything", "a\n", "a\n", "", ""),
    Row("old and new differ in space only", "a=1\n", "a=1", "a = 1", "a = 1\n"),
    Row("indentation is what changes", "if a:\nb()\n", "b()", "    b()", "if a:\n    b()\n"),
    Row("blank lines between unique lines", "a\n\n\nb\n", "a\n\n\nb", "a\n\nb", "a\n\nb\n"),
    Row("an empty old fills an empty file", "", "", "a\n", "a\n"),
    Row("an empty old fills a blank file", "\n", "", "a\n", "a\n"),
    Row("numbers and tabs are data", "1\ta\n2\tb\n", "1\ta\n2\tb", "1\tA\n2\tB", "1\tA\n2\tB\n", path="a.tsv"),
    Row("a diff is the file's own content", "-a\n+b\n", "-a\n", "+a\n", "+a\n+b\n", path="a.diff"),
]  # fmt: skip

SPACE = [
    Row("trailing space in the file", "def f():  \n    return 1\n", "def f():\n    return 1\n", "def f():\n    return 2\n", "def f():  \n    return 2\n", "trailing space"),
    Row("trailing space in old", F, "    x = a  \n    return x\n", "    return a\n", "def f(a):\n    return a\n", "trailing space"),
    Row("trailing space in old, one line", "a = 1\nb = 2\n", "a = 1   \n", "a = 2\n", "a = 2\nb = 2\n", "trailing space"),
    Row("trailing tab in the file", "a = 1\t\nb = 2\n", "a = 1\nb = 2", "a = 1\nb = 3", "a = 1\t\nb = 3\n", "trailing space"),
    Row("space on a blank line of the file", "a = 1\n    \nb = 2\n", "a = 1\n\nb = 2\n", "a = 1\n\nb = 3\n", "a = 1\n    \nb = 3\n", "trailing space"),
    Row("space on a blank line of old", "a = 1\n\nb = 2\n", "a = 1\n    \nb = 2\n", "a = 1\n    \nb = 3\n", "a = 1\n\nb = 3\n", "trailing space"),
    Row("old ends with a newline that the file lacks", "a\nb", "b\n", "c\n", "a\nc", "trailing space"),
    Row("old has a blank line too many before it", F, "\n\n    x = a\n", "\n\n    x = b\n", "def f(a):\n    x = b\n    return x\n", "trailing space"),
    Row("old has a blank line too many after it", "a = 1\nb = 2\n", "b = 2\n\n\n", "b = 3\n\n\n", "a = 1\nb = 3\n", "trailing space"),
    Row("a deletion in spite of trailing space", "a\nb  \nc\n", "a\nb\nc", "a\nc", "a\nc\n", "trailing space"),
    Row("new is empty in spite of trailing space", "a\nb  \nc  \nd\n", "b\nc\n", "", "a\nd\n", "trailing space"),
    Row("the exact place wins over one with trailing space", "a = 1 \nb\na = 1\nc\n", "a = 1\nc", "a = 2\nc", "a = 1 \nb\na = 2\nc\n"),
    refused("trailing space in two places", "x  \ny\nx  \ny\n", "x\ny\n", "z\n", r"2 places, lines 1, 3"),
]  # fmt: skip

INDENTATION = [
    Row("old lacks the class's indentation", CLASS, "def f(self):\n    x = 1\n    return x\n", "def f(self):\n    return 1\n", "class A:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 2\n", "indentation"),
    Row("old is indented too much", F, "        x = a\n        return x\n", "        return a\n", "def f(a):\n    return a\n", "indentation"),
    Row("nested lines of new keep their depth", CLASS, "x = 1\nreturn x\n", "if a:\n    return 1\nreturn x\n", "class A:\n    def f(self):\n        if a:\n            return 1\n        return x\n\n    def g(self):\n        return 2\n", "indentation"),
    Row("spaces for tabs", TABS, "    def f(self):\n        x = 1\n        return x\n", "    def f(self):\n        if a:\n            x = 1\n        return x\n", "class A:\n\tdef f(self):\n\t\tif a:\n\t\t\tx = 1\n\t\treturn x\n", "indentation"),
    Row("spaces for tabs, one line", TABS, "        return x\n", "        return y\n", "class A:\n\tdef f(self):\n\t\tx = 1\n\t\treturn y\n", "indentation"),
    Row("spaces for tabs, going out only", "if a:\n\tif b:\n\t\tif c:\n\t\t\td()\n\t\te()\n", "            d()\n        e()\n", "        f()\n", "if a:\n\tif b:\n\t\tif c:\n\t\tf()\n", "indentation"),
    Row("tabs for spaces", F, "\tx = a\n\treturn x\n", "\tif a:\n\t\treturn a\n\treturn x\n", "def f(a):\n    if a:\n        return a\n    return x\n", "indentation"),
    Row("no indentation for tabs", TABS, "def f(self):\n    x = 1\n    return x\n", "def f(self):\n    if a:\n        return 1\n", "class A:\n\tdef f(self):\n\t\tif a:\n\t\t\treturn 1\n", "indentation"),
    Row("four spaces for two", JS, "    if (a) {\n        return 1;\n    }\n", "    if (b) {\n        return 3;\n    }\n", "function f(a) {\n  if (b) {\n    return 3;\n  }\n  return 2;\n}\n", "indentation"),
    Row("two spaces for four", F, "def f(a):\n  x = a\n  return x\n", "def f(a):\n  if a:\n    return 1\n  return x\n", "def f(a):\n    if a:\n        return 1\n    return x\n", "indentation"),
    Row("blank lines in new stay empty", CLASS, "def f(self):\n    x = 1\n    return x\n", "def f(self):\n    x = 1\n\n    return x\n", "class A:\n    def f(self):\n        x = 1\n\n        return x\n\n    def g(self):\n        return 2\n", "indentation"),
    Row("blank lines inside old", CLASS, "def f(self):\n    x = 1\n    return x\n\ndef g(self):\n    return 2", "def f(self):\n    return 1\n\ndef g(self):\n    return 3", "class A:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 3\n", "indentation"),
    Row("one line without its indentation becomes two", F, "return x", "print(x)\nreturn x", "def f(a):\n    x = a\n    print(x)\n    return x\n", "indentation"),
    Row("one line becomes a block without its indentation", F, "return x", "if x:\n    return x\nreturn 0", "def f(a):\n    x = a\n    if x:\n        return x\n    return 0\n", "indentation"),
    Row("one line becomes two, the second indented as in the file", F, "return x", "print(x)\n    return x", "def f(a):\n    x = a\n    print(x)\n    return x\n"),
    Row("a brace closes below", JS, "return 2;", "return 2;\n}\n\nfunction g() {\n  return 3;", "function f(a) {\n  if (a) {\n    return 1;\n  }\n  return 2;\n}\n\nfunction g() {\n  return 3;\n}\n", path="a.js"),
    Row("lines that stay keep the file's indentation", "if a:\n\tx()\n\ty()\n", "if a:\n    x()\n    y()\n", "if a:\n    x()\n    z()\n", "if a:\n\tx()\n\tz()\n", "indentation"),
    Row("a dedent below the block's own level", CLASS, "            x = 1\n            return x\n", "            return x\n", "class A:\n    def f(self):\n        return x\n\n    def g(self):\n        return 2\n", "indentation"),
    refused("indentation that differs from line to line", CLASS, "  def f(self):\n     x = 1\n    return x\n", "  def f(self):\n    return 1\n", r"not found.*\n.*2\t    def f"),
    refused("the same lines at two depths", "if a:\n    x()\n    y()\nelse:\n    x()\n    y()\n", "x()\ny()\n", "z()\n", r"2 places, lines 2, 5"),
    Row("the depth as given wins over another", "x()\ny()\nif a:\n    x()\n    y()\n", "    x()\n    y()\n", "    z()\n", "x()\ny()\nif a:\n    z()\n"),
]  # fmt: skip

BYTES = [
    Row("CRLF in the file, LF in the edit", b"a\r\nb\r\nc\r\n", "a\nb\n", "a\nx\ny\n", b"a\r\nx\r\ny\r\nc\r\n"),
    Row("CRLF in the file and in the edit", b"a\r\nb\r\nc\r\n", "a\r\nb\r\n", "a\r\nx\r\n", b"a\r\nx\r\nc\r\n"),
    Row("LF in the file, CRLF in the edit", b"a\nb\nc\n", "a\r\nb\r\n", "a\r\nx\r\n", b"a\nx\nc\n"),
    Row("mixed endings stay on untouched lines", b"a\r\nb\nc\r\nd\n", "c", "x", b"a\r\nb\nx\r\nd\n"),
    Row("a new line takes the prevailing ending", b"a\r\nb\r\nc\n", "c\n", "c\nnew line\n", b"a\r\nb\r\nc\nnew line\r\n"),
    Row("CRLF without a final one", b"a\r\nb", "b", "c", b"a\r\nc"),
    Row("CRLF and trailing space", b"a  \r\nb\r\n", "a\nb\n", "a\nc\n", b"a  \r\nc\r\n", "trailing space"),
    Row("CRLF and shifted indentation", b"if a:\r\n    b()\r\n    c()\r\n", "b()\nc()\n", "b()\nd()\n", b"if a:\r\n    b()\r\n    d()\r\n", "indentation"),
    Row("old Mac endings", b"a\rb\rc", "b\n", "x\n", b"a\rx\rc"),
    Row("a byte order mark stays", b"\xef\xbb\xbfa\nb\n", "a\n", "x\n", b"\xef\xbb\xbfx\nb\n"),
    Row("a byte order mark quoted in old", b"\xef\xbb\xbfa\nb\n", "\ufeffa\n", "\ufeffx\n", b"\xef\xbb\xbfx\nb\n"),
    Row("a byte order mark in old that the file lacks", b"a\nb\n", "\ufeffa\n", "x\n", b"x\nb\n"),
    Row("UTF-16", b"\xff\xfea\x00\r\x00\n\x00", "a", "é", b"\xff\xfe\xe9\x00\r\x00\n\x00"),
    Row("Latin-1", b"caf\xe9\n", "café", "thé", b"th\xe9\n"),
    refused("Latin-1 has no euro", b"caf\xe9\n", "café", "café 3 €", "cannot hold '€'"),
    refused("a binary file", b"\x00\x01\x02", "a", "b", "binary"),
]  # fmt: skip

LOOK_ALIKES = [
    Row("curly quotes in old and new", "print('a')\nb\n", "print(‘a’)", "print(‘c’)", "print('c')\nb\n", "look-alike characters"),
    Row("curly quotes in old only", 'print("a")\nb\n', "print(“a”)", 'print("c")', 'print("c")\nb\n', "look-alike characters"),
    Row("curly quotes in the file stay where untouched", "# it’s\na = 1\n", "# it's\na = 1\n", "# it's\na = 2\n", "# it’s\na = 2\n", "look-alike characters"),
    Row("a curly apostrophe in the edited line", "# it’s red\n", "# it's red", "# it's blue", "# it’s blue\n", "look-alike characters"),
    Row("no-break spaces in old", "a = 1\nb = 2\n", "a\u00a0=\u00a01", "a\u00a0=\u00a02", "a = 2\nb = 2\n", "look-alike characters"),
    Row("no-break spaces as indentation", F, "\u00a0\u00a0\u00a0\u00a0x = a\n", "\u00a0\u00a0\u00a0\u00a0x = b\n", "def f(a):\n    x = b\n    return x\n", "look-alike characters"),
    Row("no-break spaces in the file", "a\u00a0= 1\nb\n", "a = 1", "a = 2", "a = 2\nb\n", "look-alike characters"),
    Row("an en dash for a hyphen", "a - b\n", "a – b", "a – c", "a - c\n", "look-alike characters"),
    Row("a minus sign for a hyphen", "x = a - 1\n", "x = a − 1", "x = a − 2", "x = a - 2\n", "look-alike characters"),
    Row("a part of a line with a curly quote", "say('hello', 1)\n", "say(‘hello’", "say(‘bye’", "say('bye', 1)\n", "look-alike characters"),
    Row("a zero-width space in old", "alpha = 1\nb\n", "alpha\u200b = 1", "alpha = 2", "alpha = 2\nb\n", "indentation"),
    Row("decomposed for composed", "s = 'é'\nb\n", "s = 'e\u0301'", "s = 'x'", "s = 'x'\nb\n", "indentation"),
    refused("curly quotes in two places", "f('a')\nf('a')\n", "f(‘a’)", "g()", "2 places, lines 1, 2"),
    refused("letters of another script are not look-alikes", "alpha = 1\n", "аlpha = 1", "x = 1", "not found"),
]  # fmt: skip

COPIED = [
    Row("line numbers with tabs", F, "2\t    x = a\n3\t    return x", "2\t    return a", "def f(a):\n    return a\n"),
    Row("line numbers in old only", F, "2\t    x = a\n3\t    return x\n", "    return a\n", "def f(a):\n    return a\n"),
    Row("one numbered line", F, "2\t    x = a\n", "2\t    x = b\n", "def f(a):\n    x = b\n    return x\n"),
    Row("right-aligned line numbers", F, "     2\t    x = a\n     3\t    return x\n", "     2\t    x = b\n     3\t    return x\n", "def f(a):\n    x = b\n    return x\n"),
    Row("line numbers with arrows", F, "2→    x = a", "2→    x = b", "def f(a):\n    x = b\n    return x\n"),
    Row("line numbers with bars", F, "2|    x = a\n3|    return x", "2|    return a", "def f(a):\n    return a\n"),
    Row("line numbers with bars and space", "a = 1\nb = 2\n", "1 | a = 1\n2 | b = 2", "1 | a = 1\n2 | b = 3", "a = 1\nb = 3\n"),
    Row("an inserted line has no number", F, "2\t    x = a\n3\t    return x\n", "2\t    x = a\n    y = 1\n3\t    return x\n", "def f(a):\n    x = a\n    y = 1\n    return x\n"),
    Row("wrong line numbers", F, "12\t    x = a\n13\t    return x\n", "12\t    return a\n", "def f(a):\n    return a\n"),
    Row("line numbers and trailing space", "a = 1  \nb = 2\n", "1\ta = 1\n2\tb = 2\n", "1\ta = 1\n2\tb = 3\n", "a = 1  \nb = 3\n", "trailing space"),
    Row("a numbered blank line", "a\n\nb\n", "1\ta\n2\t\n3\tb\n", "1\ta\n2\t\n3\tc\n", "a\n\nc\n"),
    refused("numbers that do not count", "a\nb\n", "5\ta\n2\tb\n", "c", "not found"),
    Row("diff markers", F, "-    x = a\n-    return x\n", "+    return a\n", "def f(a):\n    return a\n"),
    Row("diff markers with context", F, "     x = a\n-    return x\n", "     x = a\n+    return a\n", "def f(a):\n    x = a\n    return a\n"),
    Row("diff markers, one line", F, "-    x = a", "+    x = b", "def f(a):\n    x = b\n    return x\n"),
    Row("fences around both", F, "```python\n    x = a\n```", "```python\n    x = b\n```", "def f(a):\n    x = b\n    return x\n"),
    Row("a fence around old", F, "```\n    x = a\n```\n", "    x = b", "def f(a):\n    x = b\n    return x\n"),
    Row("a fence around new in code", F, "    x = a", "```python\n    x = b\n```", "def f(a):\n    x = b\n    return x\n"),
    Row("a fence around several lines, shifted", CLASS, "```py\nx = 1\nreturn x\n```", "```py\nreturn 1\n```", "class A:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 2\n", "indentation"),
    Row("fences that the Markdown file has", "```sh\nls\n```\n", "```sh\nls\n```", "```sh\nls -l\n```", "```sh\nls -l\n```\n", path="a.md"),
    Row("tildes as fences", "a\nb\n", "~~~\na\n~~~", "~~~\nx\n~~~", "x\nb\n"),
    Row("escaped newlines from bad JSON", F, "    x = a\\n    return x", "    return a", "def f(a):\n    return a\n"),
    Row("escaped newlines in both", "a = 1\nb = 2\n", "a = 1\\nb = 2", "a = 1\\nb = 3", "a = 1\nb = 3\n"),
    Row("escaped quotes from bad JSON", 'print("a")\nb\n', 'print(\\"a\\")', 'print(\\"c\\")', 'print("c")\nb\n'),
    Row("escaped tabs from bad JSON", "if a:\n\tb()\n", "if a:\\n\\tb()", "if a:\\n\\tc()", "if a:\n\tc()\n"),
    Row("escaped backslashes from bad JSON", "p = 'a\\d'\nb\n", "p = 'a\\\\d'", "p = 'a\\\\w'", "p = 'a\\w'\nb\n"),
    Row("escaped quotes over several lines", 'f("a")\ng("b")\n', 'f(\\"a\\")\ng(\\"b\\")', 'f(\\"a\\")\ng(\\"c\\")', 'f("a")\ng("c")\n'),
]  # fmt: skip

ELISIONS = [
    refused(f"elision: {line.strip()}", F, "    x = a\n    return x\n", f"    x = b\n{line}\n", "leaves code out")
    for line in (
        "    # ... existing code ...",
        "    # ...",
        "    # … rest unchanged …",
        "    # rest of the function",
        "    # Rest of the code remains unchanged",
        "    # the rest stays the same",
        "    # rest of your code here",
        "    # ... other methods ...",
        "    // ... existing code ...",
        "    // rest of the function",
        "    // unchanged",
        "    /* ... rest of the component ... */",
        "    /* existing code */",
        "    <!-- rest of the file -->",
        "    {/* ... existing code ... */}",
        "    -- ... rest unchanged",
        "    ; remaining code unchanged",
        "    ... rest unchanged ...",
        "    ... existing code ...",
        "    [rest of the code]",
        "    [... existing code ...]",
        "    …",
        "    # remaining code stays the same",
        "    # previous code",
        "    # Keep existing code",
        "    # [Rest of the code remains the same]",
        "    # [...]",
        "    # (existing methods remain as they are)",
        "    # same as before",
        "    # code unchanged",
        "    # omitted for brevity",
        "    # No changes below",
        "    # ... (rest of the implementation)",
        "    # imports remain the same",
    )
] + [
    refused("an elision at the end of new", JS, "  return 2;\n}\n", "  return 3;\n  // ... rest of the function\n", "leaves code out"),
    refused("an elision in an inexact match", CLASS, "x = 1\nreturn x\n", "x = 2\n# ... existing code ...\n", "leaves code out"),
    refused("an elision fills an empty file", "", "", "a = 1\n# ... existing code ...\n", "leaves code out"),
    refused("an elision in old is explained", LONG, "def total(items):\n    # ... existing code ...\n    return result\n", "def total(items):\n    return 0\n", "`old` leaves code out"),
    Row("an elision that both keep is never written", LONG + "\n# end\n", "def total(items):\n    result = 0\n    for item in items:\n        result += item.price\n    # ...\n    return result\n", "def total(items):\n    result = 1\n    for item in items:\n        result += item.price\n    # ...\n    return result\n", LONG.replace("result = 0", "result = 1") + "\n# end\n", "similar lines"),
]  # fmt: skip

PLACES = [
    refused("the same line twice", TWO, "    return 1\n", "    return 2\n", r"2 places, lines 2, 6:\n  2\t"),
    refused("the same part of a line twice", "a b a\n", "a", "c", "2 places, lines 1, 1"),
    refused("a line that is part of another", "x = 1\nmax = 1\n", "x = 1", "x = 2", "2 places"),
    refused("the same block twice", "a()\nb()\nc()\na()\nb()\n", "a()\nb()\n", "d()\n", "lines 1, 4"),
    refused("overlapping places", "aaa\n", "aa", "b", "2 places"),
    refused("many places are cut", "x\n" * 30, "x\n", "y\n", "30 places, lines 1, 2, .* and 20 more"),
    Row("enough context makes it unique", TWO, "def g():\n    return 1\n", "def g():\n    return 2\n", TWO[:-2] + "2\n"),
    refused("blank lines alone", "a\n\nb\n\nc\n", "\n\n", "\n", "white space"),
    refused("old is one space", "a b c\n", " ", "", "white space"),
    refused("an empty old on a file with content", F, "", "x = 1\n", "write_file"),
    refused("nothing to change", F, "x = a", "x = a", "nothing to change"),
    refused("nothing to change but line endings", F, "x = a\r\n", "x = a\n", "nothing to change"),
    refused("a line that is not there", F, "    y = a\n", "    y = b\n", r"not found.*\n  1\tdef f"),
    refused("another file altogether", F, "SELECT name FROM users\n", "x\n", "Is it the right file"),
    refused("an empty file", "", "x = 1", "x = 2", "Is it the right file"),
    refused("the line changed meanwhile", "timeout = 30\nretries = 2\n", "timeout = 10", "timeout = 20", r"1\ttimeout = 30"),
    refused("another case", "Timeout = 30\n", "timeout = 30", "timeout = 20", r"1\tTimeout"),
    refused("words in another order", "a and b\nc\n", "b and a", "x", "not found"),
    refused("space inside a line differs", "f(a,b)\nx\n", "f(a, b)", "f(c)", r"1\tf\(a,b\)"),
    refused("the signature differs", LONG, LONG.replace("(items)", "(rows)"), LONG.replace("0", "1"), "nearest lines"),
    refused("the lines of old in another order", "a = 1\nb = 2\nc = 3\n", "b = 2\na = 1\n", "x\n", "nearest lines"),
]  # fmt: skip

STALE = [
    Row("a line was added meanwhile", LONG.replace("    return", "    log(result)\n    return"), LONG, LONG.replace("result = 0", "result = 1"), LONG.replace("    return", "    log(result)\n    return").replace("result = 0", "result = 1"), "similar lines"),
    Row("a context line changed meanwhile", LONG.replace("2)", "3)"), LONG, LONG.replace("result = 0", "result = 1"), LONG.replace("2)", "3)").replace("result = 0", "result = 1"), "similar lines"),
    Row("a comment that the file does not have", LONG, LONG.replace("    result = round", "    # cents\n    result = round"), LONG.replace("    result = round", "    # cents\n    result = round").replace("result = 0", "result = 1"), LONG.replace("result = 0", "result = 1"), "similar lines"),
    Row("a stale line next to the change", LONG.replace("2)", "3)"), LONG, LONG.replace("return result", "return result or 0"), LONG.replace("2)", "3)").replace("return result", "return result or 0"), "similar lines"),
    Row("a stale context, shifted", "class A:\n" + "".join(f"    {line}\n" for line in LONG.replace("2)", "3)").splitlines()), LONG, LONG.replace("result = 0", "result = 1"), "class A:\n" + "".join(f"    {line}\n" for line in LONG.replace("2)", "3)").replace("result = 0", "result = 1").splitlines()), "similar lines"),
    Row("a line goes in between stale lines", LONG.replace("2)", "3)"), LONG, LONG.replace("    for", "    n = 0\n    for"), LONG.replace("2)", "3)").replace("    for", "    n = 0\n    for"), "similar lines"),
    refused("the changed line itself is stale", LONG.replace("2)", "3)"), LONG, LONG.replace("2)", "4)"), r"not what the file says(.|\n)*5\t    result = round\(result, 3\)"),
    refused("a line stands among those that change", LONG.replace("    return", "    log(result)\n    return"), LONG, LONG.replace("    result = round(result, 2)\n    return result\n", "    return round(result, 2)\n"), "not what the file says"),
    refused("two places are alike", LONG.replace("2)", "3)") + "\n\n" + LONG.replace("2)", "4)"), LONG, LONG.replace("= 0", "= 1"), "2 places, lines 1, 9"),
    refused("too much differs", "def total(items):\n    a()\n    b()\n    c()\n    return result\n", LONG, LONG.replace("0", "1"), "not found"),
    refused("two lines with another between them", "alpha()\nother()\nbeta()\n", "alpha()\nbeta()\n", "alpha()\nbeta(1)\n", "not found"),
    refused("two lines are too few to go by likeness", "def a():\n    x = 1\n", "def b():\n    x = 1\n", "def b():\n    x = 2\n", "not found"),
    Row("moved code is found where it is now", "import os\n\n\ndef g():\n    pass\n\n\n" + F, F, F.replace("x = a", "x = b"), "import os\n\n\ndef g():\n    pass\n\n\n" + F.replace("x = a", "x = b")),
]  # fmt: skip

APPLIED = [
    Row("the block reads as new", F.replace("x = a", "x = b"), F, F.replace("x = a", "x = b"), F.replace("x = a", "x = b"), "already applied"),
    Row("the line reads as new", "timeout_s = 20\nb\n", "timeout_s = 10\n", "timeout_s = 20\n", "timeout_s = 20\nb\n", "already applied"),
    Row("the added lines are there", "import os\nimport re\n\nx = 1\n", "import os\n", "import os\nimport re\n", "import os\nimport re\n\nx = 1\n", "already applied"),
    Row("the lines added above are there", "import os\nimport re\n", "import re\n", "import os\nimport re\n", "import os\nimport re\n", "already applied"),
    Row("applied, at another depth", CLASS, "def f(self):\n    x = 0\n    return x\n", "def f(self):\n    x = 1\n    return x\n", CLASS, "already applied"),
    Row("applied, with line numbers", F, "1\tdef f(b):\n2\t    x = b\n", "1\tdef f(a):\n2\t    x = a\n", F, "already applied"),
    Row("a longer line that begins alike is not the added one", "import os\nimport re2\n", "import os\n", "import os\nimport re\n", "import os\nimport re\nimport re2\n"),
    Row("the line reads as new, and nothing is like old", "value = compute()\nb\n", "x = 1\n", "value = compute()\n", "value = compute()\nb\n", "already applied"),
    refused("the line stands elsewhere, and old's place reads otherwise", "def f():\n    return value_c\n\n\ndef g():\n    return value_b\n", "    return value_a\n", "    return value_b\n", r"nearest lines(.|\n)*2\t    return value_c"),
    refused("a short line proves nothing", "pass\nb\n", "y = 1\n", "pass\n", "not found"),
    refused("new stands in two places", TWO, "def h():\n    return 3\n", "    return 1\n", "not found"),
    refused("a deletion cannot be seen", "a = 1\n", "b = 22222\n", "", "not found"),
]  # fmt: skip

ROWS = EXACT + SPACE + INDENTATION + BYTES + LOOK_ALIKES + COPIED + ELISIONS + PLACES + STALE + APPLIED

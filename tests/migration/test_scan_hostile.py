"""Sources made to be slow or to break the scanner: it ends, soon, and never with an error."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mspace_legacy.migration.scan import inspect

START = 'u = "http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=";\n'
UNITS = ['"', "'", "`", '\\"', "${", "{", "(", "[", ")", "}", "<!--", "/*", "%s", "{0}", "username=", "/password=", "sendtext/",
         '"sendtext/username=" + ', "= /[", ".", "a.", "a->", "x = ", '$x .= "/password=";\n', '"""', "<<<A\n", "http://",
         "mspaceservice/wr/sms/", "login_TEXT(", "password: ", "password='a' ", "a(", "enc(", '<a b="', "getBalance(", " ", "\n",
         'f("subusers", ', "function a(", "$a['password']", "//", "#"]  # fmt: skip
SUFFIXES = ["php", "js", "py", "java", "kt", "cs", "rb", "sh", "vb", "sql", "swift", "pl", "xml", "yml", "json", "md", "any"]

RUN = """
import sys
from mspace_legacy.migration.scan import inspect
suffix, size, *units = sys.argv[1:]
for unit in units:
    text = unit.encode("ascii").decode("unicode_escape")
    for finding in inspect(START + text * (int(size) // len(text)), "a." + suffix):
        pass
""".replace("START", repr(START))


@pytest.mark.parametrize("suffix", ["php", "js"])
def test_a_megabyte_on_one_line(suffix: str) -> None:
    """The time-out is a hundred times what it takes; what is not linear takes hours."""
    code = [sys.executable, "-c", RUN, suffix, "1000000", '"', "${", "/password=", '"sendtext/username=" + ']
    subprocess.run(code, check=True, timeout=300, env=dict(os.environ))


@given(st.lists(st.sampled_from([*UNITS, START]), max_size=30).map("".join), st.sampled_from(SUFFIXES))
@settings(max_examples=400, deadline=None)
def test_no_text_breaks_it(text: str, suffix: str) -> None:
    for finding in inspect(START + text, f"a.{suffix}"):
        assert 1 <= finding.line <= (START + text).count("\n") + 1
        assert finding.column >= 1


@given(st.text(max_size=200), st.sampled_from(SUFFIXES))
@settings(max_examples=200, deadline=None)
def test_no_characters_break_it(text: str, suffix: str) -> None:
    list(inspect(START + text + START, f"a.{suffix}"))

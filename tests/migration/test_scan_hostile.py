"""Sources made to be slow or to break the scanner: it ends, soon, and never with an error."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mspace_legacy.migration.scan import inspect

TraceFunction = Any  # it is itself what it gives back, which no type can say

START = 'u = "http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=";\n'
# fmt: off
UNITS = [
    '"', "'", "`", '\\"', "${", "{", "(", "[", ")", "}", "<!--", "/*", "%s", "{0}", "username=", "/password=",
    "sendtext/", '"sendtext/username=" + ',
    "= /[", ".", "a.", "a->", "x = ", '$x .= "/password=";\n', '"""', "<<<A\n", "http://",
    "mspaceservice/wr/sms/", "login_TEXT(", "password: ", "password='a' ", "a(", "enc(", '<a b="', "getBalance(", " ",
    "\n", 'f("subusers", ', "function a(", "$a['password']", "//", "#",
]
# fmt: on
SUFFIXES = [
    "php",
    "js",
    "py",
    "java",
    "kt",
    "cs",
    "rb",
    "sh",
    "vb",
    "sql",
    "swift",
    "pl",
    "xml",
    "yml",
    "json",
    "md",
    "any",
]


@pytest.mark.parametrize(
    "unit", ['"', "${", "{", '"sendtext/username=" + ', "login_TEXT(", 'u="/balance/username="+a;']
)
@pytest.mark.parametrize("suffix", ["php", "js"])
def test_time_grows_with_the_length_and_no_faster(suffix: str, unit: str) -> None:
    """Counted in steps of the interpreter, as a clock tells how busy the machine is."""
    steps = [_steps(START + unit * (length // len(unit)), suffix) for length in (2000, 8000)]
    assert steps[1] < 8 * steps[0] + 1000


def _steps(text: str, suffix: str) -> int:
    steps = 0

    def count(frame: FrameType, event: str, argument: object) -> TraceFunction:
        nonlocal steps
        steps += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        list(inspect(text, f"a.{suffix}"))
    finally:
        sys.settrace(before)
    return steps


def test_a_megabyte_on_one_line() -> None:
    """What a machine has put on one line, with a call in the middle of it."""
    line = "function a(b,c){return b?c:b+1}var d={e:'f',g:[1,2]};" * 10_000
    call = 'fetch(h+"/balance/username="+encodeURIComponent(u)+"/password="+encodeURIComponent(p));'
    (finding,) = inspect(line + call + line, "a.min.js")
    assert (finding.line, finding.rule.id, finding.operation) == (1, "MSP001", "balance")
    assert finding.column == len(line) + len("fetch(") + 1


@given(st.lists(st.sampled_from([*UNITS, START]), max_size=30).map("".join), st.sampled_from(SUFFIXES))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_it(text: str, suffix: str) -> None:
    for finding in inspect(START + text, f"a.{suffix}"):
        assert 1 <= finding.line <= (START + text).count("\n") + 1
        assert finding.column >= 1


@given(st.text(max_size=200), st.sampled_from(SUFFIXES))
@settings(max_examples=200, deadline=None)
def test_no_characters_break_it(text: str, suffix: str) -> None:
    list(inspect(START + text + START, f"a.{suffix}"))

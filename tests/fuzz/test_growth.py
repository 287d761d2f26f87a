"""What is large, and made to take long, is read within bounds of time and memory, which the system holds it to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.fuzz.growing import LARGE
from tests.fuzz.targets import ROOT

# Each of them is read in some seconds, all inputs of a target together; what grows with the square takes minutes.
_PROCESSOR = 60
"""Seconds of the processor, not of a clock, so that a busy machine fails nothing."""
_MEMORY = 2 << 30
"""Bytes of address space, libraries and stacks of threads included."""


# The bounds of time and memory are those of a process of its own, and Windows sets none.
@pytest.mark.skipif(os.name != "posix", reason="bounds are set by setrlimit")
@pytest.mark.parametrize("name", LARGE)
def test_time_and_memory_are_bounded(name: str) -> None:
    limits = {"RLIMIT_CPU": _PROCESSOR, "RLIMIT_AS": _MEMORY}
    bounds = "; ".join(f"resource.setrlimit(resource.{limit}, ({most},) * 2)" for limit, most in limits.items())
    run = f"from tests.fuzz.growing import main; sys.argv = ['growing', {name!r}]; main()"
    done = subprocess.run(
        [sys.executable, "-c", f"import resource, sys; {bounds}; {run}"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stdout.count(" s\n") == len(LARGE[name])

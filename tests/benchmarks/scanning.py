"""Scanning: the command beside ripgrep with the same words, over Python's own library and the scanner's samples.

ripgrep tells lines that hold a word; the scanner reads what stands there. How fast it could be at best shows what it
takes Python to read the files, without a look at them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from mspace_legacy.migration.scan import Summary, scan
from mspace_legacy.migration.scan.tree import TOKENS, walk
from tests.benchmarks.measure import Call, Goal, Section, Turn, scaled, time_turns

__all__ = ["scanning"]

_SAMPLES = Path(__file__).parents[1] / "data" / "scan"
_TREES = (sysconfig.get_path("stdlib"), str(_SAMPLES))
_RIPGREP = "ripgrep"

_GOALS = (Goal("mspace-legacy scan", _RIPGREP, 1.0),)


def scanning(scale: float) -> Section:
    """The time by each file."""
    rounds = scaled(7, scale)
    summary = Summary()
    for _ in scan(_TREES, summary=summary):
        pass
    scanner = (sys.executable, "-m", "mspace_legacy", "scan", "--json", *_TREES)
    turns = {
        "mspace-legacy scan": Turn(_runs(scanner), units=summary.scanned),
        "scan(), without starting Python": Turn(lambda: list(scan(_TREES)), units=summary.scanned),
        "the files read, in Python": Turn(_read_files, units=summary.scanned),
    }
    ripgrep = shutil.which("rg")
    if ripgrep:
        words = [part for word in TOKENS for part in ("-e", word.decode())]
        left_out = ("-g", "!site-packages", "-g", "!__pycache__")
        command = (ripgrep, "--ignore-case", "--line-number", "--no-heading", *left_out, *words, *_TREES)
        turns = {_RIPGREP: Turn(_runs(command), units=summary.scanned), **turns}
    timings = time_turns(turns, rounds=rounds)
    return Section(
        f"Scanning {summary.scanned:,} files, by each ({rounds} rounds)",
        timings,
        _GOALS if ripgrep else (),
        absent=() if ripgrep else (f"{_RIPGREP}: not installed",),
    )


def _read_files() -> None:
    for path in walk(_TREES, ignore=True, summary=Summary()):
        with open(path, "rb", buffering=0) as file:
            file.read()


def _runs(command: Sequence[str]) -> Call:
    def run() -> None:
        # Both end with 1 for what was found or not found; 2 is a failure.
        assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode < 2

    return run

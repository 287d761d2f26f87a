"""Measuring: rounds in which every contender has its turn, and the ratios within each round.

A machine is fast in one second and slow in the next. Turns are short and taken in rounds, so that what is compared
ran at nearly the same time; the median over many rounds leaves out those that another process disturbed.
"""

from __future__ import annotations

import contextlib
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import NamedTuple

from tests.benchmarks.contenders import Contender

__all__ = ["Ratio", "Timings", "ratio", "time_calls", "time_imports"]

Timings = dict[str, list[float]]
"""For each contender, seconds of one call or import, round by round."""

_TIMED_IMPORT = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"


class Ratio(NamedTuple):
    """What one takes over what another takes, of all rounds."""

    median: float
    least: float
    most: float


def time_calls(contenders: Mapping[str, Contender], url: str, *, rounds: int, calls: int) -> Timings:
    """The mean of `calls` calls in a row, for each contender in each round."""
    timings: Timings = {name: [] for name in contenders}
    with contextlib.ExitStack() as stack:
        ready = {name: stack.enter_context(contender(url)) for name, contender in contenders.items()}
        for call in ready.values():
            for _ in range(calls):
                call()
        # What was imported and opened is left out of every collection, and each turn begins with none due, so
        # that nobody's garbage is collected in another's turn.
        gc.freeze()
        try:
            for _ in range(rounds):
                for name, call in ready.items():
                    gc.collect()
                    began = time.perf_counter()
                    for _ in range(calls):
                        call()
                    timings[name].append((time.perf_counter() - began) / calls)
        finally:
            gc.unfreeze()
    return timings


def time_imports(contenders: Mapping[str, str], *, rounds: int) -> Timings:
    """The time of each statement in an interpreter of its own, whose own start is not counted."""
    with tempfile.TemporaryDirectory() as bytecode:
        # Where no bytecode is kept beside a source tree, its every import would be a compilation.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}

        def run(statement: str) -> float:
            command = [sys.executable, "-c", _TIMED_IMPORT.format(statement)]
            return float(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)

        for statement in contenders.values():
            run(statement)
        timings: Timings = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, statement in contenders.items():
                timings[name].append(run(statement))
    return timings


def ratio(timings: Timings, contender: str, baseline: str) -> Ratio:
    """The ratio of two contenders: taken round by round, then the median, the least and the most of them."""
    ratios = [one / other for one, other in zip(timings[contender], timings[baseline], strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))

"""Measuring: rounds in which every contender has its turn, the ratios within each round, and what they should be.

A machine is fast in one second and slow in the next. Turns are short and taken in rounds, so that what is compared
ran at nearly the same time; the median over many rounds leaves out those that another process disturbed.
"""

from __future__ import annotations

import contextlib
import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple, TypeVar

__all__ = [
    "Call",
    "Contender",
    "Goal",
    "Ratio",
    "Section",
    "Timings",
    "Turn",
    "in_rounds",
    "ratio",
    "scaled",
    "time_calls",
    "time_imports",
    "time_turns",
]

T = TypeVar("T")

Call = Callable[[], object]
Contender = Callable[[str], AbstractContextManager[Call]]
"""For a call: takes the server's URL, and gives what makes one call, the connection kept open between calls."""

Timings = dict[str, list[float]]
"""For each contender, seconds of one call, import or unit of work, round by round; bytes, where it is memory."""

_TIMED_IMPORT = "import time; began = time.process_time(); {}; print(time.process_time() - began)"
"""The processor's time, as files that were read before come from memory: no one else's work counts."""


class Ratio(NamedTuple):
    """What one takes over what another takes, of all rounds."""

    median: float
    least: float
    most: float


class Goal(NamedTuple):
    """`contender` takes at most `at_most` times what `baseline` takes; with None the two are only compared."""

    contender: str
    baseline: str
    at_most: float | None


class Turn(NamedTuple):
    """What one contender does in a round: `calls` calls, each of which does `units` units of work."""

    call: Call
    calls: int = 1
    units: int = 1


class Section(NamedTuple):
    """A part of the table: who was measured, against what, and who could not be, with the reason.

    Each contender stands beside the baselines of its goals; one without a goal beside the first contender.
    """

    title: str
    samples: Timings
    goals: tuple[Goal, ...] = ()
    unit: Literal["seconds", "bytes"] = "seconds"
    absent: tuple[str, ...] = ()


def scaled(count: int, scale: float) -> int:
    """`count` times `scale`, 1 at least."""
    return max(1, round(count * scale))


def in_rounds(contenders: Mapping[str, T], rounds: int) -> Iterator[tuple[str, T]]:
    """Every contender in each round, which begins with another one each time: whoever comes behind one that leaves
    the processors awake, or their caches cold, is the faster or the slower for it.
    """
    turns = list(contenders.items())
    for number in range(rounds):
        first = number % len(turns)
        yield from (*turns[first:], *turns[:first])


def time_calls(contenders: Mapping[str, Contender], url: str, *, rounds: int, calls: int) -> Timings:
    """The mean of `calls` calls in a row, for each contender in each round."""
    with contextlib.ExitStack() as stack:
        ready = {name: stack.enter_context(contender(url)) for name, contender in contenders.items()}
        return time_turns({name: Turn(call, calls) for name, call in ready.items()}, rounds=rounds)


def time_turns(turns: Mapping[str, Turn], *, rounds: int, clock: Callable[[], float] = time.perf_counter) -> Timings:
    """The time of a unit of work, for each contender in each round; the first round only warms up."""
    timings: Timings = {name: [] for name in turns}
    for turn in turns.values():
        for _ in range(turn.calls):
            turn.call()
    # What was imported and opened is left out of every collection, and each turn begins with none due, so that
    # nobody's garbage is collected in another's turn.
    gc.freeze()
    try:
        for name, (call, calls, units) in in_rounds(turns, rounds):
            gc.collect()
            began = clock()
            for _ in range(calls):
                call()
            timings[name].append((clock() - began) / calls / units)
    finally:
        gc.unfreeze()
    return timings


def time_imports(contenders: Mapping[str, str], *, rounds: int) -> Timings:
    """The time of each statement in an interpreter of its own, whose own start is not counted."""

    def run(statement: str) -> float:
        command = [sys.executable, "-c", _TIMED_IMPORT.format(statement)]
        return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    timings: Timings = {name: [] for name in contenders}
    for name, statement in in_rounds(contenders, rounds):
        timings[name].append(run(statement))
    return timings


def ratio(timings: Timings, contender: str, baseline: str) -> Ratio:
    """The ratio of two contenders: taken round by round, then the median, the least and the most of them."""
    ratios = [one / other for one, other in zip(timings[contender], timings[baseline], strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))

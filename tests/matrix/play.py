"""Playing the matrix: a surface on several benches at once, and what all its cells come to."""

from __future__ import annotations

import logging
import queue
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from tests.canary import CanaryHandler
from tests.matrix.cases import Case, cases
from tests.matrix.surfaces import SURFACES, Bench
from tests.matrix.truth import Cell, measure, run

__all__ = ["HEADINGS", "Played", "play", "row"]


class Played(NamedTuple):
    """The cells in the order tried; how many records any logger said meanwhile at DEBUG, and those with a secret."""

    cells: list[Cell]
    records: int
    leaks: list[str]


def play(
    name: str, seed: int, *, every_byte: bool = False, threads: int = 8, operations: Sequence[str] = ()
) -> Played:
    """Every cell of a surface, or of some operations of it; the same ones for the same seed."""
    surface = SURFACES[name]
    benches: queue.SimpleQueue[Bench] = queue.SimpleQueue()
    with ExitStack() as opened:
        handler = opened.enter_context(_looking_into_logs())
        for _ in range(threads):
            benches.put(opened.enter_context(Bench(surface.wire)))
        tried: list[Case] = []
        bench = benches.get()
        for operation in surface.operations:
            if operations and operation not in operations:
                continue
            sizes = measure(surface, name, operation, bench)
            tried += cases(name, surface, operation, sizes, seed, every_byte=every_byte)
        benches.put(bench)

        def one(case: Case) -> Cell:
            bench = benches.get()
            try:
                return run(surface, case, bench)
            finally:
                benches.put(bench)

        pool = opened.enter_context(ThreadPoolExecutor(threads))
        cells = list(pool.map(one, tried))
    return Played(cells, handler.count, handler.leaks)


@contextmanager
def _looking_into_logs() -> Iterator[CanaryHandler]:
    handler, root = CanaryHandler(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


HEADINGS = (
    "cells", "acted", "not", "success", "refused", "not sent", "unknown", "failed", "misled", "slowest", "wrong",
)  # fmt: skip


def row(cells: Iterable[Cell]) -> dict[str, str]:
    """The counts of some cells, under `HEADINGS`: cells, those where the server acted and where not, calls by what
    was told of them, the slowest in seconds, and the cells where anything is wrong."""
    cells = list(cells)
    told = Counter(word for cell in cells for word in cell.told)
    counts = {
        "cells": len(cells),
        "acted": sum(cell.acted > 0 for cell in cells),
        "not": sum(cell.acted == 0 for cell in cells),
        **{word: told[word] for word in ("success", "refused", "not sent", "unknown", "failed")},
        "misled": sum(cell.misled for cell in cells),
        "slowest": f"{max((cell.seconds for cell in cells), default=0.0):.1f} s",
        "wrong": sum(bool(cell.problems) for cell in cells),
    }
    return {heading: str(counts[heading]) for heading in HEADINGS}

"""The command: plays the matrix, prints what came of it, and fails where anything is wrong."""

from __future__ import annotations

import argparse
import functools
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.matrix.play import HEADINGS, play, row
from tests.matrix.surfaces import SURFACES
from tests.matrix.truth import Cell

_MOST_SHOWN = 20


def main() -> int:
    """Play as the options say; 1 where anything is wrong."""
    options = _options()
    began = time.monotonic()
    everything: list[Cell] = []
    leaks: list[str] = []
    records = 0
    names = options.surface or list(SURFACES)
    _print("", HEADINGS)
    one = functools.partial(
        play, seed=options.seed, every_byte=options.every_byte, threads=options.threads, operations=options.operation
    )
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        for name, played in zip(names, pool.map(one, names), strict=True):
            everything += played.cells
            records += played.records
            leaks += played.leaks
            _print(name, tuple(row(played.cells).values()))
    _print("all", tuple(row(everything).values()))
    print(
        f"seed {options.seed}, {'every byte' if options.every_byte else 'sampled'}, "
        f"{time.monotonic() - began:.0f} s; {records} records of logs, {len(leaks)} with a secret"
    )
    wrong = [cell for cell in everything if cell.problems]
    for line in (*map(str, wrong[:_MOST_SHOWN]), *leaks[:_MOST_SHOWN]):
        print(line)
    return 1 if wrong or leaks else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which offsets, masks and orders; 1 by default")
    parser.add_argument("--every-byte", action="store_true", help="every offset; sends with every fault at each")
    parser.add_argument("--surface", action="append", choices=list(SURFACES), help="only this one; may be repeated")
    parser.add_argument("--operation", action="append", default=[], help="only this one; may be repeated")
    parser.add_argument("--processes", type=int, default=2, help="2 by default")
    parser.add_argument("--threads", type=int, default=24, help="benches in each process; 24 by default")
    return parser.parse_args()


def _print(name: str, values: tuple[str, ...]) -> None:
    print(f"{name:<32}", *(f"{value:>8}" for value in values), flush=True)


if __name__ == "__main__":
    sys.exit(main())

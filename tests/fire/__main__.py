"""The command: threads and load for minutes, and a hundred kills, with one seed."""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.fire.killed import kill_again_and_again
from tests.fire.load import bear
from tests.fire.threads import hammer

_CALLS = 50
_WARM_UP = 5000
"""Replies."""


def main() -> None:
    """Do what the options say; exit code 1 where something was lost, crossed, twice or not exact."""
    options = _options()
    # A proxy would stand between everybody and the servers.
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("MSPACE_")]:
        del os.environ[name]
    # The library warns of what it lost, which is the point here.
    logging.disable()
    print(f"seed {options.seed}", flush=True)
    failed = False
    for name, parts in _parts(options).items():
        if name not in (options.only or name):
            continue
        try:
            for told in parts:
                print(f"{name}: {told}", flush=True)
        except AssertionError as error:
            failed = True
            print(f"{name} FAILED, seed {options.seed}: {error}", flush=True)
    sys.exit(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fire", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="of threads, and of load (%(default)s)")
    parser.add_argument("--kills", type=int, default=100, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32), help="any number; by default another")
    parser.add_argument("--only", choices=("threads", "load", "kills"), help="one of the three")
    return parser.parse_args()


def _parts(options: argparse.Namespace) -> dict[str, Iterator[str]]:
    def threads() -> Iterator[str]:
        end = time.monotonic() + options.minutes * 60
        for seed in itertools.count(options.seed):
            yield _in_a_folder(partial(hammer, seed=seed, calls=_CALLS))
            if time.monotonic() >= end:
                break

    def load() -> Iterator[str]:
        seconds = options.minutes * 60
        yield _in_a_folder(partial(bear, seed=options.seed, warm_up=_WARM_UP, replies=0, seconds=seconds))

    def kills() -> Iterator[str]:
        yield _in_a_folder(partial(kill_again_and_again, seed=options.seed, kills=options.kills))

    return {"threads": threads(), "load": load(), "kills": kills()}


def _in_a_folder(scenario: Callable[[Path], str]) -> str:
    with tempfile.TemporaryDirectory(prefix="mspace-fire-") as folder:
        return scenario(Path(folder))


if __name__ == "__main__":
    main()

"""The long run: `python -m tests.fuzz [TARGET...] [--seconds N] [--seed N] [--jobs N]`.

Each target is fuzzed in turn, guided by the coverage of this package's code. What was found is made as small as can
be, and written to `tests/fuzz/corpus/<target>/`, where a test replays it from then on: name it by what was wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.targets import CORPUS, ROOT, TARGETS, Target

_LONGEST_INPUT = 4096
_LONGEST_ONE = 10
"""Seconds. An input that takes more is a find: all of them here are short."""
_MEMORY = 2048
"""Megabytes, for the whole process, atheris and coverage included."""


def main() -> int:
    """0 where nothing was found, 1 where something was."""
    asked = _arguments()
    if asked.list:
        print(*TARGETS, sep="\n")
        return 0
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("atheris is not installed: there are wheels of it for CPython 3.10 to 3.14 on Linux, x86-64")
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.corpus or Path(scratch)

        names = iter(asked.targets or list(TARGETS))

        def run(number: int) -> int:
            with _Worker() as worker:
                return sum(_run(worker, TARGETS[name], asked.seconds, asked.seed, folder) for name in names)

        with ThreadPoolExecutor(asked.jobs) as jobs:
            found = sum(jobs.map(run, range(asked.jobs)))
    print(f"{found} found, by seed {asked.seed}")
    return min(found, 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz everything that decodes.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="one of --list; all of them by default")
    parser.add_argument("--seconds", type=float, default=60, help="for each target (default: 60)")
    parser.add_argument("--seed", type=int, default=random.randrange(1, 1 << 31), help="default: another each time")  # noqa: S311
    parser.add_argument("--jobs", type=int, default=1, help="targets at once (default: 1)")
    parser.add_argument("--corpus", type=Path, help="a folder that keeps what raised the coverage for the next run")
    parser.add_argument("--list", action="store_true", help="print the targets")
    asked = parser.parse_args()
    for name in asked.targets:
        if name not in TARGETS:
            parser.error(f"there is no target {name!r}: there are {', '.join(TARGETS)}")
    return asked


class _Worker:
    """The process of `tests/fuzz/worker.py`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()

    def fuzz(self, target: Target, arguments: list[str], files: str, printed: Path) -> int:
        """libFuzzer's exit code."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps([target.name, arguments, files, str(printed)]), file=self._process.stdin, flush=True)
        if told := self._process.stdout.readline():
            return int(told)
        raise RuntimeError(f"the process that fuzzes ended: {self._process.communicate()[1]}")


def _run(worker: _Worker, target: Target, seconds: float, seed: int, folder: Path) -> int:
    """How many finds it ended with: 0 or 1, as the first one ends it."""
    corpus = folder / target.name / "corpus"
    finds = folder / target.name / "finds"
    for directory in (corpus, finds):
        directory.mkdir(parents=True, exist_ok=True)
    for data in target.seeds():
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    dictionary = folder / target.name / "words"
    dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words if len(word) < 64), "ascii")
    printed = folder / target.name / "printed"
    before = set(finds.iterdir())
    arguments = [
        str(corpus),
        f"-max_total_time={max(1, round(seconds))}",
        f"-seed={seed}",
        f"-max_len={_LONGEST_INPUT}",
        f"-timeout={_LONGEST_ONE}",
        f"-rss_limit_mb={_MEMORY}",
        f"-dict={dictionary}",
        f"-artifact_prefix={finds}{os.sep}",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    began = time.monotonic()
    # libFuzzer ends its process at once, so that what it leaves behind is taken away here.
    memory = "/dev/shm"  # noqa: S108  # a directory of a random name in it
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as files:
        code = worker.fuzz(target, arguments, files, printed)
    told = printed.read_text("utf-8", "replace")
    executions = re.search(r"stat::number_of_executed_units: (\d+)", told)
    count = int(executions[1]) if executions else 0
    print(f"{target.name}: {count} executions in {time.monotonic() - began:.0f} s", flush=True)
    new = set(finds.iterdir()) - before
    if code == 0 and not new:
        return 0
    print(*told.splitlines()[-60:], sep="\n")
    for find in new:
        print(f"found {_keep(target, find)}", flush=True)
    return 1


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _keep(target: Target, find: Path) -> Path:
    """The place in the corpus where the find now is, made small if it fails at once."""
    data = find.read_bytes()
    if find.name.startswith("crash"):
        data = minimise(data, lambda shorter: _failure(target, shorter))
    kept = CORPUS / target.name / find.name[:24]
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(data)
    return kept


def _failure(target: Target, data: bytes) -> tuple[str, str, int] | None:
    """Which error comes of it, and where it is raised; None where none is."""
    try:
        target.check(data)
    except Exception as error:  # whatever it is, it is what was found
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        where = (frame.tb_frame.f_code.co_filename, frame.tb_lineno) if frame else ("", 0)
        return (type(error).__name__, *where)
    return None


def minimise(data: bytes, failure: Callable[[bytes], object]) -> bytes:
    """A shorter input with the same failure, from which nothing can be taken."""
    wanted = failure(data)
    if wanted is None:
        return data
    size = len(data) // 2
    while size:
        at = 0
        while at < len(data):
            shorter = data[:at] + data[at + size :]
            if failure(shorter) == wanted:
                data = shorter
            else:
                at += size
        size //= 2
    return data


if __name__ == "__main__":
    sys.exit(main())

"""Memory: of a process after an import, and the most that a client, a broadcast and a scan hold as they go on."""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mspace_legacy import Client
from mspace_legacy.migration.scan import scan
from tests.benchmarks.broadcast import ACCEPTED, numbers
from tests.benchmarks.contenders import IMPORTS
from tests.benchmarks.measure import Call, Goal, Section, scaled
from tests.benchmarks.server import another_process

__all__ = ["after_calls", "held", "imported", "in_a_broadcast", "in_a_scan", "most_held"]

_RESIDENT = "{}; print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])"

_LINES = 1_000
"""Of a scanned file."""

_SOURCE = 'url = f"http://h/mspaceservice/wr/sms/balance/username={user}/password={word}"\n' + "x = 1\n" * 9


def imported(scale: float) -> Section:
    """The most that was resident in a fresh interpreter."""
    title = "Memory of a fresh process after an import"
    if not Path("/proc/self/status").exists():
        return Section(title, {}, unit="bytes", absent=("it is read from /proc, which is not there",))
    rounds = scaled(5, scale)
    statements = {"python": "pass", **IMPORTS}
    samples = {name: [_resident(statement) for _ in range(rounds)] for name, statement in statements.items()}
    goals = (Goal("mspace_legacy", "requests", 1.0), Goal("mspace_legacy", "httpx", 1.0))
    return Section(title, samples, goals, unit="bytes")


def _resident(statement: str) -> float:
    command = [sys.executable, "-c", _RESIDENT.format(statement)]
    return 1024 * float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def after_calls(scale: float) -> Section:
    """What a client keeps."""
    calls = scaled(10_000, scale)
    with another_process() as url, Client.legacy(url, "bench", "s3cret") as client:
        client.balance()
        return _tenfold("a client after so many calls", calls, lambda count: held(_repeated(client.balance, count)))


def in_a_broadcast(scale: float) -> Section:
    """The most that is held for each recipient."""
    with another_process(ACCEPTED) as url, Client.legacy(url, "bench", "s3cret") as client:

        def measure(recipients: int) -> float:
            send = partial(client.send_text, "MSPACE", numbers(recipients), "Habari?")
            return most_held(send) / recipients

        return _tenfold("a recipient of a broadcast to so many", scaled(10_000, scale), measure)


def in_a_scan(scale: float) -> Section:
    """The most that is held, however many lines there are."""

    def measure(lines: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            for place in range(scaled(lines, 1 / _LINES)):
                Path(folder, f"{place}.py").write_text(_SOURCE * (_LINES // _SOURCE.count("\n")), "utf-8")
            return most_held(partial(_scanned, folder))

    return _tenfold("a scan of so many lines", scaled(100_000, scale), measure)


def _tenfold(title: str, most: int, measure: Callable[[int], float]) -> Section:
    """A tenth of `most`, and `most`, which should take no more."""
    counts = (scaled(most, 0.1), most)
    samples = {f"{count:,}": [measure(count)] for count in counts}
    few, *many = samples
    return Section(f"Memory held: {title}", samples, tuple(Goal(name, few, 1.25) for name in many), unit="bytes")


def _scanned(folder: str) -> None:
    for _ in scan([folder]):
        pass


def _repeated(call: Call, count: int) -> Call:
    def repeat() -> None:
        for _ in range(count):
            call()

    return repeat


def most_held(work: Call) -> float:
    """The most bytes that `work` had at once, over those that were there before; the second time it is done."""
    work()
    tracemalloc.start()
    try:
        work()
        return float(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


def held(work: Call) -> float:
    """The bytes that `work` had kept when it was done."""
    tracemalloc.start()
    try:
        work()
        gc.collect()
        return float(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()

"""The command: measures, and prints the ratios beside the goals."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
from typing import Any

from tests.benchmarks.contenders import CALLS, GOALS, IMPORTS
from tests.benchmarks.load import CONNECTIONS, emulator_and_gateway, time_load
from tests.benchmarks.measure import Timings, ratio, time_calls, time_imports
from tests.benchmarks.server import another_process

_LIBRARIES = ("urllib3", "defusedxml", "tenacity", "requests", "httpx")


def main() -> None:
    """Measure as the options say, and print a report."""
    options = _options()
    # A proxy would stand between everybody and the server.
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    with another_process() as url:
        calls = time_calls(CALLS, url, rounds=options.rounds, calls=options.calls)
    imports = time_imports(IMPORTS, rounds=options.imports)
    with emulator_and_gateway() as urls:
        load = time_load(urls, rounds=options.load_rounds, calls=options.load)
    report = {
        "machine": _machine(),
        "options": vars(options),
        "calls": _rows(calls),
        "imports": _rows(imports),
        "load": _rows(load.seconds),
        "waits": _rows(load.waits),
        "goals": _goals(calls | imports | load.seconds | load.waits),
    }
    print(json.dumps(report, indent=2) if options.json else _text(report))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=_positive, default=400, help="turns for each that calls (%(default)s)")
    parser.add_argument("--calls", type=_positive, default=10, help="calls in a turn (%(default)s)")
    parser.add_argument("--imports", type=_positive, default=40, help="fresh interpreters for each (%(default)s)")
    parser.add_argument("--load", type=_positive, default=2000, help="calls of a turn under load (%(default)s)")
    parser.add_argument("--load-rounds", type=_positive, default=10, help="turns under load (%(default)s)")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args()


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _machine() -> dict[str, Any]:
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpus": os.cpu_count(),
    }


def _rows(timings: Timings) -> list[dict[str, Any]]:
    baseline = next(iter(timings))
    return [
        {
            "name": name,
            "microseconds": statistics.median(seconds) * 1e6,
            "ratio": ratio(timings, name, baseline)._asdict(),
        }
        for name, seconds in timings.items()
    ]


def _goals(timings: Timings) -> list[dict[str, Any]]:
    goals = []
    for goal in GOALS:
        found = ratio(timings, goal.contender, goal.baseline)
        goals.append({**goal._asdict(), "ratio": found._asdict(), "met": found.median <= goal.at_most})
    return goals


def _text(report: dict[str, Any]) -> str:
    machine, options = report["machine"], report["options"]
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    lines = [
        f"{machine['python']}, {machine['cpus']} CPUs, {machine['system']}",
        libraries,
        *_table(f"A call: {options['rounds']} rounds of {options['calls']} calls each", report["calls"]),
        *_table(f"An import: {options['imports']} fresh interpreters each", report["imports"]),
        *_table(f"The time of a round by its {options['load']} calls, {CONNECTIONS} connections", report["load"]),
        *_table("How long a caller waits there", report["waits"]),
        "",
        f"{'Goals':52}{'at most':>9}{'median':>9}",
    ]
    lines += [
        f"{goal['contender'] + ' / ' + goal['baseline']:52}{goal['at_most']:9.2f}{goal['ratio']['median']:9.2f}"
        f"  {'met' if goal['met'] else 'MISSED'}"
        for goal in report["goals"]
    ]
    return "\n".join(lines)


def _table(title: str, rows: list[dict[str, Any]]) -> list[str]:
    return [
        "",
        title,
        f"{'':28}{'us':>9}{'to ' + rows[0]['name']:>33}",
        f"{'':28}{'median':>9}{'median':>13}{'min':>10}{'max':>10}",
        *[
            f"{row['name']:28}{row['microseconds']:9.0f}"
            f"{row['ratio']['median']:13.2f}{row['ratio']['least']:10.2f}{row['ratio']['most']:10.2f}"
            for row in rows
        ],
    ]


if __name__ == "__main__":
    main()

"""The command: measures, and prints one table of the ratios beside the goals."""

from __future__ import annotations

import argparse
import compileall
import importlib.metadata
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import mspace_legacy
from tests.benchmarks.broadcast import broadcast
from tests.benchmarks.contenders import calls, imports, layers
from tests.benchmarks.growth import GROWTH, growth
from tests.benchmarks.load import load
from tests.benchmarks.measure import Section, ratio
from tests.benchmarks.memory import after_calls, imported, in_a_broadcast, in_a_scan
from tests.benchmarks.scanning import scanning
from tests.benchmarks.smpp import smpp

SECTIONS: dict[str, tuple[Callable[[float], Section], ...]] = {
    "calls": (calls,),
    "layers": (layers,),
    "imports": (imports,),
    "load": (load,),
    "broadcast": (broadcast,),
    "smpp": (smpp,),
    "scan": (scanning,),
    "memory": (imported, after_calls, in_a_broadcast, in_a_scan),
    "growth": tuple(partial(growth, work) for work in GROWTH),
}
"""What measures each part of the table, given the scale."""

_LIBRARIES = ("urllib3", "defusedxml", "tenacity", "requests", "httpx", "Flask", "waitress", "smpplib")
_PROGRAMS = (("node", "--version"), ("rg", "--version"))


def main() -> None:
    """Measure as the options say, and print a report."""
    options = _options()
    # A proxy would stand between everybody and the server.
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    # So has pip for every peer. An editable install may have none, or none of what was edited last.
    compileall.compile_dir(Path(mspace_legacy.__file__).parent, quiet=1)
    measured = []
    for name in options.only or SECTIONS:
        print(f"measuring {name}", file=sys.stderr)
        measured += [measure(options.scale) for measure in SECTIONS[name]]
    report = {
        "machine": _machine(),
        "options": vars(options),
        "sections": [
            {"title": section.title, "absent": section.absent, "rows": list(_rows(section))} for section in measured
        ],
    }
    print(json.dumps(report, indent=2) if options.json else _text(report))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="a part of the table; may be repeated")
    parser.add_argument(
        "--scale", type=_positive, default=1.0, help="of rounds and of work; 0.01 shows that it runs (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args()


def _positive(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number, such as 0.1")
    return scale


def _machine() -> dict[str, Any]:
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "programs": {command[0]: _version(command) for command in _PROGRAMS},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def _version(command: tuple[str, ...]) -> str:
    if shutil.which(command[0]) is None:
        return "not installed"
    words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return next(word for word in words if any(map(str.isdigit, word)))


def _rows(section: Section) -> Iterator[dict[str, Any]]:
    """One for each goal, and one for each contender that has none, beside the first."""
    for name, samples in section.samples.items():
        goals: list[tuple[str, float | None]] = [
            (goal.baseline, goal.at_most) for goal in section.goals if goal.contender == name
        ]
        for baseline, at_most in goals or [(next(iter(section.samples)), None)]:
            found = ratio(section.samples, name, baseline)
            yield {
                "name": name,
                "value": statistics.median(samples),
                "unit": section.unit,
                "baseline": baseline,
                "ratio": found._asdict(),
                "at_most": at_most,
                "met": None if at_most is None else found.median <= at_most,
            }


def _text(report: dict[str, Any]) -> str:
    machine = report["machine"]
    versions = machine["libraries"] | machine["programs"]
    lines = [
        f"{machine['python']}, {machine['cpus']} CPUs, {machine['system']}, load {machine['load']}",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
        "",
        f"{'':40}{'median':>10}{'times':>9}{'min':>8}{'max':>8}  {'of':40}{'goal':>6}",
    ]
    for section in report["sections"]:
        lines += ["", section["title"]]
        before = ""
        for row in section["rows"]:
            again = row["name"] == before
            before = row["name"]
            found = row["ratio"]
            measured = f"{'' if again else row['name']:40}{'' if again else _value(row):>10}"
            ratios = f"{found['median']:9.2f}{found['least']:8.2f}{found['most']:8.2f}  {row['baseline']:40}"
            met = "" if row["met"] is None else f"{row['at_most']:6.2f}  {'met' if row['met'] else 'MISSED'}"
            lines.append(f"{measured}{ratios}{met}".rstrip())
        lines += section["absent"]
    return "\n".join(lines)


def _value(row: dict[str, Any]) -> str:
    if row["unit"] == "bytes":
        return f"{row['value'] / 1024:,.1f} KiB"
    microseconds = row["value"] * 1e6
    return f"{microseconds:,.0f} us" if microseconds >= 100 else f"{microseconds:.3g} us"


if __name__ == "__main__":
    main()

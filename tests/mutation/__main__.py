"""`python -m tests.mutation [GROUP...]`: break every statement once, and say which changes no test notices.

What survives must stand in `survivors.toml` with a reason, and what stands there must survive: both are checked.
A group is a part of the package and the tests that answer for it. `--list` names them.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from mspace_legacy.tomlfile import load_toml

ROOT = Path(__file__).parents[2]
SURVIVORS = Path(__file__).with_name("survivors.toml")
WORKER = Path(__file__).with_name("worker.py")
COPIED = ("mspace_legacy", "tests", "cassettes", "pyproject.toml", "setup.cfg", "README.md", "MIGRATION.md")


class Group(NamedTuple):
    """Patterns of the modules to break, and the tests that answer for them."""

    modules: list[str]
    tests: list[str]


def _mirrored(module: str, *more: str) -> Group:
    """A module and the tests that mirror it, with whatever else pytest is told."""
    folder, _, name = module.rpartition("/")
    return Group([f"mspace_legacy/{module}.py"], [f"tests/{folder}/test_{name}.py", *more])


_SCANNER = [
    *(
        f"tests/migration/test_scan{kind}.py"
        for kind in ("", "_calls", "_findings", "_hostile", "_passwords", "_sarif", "_secrets", "_source", "_tree")
    ),
    # Most of them look at it from outside, so that all answer for each of its modules. Not those that take seconds,
    # to show that neither time nor memory grows, nor those that start the command line, which has tests of its own.
    "-k",
    "not memory and not megabyte and not time_grows and not no_output and not no_error_holds",
]

GROUPS = {
    "transport/retry": _mirrored("transport/retry"),
    "wire/segments": _mirrored("wire/segments"),
    "wire/legacy": _mirrored("wire/legacy", "tests/wire/test_addresses.py"),
    "wire/v2": _mirrored("wire/v2", "tests/wire/test_addresses.py"),
    # Not the tests that take seconds each, to show that nothing takes longer or more than it may.
    "wire/replies": _mirrored("wire/replies", "-k", "not takes_little and not any_body"),
    "wire/documents": _mirrored("wire/documents"),
    "wire/http": _mirrored("wire/http"),
    "wire/addresses": _mirrored("wire/addresses"),
    "wire/dialect": _mirrored("wire/dialect", "tests/wire/test_legacy.py", "tests/wire/test_v2.py"),
    "smpp/pdu": _mirrored("smpp/pdu"),
    "migration/routes": _mirrored("migration/routes"),
    "migration/adapter": _mirrored("migration/adapter"),
    "migration/accounts": _mirrored("migration/accounts"),
    "migration/shadow": _mirrored("migration/shadow"),
    "migration/gateway": _mirrored(
        "migration/gateway",
        "tests/migration/test_metrics.py",
        # Not those with processes of their own, which take as long as a hundred others; nor those with time-outs of
        # 50 ms, which fail by themselves where the machine is busy: what they alone notice would be luck.
        "-k",
        "not several_processes and not each_fault",
    ),
    "migration/settings": _mirrored("migration/settings"),
    "migration/metrics": _mirrored("migration/metrics"),
    **{
        f"migration/scan/{name}": Group([f"mspace_legacy/migration/scan/{name}.py"], _SCANNER)
        for name in ("__init__", "calls", "encoding", "inspect", "passwords", "sarif", "source", "tree")
    },
}

_PROSE = re.compile(r'"(?:XX)?([^" ]* [^" ]* [^"]*?)(?:XX)?"')
_CODEC = re.compile(r'(?<=code\(")[A-Za-z0-9-]+')
_HEADER = re.compile(r'(?<=header\()([a-z.]+, )?"[A-Za-z-]+"')
_CAST = re.compile(r"(?<=cast\()[\w.]+(?=, )")
_STRICT = re.compile(r",(?: strict=\w+)? ?\)")

CLASSES: dict[str, Callable[[str], str]] = {
    # The wording of a sentence of three words or more is free; what it must name is in braces, which are not this.
    "prose": lambda code: _PROSE.sub(lambda found: found[1].lower(), code),
    # Python knows a codec in any case.
    "codec": lambda code: _CODEC.sub(lambda found: found[0].lower(), code),
    # The name of a header is looked up in any case (RFC 9110, section 5.1).
    "header": lambda code: _HEADER.sub(lambda found: found[0].lower(), code),
    # For the type checker alone.
    "cast": lambda code: _CAST.sub("...", code),
    # strict= is an assertion: the two that are zipped were made equally long.
    "strict": lambda code: _STRICT.sub(")", code),
}
"""What is not told one by one: a change that these make no difference of makes none to a caller."""


class Mutant(NamedTuple):
    """One change, by what it changes: numbers move whenever a function is edited."""

    module: str
    function: str
    was: str
    now: str


def run(group: Group, scratch: Path, **options: Any) -> list[dict[str, Any]]:
    """The mutants of the group, each with what became of it."""
    for part in COPIED:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, scratch / part)
    results = scratch / "results.json"
    order = {"modules": group.modules, "tests": group.tests, "results": str(results), **options}
    subprocess.run([sys.executable, WORKER, json.dumps(order)], cwd=scratch, check=True, stdout=subprocess.DEVNULL)
    found: list[dict[str, Any]] = json.loads(results.read_text("utf-8"))
    return found


def class_of(mutant: Mutant) -> str | None:
    """Which of `CLASSES` it is of."""
    return next((name for name, same in CLASSES.items() if same(mutant.was) == same(mutant.now)), None)


def identity(result: dict[str, Any]) -> Mutant:
    """The mutant of a result."""
    lines = {sign: [line[1:] for line in result["change"][2:] if line.startswith(sign)] for sign in "-+"}
    was, now = ("\n".join(line.strip() for line in lines[sign]) for sign in "-+")
    return Mutant(*place(result), was, now)


def place(result: dict[str, Any]) -> tuple[str, str]:
    """Module and function of a result."""
    function = result["mutant"].rpartition(".")[2].partition("__mutmut_")[0]
    name = function.removeprefix("x_").replace("ǁ", ".").removeprefix("x.")
    return result["module"].removeprefix("mspace_legacy/"), name


def main() -> int:
    """Run the groups asked for, print what is not explained, and fail if there is any."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help="or how the names of several begin; all by default"
    )
    parser.add_argument("--list", action="store_true", help="name the groups, and do nothing")
    parser.add_argument("--workers", type=int, default=1, help="mutants tried at the same time (default: 1)")
    parser.add_argument("--only", default="", metavar="TEXT", help="mutants with this in their name, as in a log")
    parser.add_argument("--sample", type=int, default=sys.maxsize, metavar="N", help="no more than N, by chance")
    parser.add_argument("--seed", type=int, default=0, help="of that chance (default: 0)")
    options = parser.parse_args()
    if options.list:
        print("\n".join(GROUPS))
        return 0
    chosen_groups = [name for name in GROUPS if not options.groups or name.startswith(tuple(options.groups))]
    if not chosen_groups:
        parser.error(f"no such group; there are {', '.join(GROUPS)}")
    explained = {
        Mutant(entry["module"], entry["function"], entry["was"], now)
        for entry in load_toml(SURVIVORS)["survivor"]
        for now in entry["now"]
    }
    wrong = 0
    for name in chosen_groups:
        with tempfile.TemporaryDirectory() as scratch:
            chosen = {key: getattr(options, key) for key in ("only", "sample", "seed", "workers")}
            results = run(GROUPS[name], Path(scratch), **chosen)
        survived = [identity(result) for result in results if result["status"] not in ("killed", "timeout")]
        alive = {mutant for mutant in survived if not class_of(mutant)}
        # A sample says nothing of those that are not in it.
        tried = {place(result) for result in results} if options.sample == sys.maxsize else set()
        stale = {mutant for mutant in explained if mutant[:2] in tried} - alive
        counts = Counter(result["status"] for result in results)
        print(f"{name}: {len(results)} mutants:", ", ".join(f"{count} {status}" for status, count in counts.items()))
        classes = Counter(filter(None, map(class_of, survived)))
        print("  of classes:", ", ".join(f"{count} {kind}" for kind, count in classes.items()) or "none")
        for title, mutants in (("SURVIVED", alive - explained), ("EXPLAINED, BUT KILLED OR GONE", stale)):
            for mutant in sorted(mutants):
                print(f"\n{title}: {mutant.module} {mutant.function}")
                print("  - " + mutant.was.replace("\n", "\n  - "))
                print("  + " + mutant.now.replace("\n", "\n  + "))
        wrong += len(alive - explained) + len(stale)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

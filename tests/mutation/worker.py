"""One group, run as a script in the copy that is mutated: mutmut makes the mutants, one pytest session tries them.

mutmut's own loop starts pytest anew for each mutant, which takes far longer than the tests do. Here the tests are
collected once, and each mutant is a fork of that session that runs the tests which reach it, the quickest first.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from mutmut import __main__ as mutmut
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths, walk_mutatable_files
from mutmut.utils.format_utils import mangled_name_from_mutant_name

_STATUSES = {0: "survived", 1: "killed", -signal.SIGALRM: "timeout"}


class Session:
    """A pytest plugin that, in place of running each test once, tries every mutant of `names`.

    What runs on import alone is past once there is a session: a mutant of it is tried by a pytest of its own.
    """

    def __init__(self, names: list[str], tests: list[str], workers: int) -> None:
        self.statuses: dict[str, str] = {}
        self.problem = ""
        self._names, self._tests, self._workers = names, tests, workers
        self._failed = self._spawned = False
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: object) -> None:
        self._spawned = self._spawned or event == "subprocess.Popen"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember that a test failed."""
        self._failed = self._failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """What pytest calls once all is collected."""
        reaching: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
        on_import = set(state()._stats)
        spawning: list[tuple[float, int]] = []
        for index, item in enumerate(session.items):
            began = time.monotonic()
            state()._stats.clear()
            self._spawned = False
            runtestprotocol(item, nextitem=None)
            if self._failed:
                self.problem = f"{item.nodeid} fails before anything is broken"
                return True
            took = time.monotonic() - began
            for function in () if self._spawned else state()._stats:
                reaching[function].append((took, index))
            if self._spawned:
                # What a program reaches that a test starts is not known: it may be anything.
                spawning.append((took, index))
        running: dict[int, str] = {}
        for name in self._names:
            function = mangled_name_from_mutant_name(name)
            # That which nothing reaches but an import is tried by a session of its own.
            tests = sorted(reaching[function] + spawning) if reaching[function] or function not in on_import else []
            if not tests and function not in on_import:
                self.statuses[name] = "no tests"
                continue
            if len(running) == self._workers:
                self._wait(running)
            pid = os.fork()
            if not pid:
                outcome = 3
                try:
                    outcome = self._try(name, [(session.items[index], usual) for usual, index in tests])
                finally:
                    # Whatever happens, a child goes no further: all that follows is the parent's to do.
                    os._exit(outcome)
            running[pid] = name
        while running:
            self._wait(running)
        return True

    def _wait(self, running: dict[int, str]) -> None:
        pid, status = os.wait()
        name = running.pop(pid)
        self.statuses[name] = _STATUSES.get(os.waitstatus_to_exitcode(status), "crashed")
        print(
            f"{len(self.statuses)}/{len(self._names)} {self.statuses[name]} {name}", file=sys.__stderr__, flush=True
        )

    def _try(self, name: str, items: list[tuple[pytest.Item, float]]) -> int:
        """1 where a test notices the mutant, 0 where none does; no return where it takes too long."""
        set_mutant_under_test(name)
        if not items:
            alone = subprocess.run(
                [sys.executable, "-m", "pytest", "-x", *self._tests], stdout=subprocess.DEVNULL, timeout=600
            )
            return 1 if alone.returncode else 0
        for item, usual in items:
            signal.alarm(20 + int(10 * usual))
            runtestprotocol(item, nextitem=None)
            if self._failed:
                return 1
        return 0


def _mutants() -> Iterator[tuple[Path, str]]:
    for path in sorted(walk_mutatable_files()):
        data = SourceFileMutationData(path=path)
        data.load()
        for name in data.exit_code_by_key:
            yield path, name


def main(modules: list[str], tests: list[str], only: str, sample: int, seed: int, workers: int, results: str) -> None:
    """Break `modules`, try each mutant on those of `tests` that reach it, and write status and change of each."""
    # What the config file can't say: it knows one set of modules and one of tests.
    config().only_mutate = modules
    Path("mutants").mkdir()
    set_mutant_under_test("mutant_generation")
    copy_src_dir()
    copy_also_copy_files()
    setup_source_paths()
    mutmut.create_mutants(workers)
    mutants = [(path, name) for path, name in _mutants() if only in name]
    if sample < len(mutants):
        mutants = sorted(random.Random(seed).sample(mutants, sample))  # noqa: S311
    arguments = ["--rootdir=.", "-q", "--tb=no", *config().pytest_add_cli_args, *tests]
    session = Session([name for _, name in mutants], arguments, workers)
    os.environ["PY_IGNORE_IMPORTMISMATCH"] = "1"
    above = Path.cwd()
    os.chdir("mutants")
    set_mutant_under_test("stats")
    pytest.main(arguments, plugins=[session])
    os.chdir(above)
    if session.problem:
        sys.exit(session.problem)
    found: list[dict[str, Any]] = []
    for path, name in mutants:
        status = session.statuses[name]
        change = [] if status == "killed" else get_diff_for_mutant(name, path=path).splitlines()
        found.append({"module": str(path), "mutant": name, "status": status, "change": change})
    Path(results).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))

"""Targets under atheris, each in a process of its own: libFuzzer ends its process with the first find.

To instrument what is imported takes longer than a short run does, so that one process does it, and forks for each.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

import atheris


def main() -> None:
    """Fuzz as each line of standard input says, and answer each with the exit code.

    A line is a list in JSON: the target, libFuzzer's arguments, the directory for what the target writes, and the
    file for what is printed.
    """
    # Imported here, as what is imported before it is not followed by the fuzzer.
    with atheris.instrument_imports(include=["mspace_legacy", "tomllib", "waitress"]):
        from tests.fuzz.targets import TARGETS
    for line in sys.stdin:
        name, arguments, files, printed = json.loads(line)
        child = os.fork()
        if not child:
            tempfile.tempdir = files
            output = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(output, sys.stdout.fileno())
            os.dup2(output, sys.stderr.fileno())
            atheris.Setup([name, *arguments], TARGETS[name].check)
            atheris.Fuzz()
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()

"""One target under atheris, in a process of its own: libFuzzer ends the process with the first find."""

from __future__ import annotations

import sys

import atheris


def main() -> None:
    """`python -m tests.fuzz.worker TARGET [libFuzzer's arguments]`."""
    name = sys.argv.pop(1)
    # Imported here, as what is imported before it is not followed by the fuzzer.
    with atheris.instrument_imports(include=["mspace_legacy", "tomllib", "waitress"]):
        from tests.fuzz.targets import TARGETS
    atheris.Setup(sys.argv, TARGETS[name].check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""The real command in a process of its own, with pipes or with a terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import NamedTuple

__all__ = ["COMMAND", "Finished", "Terminal", "environment", "run", "start"]

COMMAND = (sys.executable, "-m", "mspace_legacy")
_PATIENCE = 20.0


class Finished(NamedTuple):
    """A command that has ended: its exit code, and what it printed."""

    code: int
    out: str
    err: str


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of the tests and `more`, without what makes rich guess."""
    guessed = {"FORCE_COLOR", "NO_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    kept = {name: value for name, value in os.environ.items() if name not in guessed}
    return {**kept, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **(more or {})}


@contextmanager
def start(*arguments: str, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """The command, just started, with its output in pipes; its end is waited for."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(env),
        encoding="utf-8",
    ) as process:
        try:
            yield process
        except BaseException:
            # Who would have told it to end does not get that far.
            process.kill()
            raise


def run(*arguments: str, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> Finished:
    """Run the command to its end, with `stdin` in a pipe."""
    ended = subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, env=environment(env), timeout=_PATIENCE, check=False
    )
    return Finished(ended.returncode, ended.stdout.decode("utf-8"), ended.stderr.decode("utf-8"))


class Terminal:
    """The command with a terminal for its input, output and errors, as a person has it."""

    def __init__(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self._ours, theirs = pty.openpty()
        try:
            self._process = subprocess.Popen(
                [*COMMAND, *arguments],
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env=environment({"COLUMNS": "100", **(env or {})}),
                # No terminal of the tests' own is within its reach.
                start_new_session=True,
            )
        finally:
            os.close(theirs)
        self.screen = ""
        """All that the terminal has been sent, what was typed and echoed too."""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def expect(self, text: str) -> None:
        """Wait until `text` is on the screen."""
        end = time.monotonic() + _PATIENCE
        while text not in self.screen:
            assert time.monotonic() < end, f"{text!r} did not come: {self.screen!r}"
            assert self._read(), f"it ended before {text!r} came: {self.screen!r}"

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._ours, line.encode() + b"\n")

    def finish(self) -> int:
        """Read on until the command has ended; its exit code."""
        while self._read():
            pass
        return self._process.wait(_PATIENCE)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], _PATIENCE)
        assert ready, f"nothing more came: {self.screen!r}"
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # EIO: on Linux a terminal that nobody has open any more ends so
            return False
        self.screen += data.decode("utf-8", "replace")
        return bool(data)

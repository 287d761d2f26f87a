"""The commands under fire, in processes of their own: what they tell, what they take, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.cli.process import COMMAND, environment

__all__ = ["PATIENCE", "Command", "Vitals", "emulator", "gateway", "until"]

PATIENCE = 60.0
"""Seconds that only bound how long a broken test takes."""


def until(condition: Callable[[], object], what: str, *, seconds: float = PATIENCE) -> None:
    """Wait until it holds.

    :raises TimeoutError: it did not within `seconds`.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            raise TimeoutError(f"it never came true: {what}")
        time.sleep(0.01)


class Vitals(NamedTuple):
    """What a process and its children hold: bytes of memory, and descriptors."""

    memory: int
    descriptors: int


class Command:
    """A command that serves. What it says on standard error is in `log`."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self.log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [*COMMAND, *arguments, "--json"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment({"PYTHONWARNINGS": "error"}),
                encoding="utf-8",
            )
        self.told: dict[str, Any] = {}

    def ready(self) -> None:
        """Wait until it tells its addresses."""
        assert self.process.stdout is not None
        text = ""
        while not text.endswith("\n}\n"):
            line = self.process.stdout.readline()
            assert line, f"it ended: {self.log.read_text('utf-8', 'replace')[-2000:]}"
            text += line
        self.told = json.loads(text)

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`"""
        return "http://{0.hostname}:{0.port}".format(urlsplit(self.told["main_url"]))

    @property
    def port(self) -> int:
        """That of HTTP."""
        return int(self.url.rpartition(":")[2])

    @property
    def smpp_port(self) -> int:
        """That of SMPP, of an emulator."""
        return int(self.told["smpp_port"])

    def kill(self) -> None:
        """SIGKILL: it has no chance to put anything in order."""
        self.process.send_signal(signal.SIGKILL)
        self._end()

    def stop(self) -> None:
        """SIGTERM: it ends well."""
        self.process.terminate()
        self._end()
        assert self.process.returncode == 0, self.log.read_text("utf-8", "replace")[-2000:]

    def _end(self) -> None:
        assert self.process.stdout is not None
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def vitals(self) -> Vitals:
        """Of it and of its children, by what Linux tells."""
        memory = descriptors = 0
        for pid in (self.process.pid, *_children(self.process.pid)):
            status = Path(f"/proc/{pid}/status").read_text()
            memory += int(status.partition("VmRSS:")[2].split()[0]) * 1024
            descriptors += len(os.listdir(f"/proc/{pid}/fd"))
        return Vitals(memory, descriptors)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def _running(command: Command) -> Iterator[Command]:
    try:
        command.ready()
        yield command
        if command.process.poll() is None:
            command.stop()
    finally:
        if command.process.poll() is None:
            command.kill()


@contextmanager
def emulator(folder: Path, accounts: Path, ledger: Path, *, delivery_delay: float = 0.05) -> Iterator[Command]:
    """`mspace-legacy emulator`, which keeps its ledger in a file."""
    arguments = ("--accounts", str(accounts), "--file", str(ledger), "--delivery-delay", str(delivery_delay))
    with _running(Command(folder / "emulator.log", "emulator", *arguments)) as command:
        yield command


@contextmanager
def gateway(folder: Path, config: Path) -> Iterator[Command]:
    """`mspace-legacy gateway`."""
    with _running(Command(folder / "gateway.log", "gateway", "--config", str(config))) as command:
        yield command

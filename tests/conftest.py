"""Fixtures for tests of more than one floor. What listens does so on 127.0.0.1, on a port the system picks."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

from mspace_legacy.emulator import Emulator
from mspace_legacy.server import Server
from tests.servers import ScriptedServer

# A shell has what it puts in the background ignore interrupts, and so would whatever that starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A machine that is busy with another test must not fail a property for its speed.
settings.register_profile("default", deadline=None)
# One mutant among thousands gets a second, and the same one each time: what a property alone would find by luck is no
# kill.
settings.register_profile(
    "mutation",
    deadline=None,
    max_examples=10,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
)
# Where the same has passed with another Python, a property only shows that the language differs in nothing.
settings.register_profile("brief", deadline=None, max_examples=20)
settings.load_profile("default")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy or an account in the developer's environment is none of the tests' business."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("MSPACE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator of the demo accounts, in memory."""
    emulator = Emulator()
    yield emulator
    emulator.close()


@pytest.fixture
def emulator_url(emulator: Emulator) -> Iterator[str]:
    """The same emulator, behind a socket."""
    with Server(emulator) as server:
        yield server.url


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """A server on a raw socket that answers as the test tells it."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """A port that nothing listens on, kept from others."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        yield port

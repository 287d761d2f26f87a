"""RunningEmulator by itself: without pytest's fixtures."""

from __future__ import annotations

import socket

import pytest

from mspace_legacy import errors
from mspace_legacy.emulator import DEMO_ACCOUNTS
from mspace_legacy.testing.running import RunningEmulator


def test_it_listens_while_it_is_entered() -> None:
    running = RunningEmulator()
    with pytest.raises(errors.InvalidInput, match="enter it"):
        _ = running.url
    with running as emulator:
        host, port = emulator.url.removeprefix("http://").split(":")
        socket.create_connection((host, int(port)), timeout=5).close()
        client = emulator.legacy_client()
        assert client.balance() == DEMO_ACCOUNTS[0].balance
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)
    # Closed with it, so that no connection is left to be complained of.
    with pytest.raises(errors.ClosedError):
        client.balance()


def test_it_has_the_first_account_s_credentials() -> None:
    with RunningEmulator() as emulator:
        first = DEMO_ACCOUNTS[0]
        assert (emulator.username, emulator.password) == (first.username, first.password.reveal())
        assert emulator.api_key == first.api_key.reveal()
        assert repr(emulator.api_key) not in repr(vars(emulator))

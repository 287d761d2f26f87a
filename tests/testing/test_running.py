"""RunningEmulator by itself: without pytest's fixtures."""

from __future__ import annotations

import socket

import pytest

from mspace_legacy import errors
from mspace_legacy.emulator import DEMO_ACCOUNTS, Account, Ledger
from mspace_legacy.secrets import Secret
from mspace_legacy.smpp.client import Transmitter
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
        smpp = ("127.0.0.1", emulator.smpp_port)
        with Transmitter(*smpp, emulator.username, emulator.smpp_password) as transmitter:
            transmitter.send("MSPACE", "0722000001", "Hello")
        assert client.balance() == DEMO_ACCOUNTS[0].balance - 1
        emulator.faults.add("submit_sm=throttle")
        assert [fault.kind for fault in emulator.faults.due("submit_sm")] == ["throttle"]
    with pytest.raises(errors.InvalidInput, match="enter it"):
        _ = running.smpp_port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(smpp, timeout=5)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)
    # Closed with it, so that no connection is left to be complained of.
    with pytest.raises(errors.ClosedError):
        client.balance()


def test_it_has_the_first_account_s_credentials() -> None:
    with RunningEmulator() as emulator:
        first = DEMO_ACCOUNTS[0]
        assert (emulator.username, emulator.password) == (first.username, first.password.reveal())
        assert emulator.smpp_password == "smpp-pwd"
        assert emulator.api_key == first.api_key.reveal()
        assert repr(emulator.api_key) not in repr(vars(emulator))


def test_an_account_may_have_no_smpp() -> None:
    running = RunningEmulator(Ledger([Account("shop", Secret("p"), Secret("k"))]))
    with running, pytest.raises(errors.InvalidInput, match="'shop' has no smpp_password"):
        _ = running.smpp_password

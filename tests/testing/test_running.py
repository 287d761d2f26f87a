"""RunningEmulator by itself: without pytest's fixtures."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request

import pytest

from mspace_legacy import errors
from mspace_legacy.emulator import DEMO_ACCOUNTS, Account, Ledger, UssdCode
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


def test_its_phone_is_there_when_it_is_asked_for() -> None:
    running = RunningEmulator()
    with pytest.raises(errors.InvalidInput, match="enter it"):
        _ = running.phone_url
    with running as emulator:
        emulator.legacy_client().send_text("MSPACE", "0722000001", "sent before anybody looked")
        url = emulator.phone_url
        assert url == emulator.phone_url
        emulator.ussd_codes.add(UssdCode("*384#", "http://127.0.0.1:1/ussd"))
        with urllib.request.urlopen(f"{url}state", timeout=10) as response:  # noqa: S310  # our own
            news = json.load(response)
        (message,) = news["messages"]
        assert message["text"] == "sent before anybody looked"
        assert message["exchange"], "its request is there too"
        assert [code["code"] for code in news["codes"]] == ["*384#"]
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)
    with pytest.raises(errors.InvalidInput, match="enter it"):
        _ = running.phone_url


def test_a_page_of_another_origin_can_not_ask_it() -> None:
    with RunningEmulator() as emulator:
        request = urllib.request.Request(f"{emulator.url}/x", headers={"Origin": "http://evil.example"})  # noqa: S310  # our own
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)  # noqa: S310  # as above
        assert refused.value.code == 403
        refused.value.close()


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

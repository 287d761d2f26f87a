"""The demo: every documented call of the jar, over a socket, and a non-zero exit code where one goes wrong."""

from __future__ import annotations

import json
import re
import time

import pytest

from mspace_legacy.cli import demo as demo_module
from mspace_legacy.cli import main
from mspace_legacy.cli.demo import play
from mspace_legacy.emulator import Emulator, Fault
from tests.cli.process import run

METHODS = """
    getBalance login_TEXT subUsers_JSON subUsers_XML sendText_JSON sendText_XML resellerClients_JSON
    resellerClients_XML resellerClientTopup_JSON resellerClientTopup_XML subAccTopup_JSON subAccTopup_XML close
""".split()
"""Those of the vendor's page, with the twins in the other form, and the send under a name of its own."""


def test_every_call_is_made_within_five_seconds() -> None:
    began = time.monotonic()
    ended = run("demo", env={"http_proxy": "http://127.0.0.1:1", "MSPACE_URL": "http://127.0.0.1:1"})
    assert time.monotonic() - began < 5
    assert (ended.code, ended.err) == (0, "")
    called = re.findall(r"^ *\d+\. (\w+)\((.*?)\)(?:   \(.*\))?$", ended.out, re.MULTILINE)
    assert {name for name, _ in called} == set(METHODS)
    for name in ("subUsers_JSON", "subUsers_XML"):
        assert {len(arguments.split(", ")) for method, arguments in called if method == name} >= {3, 6}
    assert "GET /mspaceservice/wr/sms/balance/username=demo/password=***" in ended.out
    assert "Error 100: Authentication Failure" in ended.out
    assert "an OutcomeUnknown" in ended.out
    assert "getBalance('demo', '***')   (a wrong password)\n" in ended.out
    assert "each as documented" in ended.out
    for secret in ("demo-password", "not-the-password"):
        assert secret not in ended.out
    assert "\x1b" not in ended.out


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["as_documented"] is True
    first = told["calls"][0]
    assert first["wire"][0]["status"] == 200
    assert first["wire"][0]["reply"] == "1000"
    assert all(call["as_documented"] for call in told["calls"])
    assert [call["call"] for call in told["calls"] if call["note"] == "after close"] == ["getBalance('demo', '***')"]


@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        ("balance=fail:51", "getBalance"),
        ("login=fail:Authentication failure", "login_TEXT"),
        ("subusers=garbage", "subUsers_JSON"),
        ("resellerclients=html", "resellerClients_XML"),
        ("sendtext=status-after:500", "sendText_JSON"),
        ("sendtext=truncate", "sendText_XML"),
        ("resellerclienttopup=fail:Top up not Successful", "resellerClientTopup_JSON"),
        ("subacctopup=refuse", "subAccTopup_XML"),
    ],
)
def test_a_call_that_goes_wrong_is_told(fault: str, wrong: str, emulator: Emulator) -> None:
    emulator.faults.add(Fault.parse(fault))
    steps = {step.call.partition("(")[0]: step for step in play(emulator) if not step.as_documented}
    assert wrong in steps


def test_a_call_that_went_over_the_wire_twice_is_told(emulator: Emulator) -> None:
    emulator.faults.add(Fault("reset-before", operation="balance", times=1))
    first, *_ = play(emulator)
    assert first.gave == "'1000'"
    assert [exchange.status for exchange in first.exchanges] == [None, 200]
    assert not first.as_documented


def test_the_exit_code_tells_that_a_call_went_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def with_a_fault(ledger: object) -> Emulator:
        faulty = Emulator()
        faulty.faults.add("login=fail:Authentication failure")
        return faulty

    monkeypatch.setattr(demo_module, "Emulator", with_a_fault)
    assert main(["demo"]) == 1
    assert "not as documented: login_TEXT" in capsys.readouterr().out

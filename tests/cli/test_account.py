"""The commands of an account, against an emulator or a scripted server on a real socket."""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import signal
import socket
import subprocess
import termios
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mspace_legacy.cli import main
from mspace_legacy.cli.options import AccountOptions
from mspace_legacy.cli.output import Interrupted
from mspace_legacy.cli.sending import interruption_told
from mspace_legacy.emulator import DEMO_ACCOUNTS, Emulator
from mspace_legacy.server import Server
from tests.cli.process import COMMAND, Terminal, environment, run, start
from tests.servers import ScriptedServer, close, reply

PASSWORD = "demo-password"
API_KEY = "demo-api-key-".ljust(128, "0")
NUMBER = "254722000001"
REJECTED = "254700000000"
"""The number that the emulator refuses."""
JSON = "Content-Type: application/json\r\n"


def legacy(url: str, **more: str) -> dict[str, str]:
    return {"MSPACE_URL": url, "MSPACE_USERNAME": "demo", "MSPACE_PASSWORD": PASSWORD, **more}


def v2(url: str, **more: str) -> dict[str, str]:
    return {"MSPACE_URL": url, "MSPACE_USERNAME": "demo", "MSPACE_API_KEY": API_KEY, **more}


@pytest.fixture
def account(emulator_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator's demo account in the environment, by its password."""
    for name, value in legacy(emulator_url).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def key(emulator_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator's demo account in the environment, by its API key."""
    for name, value in v2(emulator_url).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def refused() -> str:
    """A URL that nobody listens at."""
    with Server(Emulator()) as server:
        pass
    return server.url


def document(text: str) -> dict[str, Any]:
    """The one JSON document that `text` is."""
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def two_lines_at_most(err: str) -> bool:
    return "Traceback" not in err and 1 <= len(err.splitlines()) <= 2 and err.endswith("\n")


# What each command does, and its exit code


def test_balance_is_told_and_the_secret_is_not(emulator_url: str) -> None:
    ended = run("balance", env=legacy(emulator_url))
    assert ended == (0, "demo: 1000 credits\n", "")


def test_a_wrong_password_is_a_failure_in_one_line(emulator_url: str) -> None:
    ended = run("balance", env=legacy(emulator_url, MSPACE_PASSWORD="canary-8f31"))
    assert ended.code == 1
    assert ended.out == ""
    assert two_lines_at_most(ended.err)
    assert "Authentication Failure" in ended.err
    assert "canary-8f31" not in ended.err


def test_an_api_key_alone_means_v2(emulator_url: str) -> None:
    ended = run("balance", "--json", env=v2(emulator_url))
    assert (ended.code, ended.err) == (0, "")
    assert document(ended.out) == {"username": "demo", "balance": 1000}


def test_sends_and_tells_each_recipient(emulator: Emulator, emulator_url: str) -> None:
    ended = run("send", "MSPACE", f"0722000001,{REJECTED}", "Hello", "--yes", env=v2(emulator_url))
    assert ended.code == 1, "one of them was rejected"
    (sent,) = emulator.ledger.messages()
    assert (sent.recipient, sent.sender_id, sent.text) == (NUMBER, "MSPACE", "Hello")
    rows = [line for line in ended.out.splitlines() if NUMBER in line or REJECTED in line]
    assert len(rows) == 2, "a row for each, unbroken"
    assert "accepted" in rows[0]
    assert sent.message_id in rows[0]
    assert "rejected" in rows[1]
    assert "Invalid recipient" in rows[1]
    assert "\x1b" not in ended.out, "no colours where there is no terminal"
    assert "1 accepted, 1 rejected; cost: 1 credits" in ended.out
    assert ended.err == ""


def test_send_shows_encoding_segments_recipients_and_cost(emulator_url: str) -> None:
    # 3GPP TS 23.040: 70 UCS-2 units fit one segment, 71 take two. Two segments to two numbers cost four credits.
    ended = run(
        "send", "MSPACE", "0722000001,0733000002,+254 722 000 001", "é😀" + "x" * 68, "-y", env=legacy(emulator_url)
    )
    assert ended.code == 0
    row = next(line for line in ended.out.splitlines() if "UCS-2" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["MSPACE", "UCS-2", "2", "2", "4"]


def test_a_dry_run_shows_the_cost_and_sends_nothing(emulator: Emulator, emulator_url: str) -> None:
    send = ("send", "MSPACE", "0722000001,0733000002", "é😀" + "x" * 68, "--dry-run")
    ended = run(*send, env=legacy(emulator_url))
    row = next(line for line in ended.out.splitlines() if "UCS-2" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["MSPACE", "UCS-2", "2", "2", "4"]
    assert (ended.code, ended.err) == (0, "")
    ended = run(*send, "--json", "--yes", env=legacy(emulator_url))
    assert document(ended.out) == {
        "encoding": "ucs2", "segments": 2, "recipients": ["254722000001", "254733000002"], "cost_at_most": 4,
    }  # fmt: skip
    assert emulator.ledger.messages() == []


def test_a_lost_reply_is_an_unknown_outcome_and_not_sent_again(emulator: Emulator, emulator_url: str) -> None:
    emulator.faults.add("sendtext=reset-after")
    ended = run("send", "MSPACE", NUMBER, "Hello", "--yes", env=legacy(emulator_url))
    assert ended.code == 3
    assert len(emulator.ledger.messages()) == 1
    row = next(line for line in ended.out.splitlines() if NUMBER in line)
    assert "unknown" in row
    assert "1 unknown; cost: 0 to 1 credits" in ended.out
    assert two_lines_at_most(ended.err)
    assert "outcome unknown" in ended.err
    assert "compare the balance" in ended.err
    assert PASSWORD not in ended.out + ended.err


def test_a_stalled_reply_is_an_unknown_outcome(scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted.script = [scripted.stall()]
    for name, value in legacy(scripted.url).items():
        monkeypatch.setenv(name, value)
    assert main(["send", "MSPACE", NUMBER, "Hello", "--yes", "--timeout", "0.3"]) == 3
    assert len(scripted.requests) == 1


def test_no_connection_is_a_failure_and_says_that_nothing_was_sent(refused: str) -> None:
    ended = run("send", "MSPACE", NUMBER, "Hello", "--yes", env=legacy(refused))
    assert ended.code == 1
    assert two_lines_at_most(ended.err)
    assert "connection refused; nothing was sent" in ended.err
    assert "not sent" in next(line for line in ended.out.splitlines() if NUMBER in line)


def test_the_parts_of_a_send_that_failed_on_the_way_are_told(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A hundred recipients go in one request. The second request is taken, and its reply lost.
    scripted.script = [reply(b'[{"messageId": "12345", "status": "successful"}]', headers=JSON), close]
    for name, value in legacy(scripted.url).items():
        monkeypatch.setenv(name, value)
    numbers = ",".join(str(254722000000 + place) for place in range(101))
    assert main(["send", "MSPACE", numbers, "Hello", "--yes", "--json"]) == 3
    told = document(capsys.readouterr().out)
    assert [message["outcome"] for message in told["messages"]] == ["accepted"] * 100 + ["unknown"]
    assert told["error"]["exit_code"] == 3
    assert told["error"]["outcome_unknown"] is True
    assert len(scripted.requests) == 2


def test_a_status_that_is_not_known_is_an_unknown_outcome(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # `successful` is the one word that is documented. Of any other nobody knows what it means.
    scripted.script = [reply(b'[{"messageId": "12345", "status": "queued"}]', headers=JSON)]
    for name, value in legacy(scripted.url).items():
        monkeypatch.setenv(name, value)
    assert main(["send", "MSPACE", NUMBER, "Hello", "--yes"]) == 3
    row = next(line for line in capsys.readouterr().out.splitlines() if NUMBER in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [NUMBER, "unknown", "12345", "queued"]


def test_an_unknown_outcome_of_one_part_outweighs_the_refusal_of_the_next(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.script = [
        reply(b'[{"messageId": "12345", "status": "queued"}]', headers=JSON),
        reply(b"Insufficient Balance"),
    ]
    for name, value in legacy(scripted.url).items():
        monkeypatch.setenv(name, value)
    numbers = ",".join(str(254722000000 + place) for place in range(101))
    assert main(["send", "MSPACE", numbers, "Hello", "--yes"]) == 3
    out, err = capsys.readouterr()
    assert "1 rejected, 100 unknown; cost: 0 to 100 credits" in out
    assert "Insufficient Balance" in err


@pytest.mark.usefixtures("account")
def test_login_tells_right_from_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["login", "--json"]) == 0
    assert document(capsys.readouterr().out) == {"username": "demo", "login": True}
    monkeypatch.setenv("MSPACE_PASSWORD", "another")
    assert main(["login", "--json"]) == 1
    assert document(capsys.readouterr().out) == {"username": "demo", "login": False}
    assert main(["login"]) == 1
    assert "wrong" in capsys.readouterr().out


@pytest.mark.usefixtures("account")
def test_lists_of_accounts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["subusers", "--json"]) == 0
    names_and_balances = [{"name": "subuser1", "sms_balance": 20}, {"name": "subuser2", "sms_balance": 18}]
    assert document(capsys.readouterr().out) == {"sub_users": names_and_balances}
    assert main(["clients", "--json"]) == 0
    names_and_balances = [{"name": "client1", "sms_balance": 20}, {"name": "client2", "sms_balance": 18}]
    assert document(capsys.readouterr().out) == {"clients": names_and_balances}
    assert main(["clients"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if "client2" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["client2", "18"]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(("kind", "name"), [("sub-account", "subuser1"), ("client", "client1")])
def test_a_top_up_moves_credits(kind: str, name: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topup", kind, name, "5", "--yes"]) == 0
    assert capsys.readouterr().out == f"5 credits moved to {name}\n"
    assert main(["topup", kind, name, "2", "--yes", "--json"]) == 0
    assert document(capsys.readouterr().out) == {"name": name, "count": 2}
    assert emulator.ledger.balance(name) == 27
    assert emulator.ledger.balance("demo") == 993


@pytest.mark.usefixtures("account")
def test_a_top_up_whose_reply_is_lost_is_an_unknown_outcome(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.faults.add("subacctopup=reset-after")
    assert main(["topup", "sub-account", "subuser1", "5", "--yes"]) == 3
    assert "compare the balances of both accounts" in capsys.readouterr().err
    assert emulator.ledger.balance("subuser1") == 25


@pytest.mark.usefixtures("key")
def test_report_tells_what_became_of_a_message(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["send", "MSPACE", NUMBER, "Hello", "--yes", "--json"]) == 0
    message_id = document(capsys.readouterr().out)["messages"][0]["message_id"]
    assert main(["report", message_id, "--json"]) == 0
    told = document(capsys.readouterr().out)
    assert (told["message_id"], told["recipient"], told["delivered"]) == (message_id, NUMBER, False)
    assert main(["report", message_id]) == 0
    assert message_id in capsys.readouterr().out
    assert main(["report", "1"]) == 1
    assert "Message not found" in capsys.readouterr().err


def test_report_asks_v2_though_a_password_is_given_too(
    emulator_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**legacy(emulator_url), **v2(emulator_url)}.items():
        monkeypatch.setenv(name, value)
    assert main(["report", "1"]) == 1, "the API was asked, and knows no such message"
    assert main(["report", "1", "--api", "legacy"]) == 2
    assert "the legacy API has no deliveryreport" in capsys.readouterr().err


# JSON


def test_a_send_as_json(emulator: Emulator, emulator_url: str) -> None:
    ended = run("send", "MSPACE", f"{NUMBER},{REJECTED}", "Hi €", "--yes", "--json", env=v2(emulator_url))
    assert (ended.code, ended.err) == (1, "")
    (sent,) = emulator.ledger.messages()
    told = document(ended.out)
    assert (told["encoding"], told["segments"], told["cost"], told["cost_at_most"]) == ("gsm7", 1, 1, 1)
    accepted, rejected = told["messages"]
    assert accepted == {
        "recipient": NUMBER,
        "outcome": "accepted",
        "message_id": sent.message_id,
        "status": "111",
        "description": "Message sent successfully",
    }
    assert (rejected["recipient"], rejected["outcome"]) == (REJECTED, "rejected")
    assert rejected["description"] == "Invalid recipient"


@pytest.mark.parametrize(
    ("arguments", "kind", "code"),
    [
        (["balance", "--json", "--username", "nobody"], "AuthenticationError", 1),
        (["send", "NOT-MINE", NUMBER, "Hello", "--yes", "--json"], "InvalidSenderId", 1),
        (["send", "MSPACE", "12", "Hello", "--yes", "--json"], "InvalidInput", 2),
        (["topup", "client", "client1", "100000", "-y", "--json"], "InsufficientBalance", 1),
        (["topup", "client", "client1", "none", "-y", "--json"], "WrongUsage", 2),
        (["balance", "--json", "--nonsense"], "WrongUsage", 2),
    ],
)
@pytest.mark.usefixtures("account")
def test_an_error_as_json(arguments: list[str], kind: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == code
    out, err = capsys.readouterr()
    error = document(out)["error"]
    assert (error["kind"], error["exit_code"], error["outcome_unknown"]) == (kind, code, False)
    assert error["message"]
    assert err == ""


@pytest.mark.usefixtures("account")
def test_json_behind_a_double_hyphen_is_text(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["send", "--yes", "--", "MSPACE", NUMBER, "--json"]) == 0
    assert emulator.ledger.messages()[0].text == "--json"
    assert "1 accepted" in capsys.readouterr().out
    assert main(["send", "--yes", "--", "MSPACE", "12", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "12" in err


# Before a send


def test_a_message_from_standard_input_is_not_damaged(emulator: Emulator, emulator_url: str) -> None:
    text = "a/b;c%{d}+?#\n😀 é"
    ended = run("send", "MSPACE", NUMBER, "-", "--yes", env=legacy(emulator_url), stdin=f"{text}\n".encode())
    assert ended.code == 0
    assert [sent.text for sent in emulator.ledger.messages()] == [text]


@pytest.mark.usefixtures("account")
def test_a_message_on_standard_input_that_is_not_utf8_is_refused(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9")))
    assert main(["send", "MSPACE", NUMBER, "-", "--yes"]) == 2
    assert "not UTF-8" in capsys.readouterr().err
    assert not emulator.ledger.messages()


@pytest.mark.parametrize(
    "arguments",
    [["send", "MSPACE", NUMBER, "Hello"], ["send", "MSPACE", NUMBER, "-"], ["topup", "client", "client1", "5"]],
)
@pytest.mark.usefixtures("account")
def test_without_a_terminal_it_needs_yes(
    emulator: Emulator, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"y\n")))
    before = emulator.ledger.balance("demo")
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert two_lines_at_most(err)
    assert "--yes" in err
    assert emulator.ledger.balance("demo") == before


def test_asks_on_a_terminal_and_sends_after_a_yes(emulator: Emulator, emulator_url: str) -> None:
    with Terminal("send", "MSPACE", "0722000001,0733000002", "Hello", env=legacy(emulator_url)) as terminal:
        terminal.expect("[y/N]")
        assert "GSM-7" in terminal.screen, "what it costs is shown before the question"
        assert not emulator.ledger.messages()
        terminal.type("y")
        assert terminal.finish() == 0
    assert len(emulator.ledger.messages()) == 2
    assert "2 accepted" in terminal.screen
    assert "\x1b[" in terminal.screen, "a terminal gets colours"


@pytest.mark.parametrize("answer", ["", "\x04"], ids=["nothing", "end of file"])
def test_anything_but_a_yes_is_a_no(answer: str, emulator: Emulator, emulator_url: str) -> None:
    with Terminal("send", "MSPACE", "0722000001", "Hello", env=legacy(emulator_url)) as terminal:
        terminal.expect("[y/N]")
        terminal.type(answer)
        assert terminal.finish() == 1
    assert "nothing was sent" in terminal.screen
    assert not emulator.ledger.messages()


def test_asks_before_a_top_up(emulator: Emulator, emulator_url: str) -> None:
    with Terminal("topup", "client", "client1", "5", env=legacy(emulator_url)) as terminal:
        terminal.expect("Move 5 credits from demo to the client client1? [y/N]")
        assert emulator.ledger.balance("client1") == 20
        terminal.type("yes")
        assert terminal.finish() == 0
    assert emulator.ledger.balance("client1") == 25


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["send", "", NUMBER, "Hello", "-y"], "the sender id is empty"),
        (["send", "MSPACE", NUMBER, "", "-y"], "the message is empty"),
        (["send", "MSPACE", "0722000001,12", "Hello", "-y"], "12"),
        (["topup", "client", "", "5", "-y"], "the name is empty"),
        (["topup", "client", "client1", "0", "-y"], "0"),
        (["topup", "neighbour", "client1", "5", "-y"], "neighbour"),
        (["balance", "--timeout", "0"], "timeout"),
        (["balance", "--url", "ftp://host"], "ftp://host"),
        (["balance", "--style", "xml"], "--style is for v2"),
        (["nonsense"], "nonsense"),
        ([], "Missing command"),
    ],
)
@pytest.mark.usefixtures("account")
def test_wrong_usage_sends_nothing(
    arguments: list[str], told: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.faults.add("status:500")
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert two_lines_at_most(err)
    assert told in err
    assert out == ""


# Options


@pytest.mark.parametrize(
    ("variables", "lacks"),
    [
        ({}, "--username"),
        ({"MSPACE_USERNAME": "u"}, "--url"),
        ({"MSPACE_USERNAME": "u", "MSPACE_URL": "http://127.0.0.1:1"}, "MSPACE_PASSWORD"),
        ({"MSPACE_USERNAME": "u", "MSPACE_URL": "http://127.0.0.1:1", "MSPACE_PASSWORD": ""}, "--password-file"),
    ],
)
def test_a_missing_setting_is_told_with_how_to_give_it(
    variables: dict[str, str], lacks: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["balance"]) == 2
    assert lacks in capsys.readouterr().err


@pytest.mark.parametrize(("api", "variable"), [("v2", "MSPACE_API_KEY"), ("legacy", "MSPACE_PASSWORD")])
def test_the_api_decides_which_secret_it_takes(
    api: str, variable: str, emulator_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**legacy(emulator_url), **v2(emulator_url)}.items():
        monkeypatch.setenv(name, value)
    assert main(["balance", "--api", api]) == 0
    monkeypatch.delenv(variable)
    assert main(["balance", "--api", api]) == 2
    assert variable in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"MSPACE_PASSWORD": "p"}, "/mspaceservice/wr/sms/balance"),
        ({"MSPACE_API_KEY": "k"}, "/smsapi/v2/balance"),
        ({"MSPACE_PASSWORD": "p", "MSPACE_API_KEY": "k"}, "/mspaceservice/wr/sms/balance"),
    ],
)
def test_which_api_is_the_default(
    given: dict[str, str],
    path: str,
    scripted: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert main(["balance", "--url", scripted.url, "--username", "u"]) == 0
    assert capsys.readouterr().out == "u: 50 credits\n"
    assert path in scripted.request_lines[0]


@pytest.mark.parametrize(
    ("style", "start", "media_type"),
    [
        ("json", "POST /smsapi/v2/balance HTTP", b"application/json"),
        ("xml", "POST /smsapi/v2/balance HTTP", b"application/xml"),
        ("path", "GET /smsapi/v2/balance/apikey=the-key/username=u HTTP", b"application/json"),
    ],
)
def test_each_style_of_v2(
    style: str, start: str, media_type: bytes, scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSPACE_API_KEY", "the-key")
    assert main(["balance", "--url", scripted.url, "--username", "u", "--style", style]) == 0
    assert scripted.request_lines[0].startswith(start)
    assert b"Accept: " + media_type in scripted.requests[0]


def test_the_country_decides_how_a_local_number_is_read(
    emulator: Emulator, account: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["send", "MSPACE", "0772123456", "Hello", "--yes", "--country", "UG"]) == 0
    assert emulator.ledger.messages()[0].recipient == "256772123456"


@pytest.mark.parametrize("beginning", ["", "\ufeff"], ids=["", "BOM"])
@pytest.mark.parametrize("ending", ["", "\n", "\r\n"], ids=repr)
def test_a_secret_from_a_file_goes_before_the_environment(
    ending: str, beginning: str, account: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSPACE_PASSWORD", "another")
    file = tmp_path / "password"
    file.write_bytes(f"{beginning}{PASSWORD}{ending}".encode())
    assert main(["balance", "--password-file", str(file)]) == 0


def test_an_api_key_from_a_file_means_v2(
    scripted: ScriptedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "key"
    file.write_text("the-key\n")
    assert main(["balance", "--api-key-file", str(file), "--url", scripted.url, "--username", "u"]) == 0
    assert b"apikey: the-key\r\n" in scripted.requests[0]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "can't be read"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"one\ntwo\n", "more than one line"),
        (b"\xe9", "UTF-8"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused_without_its_content(
    content: bytes | None, told: str, account: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "canary-8f31"
    if content is not None:
        file.write_bytes(content)
    assert main(["balance", "--password-file", str(file)]) == 2
    err = capsys.readouterr().err
    assert "--password-file" in err
    assert told in err
    assert "canary-8f31" not in err, "it may be the password, put there by mistake"


@pytest.mark.parametrize("option", ["--password", "--api-key", "--apikey", "--secret"])
def test_a_secret_is_never_an_option(option: str, account: None, capsys: pytest.CaptureFixture[str]) -> None:
    for given in ([option, "canary-8f31"], [f"{option}=canary-8f31"]):
        assert main(["balance", *given]) == 2
        out, err = capsys.readouterr()
        assert "canary-8f31" not in out + err


def test_a_password_is_asked_for_without_showing_it(emulator_url: str) -> None:
    with Terminal("balance", env=legacy(emulator_url, MSPACE_PASSWORD="")) as terminal:
        terminal.expect("Password: ")
        terminal.type(PASSWORD)
        assert terminal.finish() == 0
    assert "demo: 1000 credits" in terminal.screen
    assert PASSWORD not in terminal.screen


def test_an_api_key_is_asked_for_without_showing_it(emulator_url: str) -> None:
    with Terminal("balance", "--api", "v2", env=v2(emulator_url, MSPACE_API_KEY="")) as terminal:
        terminal.expect("API key: ")
        terminal.type("")
        assert terminal.finish() == 2
    assert "no API key was entered" in terminal.screen


# Interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_an_interrupted_send_says_that_the_outcome_is_unknown(
    as_json: bool, number: int, scripted: ScriptedServer
) -> None:
    scripted.script = [scripted.stall()]
    more = ["--json"] if as_json else []
    with start("send", "MSPACE", NUMBER, "Hello", "--yes", *more, env=legacy(scripted.url)) as process:
        _wait_for_request(scripted)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    if as_json:
        error = document(out)["error"]
        assert (error["exit_code"], error["outcome_unknown"]) == (130, True)
    else:
        assert two_lines_at_most(err)
        assert "outcome unknown" in err
        assert "may have been sent" in err
    assert len(scripted.requests) == 1


def test_an_interrupted_send_tells_of_the_parts_that_were_sent(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b'[{"messageId": "1", "status": "successful"}]'), scripted.stall()]
    numbers = ",".join(str(254722000000 + number) for number in range(150))
    with start("send", "MSPACE", numbers, "Hello", "--yes", "--json", env=legacy(scripted.url)) as process:
        scripted.wait_for_requests(2)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    told = document(out)
    assert told["error"]["exit_code"] == 130
    assert Counter(message["outcome"] for message in told["messages"]) == {"accepted": 100, "unknown": 50}


def test_only_the_first_interruption_interrupts() -> None:
    """A second, which many type, would break off the telling of what the first one left open."""
    heeded: list[object] = []

    def interrupted(number: int) -> None:
        try:
            signal.raise_signal(number)
        finally:
            heeded.extend(map(signal.getsignal, (signal.SIGINT, signal.SIGTERM)))

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            with pytest.raises(Interrupted), interruption_told("sendtext"):
                interrupted(number)
        finally:
            # A command ends by then.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert heeded == [signal.SIG_IGN] * 4


def test_what_was_not_interrupted_leaves_the_signals_as_they_were() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    with interruption_told("sendtext"):
        assert not {*map(signal.getsignal, numbers)} & {signal.default_int_handler, signal.SIG_DFL}
    assert [*map(signal.getsignal, numbers)] == [signal.default_int_handler, signal.SIG_DFL]


def test_who_calls_main_keeps_its_signals(scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in legacy(scripted.url).items():
        monkeypatch.setenv(name, value)
    scripted.script = [scripted.stall(), reply(b'[{"messageId": "1", "status": "successful"}]')]
    send = ["send", "MSPACE", NUMBER, "Hello", "--yes"]

    def end() -> None:
        _wait_for_request(scripted)
        os.kill(os.getpid(), signal.SIGTERM)

    with ThreadPoolExecutor(1) as threads:
        threads.submit(end)
        assert main(send) == 130
        assert [*map(signal.getsignal, (signal.SIGINT, signal.SIGTERM))] == [
            signal.default_int_handler,
            signal.SIG_DFL,
        ]
        # Another thread than the first can neither be interrupted nor say how signals are heeded.
        assert threads.submit(main, send).result() == 0


def test_what_a_service_says_controls_no_terminal(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b"Refused", "404 Not \x1b[2J \x9b3m to be found")]
    ended = run("balance", env=legacy(scripted.url))
    assert ended.code == 1
    assert "to be found" in ended.err
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", ended.err)


def test_an_interrupted_read_is_just_interrupted(scripted: ScriptedServer) -> None:
    scripted.script = [scripted.stall()]
    with start("balance", env=legacy(scripted.url)) as process:
        _wait_for_request(scripted)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err.strip()) == (130, "", "mspace-legacy: interrupted")


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_whoever_breaks_off_again_and_again_is_still_told(as_json: bool, scripted: ScriptedServer) -> None:
    scripted.script = [scripted.stall()]
    more = ["--json"] if as_json else []
    with start("send", "MSPACE", NUMBER, "Hello", "--yes", *more, env=legacy(scripted.url)) as process:
        _wait_for_request(scripted)
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.001)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert document(out)["error"]["outcome_unknown"] if as_json else "outcome unknown" in err


# To be interrupted while it prints, it must print more than its pipe takes, which by default is very much.
@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="how much a pipe holds is only to be chosen on Linux")
def test_an_interruption_while_it_is_told_what_was_done_takes_nothing_back(
    emulator: Emulator, emulator_url: str
) -> None:
    numbers = ",".join(str(254722000000 + number) for number in range(150))
    with start("send", "MSPACE", numbers, "Hello", "--yes", "--json", env=legacy(emulator_url)) as process:
        assert process.stdout is not None
        # Of the document, which is longer, a part is in the pipe, and nobody reads it.
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        held = bytearray(4)
        while not any(held):
            assert process.poll() is None
            time.sleep(0.01)
            fcntl.ioctl(process.stdout, termios.FIONREAD, held)
        assert emulator.ledger.balance("demo") == 850
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert err == "mspace-legacy: it was done, and what came of it can't be printed: interrupted\n"


def test_a_reader_that_leaves_takes_nothing_back_of_what_was_sent(scripted: ScriptedServer) -> None:
    is_left = threading.Event()

    def answer(connection: socket.socket) -> bool:
        return is_left.wait(20) and reply(b'[{"messageId": "1", "status": "successful"}]')(connection)

    scripted.script = [answer]
    with start("send", "MSPACE", NUMBER, "Hello", "--yes", env=legacy(scripted.url)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        _wait_for_request(scripted)
        process.stdout.close()
        is_left.set()
        assert "it was done, and what came of it can't be printed: Broken pipe" in process.stderr.read()
    assert process.returncode == 0


# What can't be printed is printed to a full disk: that is a device on Linux, and nothing portable elsewhere.
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("balance",), "standard output takes no more: No space left on device"),
        (("balance", "--json"), "standard output takes no more: No space left on device"),
        (("send", "--help"), "standard output takes no more: No space left on device"),
        (
            ("send", "MSPACE", NUMBER, "Hello", "--yes"),
            "what it costs can't be printed (No space left on device): nothing was sent",
        ),
    ],
)
def test_a_full_disk_is_no_defect(
    emulator: Emulator, emulator_url: str, arguments: tuple[str, ...], told: str
) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*COMMAND, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            # As in a pipe: what is in the buffer fails once more as the interpreter ends.
            env={**environment(legacy(emulator_url)), "PYTHONUNBUFFERED": ""},
            timeout=30,
            check=False,
            text=True,
        )
    assert (ended.returncode, ended.stderr) == (1, f"mspace-legacy: {told}\n")
    assert not emulator.ledger.messages()


def _wait_for_request(scripted: ScriptedServer) -> None:
    end = time.monotonic() + 20
    while not scripted.requests:
        assert time.monotonic() < end
        time.sleep(0.01)


# Text from outside

_HOSTILE = ["[red]x[/red]", "[/]", "\x1b]0;evil\x07", ":smile:", "\x9b2J", "\u202egnp", "line\nbreak"]
_SHOWN = ["[red]x[/red]", "[/]", r"\x1b]0;evil\x07", ":smile:", r"\x9b2J", r"\u202egnp", r"line\nbreak"]


def _sub_users(names: list[str]) -> bytes:
    return json.dumps([{"subUserName": name, "smsBalance": "1"} for name in names]).encode()


def test_names_are_shown_as_they_are_and_do_nothing_to_a_terminal(scripted: ScriptedServer) -> None:
    scripted.script = [reply(_sub_users(_HOSTILE), headers=JSON)]
    with Terminal("subusers", env=legacy(scripted.url)) as terminal:
        assert terminal.finish() == 0
    for name in _SHOWN:
        assert name in terminal.screen
    for sequence in ("\x1b]", "\x07", "\x9b", "\u202e"):
        assert sequence not in terminal.screen


def test_names_are_shown_in_a_pipe_too_whatever_its_encoding(scripted: ScriptedServer) -> None:
    long = "n" * 300
    scripted.script = [reply(_sub_users([*_HOSTILE, "😀 é", long]), headers=JSON)]
    ended = run("subusers", env=legacy(scripted.url, PYTHONIOENCODING="ascii"))
    assert (ended.code, ended.err) == (0, "")
    assert "\x1b" not in ended.out
    for name in (*_SHOWN, r"\U0001f600 \xe9", long):
        assert name in ended.out


def test_the_words_of_a_failure_do_nothing_to_a_terminal(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.script = [reply(json.dumps({"error": "Insufficient Balance [/] \x1b[2J\nno"}).encode(), headers=JSON)]
    for name, value in legacy(scripted.url).items():
        monkeypatch.setenv(name, value)
    assert main(["balance"]) == 1
    err = capsys.readouterr().err
    assert "Insufficient Balance [/]" in err
    assert "\x1b" not in err
    assert two_lines_at_most(err)


def test_a_user_name_does_nothing_to_a_terminal(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in legacy(scripted.url).items():
        monkeypatch.setenv(name, value)
    assert main(["balance", "--username", "[red]x\x1b[2J"]) == 0
    assert capsys.readouterr().out == "[red]x\\x1b[2J: 50 credits\n"


def test_the_demo_accounts_are_the_ones_that_these_tests_use() -> None:
    demo = DEMO_ACCOUNTS[0]
    assert (demo.username, demo.password.reveal(), demo.api_key.reveal()) == ("demo", PASSWORD, API_KEY)


@pytest.mark.parametrize(
    ("url", "base_url", "goes_to"),
    [
        ("http://legacy.invalid", None, "https://api.mspace.co.ke"),
        ("http://127.0.0.1.legacy.invalid", None, "https://api.mspace.co.ke"),
        ("http://legacy.invalid", "http://v2.invalid", "http://v2.invalid"),
        ("https://v2.invalid", None, "https://v2.invalid"),
        ("http://127.0.0.1:8080", None, "http://127.0.0.1:8080"),
        ("http://localhost", None, "http://localhost"),
    ],
)
def test_the_key_does_not_go_to_the_host_of_the_legacy_api(
    url: str, base_url: str | None, goes_to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in v2(url, **({"MSPACE_BASE_URL": base_url} if base_url else {})).items():
        monkeypatch.setenv(name, value)
    client = AccountOptions(None, None, "demo", None, None, None, None, "KE", False).client()
    assert f"base_url='{goes_to}/smsapi/v2'" in repr(client)
    client.close()

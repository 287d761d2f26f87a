"""`smpp send` and `smpp listen`, against the emulator's SMSC or one that is scripted to the octet."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import click
import pytest

from mspace_legacy.cli import group, main
from mspace_legacy.cli.smpp import _Listening
from mspace_legacy.emulator import Faults, Ledger, Smsc
from mspace_legacy.smpp.client import Transmitter
from mspace_legacy.smpp.pdu import Pdu, SubmitSm
from tests.cli.process import COMMAND, Terminal, environment, run, start
from tests.smpp import smsc as scripted_smsc

PASSWORD = "smpp-pwd"
NUMBER = "254722000001"
REJECTED = "254700000000"
"""The number that the emulator refuses."""


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    ledger = Ledger(delivery_delay=0)
    yield ledger
    ledger.close()


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def smsc(ledger: Ledger, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> Iterator[Smsc]:
    """An SMSC with the demo accounts, one of which is in the environment."""
    with Smsc(ledger, faults) as smsc:
        for name, value in account().items():
            monkeypatch.setenv(name, value)
        yield smsc


def account(**more: str) -> dict[str, str]:
    named = {"HOST": "127.0.0.1", "SYSTEM_ID": "demo", "PASSWORD": PASSWORD, **more}
    return {f"MSPACE_SMPP_{name}": value for name, value in named.items()}


def smpp(command: str, smsc: Smsc, *arguments: str) -> list[str]:
    return ["smpp", command, "--port", str(smsc.port), *arguments]


def submit(smsc: Smsc, count: int = 1) -> None:
    with Transmitter("127.0.0.1", smsc.port, "demo", PASSWORD) as transmitter:
        transmitter.send_text("MSPACE", [f"25472200000{number}" for number in range(1, count + 1)], "Hello")


# Sending


def test_sends_and_tells_each_recipient(smsc: Smsc, ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = f"0722000001,{REJECTED}"
    assert main(smpp("send", smsc, "MSPACE", numbers, "Hello", "--yes")) == 1, "one of them was rejected"
    (sent,) = ledger.messages()
    assert (sent.username, sent.recipient, sent.sender_id, sent.text) == ("demo", NUMBER, "MSPACE", "Hello")
    out, err = capsys.readouterr()
    rows = [line for line in out.splitlines() if NUMBER in line or REJECTED in line]
    assert [cell.strip() for cell in rows[0].strip("│").split("│")][:3] == [NUMBER, "accepted", sent.message_id]
    assert [cell.strip() for cell in rows[1].strip("│").split("│")] == [REJECTED, "rejected", "", "ESME_RINVDSTADR"]
    assert "1 accepted, 1 rejected; cost: 1 credits" in out
    assert err == ""


def test_the_port_may_stand_in_the_environment(smsc: Smsc, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSPACE_SMPP_PORT", str(smsc.port))
    assert main(["smpp", "send", "MSPACE", NUMBER, "Hello", "--yes"]) == 0
    assert len(ledger.messages()) == 1
    monkeypatch.setenv("MSPACE_SMPP_PORT", "abc")
    assert main(["smpp", "send", "MSPACE", NUMBER, "Hello", "--yes"]) == 2


def test_what_answers_nothing_is_given_up_after_the_timeout(smsc: Smsc, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        arguments = ["--port", str(silent.getsockname()[1]), "--timeout", "0.2"]
        assert main(["smpp", "send", "MSPACE", NUMBER, "Hello", "--yes", *arguments]) == 1
    assert "nothing was sent" in capsys.readouterr().err


@pytest.fixture
def _scripted_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in account(PASSWORD=scripted_smsc.PASSWORD).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_scripted_account")
def test_an_answer_that_does_not_come_is_waited_for_as_long_as_told() -> None:
    def say_nothing(peer: scripted_smsc.Peer, pdu: Pdu) -> None:
        if not isinstance(pdu, SubmitSm):
            peer.obey(pdu)

    with scripted_smsc.Smsc(say_nothing) as silent:
        began = time.monotonic()
        arguments = ["--port", str(silent.port), "--timeout", "0.3"]
        assert main(["smpp", "send", "MSPACE", NUMBER, "Hello", "--yes", *arguments]) == 3
        assert time.monotonic() - began < 15


@pytest.mark.usefixtures("_scripted_account")
def test_no_more_are_under_way_than_the_window_takes() -> None:
    under_way: list[Pdu] = []
    most = []

    def answer_late(peer: scripted_smsc.Peer, pdu: Pdu) -> None:
        if isinstance(pdu, SubmitSm):
            under_way.append(pdu)
            most.append(len(under_way))
            threading.Timer(0.5, answer, [peer, pdu]).start()
        else:
            peer.obey(pdu)

    def answer(peer: scripted_smsc.Peer, pdu: Pdu) -> None:
        under_way.pop()
        peer.obey(pdu)

    numbers = ",".join(str(254722000000 + number) for number in range(6))
    with scripted_smsc.Smsc(answer_late) as slow:
        arguments = ["--port", str(slow.port), "--window", "3"]
        assert main(["smpp", "send", "MSPACE", numbers, "Hello", "--yes", *arguments]) == 0
    assert max(most) == 3


def test_a_dry_run_binds_to_nobody(capsys: pytest.CaptureFixture[str], refusing_port: int) -> None:
    arguments = ["--system-id", "demo", "--port", str(refusing_port), "--dry-run", "--json"]
    assert main(["smpp", "send", "MSPACE", "0722000001", "Hello", *arguments]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "encoding": "gsm7", "segments": 1, "recipients": ["254722000001"], "cost_at_most": 1,
    }  # fmt: skip


def test_with_json_it_prints_one_document(smsc: Smsc, ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    text = "Habari \N{SNOWMAN} " * 10
    assert main(smpp("send", smsc, "MSPACE", NUMBER, text, "--yes", "--json", "--window", "1")) == 0
    told = json.loads(capsys.readouterr().out)
    first, second = ledger.messages()
    assert first.text + second.text == text
    assert (told["encoding"], told["segments"], told["cost"]) == ("ucs2", 2, 2)
    (message,) = told["messages"]
    assert (message["recipient"], message["outcome"], message["message_id"]) == (NUMBER, "accepted", first.message_id)


def test_local_numbers_are_those_of_the_country(smsc: Smsc, ledger: Ledger) -> None:
    assert main(smpp("send", smsc, "MSPACE", "0772123456", "Hello", "--yes", "--country", "UG")) == 0
    assert [message.recipient for message in ledger.messages()] == ["256772123456"]


def test_the_message_may_come_from_standard_input(smsc: Smsc, ledger: Ledger) -> None:
    ended = run(*smpp("send", smsc, "MSPACE", NUMBER, "-", "--yes"), stdin="Zoë\n".encode())
    assert ended.code == 0
    assert [message.text for message in ledger.messages()] == ["Zoë"]


def test_a_lost_answer_is_an_unknown_outcome_and_not_sent_again(smsc: Smsc, ledger: Ledger, faults: Faults) -> None:
    faults.add("submit_sm=reset-after")
    ended = run(*smpp("send", smsc, "MSPACE", NUMBER, "Hello", "--yes"))
    assert ended.code == 3
    assert len(ledger.messages()) == 1
    assert "unknown" in next(line for line in ended.out.splitlines() if NUMBER in line)
    assert "outcome unknown" in ended.err


def test_a_refusal_is_told_by_the_standard_s_name(smsc: Smsc, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(smpp("send", smsc, "OTHER", NUMBER, "Hello", "--yes")) == 1
    assert "ESME_RINVSRCADR, invalid source address" in capsys.readouterr().err


# What can't be printed is printed to a full disk: that is a device on Linux, and nothing portable elsewhere.
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_the_exit_code_says_what_was_done_if_that_cannot_be_printed(smsc: Smsc, ledger: Ledger) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*COMMAND, *smpp("send", smsc, "--yes", "--json", "MSPACE", "0722000000", "hi")],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=30,
            check=False,
        )
    assert len(ledger.messages()) == 1
    assert (ended.returncode, b"it was done" in ended.stderr) == (0, True)


def test_asks_for_the_password_without_showing_it_and_before_it_sends(smsc: Smsc, ledger: Ledger) -> None:
    arguments = smpp("send", smsc, "MSPACE", NUMBER, "Hello")
    with Terminal(*arguments, env=account(PASSWORD="")) as terminal:
        terminal.expect("Password: ")
        terminal.type(PASSWORD)
        terminal.expect("[y/N]")
        assert "GSM-7" in terminal.screen, "what it costs is shown before the question"
        assert not ledger.messages()
        terminal.type("y")
        assert terminal.finish() == 0
    assert len(ledger.messages()) == 1
    assert PASSWORD not in terminal.screen


def test_anything_but_a_yes_is_a_no(smsc: Smsc, ledger: Ledger) -> None:
    with Terminal(*smpp("send", smsc, "MSPACE", NUMBER, "Hello")) as terminal:
        terminal.expect("[y/N]")
        terminal.type("")
        assert terminal.finish() == 1
    assert "nothing was sent" in terminal.screen
    assert not ledger.messages()


def test_an_interrupted_send_ends_at_once_and_says_that_the_outcome_is_unknown(
    smsc: Smsc, ledger: Ledger, faults: Faults
) -> None:
    faults.add("submit_sm=delay:60")
    with start(*smpp("send", smsc, "MSPACE", NUMBER, "Hello", "--yes")) as process:
        while not ledger.messages():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        # Less than the 30 seconds that closing would wait.
        _, err = process.communicate(timeout=15)
    assert process.returncode == 130
    assert "outcome unknown" in err


# The settings


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["send", "", NUMBER, "Hello", "-y"], "the sender id is empty"),
        (["send", "MSPACE", NUMBER, "", "-y"], "the message is empty"),
        (["send", "MSPACE", "12", "Hello", "-y"], "'12'"),
        (["send", "MSPACE", NUMBER, "Hello"], "standard input is no terminal: give --yes"),
        (["send", "MSPACE", NUMBER, "Hello", "-y", "--window", "0"], "--window"),
        (["send", "MSPACE", NUMBER, "Hello", "-y"], "no host: give --host or MSPACE_SMPP_HOST"),
        (["listen"], "no host: give --host or MSPACE_SMPP_HOST"),
        (["listen", "--host", "h"], "no system_id: give --system-id or MSPACE_SMPP_SYSTEM_ID"),
        (["listen", "--host", "h", "--system-id", "s"], "no password: give --password-file or MSPACE_SMPP_PASSWORD"),
        (["listen", "--port", "0"], "--port"),
        (["listen", "--count", "0"], "--count"),
        ([], "Missing command"),
        (["fly"], "fly"),
    ],
)
def test_wrong_usage(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["smpp", *arguments]) == 2
    out, err = capsys.readouterr()
    assert told in err
    assert 1 <= len(err.splitlines()) <= 2
    assert out == ""


@pytest.mark.parametrize(
    "arguments", [["send", "MSPACE", NUMBER, "Hello", "--yes"], ["listen"]], ids=["send", "listen"]
)
def test_a_wrong_password_is_a_failure_and_not_shown(arguments: list[str], smsc: Smsc) -> None:
    ended = run(*smpp(arguments[0], smsc, *arguments[1:]), env=account(PASSWORD="canary-8"))
    assert (ended.code, ended.out) == (1, "")
    assert "ESME_RINVPASWD" in ended.err
    assert "canary" not in ended.err


def test_an_error_is_one_line_of_json_too_as_what_came_before_it_was(smsc: Smsc) -> None:
    ended = run(*smpp("listen", smsc, "--json"), env=account(PASSWORD="canary-8"))
    (line,) = ended.out.splitlines()
    assert json.loads(line)["error"]["kind"] == "AuthenticationError"
    assert "canary" not in line


def test_a_password_comes_from_a_file(smsc: Smsc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n", "utf-8")
    monkeypatch.setenv("MSPACE_SMPP_PASSWORD", "wrong")
    given = ("MSPACE", NUMBER, "Hello", "--yes", "--password-file", str(tmp_path / "password"))
    assert main(smpp("send", smsc, *given)) == 0


def test_tls_is_asked_for_and_not_fallen_back_from(smsc: Smsc, ledger: Ledger) -> None:
    ended = run(*smpp("send", smsc, "MSPACE", NUMBER, "Hello", "--yes", "--tls"))
    assert ended.code == 1
    assert "TLS failed" in ended.err
    assert not ledger.messages()


@pytest.mark.parametrize("name", ["send", "listen"])
def test_the_options_hold_no_secret_and_the_help_has_the_exit_codes(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = group.group.get_command(click.Context(group.group), "smpp")
    assert isinstance(command, click.Group)
    options = {option for parameter in command.commands[name].params for option in parameter.opts}
    assert not options & {"--password", "--secret"}
    assert {"--host", "--port", "--system-id", "--password-file", "--tls", "--json"} <= options
    assert main(["smpp", name, "--help"]) == 0
    assert "3    outcome unknown" in capsys.readouterr().out


# Listening


def test_prints_each_receipt_and_stops_after_so_many(
    smsc: Smsc, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    submit(smsc, 5)
    assert main(smpp("listen", smsc, "--count", "2")) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "receipt  49032372 to 254722000001  DELIVERED",
        "receipt  49032373 to 254722000002  DELIVERED",
    ]
    assert err == f"Bound to 127.0.0.1:{smsc.port}. Ctrl-C stops it.\n"
    left = [receipt.message_id for receipt in ledger.receipts("demo", 10)]
    assert left == ["49032374", "49032375", "49032376"], "what was not printed was not acknowledged"


def test_a_failed_message_shows_its_error(smsc: Smsc, capsys: pytest.CaptureFixture[str]) -> None:
    with Transmitter("127.0.0.1", smsc.port, "demo", PASSWORD) as transmitter:
        transmitter.send("MSPACE", "254700000001", "Hello")
    assert main(smpp("listen", smsc, "--count", "1")) == 0
    assert capsys.readouterr().out == "receipt  49032372 to 254700000001  UNDELIVERABLE  err 001\n"


def test_with_json_each_line_is_a_document(smsc: Smsc, capsys: pytest.CaptureFixture[str]) -> None:
    submit(smsc, 2)
    assert main(smpp("listen", smsc, "--count", "2", "--json")) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["message_id"], second["message_id"]) == ("49032372", "49032373")
    assert (first["kind"], first["state"], first["stat"], first["delivered"]) == (
        "receipt",
        "DELIVERED",
        "DELIVRD",
        True,
    )
    assert (first["recipient"], first["sender_id"]) == (NUMBER, "MSPACE")
    assert bytes.fromhex(first["raw"]).startswith(b"id:49032372 sub:001")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stops_when_told(number: signal.Signals, smsc: Smsc) -> None:
    with start(*smpp("listen", smsc)) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        assert process.stderr.readline().startswith("Bound to ")
        submit(smsc)
        assert process.stdout.readline() == "receipt  49032372 to 254722000001  DELIVERED\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_signal_may_stop_it_as_it_begins_to_wait() -> None:
    listening = _Listening(None, as_json=False)

    def stop(frame: FrameType, event: str, argument: object) -> None:
        sys.setprofile(None)
        listening.stop()
        sys.setprofile(stop)

    def wait() -> None:
        sys.setprofile(stop)
        try:
            listening.wait(20)
        finally:
            sys.setprofile(None)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    waiting.join(10)
    assert not waiting.is_alive()
    assert listening.is_stopped


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_ends_when_nobody_reads_it_and_acknowledges_nothing_more(
    smsc: Smsc, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, unbuffered: str
) -> None:
    # What is still in the buffer as the interpreter ends must not change the exit code.
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with start(*smpp("listen", smsc)) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        process.stderr.readline()
        process.stdout.close()
        submit(smsc)
        process.wait(timeout=20)
    assert process.returncode == 1
    assert len(ledger.receipts("demo", 10)) == 1


# A full disk is a device on Linux, and nothing portable elsewhere.
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_told_as_such_and_nothing_is_acknowledged(smsc: Smsc, ledger: Ledger, unbuffered: str) -> None:
    submit(smsc)
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*COMMAND, *smpp("listen", smsc)],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**environment(), "PYTHONUNBUFFERED": unbuffered},
            timeout=30,
            check=False,
            text=True,
        )
    bound, told = ended.stderr.splitlines()
    assert bound.startswith("Bound to ")
    assert (ended.returncode, told) == (
        1,
        "mspace-legacy: standard output takes no more: No space left on device",
    )
    assert len(ledger.receipts("demo", 10)) == 1


# Windows can't tell whether a pipe takes more, and there `smpp listen` waits for its reader.
@pytest.mark.skipif(os.name != "posix", reason="needs select for pipes")
@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_nobody_has_read_is_not_acknowledged_and_keeps_it_from_nothing(
    smsc: Smsc, ledger: Ledger, unbuffered: str, blocking: bool
) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 512)
    os.set_blocking(writer, blocking)
    submit(smsc)
    with subprocess.Popen(
        [*COMMAND, *smpp("listen", smsc)],
        stdout=writer,
        stderr=subprocess.PIPE,
        env={**environment(), "PYTHONUNBUFFERED": unbuffered},
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Bound to ")
        time.sleep(0.5)
        process.terminate()
        assert (process.wait(20), process.stderr.read()) == (0, "")
    os.close(reader)
    os.close(writer)
    assert len(ledger.receipts("demo", 10)) == 1


@contextmanager
def delivering(*bodies: bytes) -> Iterator[int]:
    """The port of an SMSC that takes any bind and delivers these, the bodies of deliver_sm, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))

    listener.settimeout(20)

    def serve() -> None:
        # Closed with it: who is left alone would connect again and again.
        with listener, listener.accept()[0] as connection:
            connection.settimeout(20)
            read(connection)
            connection.sendall(struct.pack(">IIII", 18, 0x80000001, 0, 1) + b"X\0")
            for number, body in enumerate(bodies, 1):
                connection.sendall(struct.pack(">IIII", 16 + len(body), 5, 0, number) + body)
            for _ in bodies:
                command_id, status, _ = read(connection)
                assert (command_id, status) == (0x80000005, 0)
            unbind, _, number = read(connection)
            assert unbind == 6
            connection.sendall(struct.pack(">IIII", 16, 0x80000006, 0, number))
            connection.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join(30)
        listener.close()


def read(connection: socket.socket) -> tuple[int, int, int]:
    header = connection.recv(16, socket.MSG_WAITALL)
    length, command_id, status, number = struct.unpack(">IIII", header)
    if length > 16:
        connection.recv(length - 16, socket.MSG_WAITALL)
    return command_id, status, number


def deliver(text: bytes, *, esm_class: int = 0, data_coding: int = 0) -> bytes:
    addresses = b"\0\x01\x01254722000001\0\x05\0MSPACE\0"
    return addresses + bytes((esm_class, 0, 0, 0, 0, 0, 0, data_coding, 0, len(text))) + text


INCOMING = [
    deliver(b"Hello\n\r\x1b\x65"),
    deliver("\x1b[2J".encode("utf-16-be"), data_coding=8),
    deliver(b"\5\0\3\7\2\1Habari", esm_class=0x40),
    deliver(b"\xff\0", data_coding=4),
    deliver(b"what is this?", esm_class=4),
]


def test_incoming_texts_are_lines_that_no_terminal_acts_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSPACE_SMPP_PASSWORD", PASSWORD)
    with delivering(*INCOMING) as port:
        given = ["--host", "127.0.0.1", "--port", str(port), "--system-id", "demo"]
        assert main(["smpp", "listen", *given, "--count", "5"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        r"text     from 254722000001 to MSPACE  Hello\n\r€",
        r"text     from 254722000001 to MSPACE  \x1b[2J",
        "text     from 254722000001 to MSPACE  part 1 of 2  Habari",
        "text     from 254722000001 to MSPACE  octets ff00",
        "receipt  from 254722000001, unreadable  what is this?",
    ]


def test_incoming_texts_as_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSPACE_SMPP_PASSWORD", PASSWORD)
    with delivering(*INCOMING) as port:
        given = ["--host", "127.0.0.1", "--port", str(port), "--system-id", "demo"]
        assert main(["smpp", "listen", *given, "--count", "5", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    told = [json.loads(line) for line in out.splitlines()]
    assert [one["kind"] for one in told] == ["text"] * 4 + ["receipt"]
    assert [one["text"] for one in told] == ["Hello\n\r€", "\x1b[2J", "Habari", None, "what is this?"]
    assert told[2]["concatenation"] == {"kind": "udh8", "reference": 7, "total": 2, "number": 1}
    assert told[3]["octets"] == "ff00"
    assert (told[4]["message_id"], told[4]["state"]) == ("", None)

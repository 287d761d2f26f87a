"""`ussd dial`, against a callback in plain Flask as somebody else would write one, and against ours."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from werkzeug.serving import make_server

from mspace_legacy.cli import main
from mspace_legacy.ussd import UssdCallback
from tests.cli.process import COMMAND, Terminal, run
from tests.servers import ScriptedServer, close, reply
from tests.ussd.test_app import shop
from tests.ussd.test_wsgi import behind_waitress


def bank() -> flask.Flask:
    """A callback by someone who read the vendor's page and has never heard of us."""
    app = flask.Flask("bank")

    @app.route("/ussd/callback", methods=["POST"])
    def callback() -> Any:
        data = flask.request.get_json()
        steps = data["USSD_STRING"].split("*") if data["USSD_STRING"] else []
        if not steps:
            response = "CON Karibu benki\n1. Salio\n2. Tuma pesa\n3. Kosa"
        elif steps == ["1"]:
            response = f"END Salio la {data['MSISDN']}: KES 1,000"
        elif steps[0] == "2" and len(steps) == 2:
            response = f"END Umetuma {steps[1]}"
        elif steps[0] == "2":
            response = "CON Kiasi?"
        elif steps[0] == "3":
            response = "<b>Kosa</b>\x1b[2J"
        else:
            flask.abort(500)
        return flask.Response(response, mimetype="text/html")

    return app


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, bank(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/ussd/callback"
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_person_dials_and_is_asked_until_the_end(url: str) -> None:
    with Terminal("ussd", "dial", url) as terminal:
        terminal.expect("2. Tuma pesa")
        terminal.expect("> ")
        terminal.type("2")
        terminal.expect("Kiasi?")
        terminal.type("500")
        terminal.expect("Umetuma 500")
        assert terminal.finish() == 0
    assert "─ CON ─" in terminal.screen
    assert "─ END ─" in terminal.screen


def test_a_person_may_hang_up(url: str) -> None:
    with Terminal("ussd", "dial", url) as terminal:
        terminal.expect("> ")
        terminal._process.send_signal(signal.SIGINT)
        assert terminal.finish() == 130


def test_entries_come_from_options(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ussd", "dial", url, "--msisdn", "0733000001", "--enter", "1", "--enter", "unused"]) == 0
    out = capsys.readouterr().out
    assert "│ Salio la 254733000001: KES 1,000 │" in out
    assert "> " not in out


def test_the_number_is_one_of_the_country(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["ussd", "dial", url, "--msisdn", "0772000001", "--enter", "1"]
    assert main([*given, "--country", "UG"]) == 0
    assert "Salio la 256772000001" in capsys.readouterr().out


def test_the_time_out_is_the_answers(scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    scripted.script = [scripted.stall()]
    began = time.monotonic()
    assert main(["ussd", "dial", scripted.url, "--timeout", "0.2"]) == 3
    assert time.monotonic() - began < 10
    assert "timed out" in capsys.readouterr().err


def test_entries_come_from_a_pipe(url: str) -> None:
    ended = run("ussd", "dial", url, stdin=b"2\r\n700\n")
    assert ended.code == 0
    assert "Umetuma 700" in ended.out
    assert ended.err == ""


def test_without_more_entries_it_stops(url: str) -> None:
    ended = run("ussd", "dial", url, "--enter", "2")
    assert ended.code == 0
    assert "Kiasi?" in ended.out
    assert "left open" in ended.err


def test_an_entry_that_is_no_text_is_refused(url: str) -> None:
    ended = run("ussd", "dial", url, stdin=b"\xff\n")
    # The first step was sent by then, and 2 tells that nothing was.
    assert ended.code == 1
    assert "USSD_STRING" in ended.err


# A line without an end comes from a device on Linux, and from nothing portable elsewhere.
@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_an_entry_that_does_not_end_is_refused(url: str) -> None:
    with Path("/dev/zero").open("rb") as endless:
        ended = subprocess.run([*COMMAND, "ussd", "dial", url], stdin=endless, capture_output=True, timeout=60)
    assert ended.returncode == 1
    assert b"an entry of more than 10000 characters" in ended.stderr


def test_a_malformed_answer_is_a_failure_and_no_terminal_acts_on_it(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ussd", "dial", url, "--enter", "3"]) == 1
    err = capsys.readouterr().err
    assert r"the answer was: <b>Kosa</b>\x1b[2J" in err
    assert "begins with neither" in err


def test_a_status_of_failure_is_one(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ussd", "dial", url, "--enter", "9"]) == 1
    assert "HTTP status 500" in capsys.readouterr().err


def test_json_tells_each_step(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["ussd", "dial", f"{url}?key=s3cret-key", "--code", "*384*2#", "--service-code", "*384#"]
    assert main([*given, "--enter", "80", "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert (told["ended"], err) == (True, "")
    first, second = told["steps"]
    assert first["request"] == {
        "MSISDN": "254722000000",
        "SESSION_ID": told["session_id"],
        "SERVICE_CODE": "*384#",
        "USSD_STRING": "2",
        "CALLBACK_URL": f"{url}?***",
    }
    assert (first["entered"], first["answer"], first["text"]) == ("*384*2#", "CON", "Kiasi?")
    assert second["request"]["USSD_STRING"] == "2*80"
    assert (second["status"], second["raw"], second["problem"]) == (200, "END Umetuma 80", "")
    assert second["seconds"] > 0
    assert "s3cret" not in out


def test_json_tells_what_went_wrong_and_what_was_before(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ussd", "dial", url, "--enter", "3", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["error"]["kind"], told["error"]["exit_code"]) == ("ReplyError", 1)
    assert [step["answer"] for step in told["steps"]] == ["CON", None]
    assert told["steps"][1]["raw"] == "<b>Kosa</b>\x1b[2J"
    assert "neither" in told["steps"][1]["problem"]


def test_entries_alone(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b"CON a"), reply(b"CON b"), reply(b"END c")]
    assert main(["ussd", "dial", scripted.url, "--alone", "--enter", "1", "--enter", "2"]) == 0
    sent = [json.loads(request.partition(b"\r\n\r\n")[2])["USSD_STRING"] for request in scripted.requests]
    assert sent == ["", "1", "2"]


def test_the_limit_is_settable(scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    scripted.script = [reply(b"END " + b"a" * 161)]
    assert main(["ussd", "dial", scripted.url]) == 0
    assert main(["ussd", "dial", scripted.url, "--limit", "160"]) == 1
    assert "161 of 160" in capsys.readouterr().err


def test_an_answer_that_does_not_come_is_an_unknown_outcome(
    scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.script = [scripted.stall()]
    assert main(["ussd", "dial", scripted.url, "--timeout", "0.2"]) == 3
    scripted.script = [close]
    assert main(["ussd", "dial", scripted.url]) == 3
    assert "see what it did before dialling again" in capsys.readouterr().err


def test_the_url_may_come_from_the_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody on a machine can read the arguments of a command, and the URL may hold a secret."""
    monkeypatch.setenv("MSPACE_USSD_URL", url)
    assert main(["ussd", "dial", "--enter", "1", "--json"]) == 0


def test_no_connection_is_a_failure(refusing_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ussd", "dial", f"http://127.0.0.1:{refusing_port}/"]) == 1
    assert "nothing was sent" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["not-a-url"], ["http://x/", "--msisdn", "12"], ["http://x/", "--code", "384"], ["http://x/", "--limit", "0"],
     []],
)  # fmt: skip
def test_wrong_usage_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ussd", "dial", *arguments]) == 2
    assert "mspace-legacy: " in capsys.readouterr().err


def test_a_callback_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    with behind_waitress(UssdCallback(shop(), secret="c4llback-key")) as url:
        given = ["ussd", "dial", f"{url}/?key=c4llback-key"]
        assert main([*given, "--enter", "2", "--enter", "70", "--enter", "1"]) == 0
    assert "│ Paid 70 at step 4 │" in capsys.readouterr().out

"""The emulator in the foreground: what it tells, what it answers, and how it stops."""

from __future__ import annotations

import itertools
import json
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mspace_legacy import Client, MSpaceClient
from mspace_legacy.cli import main
from mspace_legacy.errors import InvalidSenderId, OutcomeUnknown
from mspace_legacy.smpp.client import Transmitter
from tests.cli.process import start
from tests.smpp.smsc import eventually

API_KEY = "demo-api-key-".ljust(128, "0")


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The emulator in a process, and what it told as JSON."""
    with start("emulator", "--json", *arguments) as process:
        try:
            assert process.stdout is not None
            text = ""
            while not text.endswith("\n}\n"):
                line = process.stdout.readline()
                assert line, "it ended"
                text += line
            yield process, json.loads(text)
        finally:
            process.terminate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tells_where_it_is_and_stops_when_told(number: signal.Signals) -> None:
    with start("emulator") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        told = dict(line.rsplit(maxsplit=1) for line in lines)
        (told_smpp,) = (line for line in lines if line.startswith("SMPP host, port"))
        with MSpaceClient(told["legacy main_url"]) as client:
            assert client.getBalance(told["user name"], "demo-password") == "1000"
        with Client.v2("demo", API_KEY, base_url=told["v2 base_url"]) as v2:
            assert v2.balance() == 1000
        host, port = told_smpp.split()[-2:]
        with Transmitter(host, int(port), "demo", "smpp-pwd") as transmitter:
            transmitter.send("MSPACE", "254722000001", "Hello")
        with urllib.request.urlopen(told["dev phone"], timeout=10) as page:  # noqa: S310  # our own
            assert b"Dev phone" in page.read()
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert told["legacy main_url"].startswith("http://127.0.0.1:")
    assert told["legacy main_url"].endswith("/mspaceservice/wr/sms")
    assert told["v2 base_url"].endswith("/smsapi/v2")


def test_the_phone_is_where_it_is_told_to_be_and_knows_the_codes(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.toml"
    accounts.write_text(
        '[[account]]\nusername = "shop"\npassword = "pw"\napi_key = "k"\n'
        '[[ussd]]\ncode = "*1#"\ncallback = "http://127.0.0.1:1/file"\nentries = "alone"\n'
        '[[ussd]]\ncode = "*2#"\ncallback = "http://127.0.0.1:1/file"\n'
    )
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    given = ("--phone-port", str(port), "--accounts", str(accounts), "--ussd", "*2#=http://127.0.0.1:1/option")
    with running(*given) as (_, told):
        assert told["phone_url"] == f"http://127.0.0.1:{port}/"
        with urllib.request.urlopen(f"{told['phone_url']}state", timeout=10) as response:  # noqa: S310  # our own
            codes = json.load(response)["codes"]
    assert [tuple(code.values()) for code in codes] == [
        ("*1#", "http://127.0.0.1:1/file", "alone"),
        ("*2#", "http://127.0.0.1:1/option", "joined"),
    ]


def test_it_stops_while_somebody_looks() -> None:
    with running() as (process, told), ThreadPoolExecutor() as pool:
        with urllib.request.urlopen(f"{told['phone_url']}state", timeout=10) as response:  # noqa: S310  # our own
            cursor = quote(json.load(response)["cursor"])
        waiting = pool.submit(urllib.request.urlopen, f"{told['phone_url']}state?since={cursor}", timeout=30)
        # Not yet the built-in one on Python 3.10.
        with pytest.raises(futures.TimeoutError):
            waiting.result(0.3)
        process.send_signal(signal.SIGTERM)
        waiting.result(10).close()
        assert process.wait(10) == 0


@pytest.mark.parametrize("browser", ["true", "false", "no-such-browser-anywhere"])
def test_a_browser_is_opened_where_there_is_one(browser: str, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" > {seen}.new && mv {seen}.new {seen}; exec {browser}\n')
    script.chmod(0o755)
    with start("emulator", "--json", "--open", env={"BROWSER": f"{script} %s"}) as process:
        assert process.stdout is not None
        told = json.loads("".join(itertools.takewhile("}\n".__ne__, process.stdout)) + "}")
        eventually(seen.exists)
        assert seen.read_text().strip() == told["phone_url"]
        with MSpaceClient(told["main_url"]) as client:
            assert client.getBalance("demo", "demo-password") == "1000"
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_pages_of_others_are_kept_out_and_programs_are_not() -> None:
    def ask(url: str, headers: dict[str, str]) -> int:
        try:
            request = urllib.request.Request(f"{url}/nowhere", headers=headers)  # noqa: S310  # our own
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310  # as above
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        raise AssertionError("it found something")

    with running() as (_, told):
        assert ask(told["base_url"], {}) == 404
        assert ask(told["base_url"], {"Host": "api.mspace.co.ke"}) == 404
        assert ask(told["base_url"], {"Host": "rebound.example"}) == 403
        assert ask(told["base_url"], {"Sec-Fetch-Site": "cross-site"}) == 403
    with running("--host", "0.0.0.0") as (_, told):  # noqa: S104  # the test is of just this
        url = told["base_url"].replace("0.0.0.0", "127.0.0.1")  # noqa: S104  # as above
        assert ask(url, {"Host": "emulator.office.example"}) == 404, "who opens it to a network gives it names"
        assert ask(url, {"Host": "emulator.office.example", "Origin": "http://evil.example"}) == 403
        assert told["phone_url"].startswith("http://127.0.0.1:"), "the page stays on this machine"


def test_requests_that_wait_for_a_thread_are_no_warning() -> None:
    with start("emulator", "--fault", "balance=delay:0.2") as process:
        assert process.stdout is not None
        main_url = process.stdout.readline().split()[-1]
        # More at once than the server has threads.
        with MSpaceClient(main_url) as client, ThreadPoolExecutor(20) as pool:
            balances = list(pool.map(lambda _: client.getBalance("demo", "demo-password"), range(20)))
        process.terminate()
        _, err = process.communicate(timeout=20)
    assert balances == ["1000"] * 20
    assert (process.returncode, err) == (0, "")


def test_accounts_ledger_and_faults_are_as_given(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.toml"
    accounts.write_text(
        '[[account]]\nusername = "shop"\npassword = "pw"\napi_key = "k"\nbalance = 7\nsender_ids = ["SHOP"]\n'
        'smpp_password = "smpp"\n'
    )
    given = ("--accounts", str(accounts), "--file", str(tmp_path / "ledger.sqlite"), "--delivery-delay", "0")
    with running(*given, "--fault", "sendtext=reset-after", "--fault", "login=fail:internal service error") as (
        _,
        told,
    ):
        assert told["usernames"] == ["shop"]
        smpp = (told["smpp_host"], told["smpp_port"], "shop", "smpp")
        with Transmitter(*smpp) as transmitter, pytest.raises(InvalidSenderId):
            transmitter.send("OTHER", "254722000001", "Hello")
        with Client.legacy(told["main_url"], "shop", "pw") as client:
            assert client.balance() == 7
            with pytest.raises(OutcomeUnknown):
                client.send_text("SHOP", "254722000001", "Hello")
        with MSpaceClient(told["main_url"]) as jar:
            assert jar.login_TEXT("shop", "pw") == "internal service error"
    with running(*given) as (_, told), Client.v2("shop", "k", base_url=told["base_url"]) as client:
        assert client.balance() == 6, "the file kept what was spent"
        sent = client.send_text("SHOP", "254722000001", "Hello")
        assert client.delivery_report(sent.messages[0].message_id).delivered, "without the delay it is delivered"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--fault", "nonsense"], "nonsense"),
        (["--fault", "nonsense=html"], "nonsense"),
        (["--accounts", "no-such-file.toml"], "no-such-file.toml"),
        (["--file", "no-such-folder/ledger.sqlite"], "no-such-folder/ledger.sqlite"),
        (["--host", "192.0.2.1"], "192.0.2.1"),
        (["--port", "65536"], "65536"),
        (["--smpp-port", "65536"], "65536"),
        (["--fault", "sendtext=throttle"], "throttle makes no sense for sendtext"),
        (["--delivery-delay", "-1"], "-1"),
        (["--phone-port", "65536"], "65536"),
        (["--ussd", "384=http://127.0.0.1/"], "'384' is not a USSD code such as *384#"),
        (["--ussd", "*384#=nonsense"], "callback of *384#"),
    ],
)
def test_a_wrong_setting_is_told(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulator", *arguments]) == 2
    out, err = capsys.readouterr()
    assert told in err
    assert 1 <= len(err.splitlines()) <= 2
    assert out == ""


def test_it_tells_which_api_was_asked_what() -> None:
    with start("emulator", "--log") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        main_url = process.stdout.readline().split()[-1]
        with MSpaceClient(main_url) as client:
            client.getBalance("demo", "demo-password")
            client.getBalance("demo", "not-the-password")
        told = [process.stderr.readline(), process.stderr.readline()]
        process.terminate()
        rest = process.stderr.read()
    assert told[0].endswith("mspace_legacy.emulator legacy balance: done\n")
    assert told[1].endswith("mspace_legacy.emulator legacy balance: AuthenticationError\n")
    assert "password" not in "".join(told) + rest

"""`mspace-legacy parity`, against two emulators or scripted servers on real sockets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mspace_legacy.cli import main
from mspace_legacy.emulator import DEMO_ACCOUNTS, Emulator, Ledger
from mspace_legacy.server import Server
from mspace_legacy.wire.http import Request, Response
from tests.cli.process import run
from tests.servers import ScriptedServer, reply

PASSWORD = "demo-password"
API_KEY = "demo-api-key-".ljust(128, "0")
READS = ["login", "balance", "subusers", "resellerclients"]
JSON = "Content-Type: application/json\r\n"
LIST = b'[{"smsBalance": "20", "subUserName": "subuser1"}]'


def account(url: str, base_url: str, **more: str) -> dict[str, str]:
    return {
        "MSPACE_URL": url, "MSPACE_BASE_URL": base_url, "MSPACE_USERNAME": "demo", "MSPACE_PASSWORD": PASSWORD,
        "MSPACE_API_KEY": API_KEY, **more,
    }  # fmt: skip


@pytest.fixture
def other_url() -> Iterator[str]:
    """A second emulator, in which `demo` has 999 credits and one sub-account less."""
    demo, first, _, *rest = DEMO_ACCOUNTS
    emulator = Emulator(Ledger([replace(demo, balance=999), first, *rest]))
    with Server(emulator) as server:
        yield server.url
    emulator.close()


@pytest.fixture
def parity(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command in this process, without pauses between attempts: exit code, output and errors."""

    def command(env: dict[str, str], *arguments: str) -> tuple[int, str, str]:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        with monkeypatch.context() as patch:
            patch.setattr(time, "sleep", lambda seconds: None)
            code = main(["parity", *arguments])
        return (code, *capsys.readouterr())

    return command


def rows(table: str) -> dict[str, list[str]]:
    """The table's rows by their first cell."""
    lines = [line for line in table.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def reads(out: str) -> dict[str, Any]:
    """The reads of the one JSON document, by operation."""
    return {read["operation"]: read for read in json.loads(out)["reads"]}


def test_two_apis_that_agree(emulator_url: str) -> None:
    ended = run("parity", env=account(emulator_url, emulator_url))
    assert (ended.code, ended.err) == (0, "")
    table = rows(ended.out)
    assert list(table) == READS
    for equal, old, new, differences, *_ in table.values():
        assert (equal, old, differences) == ("yes", new, "")
    assert table["balance"][1] == "1000"
    assert ended.out.endswith("the two APIs agree on every read\n")


def test_two_apis_that_differ(emulator_url: str, other_url: str) -> None:
    ended = run("parity", env=account(emulator_url, other_url))
    assert (ended.code, ended.err) == (1, "")
    table = rows(ended.out)
    assert [table[read][0] for read in READS] == ["yes", "no", "no", "yes"]
    assert table["balance"][1:4] == ["1000", "999", "balance: legacy '1000', v2 '999'"]
    assert "subuser2.smsbalance: legacy '18', v2 has none" in table["subusers"][3]
    assert ended.out.endswith("2 of 4 reads differ\n")


def test_as_one_document(emulator_url: str, other_url: str, parity: Any) -> None:
    code, out, err = parity(account(emulator_url, emulator_url), "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["equal"] is True
    assert [(read["operation"], read["equal"], read["differences"]) for read in document["reads"]] == [
        (read, True, []) for read in READS
    ]
    code, out, err = parity(account(emulator_url, other_url), "--json")
    assert (code, err) == (1, "")
    assert json.loads(out)["equal"] is False
    told = reads(out)
    assert [told[read]["equal"] for read in READS] == [True, False, False, True]
    assert told["balance"]["differences"] == [{"field": "balance", "legacy": "1000", "v2": "999"}]
    assert (told["balance"]["legacy"]["text"], told["balance"]["v2"]["fields"]) == ("1000", {"balance": "999"})
    assert {"field": "subuser2.smsbalance", "legacy": "18", "v2": None} in told["subusers"]["differences"]
    assert all(read[api]["seconds"] >= 0 for read in told.values() for api in ("legacy", "v2"))


def test_nothing_is_sent_and_nothing_topped_up(emulator: Emulator, emulator_url: str, parity: Any) -> None:
    before = emulator.ledger.total()
    assert parity(account(emulator_url, emulator_url))[0] == 0
    assert emulator.ledger.messages() == []
    assert emulator.ledger.total() == before


def test_each_api_is_asked_each_read_once_with_its_own_secret(parity: Any) -> None:
    with ScriptedServer(reply(b"50")) as old, ScriptedServer(reply(b"50")) as new:
        parity(account(old.url, new.url))
    assert [line.split("/")[4] for line in old.request_lines] == READS
    # v2 has no login: a balance tells whether the key is good.
    paths = [f"POST /smsapi/v2/{read} HTTP/1.1" for read in ("balance", *READS[1:])]
    assert new.request_lines == paths
    assert not any(API_KEY.encode() in request for request in old.requests)
    assert not any(PASSWORD.encode() in request for request in new.requests)


@pytest.mark.parametrize("down", ["legacy", "v2"])
def test_one_api_is_down(down: str, emulator_url: str, refusing_port: int, parity: Any) -> None:
    nowhere = f"http://127.0.0.1:{refusing_port}"
    urls = (nowhere, emulator_url) if down == "legacy" else (emulator_url, nowhere)
    code, out, err = parity(account(*urls))
    assert (code, err) == (1, "")
    table = rows(out)
    place, whole = (1, 2) if down == "legacy" else (2, 1)
    assert [table[read][0] for read in READS] == ["no"] * 4
    assert "connection refused" in table["balance"][place]
    assert table["balance"][whole] == "1000"
    told = reads(parity(account(*urls), "--json")[1])["balance"]["differences"]
    assert {"field": "no reply", "legacy": None, "v2": None, down: "NotSent: refused"} in told


def test_both_apis_are_down(refusing_port: int, parity: Any) -> None:
    nowhere = f"http://127.0.0.1:{refusing_port}"
    code, out, _ = parity(account(nowhere, nowhere))
    assert code == 1
    assert "4 of 4 reads differ" in out


def test_both_apis_refuse(emulator_url: str, parity: Any) -> None:
    wrong = {"MSPACE_PASSWORD": "canary-8f31", "MSPACE_API_KEY": "canary-8f32"}
    code, out, _ = parity(account(emulator_url, emulator_url, **wrong))
    assert code == 1
    assert "both refuse the user name with its password and its API key: there was nothing to compare" in out
    code, out, _ = parity(account(emulator_url, emulator_url, **wrong), "--json")
    assert (code, json.loads(out)["equal"]) == (1, False)


@pytest.mark.parametrize(("old", "new"), [(b"Athentication failure", b""), (b"", b"Athentication failure")])
def test_who_refuses_is_told_only_where_the_other_lets_in(old: bytes, new: bytes, parity: Any) -> None:
    def server(body: bytes) -> ScriptedServer:
        return ScriptedServer(reply(body, "200 OK" if body else "503 Service Unavailable"))

    with server(old) as to_legacy, server(new) as to_v2:
        code, out, _ = parity(account(to_legacy.url, to_v2.url))
    assert (code, "refuses" in out) == (1, False)
    assert out.endswith("4 of 4 reads differ\n")


def test_the_time_out_is_that_of_each_reply(scripted: ScriptedServer, parity: Any) -> None:
    scripted.script = [scripted.stall()]
    began = time.monotonic()
    _, out, _ = parity(account(scripted.url, scripted.url), "--timeout", "0.1", "--json")
    # Three attempts of each read, where one would take half a minute by default.
    assert time.monotonic() - began < 20
    assert reads(out)["balance"]["v2"]["fields"] == {"no reply": "ReplyLost: timeout"}


def test_each_api_has_its_own_time(emulator_url: str, parity: Any) -> None:
    with Server(Slow()) as slow:
        _, out, _ = parity(account(emulator_url, slow.url))
    *_, old, new = rows(out)["balance"]
    assert int(old) < 300 <= int(new)


class Slow:
    """An emulator that takes its time."""

    def __init__(self) -> None:
        self._emulator = Emulator()

    def handle(self, request: Request) -> Response:
        # Not by time.sleep, which the fixture makes short for the pauses between attempts.
        threading.Event().wait(0.3)
        return self._emulator.handle(request)

    def close(self) -> None:
        self._emulator.close()


def test_both_apis_let_nobody_in(scripted: ScriptedServer, parity: Any) -> None:
    scripted.script = [reply(b"Kindly Contact Providers for help")]
    code, out, _ = parity(account(scripted.url, scripted.url))
    assert (code, out.count("refuse")) == (1, 0)
    assert out.endswith("neither lets the account in: there was nothing to compare\n")


@pytest.mark.parametrize("lost", ["503 Service Unavailable", "404 Not Found"])
def test_both_apis_answer_what_tells_nothing(lost: str, scripted: ScriptedServer, parity: Any) -> None:
    scripted.script = [reply(b"", lost)]
    code, out, _ = parity(account(scripted.url, scripted.url))
    assert code == 1
    assert out.endswith("4 of 4 reads differ\n")


@pytest.mark.parametrize(
    ("secret", "api"), [({"MSPACE_PASSWORD": "canary-8f31"}, "legacy"), ({"MSPACE_API_KEY": "canary-8f31"}, "v2")]
)
def test_a_wrong_secret_is_a_difference_and_is_not_shown(
    secret: dict[str, str], api: str, emulator_url: str, parity: Any
) -> None:
    code, out, err = parity(account(emulator_url, emulator_url, **secret), "--json")
    assert (code, err.count("Traceback")) == (1, 0)
    assert "canary-8f31" not in out + err
    for read in reads(out).values():
        assert read[api]["fields"] == {"failure": "AuthenticationError"}
        assert {"field": "failure", "legacy": None, "v2": None, api: "AuthenticationError"} in read["differences"]


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ({"MSPACE_PASSWORD": "canary-8f31"}, "the legacy API refuses the user name with its password"),
        ({"MSPACE_API_KEY": "canary-8f31"}, "v2 refuses the user name with its API key"),
    ],
)
def test_whose_secret_is_wrong_is_told(secret: dict[str, str], told: str, emulator_url: str, parity: Any) -> None:
    code, out, _ = parity(account(emulator_url, emulator_url, **secret))
    assert code == 1
    assert told in out
    assert out.count("refuses") == 1


ECHOES = [
    b'[{"smsBalance": "20", "subUserName": "%s"}]', b'{"error": "no such account: %s"}',
    b"<a><user><subUserName>%s</subUserName><smsBalance>2</smsBalance></user></a>",
]  # fmt: skip


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("secret", [PASSWORD, API_KEY], ids=["password", "key"])
def test_a_secret_that_the_services_echo_is_not_printed(secret: str, echo: bytes, parity: Any) -> None:
    # Each of them echoes what it was given.
    old, new = (echo % PASSWORD.encode(), LIST) if secret == PASSWORD else (LIST, echo % API_KEY.encode())
    with (
        ScriptedServer(reply(old, headers=JSON)) as to_legacy,
        ScriptedServer(reply(new, headers=JSON)) as to_v2,
    ):
        for option in ((), ("--json",)):
            code, out, err = parity(account(to_legacy.url, to_v2.url), *option)
            assert code == 1
            assert secret not in out + err
            assert secret[:40] not in (out + err).replace("\n", "")
            assert "***" in out


def test_what_a_service_says_does_nothing_to_a_terminal(scripted: ScriptedServer, parity: Any) -> None:
    scripted.script = [reply(b'[{"smsBalance": "2", "subUserName": "[red]\\u001b[2J\\n"}]', headers=JSON)]
    for option in ((), ("--json",)):
        _, out, _ = parity(account(scripted.url, scripted.url), *option)
        assert "\x1b" not in out
    assert len(rows(parity(account(scripted.url, scripted.url))[1])) == 4, "a row for each"


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("MSPACE_URL", "--url"),
        ("MSPACE_USERNAME", "--username"),
        ("MSPACE_PASSWORD", "--password-file"),
        ("MSPACE_API_KEY", "--api-key-file"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_asked(missing: str, told: str, scripted: ScriptedServer) -> None:
    env = account(scripted.url, scripted.url)
    del env[missing]
    ended = run("parity", env=env)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert missing in ended.err
    assert PASSWORD not in ended.err
    assert API_KEY not in ended.err
    assert scripted.requests == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("--url", "ftp://host"), "main_url"),
        (("--base-url", "example.invalid"), "base_url"),
        (("--timeout", "0"), "timeout"),
        (("--timeout", "soon"), "--timeout"),
        (("--password-file", "no/such/file"), "--password-file"),
        (("--api-key", API_KEY), "--api-key"),
        (("more",), "unexpected extra argument"),
    ],
)
def test_wrong_usage(wrong: tuple[str, ...], told: str, scripted: ScriptedServer, parity: Any) -> None:
    code, out, err = parity(account(scripted.url, scripted.url), *wrong)
    assert (code, out) == (2, "")
    assert told in err
    code, out, err = parity(account(scripted.url, scripted.url), *wrong, "--json")
    assert (code, json.loads(out)["error"]["exit_code"], err) == (2, 2, "")
    assert scripted.requests == []


def test_an_api_key_that_no_header_can_hold(scripted: ScriptedServer, parity: Any) -> None:
    code, out, err = parity(account(scripted.url, scripted.url, MSPACE_API_KEY="canary-8f31\x01"))
    assert "canary-8f31" not in out + err
    assert (code, out) == (2, "")
    assert "API key" in err
    assert scripted.requests == []


def test_secrets_from_files_and_addresses_from_options(
    emulator_url: str, other_url: str, tmp_path: Path, parity: Any
) -> None:
    password, key = tmp_path / "password", tmp_path / "key"
    password.write_text(f"{PASSWORD}\n")
    key.write_text(f"{API_KEY}\n")
    env = account(
        "http://no-such-host.invalid", "http://no-such-host.invalid", MSPACE_PASSWORD="x", MSPACE_API_KEY="x"
    )
    options = (
        "--url",
        emulator_url,
        "--base-url",
        other_url,
        "--password-file",
        str(password),
        "--api-key-file",
        str(key),
    )
    code, out, _ = parity(env, *options, "--json")
    assert code == 1
    assert reads(out)["balance"]["differences"] == [{"field": "balance", "legacy": "1000", "v2": "999"}]

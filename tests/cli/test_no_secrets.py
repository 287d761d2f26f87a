"""The canary at the command line: every command, on success and on failure, with its secrets from either place."""

from __future__ import annotations

import itertools
import logging
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import click
import pytest
import urllib3

from mspace_legacy.cli import group, main
from tests.canary import KEY, PASSWORD, SMPP_PASSWORD, CanaryHandler, assert_clean
from tests.cli.process import run, start
from tests.matrix.proxy import Fault
from tests.matrix.surfaces import NUMBER, SENDER_ID, SUB_USER, USERNAME, Bench
from tests.servers import Answer, ScriptedServer, close, reply
from tests.test_no_secrets import ANSWERS

_LEGACY = {
    "balance": ["balance"],
    "login": ["login"],
    "send": ["send", SENDER_ID, NUMBER, "Habari", "--yes"],
    "subusers": ["subusers"],
    "clients": ["clients"],
    "topup": ["topup", "sub-account", SUB_USER, "5", "--yes"],
}
_V2 = {
    **{name: [*command, "--api", "v2"] for name, command in _LEGACY.items() if name != "login"},
    "report": ["report", "49032372"],
}
_SMPP = {
    "smpp send": ["smpp", "send", SENDER_ID, NUMBER, "Habari", "--yes"],
    "smpp listen": ["smpp", "listen", "--count", "1"],
}
_OTHERS = {"parity", "verifier", "gateway", "emulator", "demo", "scan", "ussd"}
"""Those with a test of their own, below or elsewhere: demo has no secret of anybody's, scan is tried in
`tests/migration/test_scan_secrets.py`."""


def test_every_command_is_tried() -> None:
    with click.Context(group.group) as context:
        names = set(group.group.list_commands(context))
    assert {*_LEGACY, *_V2, *(name.partition(" ")[0] for name in _SMPP), *_OTHERS} == names


@pytest.fixture
def listening() -> Iterator[CanaryHandler]:
    """Every logger at DEBUG."""
    handler, root = CanaryHandler(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)
    assert handler.leaks == []


@pytest.fixture(params=["environment", "files"])
def secrets(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The options that give each kind of secret; the environment has the rest."""
    monkeypatch.setenv("MSPACE_USERNAME", USERNAME)
    monkeypatch.setenv("MSPACE_SMPP_HOST", "127.0.0.1")
    monkeypatch.setenv("MSPACE_SMPP_SYSTEM_ID", USERNAME)
    given: dict[str, list[str]] = {}
    for kind, option, variable, secret in (
        ("legacy", "--password-file", "MSPACE_PASSWORD", PASSWORD),
        ("v2", "--api-key-file", "MSPACE_API_KEY", KEY),
        ("smpp", "--password-file", "MSPACE_SMPP_PASSWORD", SMPP_PASSWORD),
    ):
        file = tmp_path / f"{kind}.secret"
        file.write_text(f"{secret}\n", "utf-8")
        given[kind] = [option, str(file)] if request.param == "files" else []
        if request.param == "environment":
            monkeypatch.setenv(variable, secret)
    return given


_FAULTS = {
    "nothing": None,
    "refused": Fault("connect", "refuse"),
    "reset in the request": Fault("request", "reset", 60),
    "no reply": Fault("reply", "close", 0),
    "half a reply": Fault("reply", "reset", 60),
    "another byte in the request": Fault("request", "corrupt", 25),
    "another byte in the reply": Fault("reply", "corrupt", 12),
    "silence": Fault("reply", "stall", 10),
}


@pytest.mark.parametrize(
    ("secrets", "name"),
    [*(("environment", name) for name in _FAULTS), ("files", "nothing"), ("files", "half a reply")],
    indirect=["secrets"],
)
def test_the_commands_of_an_account(
    name: str,
    secrets: dict[str, list[str]],
    listening: CanaryHandler,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    codes = set()
    fault = _FAULTS[name]
    forms: Iterator[list[str]] = itertools.cycle(([], ["--json"]))
    with Bench("http") as bench:
        bench.proxy.set(fault)
        monkeypatch.setenv("MSPACE_URL", bench.url)
        monkeypatch.setenv("MSPACE_BASE_URL", bench.url)
        for kind, commands in (("legacy", _LEGACY), ("v2", _V2)):
            for command in commands.values():
                codes.add(main([*command, *secrets[kind], "--timeout", "0.4", *next(forms)]))
        if name in ("nothing", "no reply"):
            codes.add(main(["parity", *secrets["legacy"], *secrets["v2"], "--timeout", "0.4", *next(forms)]))
        bench.settle()
    printed = capsys.readouterr()
    assert_clean(printed.out + printed.err)
    assert printed.out
    assert codes == {0} if fault is None else codes != {0}
    assert listening.count


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize(
    "answer",
    [
        *(reply(b"CON Go on"), reply(b"END Bye"), reply(b"no answer"), reply(b"", "500 Oops"), close),
        *(reply(f"CON {PASSWORD}".encode()), reply(f"END ?key={quote(PASSWORD, safe='')}".encode())),
        *(reply(f"no answer to {PASSWORD}".encode()), reply(PASSWORD.encode(), "404 Not Found")),
    ],
)
def test_the_secret_of_a_callback(
    answer: Answer, form: list[str], listening: CanaryHandler, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer(answer) as server:
        main(["ussd", "dial", f"{server.url}/?key={quote(PASSWORD, safe='')}", "--enter", "1", *form])
    printed = capsys.readouterr()
    assert_clean(printed.out + printed.err)
    assert printed.out + printed.err


@pytest.mark.parametrize("secrets", ["environment"], indirect=True)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_what_a_service_gives_back(
    answer: object,
    scripted: ScriptedServer,
    secrets: dict[str, list[str]],
    listening: CanaryHandler,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The password's own API echoes it, as an error page that shows the path does."""
    scripted.script = [answer]  # type: ignore[list-item]  # it is one of ANSWERS
    monkeypatch.setenv("MSPACE_URL", scripted.url)
    for command, form in zip(_LEGACY.values(), itertools.cycle(([], ["--json"])), strict=False):
        main([*command, *secrets["legacy"], "--timeout", "2", *form])
    printed = capsys.readouterr()
    shown = (printed.out + printed.err).replace(KEY, "")  # that of another account, as far as this call knows
    assert_clean(shown)


@pytest.mark.parametrize("fault", ["nothing", "refused", "no reply"])
def test_the_commands_of_smpp(
    fault: str,
    secrets: dict[str, list[str]],
    listening: CanaryHandler,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of silence there is none here, as these commands wait 30 seconds; the matrix has all of it."""
    with Bench("smpp") as bench:
        bench.proxy.set(_FAULTS[fault])
        for name, command in _SMPP.items():
            if name == "smpp listen" and fault != "nothing":
                continue
            for form in ([], ["--json"]):
                code = main([*command, "--port", str(bench.proxy.port), *secrets["smpp"], *form])
                assert (code == 0) is (fault == "nothing")
        bench.settle()
    printed = capsys.readouterr()
    assert_clean(printed.out + printed.err)
    assert printed.out


def test_a_wrong_secret(
    listening: CanaryHandler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The canaries, of an account whose secrets are others."""
    for name, value in {"USERNAME": SUB_USER, "PASSWORD": PASSWORD, "API_KEY": KEY}.items():
        monkeypatch.setenv(f"MSPACE_{name}", value)
    with Bench("http") as bench:
        monkeypatch.setenv("MSPACE_URL", bench.url)
        for command in (*_LEGACY.values(), *_V2.values()):
            assert main(command) == 1
        bench.settle()
    printed = capsys.readouterr()
    assert_clean(printed.out + printed.err)


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_password_that_was_taken_for_an_argument(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["login", "demo", PASSWORD, *(["--json"] if as_json else [])]) == 2
    told = "".join(capsys.readouterr())
    assert_clean(told)
    assert "unexpected extra arguments" in told


def test_the_verifier(
    secrets: dict[str, list[str]], listening: CanaryHandler, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in ([], ["--json"]):
        assert main(["verifier", *secrets["legacy"], *form]) == 0
    printed = capsys.readouterr()
    assert "scrypt" in printed.out
    assert_clean(printed.out + printed.err)


def test_the_gateway(tmp_path: Path) -> None:
    with Bench("http") as bench:
        file = tmp_path / "gateway.toml"
        lines = (f'{name} = "{bench.url}"' for name in ("main_url", "base_url"))
        accounts = f'accounts = "{bench.accounts_file}"'
        file.write_text("\n".join((accounts, *lines, "port = 0", 'routes = "balance=shadow, *=v2"\n')))
        checked = run("gateway", "--config", str(file), "--check")
        with start("gateway", "--config", str(file)) as process:
            assert process.stdout is not None
            main_url = process.stdout.readline().split()[-1].rstrip("/")
            paths = [f"balance/username={USERNAME}/password={quote(PASSWORD, safe='')}"]
            paths += [
                path.replace("balance/", f"{operation}/") for path in paths for operation in ("login", "subusers")
            ]
            paths += [
                f"balance/username={USERNAME}/password={quote(PASSWORD)}",
                f"balance/password={PASSWORD}",
                PASSWORD,
            ]
            paths += [
                f"balance/username={USERNAME}/password={KEY}",
                f"balance/username={KEY}/password={SMPP_PASSWORD}",
            ]
            for fault in (None, Fault("reply", "close", 0), Fault("request", "reset", 40)):
                bench.proxy.set(fault)
                for path in paths:
                    # As it stands, as programs that encode nothing send it.
                    host, _, port = main_url.removeprefix("http://").partition("/")[0].partition(":")
                    _ask(host, int(port), f"/mspaceservice/wr/sms/{path}")
            metrics = urllib3.request("GET", f"http://{host}:{port}/metrics", retries=False).data.decode()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
        bench.settle()
    assert "operation=balance" in err
    assert_clean(checked.out + checked.err + out + err + metrics)


def _ask(host: str, port: int, path: str) -> None:
    with socket.create_connection((host, port), 30) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        while connection.recv(65536):
            pass


def test_the_emulator(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(
        f'[[account]]\nusername = "{USERNAME}"\npassword = "{PASSWORD}"\napi_key = "{KEY}"\nbalance = 5\n'
        f'sender_ids = ["{SENDER_ID}"]\nsmpp_password = "{SMPP_PASSWORD}"\n',
        "utf-8",
    )
    with start("emulator", "--accounts", str(file), "--log") as process:
        assert process.stdout is not None
        told = ""
        while "smpp" not in told.lower():
            told += process.stdout.readline()
        url = next(word for word in told.split() if word.startswith("http://"))
        host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
        for path in (
            f"mspaceservice/wr/sms/balance/username={USERNAME}/password={quote(PASSWORD, safe='')}",
            f"mspaceservice/wr/sms/balance/username={USERNAME}/pasword={quote(PASSWORD, safe='')}",
            f"smsapi/v2/balance/apikey={KEY}/username={USERNAME}",
            f"smsapi/v2/balance/apikey={KEY}/nobody={KEY}",
            KEY,
        ):
            _ask(host, int(port), f"/{path}")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert "balance" in err
    assert_clean(told + out + err)
    for broken in (
        f'password = "{PASSWORD}\n',
        f'[[account]]\nusername = "u"\npassword = "{PASSWORD}"\nkey = "{KEY}"\n',
    ):
        file.write_text(broken, "utf-8")
        ended = run("emulator", "--accounts", str(file))
        assert ended.code == 2
        assert_clean(ended.out + ended.err)

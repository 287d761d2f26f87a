"""The gateway in a process of its own: what it tells, how it reloads and stops; and the verifiers of its accounts."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3

from mspace_legacy import MSpaceClient
from mspace_legacy.cli import main
from mspace_legacy.cli.serving import stopped_by_signals
from mspace_legacy.emulator import Emulator
from mspace_legacy.migration import Verifier
from mspace_legacy.secrets import Secret
from mspace_legacy.server import Server
from tests.cli.process import Terminal, environment, start
from tests.migration.stores import write_demo_store
from tests.migration.test_gateway import PATH, REST, Upstream
from tests.smpp.smsc import eventually
from tests.test_server import everything

PASSWORD = "demo-password"


@pytest.fixture
def upstream(emulator: Emulator) -> Iterator[tuple[Upstream, str]]:
    """The emulator, what it is asked, and its URL."""
    upstream = Upstream(emulator)
    with Server(upstream) as server:
        yield upstream, server.url


def config(folder: Path, url: str, *lines: str, routes: str = "*=v2") -> Path:
    write_demo_store(folder)
    text = ('accounts = "accounts.toml"', f'main_url = "{url}"', f'base_url = "{url}"', "port = 0", *lines)
    file = folder / "gateway.toml"
    file.write_text("\n".join((*text, f'routes = "{routes}"\n')))
    return file


@contextmanager
def running(file: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The gateway in a process, and its main_url."""
    with start("gateway", "--config", str(file)) as process:
        try:
            assert process.stdout is not None
            name, _, main_url = process.stdout.readline().strip().partition("  ")
            assert name == "main_url"
            yield process, main_url
        finally:
            process.terminate()


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """The line of its log that holds `text`, which ends the process if it does not come."""
    assert process.stderr is not None
    given_up = threading.Timer(60, process.kill)
    given_up.start()
    try:
        for line in process.stderr:
            if text in line:
                return line
    finally:
        given_up.cancel()
    pytest.fail(f"it ended before it said {text!r}")


def rest_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it still prints until it ends. `communicate` would lose what was read ahead for a line."""
    assert process.stdout is not None
    assert process.stderr is not None
    told = process.stdout.read(), process.stderr.read()
    process.wait(20)
    return told


def connect(main_url: str) -> socket.socket:
    parts = urlsplit(main_url)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


def page(main_url: str, path: str) -> bytes:
    with connect(main_url) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return everything(connection)


def test_it_answers_where_it_says_and_logs_to_standard_error(
    upstream: tuple[Upstream, str], emulator: Emulator, tmp_path: Path
) -> None:
    with running(config(tmp_path, upstream[1])) as (process, main_url):
        assert main_url.startswith("http://127.0.0.1:")
        assert main_url.endswith(PATH)
        with MSpaceClient(main_url) as client:
            assert client.getBalance("demo", PASSWORD) == "1000"
            assert client.getBalance("demo", "wrong") == "Error 100: Authentication Failure"
        line = wait_for(process, "refused=password")
        assert page(main_url, "/healthz").endswith(b"\r\n\r\nok\n")
        counted = b'mspace_gateway_requests_total{operation="balance",route="v2",status="200"} 1.0'
        assert counted in page(main_url, "/metrics")
        process.terminate()
        out, err = rest_of(process)
    assert "mspace_legacy.gateway.access" in line
    assert process.returncode == 0
    assert out.startswith("routes    balance=v2, ")
    assert PASSWORD not in line + out + err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_call_under_way_is_answered_before_it_stops(
    number: signal.Signals, upstream: tuple[Upstream, str], emulator: Emulator, tmp_path: Path
) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def gate() -> None:
        entered.set()
        assert go_on.wait(20)

    upstream[0].gate = gate
    with (
        running(config(tmp_path, upstream[1])) as (process, main_url),
        connect(main_url) as idle,
        connect(main_url) as caller,
    ):
        target = f"{PATH}/sendtext/username=demo/password={PASSWORD}{REST['sendtext']}"
        caller.sendall(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        assert entered.wait(20)
        process.send_signal(number)
        end = time.monotonic() + 20
        while True:
            assert time.monotonic() < end, "it takes new connections"
            try:
                connect(main_url).close()
            except ConnectionRefusedError:
                break
            except ConnectionResetError:
                pass
            time.sleep(0.01)
        assert process.poll() is None
        go_on.set()
        assert caller.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        _, err = rest_of(process)
        assert idle.recv(1) == b""
    assert process.returncode == 0
    assert "Traceback" not in err
    assert len(emulator.ledger.messages()) == 1


# Windows has no SIGHUP, and there nothing is promised of it: settings are read again by a restart.
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_a_hangup_reads_routes_and_accounts_again_and_a_bad_file_changes_nothing(
    upstream: tuple[Upstream, str], tmp_path: Path
) -> None:
    # Of several processes one tells that it has read them while another still answers as before.
    file = config(tmp_path, upstream[1], "workers = 1")
    good = file.read_text()
    with running(file) as (process, main_url), MSpaceClient(main_url) as client:

        def asked() -> str:
            assert client.getBalance("demo", PASSWORD) == "1000"
            return urlsplit(upstream[0].requests[-1].url).path.partition("/balance")[0]

        assert asked() == "/smsapi/v2"
        # Half written, it is a file by which all would go to the legacy API.
        file.write_text(good.replace('routes = "*=v2"\n', ""))
        process.send_signal(signal.SIGHUP)
        assert "routes is missing" in wait_for(process, "nothing was changed")
        assert asked() == "/smsapi/v2"
        file.write_text(good.replace("*=v2", "*=legacy") + "threads = 7\nreply_timeout = 9\n")
        process.send_signal(signal.SIGHUP)
        wait_for(process, "were read again")
        assert wait_for(process, "takes a restart").endswith("takes a restart: threads, reply_timeout\n")
        assert asked() == PATH
        for bad in (
            "",
            good.replace("*=v2", "*=v3"),
            good.replace('"*=v2"', "{ balance = 5 }"),
            "x = " + "[" * 9_999,
        ):
            file.write_text(bad)
            process.send_signal(signal.SIGHUP)
            assert "gateway.toml" in wait_for(process, "nothing was changed")
            assert asked() == PATH
        process.terminate()
        _, err = rest_of(process)
    assert process.returncode == 0
    assert "Traceback" not in err


def test_without_prometheus_there_is_no_page_for_it(upstream: tuple[Upstream, str], tmp_path: Path) -> None:
    file = str(config(tmp_path, upstream[1]))
    code = (
        "import sys\nsys.modules['prometheus_client'] = None\n"
        f"from mspace_legacy.cli import main\nsys.exit(main(['gateway', '--config', {file!r}]))"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True
    ) as process:
        assert process.stdout is not None
        main_url = process.stdout.readline().split()[1]
        assert page(main_url, "/metrics").startswith(b"HTTP/1.0 404 ")
        process.terminate()
        _, err = rest_of(process)
    assert process.returncode == 0
    assert "no /metrics: they come with the extra [gateway] of mspace_legacy" in err


# Without serving


@pytest.fixture
def _logger() -> Iterator[None]:
    """The command sets up the log of its process, which here is that of the tests."""
    logger = logging.getLogger("mspace_legacy")
    handlers, level = logger.handlers[:], logger.level
    yield
    logger.handlers, logger.level = handlers, level
    logger.setLevel(level)


@pytest.mark.usefixtures("_logger")
def test_check_reads_everything_and_asks_nobody(
    upstream: tuple[Upstream, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config(tmp_path, upstream[1], routes="sendtext=canary:5, *=legacy")
    assert main(["gateway", "--config", str(file), "--check"]) == 0
    out = capsys.readouterr().out
    assert "sendtext=canary:5, subusers=legacy" in out
    assert "accounts  demo, subuser1" in out
    assert f"legacy    {upstream[1]}{PATH}\nv2        {upstream[1]}/smsapi/v2\n" in out
    assert main(["gateway", "--config", str(file), "--check", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["usernames"][:2] == ["demo", "subuser1"]
    assert "sendtext=canary:5" in told["routes"]
    assert (told["legacy"], told["v2"]) == (f"{upstream[1]}{PATH}", f"{upstream[1]}/smsapi/v2")
    assert upstream[0].requests == []


BASE = 'accounts = "accounts.toml"\nroutes = "*=v2"\n'


@pytest.mark.usefixtures("_logger")
@pytest.mark.parametrize(
    ("text", "accounts", "told"),
    [
        (None, None, "gateway.toml"),
        (BASE + "prot = 1", None, "'prot'"),
        (BASE.replace("v2", "v3"), None, "'v3'"),
        (BASE.replace("*=v2", "balance=v2"), None, "main_url is missing"),
        (BASE.replace("accounts.toml", "none.toml"), None, "none.toml"),
        (BASE, "x = 1", "accounts.toml"),
        (BASE, '[[account]]\nusername = "a"\npassword_verifier = "leaked-pw"\napi_key = "leaked-key"', "account 1"),
        (BASE + 'host = "192.0.2.1"', None, "192.0.2.1"),
    ],
)
def test_a_wrong_setting_is_told(
    text: str | None, accounts: str | None, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_demo_store(tmp_path)
    if text is not None:
        (tmp_path / "gateway.toml").write_text(text)
    if accounts is not None:
        (tmp_path / "accounts.toml").write_text(accounts)
    assert main(["gateway", "--config", str(tmp_path / "gateway.toml")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert "leaked" not in err
    assert len(err.splitlines()) <= 2


@pytest.mark.usefixtures("_logger")
@pytest.mark.parametrize(
    ("host", "of_the_url"),
    [("127.0.0.1", "localhost"), ("0.0.0.0", "127.0.0.1")],  # noqa: S104
)
@pytest.mark.parametrize("name", ["main_url", "base_url"])
def test_a_gateway_that_would_ask_itself_does_not_start(
    name: str, host: str, of_the_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server((host, 0)) as listener:
        port = listener.getsockname()[1]
    file = config(tmp_path, "http://127.0.0.1:1", "workers = 2")
    at_once = f'{name} = "http://{of_the_url}:{port}"'
    file.write_text(re.sub(f"^{name} = .*", at_once, file.read_text(), flags=re.MULTILINE))
    before = dict(os.environ)
    assert main(["gateway", "--config", str(file), "--host", host, "--port", str(port)]) == 2
    assert f"{name} leads back to this gateway" in capsys.readouterr().err
    assert os.environ == before


@pytest.mark.usefixtures("_logger")
def test_a_gateway_that_can_keep_no_counts_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    file = config(tmp_path, "http://127.0.0.1:1", "workers = 2")
    assert main(["gateway", "--config", str(file)]) == 2
    assert "set TMPDIR to one that can be written, or workers = 1" in capsys.readouterr().err


@pytest.mark.usefixtures("_logger")
# Elsewhere a file's mode does not say who can read it, so that `load_toml` does not look at it there.
@pytest.mark.skipif(os.name != "posix", reason="owners and others are of POSIX")
@pytest.mark.parametrize(("mode", "code"), [(0o600, 0), (0o400, 0), (0o640, 2), (0o604, 2), (0o620, 2), (0o644, 2)])
def test_accounts_that_others_can_read_are_refused(
    mode: int, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config(tmp_path, "http://h")
    (tmp_path / "accounts.toml").chmod(mode)
    assert main(["gateway", "--config", str(file), "--check"]) == code
    assert ("chmod 600" in capsys.readouterr().err) is (code == 2)


# Verifiers


def holds(text: str, password: str = PASSWORD) -> bool:
    verifier = Verifier.parse(text)
    return verifier.accepts(Secret(password)) and not verifier.accepts(Secret(password + "x"))


def test_the_verifier_of_a_password_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    monkeypatch.setenv("MSPACE_PASSWORD", "another")
    assert main(["verifier", "--password-file", str(file)]) == 0
    first = capsys.readouterr().out
    assert holds(first)
    assert PASSWORD not in first
    assert main(["verifier", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert holds(told["password_verifier"], "another")
    monkeypatch.setenv("MSPACE_PASSWORD", PASSWORD)
    assert main(["verifier"]) == 0
    second = capsys.readouterr().out
    assert holds(second)
    assert second != first, "each has a salt of its own"


def test_a_password_is_asked_for_twice_without_showing_it() -> None:
    with Terminal("verifier", env={"MSPACE_PASSWORD": ""}) as terminal:
        terminal.expect("Password: ")
        terminal.type(PASSWORD)
        terminal.expect("Once more: ")
        terminal.type(PASSWORD)
        assert terminal.finish() == 0
    assert PASSWORD not in terminal.screen
    (line,) = [line for line in terminal.screen.splitlines() if "scrypt$" in line]
    assert holds(line)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([PASSWORD, PASSWORD + "x"], "the two passwords differ"),
        ([""], "no password was entered"),
    ],
)
def test_what_is_entered_wrong_makes_no_verifier(entries: list[str], told: str) -> None:
    with Terminal("verifier", env={"MSPACE_PASSWORD": ""}) as terminal:
        for prompt, entry in zip(("Password: ", "Once more: "), entries, strict=False):
            terminal.expect(prompt)
            terminal.type(entry)
        assert terminal.finish() == 2
    assert told in terminal.screen
    assert "scrypt$" not in terminal.screen
    assert PASSWORD not in terminal.screen


def test_without_a_terminal_it_says_how_to_give_the_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verifier"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--password-file" in err
    assert "MSPACE_PASSWORD" in err


def children_of(process: subprocess.Popen[str]) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def both_of(process: subprocess.Popen[str]) -> list[int]:
    end = time.monotonic() + 20
    while len(children := children_of(process)) < 2:
        assert time.monotonic() < end, "there are no two of them"
        time.sleep(0.001)
    return children


def both_read_again(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    read = 0
    while read < 2:
        line = process.stderr.readline()
        assert line, "it ended"
        assert "takes its place" not in line
        read += "were read again" in line


# To kill a child a test must know which processes are children, which only Linux tells in a file. The code under test
# needs no /proc.
needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="tells children by /proc")


@needs_proc
def test_a_process_that_dies_is_put_back_and_all_are_counted_together(
    upstream: tuple[Upstream, str], tmp_path: Path
) -> None:
    with running(config(tmp_path, upstream[1], "workers = 2")) as (process, main_url):

        def call(times: int) -> None:
            for _ in range(times):
                with MSpaceClient(main_url) as client:
                    assert client.getBalance("demo", PASSWORD) == "1000"

        call(10)
        victim, other = both_of(process)
        os.kill(victim, signal.SIGKILL)
        wait_for(process, f"process {victim} ended, another takes its place")
        call(10)
        url = main_url.removesuffix(PATH)
        while len(children_of(process)) < 2:
            time.sleep(0.05)
        assert other in children_of(process)
        for _ in range(5):
            counted = b'mspace_gateway_requests_total{operation="balance",route="v2",status="200"} 20.0'
            assert counted in urllib3.request("GET", f"{url}/metrics").data


def ask(connection: socket.socket) -> None:
    connection.sendall(f"GET {PATH}/balance/username=demo/password={PASSWORD} HTTP/1.0\r\n\r\n".encode())


BROKEN_PROCESSES = """
from mspace_legacy.cli.serving import in_processes
from mspace_legacy.cli.output import log_to_stderr
from mspace_legacy.transport.listener import listening

def serve():
    raise ValueError("canary-3b1")

log_to_stderr()
with listening("127.0.0.1", 0) as listener:
    in_processes(1, listener, serve, lambda: None, lambda: None)
"""


def test_what_ends_a_process_is_told_without_its_text() -> None:
    command = [sys.executable, "-c", BROKEN_PROCESSES]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True
    ) as process:
        try:
            told = wait_for(process, "in a process that served")
        finally:
            process.terminate()
        _, err = rest_of(process)
    assert told.endswith("ValueError in a process that served\n")
    assert "canary-3b1" not in err


@needs_proc
def test_who_connects_while_a_process_is_dead_is_answered(upstream: tuple[Upstream, str], tmp_path: Path) -> None:
    with (
        running(config(tmp_path, upstream[1], "workers = 2")) as (process, main_url),
        ExitStack() as stack,
    ):
        victim, _ = both_of(process)
        os.kill(victim, signal.SIGKILL)
        connections = [stack.enter_context(connect(main_url)) for _ in range(32)]
        for connection in connections:
            ask(connection)
        for connection in connections:
            assert everything(connection).endswith(b"\r\n\r\n1000")


@needs_proc
def test_who_connects_at_once_is_shared_out(upstream: tuple[Upstream, str], tmp_path: Path) -> None:
    with (
        running(config(tmp_path, upstream[1], "workers = 2", "threads = 8")) as (process, main_url),
        ExitStack() as stack,
    ):
        children = both_of(process)
        # Their threads are there just before they begin to accept.
        eventually(lambda: all(len(os.listdir(f"/proc/{child}/task")) > 8 for child in children))
        time.sleep(0.5)
        before = [sockets_of(child) for child in children]
        for child in children:
            os.kill(child, signal.SIGSTOP)
            # Whatever happens, it is to end.
            stack.callback(os.kill, child, signal.SIGCONT)
        for _ in range(64):
            stack.enter_context(connect(main_url))
        for child in children:
            os.kill(child, signal.SIGCONT)
            # The first could have accepted all of them by now.
            time.sleep(0.02)
        eventually(lambda: sum(map(sockets_of, children)) == sum(before) + 64)
        shares = [sockets_of(child) - had for child, had in zip(children, before, strict=True)]
    assert min(shares) >= 8


def sockets_of(process: int) -> int:
    count = 0
    for link in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            count += os.readlink(link).startswith("socket:")
    return count


@needs_proc
@pytest.mark.parametrize("seconds", [0, 0.05, 0.2, 0.5])
def test_who_has_come_when_it_is_stopped_is_told(
    upstream: tuple[Upstream, str], tmp_path: Path, seconds: float
) -> None:
    with (
        running(config(tmp_path, upstream[1], "workers = 2")) as (process, main_url),
        ExitStack() as stack,
    ):
        both_of(process)
        time.sleep(seconds)
        connections = [stack.enter_context(connect(main_url)) for _ in range(32)]
        for connection in connections:
            ask(connection)
        process.terminate()
        for connection in connections:
            assert everything(connection).split()[1] in (b"200", b"503")
        rest_of(process)
    assert process.returncode == 0


@needs_proc
def test_no_signal_is_lost_between_a_look_whether_one_came_and_the_wait(
    upstream: tuple[Upstream, str], tmp_path: Path
) -> None:
    # A handler that was set off just before a wait begins runs when that is over. Signals that are themselves what is
    # waited for (POSIX, sigwait) have none.
    with running(config(tmp_path, upstream[1], "workers = 2")) as (process, _):
        both_of(process)
        status = Path(f"/proc/{process.pid}/status").read_text()
        handled = int(status.partition("SigCgt:")[2].split()[0], 16)
        for number in (signal.SIGHUP, signal.SIGTERM):
            assert not handled & 1 << number - 1


# Windows has no SIGHUP, and so none within another.
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_a_hangup_within_a_hangup_comes_after_it() -> None:
    """Else what the first one has read, which is older, would be taken over last."""
    told: list[str] = []

    def reread() -> None:
        told.append("read")
        if len(told) == 1:
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.01)
        told.append("taken over")

    with Server(Emulator()) as server, stopped_by_signals(server, on_hangup=reread):
        os.kill(os.getpid(), signal.SIGHUP)
        eventually(lambda: len(told) == 4)
    assert told == ["read", "taken over"] * 2


@needs_proc
def test_a_process_that_is_put_back_has_the_routes_of_the_last_hangup(
    upstream: tuple[Upstream, str], tmp_path: Path
) -> None:
    file = config(tmp_path, upstream[1], "workers = 2")
    with running(file) as (process, main_url):
        both_of(process)
        file.write_text(file.read_text().replace("*=v2", "*=legacy"))
        process.send_signal(signal.SIGHUP)
        both_read_again(process)
        # What can't be read is not taken over by those that are put back either.
        good = file.read_text()
        file.write_text("nonsense")
        process.send_signal(signal.SIGHUP)
        for _ in range(2):
            wait_for(process, "nothing was changed")
        file.write_text(good)
        for victim in both_of(process):
            os.kill(victim, signal.SIGKILL)
            wait_for(process, f"process {victim} ended, another takes its place")
        with MSpaceClient(main_url) as client:
            assert client.getBalance("demo", PASSWORD) == "1000"
        assert "route='legacy'" in wait_for(process, "operation=balance")


@needs_proc
def test_a_hangup_that_comes_before_a_process_serves_does_not_end_it(
    upstream: tuple[Upstream, str], tmp_path: Path
) -> None:
    with running(config(tmp_path, upstream[1], "workers = 2")) as (process, _):
        began = both_of(process)
        for _ in range(20):
            process.send_signal(signal.SIGHUP)
            time.sleep(0.005)
        both_read_again(process)
        assert children_of(process) == began
        process.terminate()
        _, err = rest_of(process)
    assert "takes its place" not in err
    assert process.returncode == 0


@needs_proc
def test_no_process_outlives_the_first(
    upstream: tuple[Upstream, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever is killed leaves its temporary folder.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with running(config(tmp_path, upstream[1], "workers = 2")) as (process, main_url):
        with MSpaceClient(main_url) as client:
            client.getBalance("demo", PASSWORD)
        process.kill()
        # Both hold its standard error.
        rest_of(process)
        with pytest.raises(ConnectionRefusedError):
            connect(main_url)

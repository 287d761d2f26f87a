"""The benchmarks run, and compare what they say they do. Never how long anything took."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.benchmarks.contenders import CALLS, GOALS, IMPORTS, Call
from tests.benchmarks.load import CONNECTIONS, time_load
from tests.benchmarks.measure import ratio, time_calls, time_imports
from tests.benchmarks.server import another_process
from tests.servers import ScriptedServer, reply

ROOT = Path(__file__).parents[2]
LOAD = ("emulator", "gateway")
WAITS = ("emulator, median", "emulator, p99", "gateway, median", "gateway, p99")
REQUEST_LINE = "GET /mspaceservice/wr/sms/balance/username=bench/password=s3cret HTTP/1.1"


@pytest.mark.parametrize("name", CALLS)
def test_each_asks_the_same_over_one_connection(name: str, scripted: ScriptedServer) -> None:
    with CALLS[name](scripted.url) as call:
        answers = [call(), call()]
    assert [int(str(answer, "ascii") if isinstance(answer, bytes) else str(answer)) for answer in answers] == [50, 50]
    assert scripted.request_lines == [REQUEST_LINE, REQUEST_LINE]
    assert scripted.connections == 1


def test_turns_are_taken_in_rounds() -> None:
    turns: list[str] = []

    @contextmanager
    def one(url: str) -> Iterator[Call]:
        yield lambda: turns.append(f"one at {url}")

    @contextmanager
    def other(url: str) -> Iterator[Call]:
        yield lambda: turns.append(f"other at {url}")

    timings = time_calls({"one": one, "other": other}, "there", rounds=3, calls=2)
    round_ = ["one at there"] * 2 + ["other at there"] * 2
    # A round to warm up, then those that count.
    assert turns == round_ * 4
    assert {name: len(seconds) for name, seconds in timings.items()} == {"one": 3, "other": 3}


def test_an_import_is_timed_in_a_fresh_interpreter() -> None:
    timings = time_imports({"fresh": "import sys; assert 'pytest' not in sys.modules; import decimal"}, rounds=2)
    assert len(timings["fresh"]) == 2
    assert all(seconds > 0 for seconds in timings["fresh"])
    with pytest.raises(subprocess.CalledProcessError):
        time_imports({"broken": "import no_such_module_anywhere"}, rounds=1)


def test_the_ratio_is_taken_round_by_round() -> None:
    # 3, a half and 2; the ratio of the medians would be 0.75.
    timings = {"one": [3.0, 2.0, 8.0], "other": [1.0, 4.0, 4.0]}
    assert ratio(timings, "one", "other") == (2.0, 0.5, 3.0)


def test_the_server_answers_each_head_once_and_ends() -> None:
    with another_process() as url:
        address = ("127.0.0.1", urlsplit(url).port)
        with socket.create_connection(address, 5) as connection:
            stream = connection.makefile("rb")
            connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r")
            # Long enough for it to be read by itself.
            time.sleep(0.1)
            connection.sendall(b"\n\r\nPOST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
            for _ in range(2):
                assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
                assert [stream.readline() for _ in range(3)][-2:] == [b"Content-Length: 2\r\n", b"\r\n"]
                assert stream.read(2) == b"50"
            # The body that was left lies before this head, and is not taken for one.
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
            stream.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, 5)


def test_the_load_is_as_many_calls_as_it_says_over_connections_that_are_kept(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b"1000")]
    load = time_load({"it": scripted.url}, rounds=2, calls=70)
    # A round to warm up, then those that count.
    assert len(scripted.requests) == 3 * 70
    assert scripted.connections == CONNECTIONS == 32
    assert {name: len(values) for name, values in (load.seconds | load.waits).items()} == {
        "it": 2, "it, median": 2, "it, p99": 2
    }  # fmt: skip
    assert all(one <= other for one, other in zip(load.waits["it, median"], load.waits["it, p99"], strict=True))
    scripted.script = [reply(b"Error 100: Authentication Failure")]
    with pytest.raises(RuntimeError, match="not a balance"):
        time_load({"it": scripted.url}, rounds=1, calls=1)


def run(*options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "tests.benchmarks", *options]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_the_report_for_programs() -> None:
    done = run("--rounds", "3", "--calls", "2", "--imports", "1", "--load", "70", "--load-rounds", "2", "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["options"] == {
        "rounds": 3, "calls": 2, "imports": 1, "load": 70, "load_rounds": 2, "json": True
    }  # fmt: skip
    assert report["machine"]["cpus"] == os.cpu_count()
    assert report["machine"]["python"].endswith(sys.version.split()[0])
    assert {"urllib3", "requests", "httpx"} <= report["machine"]["libraries"].keys()
    for rows, contenders in (("calls", CALLS), ("imports", IMPORTS), ("load", LOAD), ("waits", WAITS)):
        assert [row["name"] for row in report[rows]] == list(contenders)
        assert report[rows][0]["ratio"] == {"median": 1, "least": 1, "most": 1}
        for row in report[rows]:
            assert row["microseconds"] > 0
            assert 0 < row["ratio"]["least"] <= row["ratio"]["median"] <= row["ratio"]["most"]
    # As the issue sets them.
    assert [(goal["contender"], goal["baseline"], goal["at_most"]) for goal in report["goals"]] == [
        ("MSpaceClient.getBalance", "HTTPConnectionPool.urlopen", 1.25),
        ("MSpaceClient.getBalance", "requests.Session", 0.5),
        ("Client.balance", "HTTPConnectionPool.urlopen", 1.25),
        ("Client.balance", "requests.Session", 0.5),
        ("mspace_legacy", "the three dependencies", 1.5),
        # Half the calls per second is twice the time.
        ("gateway", "emulator", 2.0),
        ("gateway, p99", "gateway, median", 10.0),
    ]
    for goal in report["goals"]:
        assert goal["met"] == (goal["ratio"]["median"] <= goal["at_most"])


def test_the_report_for_people() -> None:
    done = run("--rounds", "1", "--calls", "1", "--imports", "1", "--load", "10", "--load-rounds", "1")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert f"{os.cpu_count()} CPUs" in lines[0]
    assert "urllib3 2." in lines[1]
    for name in (*CALLS, *IMPORTS, *LOAD, *WAITS):
        assert any(line.startswith(f"{name} ") for line in lines)
    for goal in GOALS:
        (line,) = [line for line in lines if line.startswith(f"{goal.contender} / {goal.baseline} ")]
        assert f" {goal.at_most:.2f} " in line
        assert line.endswith(("met", "MISSED"))


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_a_count_is_at_least_one(count: str) -> None:
    done = run("--rounds", count)
    assert done.returncode == 2
    assert f"'{count}' is not a whole number from 1 on" in done.stderr

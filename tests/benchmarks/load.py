"""Load: 32 connections at once, against an emulator in a process and a gateway in another before it.

Whoever asks must take little time itself, as it shares the machine: one thread, bare sockets, the same request.
"""

from __future__ import annotations

import json
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.benchmarks.measure import Timings
from tests.migration.stores import write_demo_store

__all__ = ["CONNECTIONS", "Load", "emulator_and_gateway", "time_load"]

CONNECTIONS = 32
_HEAD_END = b"\r\n\r\n"
_BODY = b"1000"
_REQUEST = b"GET /mspaceservice/wr/sms/balance/username=demo/password=demo-password HTTP/1.1\r\nHost: h\r\n\r\n"


class Load(NamedTuple):
    """`seconds` is the time of a round by its calls; `waits` how long a caller waited, the median and the 99th of 100
    in each round."""

    seconds: Timings
    waits: Timings


@contextmanager
def emulator_and_gateway() -> Iterator[dict[str, str]]:
    """The address of each by its name; the gateway asks the emulator's v2."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        emulator = stack.enter_context(_process("emulator"))
        config = folder / "gateway.toml"
        base = emulator.removesuffix("/mspaceservice/wr/sms")
        config.write_text(
            f'accounts = "{write_demo_store(folder)}"\nroutes = "*=v2"\nbase_url = "{base}"\nport = 0\n'
        )
        gateway = stack.enter_context(_process("gateway", "--config", str(config)))
        yield {"emulator": emulator, "gateway": gateway}


@contextmanager
def _process(*arguments: str) -> Iterator[str]:
    command = [sys.executable, "-m", "mspace_legacy", *arguments, "--json"]
    # Where the access log goes is nothing that is measured.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            text = ""
            while not text.endswith("\n}\n"):
                line = process.stdout.readline()
                assert line, f"{arguments[0]} ended"
                text += line
            yield json.loads(text)["main_url"]
        finally:
            process.terminate()


def time_load(urls: Mapping[str, str], *, rounds: int, calls: int) -> Load:
    """`calls` calls of each in each round, over `CONNECTIONS` connections that are kept."""
    load = Load({name: [] for name in urls}, {})
    with ExitStack() as stack:
        connections = {
            name: [stack.enter_context(_connected(url)) for _ in range(CONNECTIONS)] for name, url in urls.items()
        }
        for round_ in range(-1, rounds):
            for name, sockets in connections.items():
                began = time.perf_counter()
                waits = _ask(sockets, calls)
                seconds = (time.perf_counter() - began) / calls
                # The first round is to warm up.
                if round_ >= 0:
                    load.seconds[name].append(seconds)
                    load.waits.setdefault(f"{name}, median", []).append(statistics.median(waits))
                    load.waits.setdefault(f"{name}, p99", []).append(sorted(waits)[int(len(waits) * 0.99)])
    return load


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _ask(sockets: list[socket.socket], calls: int) -> list[float]:
    """How long each of `calls` calls took, each connection asking again as soon as it is answered."""
    waits: list[float] = []
    left = calls
    with selectors.DefaultSelector() as selector:
        sent: dict[socket.socket, float] = {}
        received: dict[socket.socket, bytes] = {}

        def ask(connection: socket.socket) -> None:
            received[connection] = b""
            sent[connection] = time.perf_counter()
            connection.sendall(_REQUEST)

        for connection in sockets[:left]:
            selector.register(connection, selectors.EVENT_READ, connection)
            ask(connection)
            left -= 1
        while len(waits) < calls:
            for key, _ in selector.select(30):
                connection = key.data
                received[connection] += connection.recv(65536)
                head, end, body = received[connection].partition(_HEAD_END)
                if not end or len(body) < len(_BODY):
                    continue
                waits.append(time.perf_counter() - sent[connection])
                if not head.startswith(b"HTTP/1.1 200 ") or body != _BODY:
                    raise RuntimeError(f"not a balance of {_BODY.decode()}: {body!r}")
                if left:
                    ask(connection)
                    left -= 1
    return waits

"""Load: 32 connections at once, against an emulator, and against a gateway and a façade in Flask before it.

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

from mspace_legacy.cli.serving import processors
from tests.benchmarks.measure import Goal, Section, Timings, scaled
from tests.migration.stores import write_demo_store

__all__ = ["CONNECTIONS", "Load", "load", "served", "time_load"]

CONNECTIONS = 32
_THREADS = 32
"""In each process."""

_HEAD_END = b"\r\n\r\n"
_BODY = b"1000"
_REQUEST = b"GET /mspaceservice/wr/sms/balance/username=demo/password=demo-password HTTP/1.1\r\nHost: h\r\n\r\n"


class Load(NamedTuple):
    """`seconds` is the time of a round by its calls; `waits` how long a caller waited, the median and the 99th of 100
    in each round."""

    seconds: Timings
    waits: Timings


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """The address of each by its name; gateway and façade ask the emulator's v2, in as many processes and threads."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        emulator = stack.enter_context(_process("mspace_legacy", "emulator"))
        config = folder / "gateway.toml"
        base = emulator.removesuffix("/mspaceservice/wr/sms")
        config.write_text(
            f'accounts = "{write_demo_store(folder)}"\nroutes = "*=v2"\nbase_url = "{base}"\n'
            f"port = 0\nworkers = {processors()}\nthreads = {_THREADS}\n"
        )
        gateway = stack.enter_context(_process("mspace_legacy", "gateway", "--config", str(config)))
        facade = stack.enter_context(_process("tests.benchmarks.facade", base, str(processors()), str(_THREADS)))
        yield {"emulator": emulator, "gateway": gateway, "Flask and requests": facade}


@contextmanager
def _process(module: str, *arguments: str) -> Iterator[str]:
    command = [sys.executable, "-m", module, *arguments, *(["--json"] if module == "mspace_legacy" else [])]
    # Where the access log goes is nothing that is measured.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            text = ""
            while not text.endswith("\n}\n"):
                line = process.stdout.readline()
                assert line, f"{module} ended"
                text += line
            yield json.loads(text)["main_url"]
        finally:
            process.terminate()


_GOALS = (
    Goal("gateway", "emulator", 2.0),
    Goal("gateway", "Flask and requests", 1.0),
    Goal("gateway, p99", "gateway, median", 10.0),
    Goal("gateway, p99", "Flask and requests, p99", 1.0),
)


def load(scale: float) -> Section:
    """The time of a round by its calls, and how long a caller waits in it."""
    rounds, calls = scaled(10, scale), scaled(2000, scale)
    with served() as urls:
        found = time_load(urls, rounds=rounds, calls=calls)
    title = f"Under load ({rounds} rounds of {calls} calls, {CONNECTIONS} connections), and how long a caller waits"
    return Section(title, found.seconds | found.waits, _GOALS)


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
    # One process of the façade would take all who come at once, and leave the other without work.
    time.sleep(0.02)
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

"""The proxy itself: what it lets through, what it breaks, and that nothing happens behind it once it has settled."""

from __future__ import annotations

import socket
import time

import pytest

from tests.matrix.proxy import Fault, FaultyProxy
from tests.servers import ScriptedServer, reply

_REQUEST = b"GET / HTTP/1.1\r\n\r\n"
_REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n50"


def exchange(port: int, request: bytes = _REQUEST) -> bytes:
    """All that comes back, until the connection ends or says nothing more."""
    came = b""
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(request)
        client.settimeout(0.3)
        try:
            while data := client.recv(65536):
                came += data
        except ConnectionResetError:
            return came
        except TimeoutError:
            return came + b"SILENCE"
    return came


@pytest.mark.parametrize(
    ("fault", "came", "requests"),
    [
        (None, _REPLY + b"SILENCE", [_REQUEST]),
        (Fault("connect", "close"), b"", []),
        (Fault("connect", "stall"), b"SILENCE", []),
        (Fault("request", "close", 5), b"", []),
        (Fault("request", "reset", len(_REQUEST)), b"", [_REQUEST]),
        (Fault("reply", "half-close", 0), b"", [_REQUEST]),
        (Fault("reply", "close", 9), _REPLY[:9], [_REQUEST]),
        (Fault("reply", "stall", 9), _REPLY[:9] + b"SILENCE", [_REQUEST]),
        (Fault("reply", "close", len(_REPLY)), _REPLY, [_REQUEST]),
        (Fault("reply", "corrupt", len(_REPLY) - 1, 1), _REPLY[:-1] + b"1SILENCE", [_REQUEST]),
        (Fault("request", "corrupt", 0, 2), _REPLY + b"SILENCE", [b"E" + _REQUEST[1:]]),
        (Fault("reply", "duplicate", len(_REPLY)), _REPLY * 2 + b"SILENCE", [_REQUEST]),
    ],
    ids=str,
)
def test_what_is_told_and_what_is_done(fault: Fault | None, came: bytes, requests: list[bytes]) -> None:
    with ScriptedServer(reply()) as server, FaultyProxy(server.port) as proxy:
        proxy.set(fault)
        assert exchange(proxy.port) == came
        proxy.settle()
        assert server.requests == requests
        assert proxy.struck is (fault is not None)


def test_a_reset_is_one() -> None:
    with ScriptedServer(reply()) as server, FaultyProxy(server.port) as proxy:
        proxy.set(Fault("reply", "reset", 0))
        with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
            client.sendall(_REQUEST)
            with pytest.raises(ConnectionResetError):
                client.recv(1)


def test_a_port_that_refuses_is_kept_and_listens_again() -> None:
    with ScriptedServer(reply()) as server, FaultyProxy(server.port) as proxy:
        proxy.set(Fault("connect", "refuse"))
        with pytest.raises(ConnectionRefusedError):
            exchange(proxy.port)
        proxy.set(None)
        assert exchange(proxy.port).startswith(_REPLY)


def test_a_fault_that_happens_once() -> None:
    with ScriptedServer(reply()) as server, FaultyProxy(server.port) as proxy:
        proxy.set(Fault("reply", "close", 0, lasting=False))
        assert [exchange(proxy.port), exchange(proxy.port)] == [b"", _REPLY + b"SILENCE"]


def test_nothing_reaches_the_server_after_it_has_settled() -> None:
    """A client that gives up before its connection was accepted must not be heard of later."""
    with ScriptedServer(reply()) as server, FaultyProxy(server.port) as proxy:
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
                client.sendall(_REQUEST)
            proxy.settle()
            done = len(server.requests)
            time.sleep(0.002)
            assert len(server.requests) == done

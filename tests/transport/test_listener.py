"""listener: an address that listens, shared out to several processes and closed to everybody else."""

from __future__ import annotations

import contextlib
import select
import socket
import sys

import pytest

from mspace_legacy.errors import InvalidInput
from mspace_legacy.transport.listener import listening, shares

HOSTS = ["127.0.0.1", "::1"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux deals out who connects")
@pytest.mark.parametrize("host", HOSTS)
def test_who_connects_at_once_is_dealt_out(host: str) -> None:
    with shares(listening(host, 0), 2) as listeners, contextlib.ExitStack() as stack:
        addresses = {listener.getsockname()[:2] for listener in listeners}
        assert len(addresses) == 1
        for _ in range(64):
            stack.enter_context(socket.create_connection(addresses.copy().pop(), timeout=10))
        accepted = dict.fromkeys(listeners, 0)
        while ready := select.select(listeners, [], [], 0)[0]:
            for listener in ready:
                stack.enter_context(listener.accept()[0])
                accepted[listener] += 1
    assert sum(accepted.values()) == 64
    # By chance one of them would have fewer once in 10**6 times.
    assert min(accepted.values()) > 12


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("count", [1, 2])
def test_who_else_would_listen_there_is_refused(host: str, count: int) -> None:
    with shares(listening(host, 0), count) as listeners, pytest.raises(InvalidInput, match="already in use"):
        listening(host, listeners[0].getsockname()[1]).close()


def test_an_address_where_somebody_listens_is_not_shared() -> None:
    with listening("127.0.0.1", 0) as theirs:
        address = theirs.getsockname()
        with pytest.raises(OSError, match="already in use"):
            socket.create_server(address, reuse_port=hasattr(socket, "SO_REUSEPORT")).close()


def test_all_of_them_are_closed_with_the_block() -> None:
    with shares(listening("127.0.0.1", 0), 3) as listeners:
        address = listeners[0].getsockname()
    assert [listener.fileno() for listener in listeners] == [-1, -1, -1]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=10)

"""Who runs, and against whom: the list to add to.

A contender is a name and a function. For a call, the function takes the server's URL and is a context manager that
gives what makes one call, the connection kept open between calls. For an import, a statement stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

import httpx
import requests
import urllib3

from mspace_legacy import Client, MSpaceClient

__all__ = ["CALLS", "GOALS", "IMPORTS", "Call", "Contender", "Goal"]

Call = Callable[[], object]
Contender = Callable[[str], AbstractContextManager[Call]]

_USERNAME = "bench"
_PASSWORD = "s3cret"
_PATH = f"/mspaceservice/wr/sms/balance/username={_USERNAME}/password={_PASSWORD}"


class Goal(NamedTuple):
    """`contender` takes at most `at_most` times what `baseline` takes."""

    contender: str
    baseline: str
    at_most: float


@contextmanager
def _bare_pool(url: str) -> Iterator[Call]:
    with urllib3.connection_from_url(url) as pool:
        yield lambda: pool.urlopen("GET", _PATH).data


@contextmanager
def _get_balance(url: str) -> Iterator[Call]:
    with MSpaceClient(url) as client:
        yield lambda: client.getBalance(_USERNAME, _PASSWORD)


@contextmanager
def _balance(url: str) -> Iterator[Call]:
    with Client.legacy(url, _USERNAME, _PASSWORD) as client:
        yield client.balance


@contextmanager
def _pool_manager(url: str) -> Iterator[Call]:
    with urllib3.PoolManager() as manager:
        yield lambda: manager.request("GET", url + _PATH).data


@contextmanager
def _requests_session(url: str) -> Iterator[Call]:
    with requests.Session() as session:
        yield lambda: session.get(url + _PATH).text


@contextmanager
def _httpx_client(url: str) -> Iterator[Call]:
    with httpx.Client() as client:
        yield lambda: client.get(url + _PATH).text


CALLS: dict[str, Contender] = {
    "HTTPConnectionPool.urlopen": _bare_pool,
    "MSpaceClient.getBalance": _get_balance,
    "Client.balance": _balance,
    "PoolManager.request": _pool_manager,
    "httpx.Client": _httpx_client,
    "requests.Session": _requests_session,
}
"""Each asks for a balance of 50 over a connection that is kept open. The first is the baseline."""

IMPORTS: dict[str, str] = {
    "the three dependencies": "import urllib3, defusedxml, tenacity",
    "mspace_legacy": "import mspace_legacy",
}
"""Each in a fresh interpreter. The first is the baseline."""

GOALS = (
    Goal("MSpaceClient.getBalance", "HTTPConnectionPool.urlopen", 1.25),
    Goal("MSpaceClient.getBalance", "requests.Session", 0.5),
    Goal("Client.balance", "HTTPConnectionPool.urlopen", 1.25),
    Goal("Client.balance", "requests.Session", 0.5),
    Goal("mspace_legacy", "the three dependencies", 1.5),
    Goal("gateway", "emulator", 2.0),
    Goal("gateway, p99", "gateway, median", 10.0),
)

"""One call at a time: who makes it, what each layer adds to it, and what an import takes. The lists to add to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import requests
import urllib3

from mspace_legacy import Client, MSpaceClient
from mspace_legacy.migration import AccountStore, Comparisons, StoredAccount
from mspace_legacy.models import Balance
from mspace_legacy.secrets import Secret
from mspace_legacy.transport import Network, Retry, Transport
from mspace_legacy.wire import legacy
from tests.benchmarks.measure import Call, Contender, Goal, Section, scaled, time_calls, time_imports
from tests.benchmarks.server import another_process
from tests.migration.stores import cheap_verifier

__all__ = ["CALLS", "IMPORTS", "LAYERS", "calls", "imports", "layers"]

_USERNAME = "bench"
_PASSWORD = "s3cret"
_PATH = f"/mspaceservice/wr/sms/balance/username={_USERNAME}/password={_PASSWORD}"


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
def _requests_get(url: str) -> Iterator[Call]:
    # As integrators write it, a new connection for each call with it.
    yield lambda: requests.get(f"{url}/mspaceservice/wr/sms/balance/username={_USERNAME}/password={_PASSWORD}").text  # noqa: S113


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
    "requests.get": _requests_get,
}
"""Each asks for a balance of 50. All but the last keep their connection. The first is the baseline."""

_CALL_GOALS = tuple(
    Goal(contender, baseline, at_most)
    for contender in ("MSpaceClient.getBalance", "Client.balance")
    for baseline, at_most in (
        ("HTTPConnectionPool.urlopen", 1.15), ("requests.Session", 0.4), ("httpx.Client", 1.0), ("requests.get", 0.4)
    )
)  # fmt: skip


def calls(scale: float) -> Section:
    """A call by each."""
    rounds = scaled(400, scale)
    with another_process() as url:
        timings = time_calls(CALLS, url, rounds=rounds, calls=10)
    return Section(f"A call ({rounds} rounds of 10)", timings, _CALL_GOALS)


def _over(url: str, transport: Transport) -> Iterator[Call]:
    """Hands over a request that is ready."""
    request = legacy.encode_request(Balance(_USERNAME), Secret(_PASSWORD), base=legacy.base_url(url))
    yield lambda: transport.handle(request)
    transport.close()


@contextmanager
def _network(url: str) -> Iterator[Call]:
    yield from _over(url, Network())


@contextmanager
def _retry(url: str) -> Iterator[Call]:
    yield from _over(url, Retry(Network()))


def _store() -> AccountStore:
    return AccountStore([StoredAccount(_USERNAME, cheap_verifier(Secret(_PASSWORD)), Secret("key"))])


def _routed(routes: str) -> Contender:
    @contextmanager
    def contender(url: str) -> Iterator[Call]:
        comparisons = Comparisons()
        client = MSpaceClient(url, routes=routes, accounts=_store(), base_url=url, comparisons=comparisons)
        with client:

            def call() -> str:
                answer = client.getBalance(_USERNAME, _PASSWORD)
                # The other API is asked while the program goes on, but on the same processor.
                comparisons.wait()
                return answer

            yield call
            comparisons.close()

    return contender


LAYERS: dict[str, Contender] = {
    "Network": _network,
    "Retry(Network)": _retry,
    "Client over them": _balance,
    "MSpaceClient over them": _get_balance,
    "... by the routes: legacy": _routed("*=legacy"),
    "... by the adapter: v2": _routed("*=v2"),
    "... by the shadow: both": _routed("balance=shadow"),
}
"""Each asks for the balance of 50; the last asks twice, and compares. The first is the baseline."""


def layers(scale: float) -> Section:
    """What each layer adds."""
    rounds = scaled(200, scale)
    with another_process() as url:
        return Section(f"Layers ({rounds} rounds of 10)", time_calls(LAYERS, url, rounds=rounds, calls=10))


IMPORTS: dict[str, str] = {
    "the three dependencies": "import urllib3, defusedxml, tenacity",
    "mspace_legacy": "import mspace_legacy",
    "requests": "import requests",
    "httpx": "import httpx",
}
"""Each in a fresh interpreter. The first is the baseline."""

_IMPORT_GOALS = (
    Goal("mspace_legacy", "the three dependencies", 1.5),
    Goal("mspace_legacy", "requests", 1.0),
    Goal("mspace_legacy", "httpx", 1.0),
)


def imports(scale: float) -> Section:
    """An import of each."""
    rounds = scaled(40, scale)
    timings = time_imports(IMPORTS, rounds=rounds)
    return Section(f"An import ({rounds} fresh interpreters)", timings, _IMPORT_GOALS)

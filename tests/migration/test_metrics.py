"""migration.metrics: the page, read by Prometheus' own parser."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mspace_legacy.emulator import Emulator
from mspace_legacy.migration import Exchange, Gateway, Routes, Settings
from mspace_legacy.migration.metrics import PrometheusMetrics
from mspace_legacy.wire.http import Request, Response
from tests.migration.stores import write_demo_store

PATH = "http://h/mspaceservice/wr/sms"
SEND = "/senderid=MSPACE/recipient=0722000000/message=Hello"


@pytest.fixture
def gateway(emulator: Emulator, tmp_path: Path) -> Iterator[Gateway]:
    settings = Settings(
        write_demo_store(tmp_path),
        main_url="http://legacy",
        routes=Routes.parse("balance=shadow, sendtext=canary:100, *=v2"),
    )
    gateway = Gateway(settings, transport=emulator, metrics=PrometheusMetrics())
    yield gateway
    gateway.close()


def ask(gateway: Gateway, target: str, method: str = "GET") -> Response:
    return gateway.handle(Request(method, target, remote_address="192.0.2.77"))


def samples(response: Response) -> dict[str, float]:
    """The page's samples as `name{label=value,...}`."""
    named = {}
    for family in text_string_to_metric_families(response.body.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            named[f"{sample.name}{{{labels}}}"] = sample.value
    return named


def test_every_exchange_is_counted_once(gateway: Gateway, emulator: Emulator) -> None:
    send = f"{PATH}/sendtext/username=demo/password=demo-password{SEND}"
    for _ in range(3):
        assert ask(gateway, send).status == 200
    assert ask(gateway, f"{PATH}/login/username=demo/password=wrong").status == 200
    assert ask(gateway, f"{PATH}/login/username=demo").status == 400
    assert ask(gateway, "http://h/favicon.ico").status == 404
    emulator.faults.add("sendtext=reset-after")
    assert ask(gateway, send).status == 502
    page = ask(gateway, "http://h/metrics")
    assert page.status == 200
    assert str(page.header("content-type")).startswith("text/plain;")
    told = samples(page)
    canary = "operation=sendtext,route=canary:100 to v2"
    assert {name: value for name, value in told.items() if name.startswith("mspace_gateway_requests_total")} == {
        f"mspace_gateway_requests_total{{{canary},status=200}}": 3,
        f"mspace_gateway_requests_total{{{canary},status=502}}": 1,
        "mspace_gateway_requests_total{operation=login,route=-,status=200}": 1,
        "mspace_gateway_requests_total{operation=-,route=-,status=400}": 1,
        "mspace_gateway_requests_total{operation=-,route=-,status=404}": 1,
    }
    assert told["mspace_gateway_refused_total{reason=password}"] == 1
    assert told["mspace_gateway_refused_total{reason=malformed}"] == 2
    assert told[f"mspace_gateway_seconds_count{{{canary}}}"] == 4
    assert told[f"mspace_gateway_seconds_sum{{{canary}}}"] > 0


def test_an_exchange_without_a_refusal_is_none(gateway: Gateway) -> None:
    ask(gateway, f"{PATH}/balance/username=demo/password=demo-password")
    page = ask(gateway, "http://h/metrics")
    assert not any(name.startswith("mspace_gateway_refused_total") for name in samples(page))
    assert [name for name, _ in page.headers] == ["Content-Type"]


def test_one_page_counts_what_several_processes_did(tmp_path: Path) -> None:
    counting = (
        "from mspace_legacy.migration import Exchange\n"
        "from mspace_legacy.migration.metrics import PrometheusMetrics\n"
        "metrics = PrometheusMetrics()\n"
        "metrics.observe(Exchange('id', '192.0.2.1', 'demo', 'balance', 'v2', '-', 200, 0.5))\n"
        "print(metrics.page().body.decode())\n"
    )
    shared = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    pages = [
        subprocess.run([sys.executable, "-c", counting], env=shared, check=True, capture_output=True).stdout
        for _ in range(2)
    ]
    name = "mspace_gateway_requests_total{operation=balance,route=v2,status=200}"
    assert [samples(Response(200, page))[name] for page in pages] == [1, 2]


# Windows does not tell what a file takes on the disk.
@pytest.mark.skipif(os.name != "posix", reason="st_blocks is of POSIX")
def test_the_counts_of_several_processes_have_their_room_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mapped file with a hole in it ends the process where the disk is full, and each reply that is on its way."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    PrometheusMetrics()
    sizes = [(file.name.partition("_")[0], file.stat()) for file in tmp_path.iterdir()]
    assert {kind for kind, _ in sizes} == {"counter", "histogram"}
    assert all(told.st_blocks * 512 >= told.st_size >= 1 << 20 for _, told in sizes)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "gone"))
    with pytest.raises(OSError, match="gone"):
        PrometheusMetrics()


def test_what_others_read_is_whole_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever of several processes is asked for the counts reads the files of all of them."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    seen: set[int] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            for file in tmp_path.glob("*.db"):
                with contextlib.suppress(FileNotFoundError):
                    seen.add(file.stat().st_size)

    with ThreadPoolExecutor(1) as threads:
        watching = threads.submit(watch)
        for _ in range(200):
            PrometheusMetrics()
            for file in tmp_path.glob("*.db"):
                file.unlink()
        PrometheusMetrics()
        time.sleep(0.1)
        over.set()
        watching.result()
    assert seen == {1 << 20}


def test_the_room_that_is_there_already_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may be given the number of one before it, of which only one file was made."""
    counters = tmp_path / f"counter_{os.getpid()}.db"
    counters.write_bytes(bytes(1 << 20))
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    PrometheusMetrics()
    assert len(list(tmp_path.iterdir())) == 2


# Elsewhere a process has no bound of descriptors that could be set.
@pytest.mark.skipif(os.name != "posix", reason="resource is of POSIX")
def test_without_a_descriptor_for_its_counts_a_gateway_says_so(tmp_path: Path) -> None:
    program = (
        "import resource\n"
        "from mspace_legacy.migration.metrics import PrometheusMetrics\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))\n"
        "try:\n"
        "    PrometheusMetrics()\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    there = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=there, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == os.strerror(errno.EMFILE)


def test_what_can_not_be_counted_is_answered(
    emulator: Emulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(PrometheusMetrics):
        def observe(self, exchange: Exchange) -> None:
            raise OSError("no descriptor is left")

    settings = Settings(write_demo_store(tmp_path), main_url="http://legacy")
    gateway = Gateway(settings, transport=emulator, metrics=Broken())
    assert ask(gateway, f"{PATH}/sendtext/username=demo/password=demo-password{SEND}").status == 200
    assert len(emulator.ledger.messages()) == 1
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == 1
    assert re.fullmatch("request=[0-9a-f]{16} was not counted: OSError", told[0])


def test_comparisons_are_counted(gateway: Gateway) -> None:
    ask(gateway, f"{PATH}/balance/username=demo/password=demo-password")
    gateway.comparisons.close()
    told = samples(ask(gateway, "http://h/metrics"))
    counts = [
        told.get(f"mspace_gateway_comparisons_total{{operation=balance,result={result}}}", 0)
        for result in ("equal", "different", "dropped")
    ]
    assert counts == [1, 0, 0]


def test_no_account_number_or_address_is_a_label(gateway: Gateway) -> None:
    for username, password in (("demo", "demo-password"), ("demo", "guess-9"), ("nobody-77", "guess-9")):
        ask(gateway, f"{PATH}/sendtext/username={username}/password={password}{SEND}")
        ask(gateway, f"{PATH}/subacctopup/username={username}/password={password}/subaccname=subuser1/noofsms=1")
        ask(gateway, f"{PATH}/{username}/username={username}", "BREW")
    body = ask(gateway, "http://h/metrics").body.decode()
    for word in ("demo", "nobody-77", "subuser1", "0722000000", "192.0.2.77", "MSPACE", "Hello", "guess-9", "BREW"):
        assert word not in body
    # Nothing that a caller chooses makes a new series.
    labels = {
        (name, value)
        for family in text_string_to_metric_families(body)
        for sample in family.samples
        for name, value in sample.labels.items()
        if name != "le"
    }
    assert {name for name, _ in labels} == {"operation", "route", "status", "reason"}
    assert {value for name, value in labels if name == "operation"} == {"-", "sendtext", "subacctopup"}


def test_the_page_is_no_exchange_and_two_gateways_count_apart(gateway: Gateway) -> None:
    for _ in range(3):
        ask(gateway, "http://h/metrics?x=y")
        ask(gateway, "http://h/healthz")
    assert not any("requests_total" in name for name in samples(ask(gateway, "http://h/metrics")))
    one, other = PrometheusMetrics(), PrometheusMetrics()
    one.observe(Exchange("id", "192.0.2.1", "demo", "balance", "v2", "-", 200, 0.5))
    assert "mspace_gateway_seconds_sum{operation=balance,route=v2}" in samples(one.page())
    assert not any("seconds_sum" in name for name in samples(other.page()))

"""The gateway's counts for Prometheus, by its own client library (the extra `[gateway]`)."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from mspace_legacy.migration.gateway import Exchange
from mspace_legacy.wire.http import Response

__all__ = ["PrometheusMetrics"]


_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_ROOM = 1 << 20
"""Bytes. All series that there can be take a fraction of it, unless a service answers by hundreds of statuses."""


def _reserve(folder: Path) -> None:
    """Have the files of this process take their room on the disk.

    The library maps them with holes in them: where the disk is full when one is filled, the system ends the process,
    and with it each reply that is on its way.
    """
    for kind in ("counter", "histogram"):
        file = folder / f"{kind}_{os.getpid()}.db"
        if file.exists():
            continue
        # Another process may be asked for the counts meanwhile, and can't read a file that is not whole.
        made = file.with_suffix(".made")
        try:
            made.write_bytes(bytes(_ROOM))
            made.replace(file)
        except OSError:
            made.unlink(missing_ok=True)
            raise


class PrometheusMetrics:
    """Counts exchanges by operation, route and status, with how long they took; see `gateway.Metrics`.

    No user name, number or address is ever a label.

    :raises OSError: PROMETHEUS_MULTIPROC_DIR is set, and there is no room in it for the counts of this process.
    """

    def __init__(self) -> None:
        if _FOLDER in os.environ:
            _reserve(Path(os.environ[_FOLDER]))
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mspace_gateway_requests",
            "Requests that were answered.",
            ("operation", "route", "status"),
            registry=self._registry,
        )
        self._refused = Counter(
            "mspace_gateway_refused",
            "Requests that were not let in: malformed, no such account, a wrong password, or too many of those.",
            ("reason",),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "mspace_gateway_seconds",
            "From the request's arrival until its reply was there.",
            ("operation", "route"),
            registry=self._registry,
        )
        self._comparisons = Counter(
            "mspace_gateway_comparisons",
            "Reads that both APIs were asked.",
            ("operation", "result"),
            registry=self._registry,
        )

    def observe(self, exchange: Exchange) -> None:
        """Count one."""
        self._requests.labels(exchange.operation, exchange.route, str(exchange.status)).inc()
        self._seconds.labels(exchange.operation, exchange.route).observe(exchange.seconds)
        if exchange.refused != "-":
            self._refused.labels(exchange.refused).inc()

    def compared(self, operation: str, result: str) -> None:
        """Count a comparison."""
        self._comparisons.labels(operation, result).inc()

    def page(self) -> Response:
        """All of the counts in Prometheus' text format."""
        registry = self._registry
        if _FOLDER in os.environ:
            # The library keeps the counts of several processes in files there.
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return Response(200, generate_latest(registry), (("Content-Type", CONTENT_TYPE_LATEST),))

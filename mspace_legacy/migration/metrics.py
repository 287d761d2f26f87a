"""The gateway's counts for Prometheus, by its own client library (`pip install 'mspace_legacy[gateway]'`)."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from mspace_legacy.migration.gateway import Exchange
from mspace_legacy.migration.shadow import Comparisons
from mspace_legacy.wire.http import Response

__all__ = ["PrometheusMetrics"]


class PrometheusMetrics:
    """Counts exchanges by operation, route and status, with how long they took; see `gateway.Metrics`.

    No user name, number or address is ever a label.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mspace_gateway_requests",
            "Requests that were answered.",
            ("operation", "route", "status"),
            registry=self._registry,
        )
        self._refused = Counter(
            "mspace_gateway_refused",
            "Requests that were not let in: malformed, a wrong password, or too many failures before.",
            ("reason",),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "mspace_gateway_seconds",
            "From the request's arrival until its reply was there.",
            ("operation", "route"),
            registry=self._registry,
        )

    def observe(self, exchange: Exchange) -> None:
        """Count one."""
        self._requests.labels(exchange.operation, exchange.route, str(exchange.status)).inc()
        self._seconds.labels(exchange.operation, exchange.route).observe(exchange.seconds)
        if exchange.refused != "-":
            self._refused.labels(exchange.refused).inc()

    def page(self, comparisons: Comparisons) -> Response:
        """All of them in Prometheus' text format, with the counts of comparisons."""
        compared = CounterMetricFamily(
            "mspace_gateway_comparisons",
            "Reads that both APIs were asked.",
            labels=("operation", "result"),
        )
        for operation, count in comparisons.counts.items():
            for result, number in count._asdict().items():
                compared.add_metric((operation, result), number)
        counts = CollectorRegistry()
        counts.register(_Once(compared))
        body = generate_latest(self._registry) + generate_latest(counts)
        return Response(200, body, (("Content-Type", CONTENT_TYPE_LATEST),))


class _Once(Collector):
    """A family that is made anew for each page."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        yield self._family

"""What Prometheus reads."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """Counters of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Histogram(
            "dispatch_request_seconds", "From a request's first byte to the answer's last", ("route", "status"),
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.decisions = Histogram(
            "dispatch_decision_seconds", "Of it, deciding and applying one request's orders", buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self.commits = Histogram(
            "dispatch_commit_seconds", "Of it, waiting until a group of records is on disk", buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self.orders = Counter("dispatch_orders", "Orders decided on", registry=registry)
        self.lines = Counter("dispatch_lines", "Their lines", ("outcome",), registry=registry)
        self.events = Counter("dispatch_events", "Events applied", ("kind",), registry=registry)
        self.repeated = Counter("dispatch_repeated", "Orders and events sent again", registry=registry)
        self.refused = Counter("dispatch_refused", "Requests refused", ("status",), registry=registry)
        self.clock = Gauge("dispatch_clock_seconds", "The service's clock, Unix time", registry=registry)
        self.state_age = Gauge(
            "dispatch_state_age_seconds", "Since the last event was applied, by the machine's clock", registry=registry
        )
        self.under_way = Gauge("dispatch_packages_under_way", "Packages made and not delivered", registry=registry)
        self.logged = Gauge("dispatch_log_records", "Records in the log, on disk", registry=registry)
        self.snapshot = Gauge("dispatch_snapshot_record", "Record of the latest snapshot", registry=registry)
        self.ready = Gauge("dispatch_ready", "1 once the state is loaded", registry=registry)

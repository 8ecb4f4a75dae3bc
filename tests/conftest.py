"""Fixtures and settings shared by all tests."""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

from envs.network import build_network  # noqa: E402
from envs.scenario import Scenario  # noqa: E402
from tests.worlds import small  # noqa: E402

settings.register_profile(
    "world", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("world")


def trace_scenario(path: Path, rows: list[str]) -> Scenario:
    """The small world with orders replayed from a CSV of these rows; `{0}`…`{5}` stand for the stations' names."""
    sites = build_network(small()).sites
    names = sites.loc[sites["kind"] == "station", "name"].tolist()
    text = ["hour,order,station,sku,units,promise_hours", *(row.format(*names) for row in rows)]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return small(demand={"kind": "trace", "path": str(path), "orders_per_day": 100})


@pytest.fixture
def trace_world(tmp_path: Path) -> Scenario:
    """Sixty hours of replayed orders of one to four lines."""
    rows = []
    for order in range(240):
        hour, station, promise = order * 0.25, "{%d}" % (order * 7 % 6), (12, 30, 60)[order % 3]
        rows += [f"{hour},{order:04d},{station},{(order * 11 + n * 5) % 40},{1 + n % 2},{promise}" for n in range(1 + order % 4)]
    return trace_scenario(tmp_path / "orders.csv", rows)

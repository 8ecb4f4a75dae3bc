"""Fixtures and settings shared by all tests."""

from __future__ import annotations

import os
import signal

os.environ["REGIONAL_DISPATCH_QUIET"] = "1"  # tests read stderr, which otherwise tells of the kernel's compilation
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it, for the commands that tests start too

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from regional_dispatch.envs.world import findings
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.folders.claim import release
from tests.worlds import small

settings.register_profile(
    "world", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("world")


@pytest.fixture(autouse=True)
def no_warnings_of_other_tests() -> None:
    """Commands show the warnings that a process has met; each test begins with none."""
    findings._noticed.clear()


@pytest.fixture(autouse=True)
def no_folders_of_other_tests() -> Iterator[None]:
    """A command keeps its output folder until its process ends, which here goes on to the next test."""
    yield
    release()


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
        hour, station, promise = order * 0.25, f"{{{order * 7 % 6}}}", (12, 30, 60)[order % 3]
        for n in range(1 + order % 4):
            rows.append(f"{hour},{order:04d},{station},{(order * 11 + n * 5) % 40},{1 + n % 2},{promise}")
    return trace_scenario(tmp_path / "orders.csv", rows)

"""The flip of a partition as a study: what days, phases and regions say must agree with the books."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines import baseline
from envs.demand import episode_key
from envs.metrics import KPIS
from envs.scenario import Scenario, ScenarioError
from evaluation.cells import Worlds
from evaluation.studies.catalog import find_study, load_study
from evaluation.studies.findings import Findings, Table
from evaluation.studies.flip import DAILY, Flip
from evaluation.studies.lab import Lab
from evaluation.studies.timeline import UNDER_WAY, Phase, Switch, Timeline
from tests.commands import write_study
from tests.worlds import TWO_REGIONS, simulator, small

KEY = episode_key("tune", 3, 1)
BOUNDARY = TWO_REGIONS["partition"]
LONG = {"warmup_hours": 24, "horizon_hours": 24 * 7, "stock": {"breadth": (0.5, 0.3, 0.3)}}
POLICY = baseline("regional_consolidate")


def nation() -> Scenario:
    return small(**LONG, partition={"kind": "national", "counted_by": BOUNDARY})


@pytest.fixture(scope="module")
def row() -> dict[str, Any]:
    """One episode: a nation for three days, two regions for two, a nation for two."""
    switches = [Switch(3, small(**LONG, partition=BOUNDARY)), Switch(5, nation())]
    phases = [Phase("before", 1, 3), Phase("after", 3, 5), Phase("all", 1, 7)]
    return Timeline(POLICY, switches, phases, Worlds()).rollout(nation(), [KEY])[0]


def test_days_add_up_to_phases(row: dict[str, Any]) -> None:
    """Trucks a day are a mean of days; lanes in use are those of any day, so no fewer than on the busiest."""
    days, phases = row["days"], row["phases"]
    assert len(days["trucks"]) == 6 and set(days) == {*KPIS, UNDER_WAY}
    assert phases["before"]["trucks"] == pytest.approx(np.mean(days["trucks"][:2]))
    assert phases["after"]["trucks"] == pytest.approx(np.mean(days["trucks"][2:4]))
    for name, part in (("before", slice(0, 2)), ("after", slice(2, 4)), ("all", slice(0, 6))):
        used = days["lanes_used"][part]
        assert max(used) <= phases[name]["lanes_used"] <= sum(used)


def test_regions_trucks_are_the_whole_networks(row: dict[str, Any]) -> None:
    whole = np.array(row["days"]["trucks"])
    np.testing.assert_allclose(sum(np.array(region["trucks"]) for region in row["regions"].values()), whole)


def test_before_the_first_flip_a_timeline_is_a_nation(row: dict[str, Any]) -> None:
    sim = simulator(nation(), KEY)
    sim.run(POLICY.scorers, until=72)
    for kpi, value in sim.kpis(0).items():
        if kpi not in ("lanes_used", "episode_cost_per_order_usd"):
            assert row["phases"]["before"][kpi] == pytest.approx(value), kpi


def test_a_cut_keeps_more_orders_in_region(row: dict[str, Any]) -> None:
    phases = row["phases"]
    assert phases["after"]["in_region_share"] > phases["before"]["in_region_share"] + 0.02


def test_other_nights_are_other_cells() -> None:
    def digest(day: int, policy: str = "least_cost") -> str:
        switch = Switch(day, small(**LONG, partition=BOUNDARY))
        return Timeline(baseline(policy), [switch], [Phase("all", 1, 7)], worlds).digest

    worlds = Worlds()
    assert len({digest(3), digest(4), digest(3, "consolidate")}) == 3 and digest(3) == digest(3)


def write(folder: Path, **changes: Any) -> Path:
    """A flip of the tiny world."""
    data = {
        "question": "What changes?",
        "set": {"stock.breadth": [0.6, 0.4, 0.3]}, "episodes": 3, "policies": ["regional_consolidate", "least_cost"],
        "regions": BOUNDARY, "warmup_days": 1, "national_days": 2, "regional_days": 2, "back_days": 2,
        "settle_days": 1,
    }  # fmt: skip
    return write_study(folder, "flip", data, changes)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    folder = tmp_path_factory.mktemp("flip")
    study = load_study(write(folder))
    return study.run(Lab(folder / "out", study.episodes, study.seed))


def test_the_page_has_every_kpi_of_every_policy(found: Findings) -> None:
    tables = [part for part in found.parts if isinstance(part, Table)]
    assert [table.title for table in tables] == ["regional_consolidate", "least_cost"]
    for table in tables:
        assert tuple(table.data["kpi"]) == DAILY and len(table.rows) == len(DAILY)
        change = table.data["regional_mean"] - table.data["national_mean"]
        np.testing.assert_allclose(table.data["change_mean"], change)
    days = next(part.data for part in found.parts if part.name == "days")
    assert days is not None and sorted(set(days["day"])) == [-2, -1, 0, 1, 2, 3]


def test_the_answer_and_the_table_say_the_same(found: Findings) -> None:
    table = next(part for part in found.parts if isinstance(part, Table))
    share = table.data.set_index("kpi").loc["in_region_share"]
    assert f"from {share['national_mean']:.1f} to {share['regional_mean']:.1f} %" in found.answer
    assert found.headlines[0].value == f"{share['national_mean']:.1f} → {share['regional_mean']:.1f} %"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"national_days": 1}, "national_days = 1: .*greater than or equal to 2"),
        ({"settle_days": 2}, "settle_days = 2: leaves no day of a phase of 2"),
        ({"regions": {"kind": "national"}}, "regions: .*more than one region"),
        ({"regions": {"kind": "balanced"}}, "regions: .*needs 'regions'"),
    ],
)
def test_a_flip_that_cannot_be_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_study(write(tmp_path, **changes))


def test_a_boundary_that_leaves_a_station_out_is_found_before_anything_is_played(tmp_path: Path) -> None:
    (tmp_path / "cut.csv").write_text("site,region\nDS New York NY,East\n", encoding="utf-8")
    study = load_study(write(tmp_path, regions={"kind": "file", "path": "cut.csv"}))
    with pytest.raises(ScenarioError, match=r"cut\.csv: site: station '.*' has no region; add a row for it"):
        study.run(Lab(tmp_path / "out", study.episodes, study.seed))
    assert not (tmp_path / "out" / "cells").exists()


def test_the_shipped_flip_counts_the_regions_it_cuts() -> None:
    study = load_study(find_study("flip"))
    assert isinstance(study, Flip) and study.regions.map == "us8"

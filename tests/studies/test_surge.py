"""The study of surges: larger ones cost more, and tables agree with the days."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.studies.framework.kinds import load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.report.findings import Findings
from regional_dispatch.studies.surge.study import Surge
from tests.processes import write_study


def write(folder: Path, **changes: Any) -> Path:
    """Surges of the tiny world, which can pick little more than its mean demand."""
    data = {
        "question": "Who breaks?",
        "set": {"capacity.pick_headroom": 1.4}, "episodes": 2, "policies": ["least_cost"], "factors": [1.2, 4.0],
        "regions": {"kind": "balanced", "regions": 2}, "warmup_days": 1, "calm_days": 3,
        "settle_days": 1, "surge_days": 2,
        "after_days": 6, "lasting": {"days": 30, "factors": [1.2, 4.0], "episodes": 2},
    }  # fmt: skip
    return write_study(folder, "surge", data, changes)


@pytest.fixture(scope="module")
def found(undrawn: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Surge, Findings]:
    folder = tmp_path_factory.mktemp("surge")
    study = load_study(write(folder))
    assert isinstance(study, Surge)
    return study, study.run(Lab(folder / "out", study.episodes, study.seed))


def test_a_larger_surge_is_worse(found: tuple[Surge, Findings]) -> None:
    table = found[1].parts[0].data
    assert table is not None and len(table) == 4
    for partition in ("national", "regional"):
        mild, hard = (table[(table["partition"] == partition) & (table["factor"] == f)].iloc[0] for f in (1.2, 4.0))
        assert hard["on_time_worst_mean"] < mild["on_time_worst_mean"] <= mild["on_time_before_mean"]
        assert hard["under_way_most_mean"] > 1.4 * mild["under_way_most_mean"]
        assert hard["cost_above_mean"] > mild["cost_above_mean"]
        assert np.isnan(hard["recovery_days"]) or hard["recovery_days"] >= mild["recovery_days"]


def test_the_table_agrees_with_the_days(found: tuple[Surge, Findings]) -> None:
    """The worst day's mean is no better than the best of the daily means, and the calm before is that of the days."""
    study, findings = found
    outcomes = findings.parts[0].data
    days = next(part.data for part in findings.parts if part.name == "days_4")
    assert outcomes is not None and days is not None
    assert sorted(set(days["day"])) == list(range(-3, 8))
    on_time = days[(days["panel"] == "On time, %") & (days["series"] == "national")].set_index("day")["mean"]
    row = outcomes[(outcomes["partition"] == "national") & (outcomes["factor"] == 4)].iloc[0]
    assert row["on_time_worst_mean"] <= on_time[on_time.index >= 0].min() + 1e-9
    assert row["on_time_before_mean"] == pytest.approx(on_time[[-2, -1]].mean(), abs=3)
    assert [f"{head.value}" for head in findings.headlines][-1].count("and") == 1
    assert len(findings.headlines) == len(study.factors) + 1


def test_a_lasting_peak_is_worse_the_higher_it_is(found: tuple[Surge, Findings]) -> None:
    """Four times the demand for good: lines pile up or are lost; a fifth more is borne."""
    table, weeks = (
        next(part.data for part in found[1].parts if part.name == name) for name in ("lasting", "lasting_4")
    )
    assert table is not None and weeks is not None
    assert list(zip(table["partition"], table["factor"], strict=True)) == [
        ("national", 1.2), ("regional", 1.2), ("national", 4.0), ("regional", 4.0),
    ]  # fmt: skip
    for partition in ("national", "regional"):
        mild, hard = (table[(table["partition"] == partition) & (table["factor"] == f)].iloc[0] for f in (1.2, 4.0))
        assert hard["on_time_mean"] < mild["on_time_mean"] and hard["lost_mean"] >= mild["lost_mean"]
        assert hard["under_way_mean"] > 1.3 * mild["under_way_mean"]  # where stock is scattered, more is lost
    assert sorted(set(weeks["week"])) == [0, 1, 2, 3]
    assert "at the end of 30 days of 4 × demand" in found[1].headlines[-1].text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"factors": [2, 1.5]}, "factors = .*ascending"),
        ({"lasting": {"factors": [0.5]}}, "lasting.factors = .*above 1"),
        ({"lasting": {"days": 7}}, "lasting.days = 7: .*28"),
        ({"factors": [1.0]}, "factors = .*above 1"),
        ({"tolerance_points": 0}, "tolerance_points = 0: .*greater than 0"),
        ({"after_days": 0}, "after_days = 0"),
        ({"regions": {"kind": "national"}}, "regions: .*more than one region"),
        ({"settle_days": 3}, "settle_days = 3: must be below calm_days = 3"),
    ],
)
def test_a_bad_surge_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_study(write(tmp_path, **changes))

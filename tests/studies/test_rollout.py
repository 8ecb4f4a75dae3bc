"""Regions that leave the nation one by one: which switch when, and what changes for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Layout, ScenarioError
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.studies.framework.kinds import find_study, load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.levers import FINISHED, NATION, LeverBoard
from regional_dispatch.studies.report.findings import Findings
from regional_dispatch.studies.rollout.nights import REST, mixed_stock
from regional_dispatch.studies.rollout.page import KPIS_OF_A_REGION
from regional_dispatch.studies.rollout.study import Rollout
from tests.processes import write_study
from tests.studies.asked import data_of

CUT = {"kind": "balanced", "regions": 3}


def write(folder: Path, **changes: Any) -> Path:
    """A rollout of the tiny world in three regions: two on day 4, the last on day 6."""
    data = {
        "question": "Who gains?",
        "set": {"stock.breadth": [0.6, 0.4, 0.3]}, "episodes": 2, "policies": ["regional_consolidate", "least_cost"],
        "regions": CUT, "warmup_days": 1, "window_days": 2, "settle_days": 1,
        "waves": [{"day": 4, "regions": ["Region 01", "Region 03"]}, {"day": 6, "regions": ["Region 02"]}],
    }  # fmt: skip
    return write_study(folder, "rollout", data, changes)


@pytest.fixture(scope="module")
def found(undrawn: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rollout, Findings]:
    folder = tmp_path_factory.mktemp("rollout")
    study = load_study(write(folder))
    assert isinstance(study, Rollout)
    return folder, study, study.run(Lab(folder / "out", study.episodes, study.seed))


def test_regions_that_have_not_switched_are_one_nation(found: tuple[Path, Rollout, Findings]) -> None:
    folder, study, _ = found
    worlds = folder / "out" / "worlds"
    first, last = (pd.read_csv(worlds / f"regions_from_day_{wave.day}.csv") for wave in study.waves)
    assert set(first["region"]) == {"Region 01", "Region 03", REST}
    assert set(last["region"]) == {"Region 01", "Region 02", "Region 03"}
    sites = build_network(study.world({"partition": CUT})).sites
    assert dict(zip(last["site"], last["region"], strict=True)) == dict(
        zip(sites["name"], sites["region"], strict=True)
    )


def test_a_regions_stock_follows_on_its_own_night(found: tuple[Path, Rollout, Findings]) -> None:
    folder, study, findings = found
    lab = Lab(folder / "out", study.episodes, study.seed)
    board, network = LeverBoard(study, lab), build_network(study.world({"partition": CUT}))
    before, after = board.base_stock(NATION), board.base_stock(FINISHED)
    region = network.sites["region"].to_numpy()[: network.net.fcs]
    nights = data_of(findings, "nights")
    for (day, units), done in zip(
        nights[["day", "units"]].itertuples(index=False), ({"Region 01", "Region 03"}, set(region)), strict=True
    ):
        layout = Layout(
            layout="table", placement=str((folder / "out" / "worlds" / f"stock_from_day_{day}.csv").resolve())
        )
        base = place_stock(study.base(), network, layout)
        own = np.isin(region, list(done))
        nowhere = ~(base != before).any(axis=1)
        np.testing.assert_array_equal(base[~nowhere][:, own], after[~nowhere][:, own])
        np.testing.assert_array_equal(base[~nowhere][:, ~own], before[~nowhere][:, ~own])
        assert (base > 0).any(axis=1).all() and base.sum() == units
    assert nights["units"].iloc[-1] == after.sum()


def test_a_sku_that_would_stand_nowhere_keeps_its_places() -> None:
    nation, regions = np.array([[4, 0], [0, 2], [3, 3]]), np.array([[0, 4], [0, 2], [1, 5]])
    base, kept = mixed_stock(nation, regions, np.array([True, False]))
    np.testing.assert_array_equal(base, [[4, 0], [0, 2], [1, 3]])
    assert kept == 1


def test_lanes_are_planned_for_every_night(found: tuple[Path, Rollout, Findings]) -> None:
    nights = data_of(found[2], "nights")
    plans = sorted((found[0] / "out" / "worlds").glob("lanes_*.csv"))
    assert len(plans) >= 3 and set(nights["lanes"]) <= {len(pd.read_csv(plan)) for plan in plans}


def test_every_region_is_compared_on_its_own_night(found: tuple[Path, Rollout, Findings]) -> None:
    findings = found[2]
    effects = next(part.data for part in findings.parts if part.name == "effects_regional_consolidate")
    aligned = next(part.data for part in findings.parts if part.name == "aligned")
    assert effects is not None and aligned is not None
    assert dict(zip(effects["region"], effects["day"], strict=True)) == {"Region 01": 4, "Region 03": 4, "Region 02": 6}
    assert sorted(set(aligned["day"])) == [-2, -1, 0, 1]
    np.testing.assert_allclose(effects["change_mean"], effects["after_mean"] - effects["before_mean"])
    hours = aligned[(aligned["panel"] == "Click to delivery, hours") & (aligned["series"] == "Region 02")]
    row = effects[(effects["kpi"] == "click_to_delivery_hours") & (effects["region"] == "Region 02")].iloc[0]
    by_day = hours.set_index("day")["mean"]
    assert row["before_mean"] == pytest.approx(by_day[[-2, -1]].mean())
    assert row["after_mean"] == pytest.approx(by_day[1])  # day 0 is left out
    assert len(effects) == 3 * len(KPIS_OF_A_REGION)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"waves": []}, "waves"),
        ({"regions": {"kind": "national"}}, "regions: .*more than one region"),
        ({"waves": [{"day": 5, "regions": ["Region 01"]}, {"day": 4, "regions": ["Region 02"]}]}, "days must ascend"),
        ({"waves": [{"day": 5, "regions": ["Region 01", "Region 01"]}]}, "Region 01 would switch twice"),
        ({"waves": [{"day": 3, "regions": ["Region 01"]}]}, "window_days = 4 or later"),
        ({"settle_days": 2}, "settle_days = 2: must be below window_days = 2"),
        ({"waves": [{"day": 799, "regions": ["Region 01"]}]}, "waves.0.day = 799: .* lasts 801 days; it may last 800"),
    ],
)
def test_a_bad_rollout_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_study(write(tmp_path, **changes))


def test_an_unknown_region_is_named_before_anything_is_played(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, waves=[{"day": 4, "regions": ["Atlantis"]}]))
    with pytest.raises(ScenarioError, match="no such region: Atlantis; there are: Region 01, Region 02, Region 03"):
        study.run(Lab(tmp_path / "out", study.episodes, study.seed))
    assert not (tmp_path / "out" / "cells").exists()


def test_the_shipped_rollout_switches_every_region_once() -> None:
    study = load_study(find_study("rollout"))
    assert isinstance(study, Rollout) and len(study.waves[0].regions) == 2
    names = build_network(study.world({"partition": study.regions.model_dump(exclude_none=True)})).region_names
    assert sorted(name for wave in study.waves for name in wave.regions) == sorted(names)

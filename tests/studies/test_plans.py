"""The study of plans: what is compared with what, and that numbers are those of the plans and of the worlds played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.rollouts import evaluation_keys, rollout, simulator_for
from regional_dispatch.studies.framework.kinds import load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.report.findings import Findings
from tests.studies.asked import data_of
from tests.worlds import SMALL, TWO_REGIONS


@pytest.fixture(scope="module")
def found(undrawn: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Findings, Path]:
    folder = tmp_path_factory.mktemp("plans")
    (folder / "world.yaml").write_text(yaml.safe_dump({**SMALL, **TWO_REGIONS}), encoding="utf-8")
    data = {
        "study": "plans", "title": "Plans", "question": "What are plans worth?", "scenario": str(folder / "world.yaml"),
        "episodes": 3, "policies": ["least_cost", "regional_nearest"], "layouts": ["spread", "regional", "cheapest"],
        "sides": {
            "nation": {"partition": {"kind": "national", "counted_by": TWO_REGIONS["partition"]}},
            "regions": {"stock.layout": "regional"},
        },
    }  # fmt: skip
    (folder / "plans.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    study = load_study(folder / "plans.yaml")
    return study, study.run(Lab(folder / "out", study.episodes, study.seed)), folder / "out" / "worlds"


def test_layouts_hold_the_same_and_the_optimiser_is_expected_to_cost_least(found: tuple[Any, Findings, Path]) -> None:
    table = data_of(found[1], "layouts").set_index("layout")
    assert table["places"].nunique() == 1
    np.testing.assert_allclose(table["units"], table.loc["spread", "units"], rtol=0.01)
    assert table["expected_usd"].idxmin() == "cheapest"
    assert table.loc["cheapest", "bound_usd"] <= table.loc["cheapest", "expected_usd"]


def test_differences_are_between_worlds_on_the_same_orders(found: tuple[Any, Findings, Path]) -> None:
    study, findings, worlds = found
    keys, policy = evaluation_keys(study.episodes, study.seed), study.players()["least_cost"]
    costs = {}
    for name, fields in (
        ("all", {}),
        ("planned", {"lanes": str({"kind": "file", "path": str(worlds / "lanes_regions.csv")})}),
    ):
        world = load_scenario(study.scenario, {"stock.layout": "regional", **fields})
        costs[name] = [row["cost_per_order_usd"] for row in rollout(simulator_for(world), policy.scorers, keys)]
    table = data_of(findings, "lanes_played")
    row = table[(table["world"] == "regions, planned lanes") & (table["policy"] == "least_cost")].iloc[0]
    assert row["cost_mean"] == pytest.approx(np.mean(costs["planned"]))
    assert row["difference_mean"] == pytest.approx(np.mean(costs["planned"]) - np.mean(costs["all"]))
    own = data_of(findings, "layouts_played")
    rule = own[(own["world"] == "stock regional, planned lanes")]
    assert (rule["difference_mean"] == 0).all() and set(own["policy"]) == {"least_cost", "regional_nearest"}


def test_plans_are_above_their_bounds_and_their_tables_can_be_used(found: tuple[Any, Findings, Path]) -> None:
    study, findings, worlds = found
    plans = data_of(findings, "plans")
    assert (plans["bound_usd_per_day"] <= plans["usd_per_day"] * (1 + 1e-9)).all()
    assert (plans["running"] == [len(pd.read_csv(worlds / f"lanes_{side}.csv")) for side in plans["side"]]).all()
    lanes = {"kind": "file", "path": str(worlds / "lanes_cheapest.csv")}
    stock = {"placement": str(worlds / "stock_cheapest.csv"), "layout": "table"}
    fields = {"lanes": str(lanes), **{f"stock.{name}": value for name, value in stock.items()}}
    assert build_network(load_scenario(study.scenario, fields)).net.stations == 6

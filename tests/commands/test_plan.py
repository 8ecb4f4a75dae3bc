"""The command `plan`: files that can be used, numbers that are those of the files, and input that is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.commands.plan import Command
from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.relocation import relocated
from regional_dispatch.envs.world.scenario import Scenario, load_scenario, scenario_yaml
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.evaluation.folders.claim import release
from tests.networks import from_tables
from tests.worlds import TWO_REGIONS, small


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scenario, Path]:
    """The small world in two regions, and the folder with its plan."""
    folder = tmp_path_factory.mktemp("plan")
    scenario = small(**TWO_REGIONS)
    (folder / "mine.yaml").write_text(scenario_yaml(scenario), encoding="utf-8")
    Command(str(folder / "mine.yaml"), out=folder / "out").run()
    return load_scenario(folder / "mine.yaml"), folder / "out"


def test_the_scenario_of_a_plan_uses_its_tables(planned: tuple[Scenario, Path]) -> None:
    scenario, out = planned
    made = load_scenario(out / "scenario.yaml")
    network, before = build_network(made), build_network(scenario)
    assert network.region_names == before.region_names
    np.testing.assert_array_equal(network.net.region_of_site, before.net.region_of_site)
    lanes = pd.read_csv(out / "lanes.csv")
    names = network.sites["name"]
    used = {
        (names[network.net.lanes["origin"][lane]], names[network.net.lanes["dest"][lane]])
        for lane in np.unique(network.net.routes["lanes"])
        if lane >= 0
    }
    assert used <= set(zip(lanes["origin"], lanes["destination"], strict=True))
    placement = pd.read_csv(out / "placement.csv")
    assert place_stock(made, network).sum() == placement["units"].sum()
    assert placement["sku"].nunique() == scenario.stock.skus


def test_the_numbers_of_a_plan_are_those_of_its_files(planned: tuple[Scenario, Path]) -> None:
    scenario, out = planned
    facts, lanes = json.loads((out / "plan.json").read_text(encoding="utf-8")), pd.read_csv(out / "lanes.csv")
    assert facts["lanes"]["running"] == len(lanes) <= facts["lanes"]["possible"]
    assert facts["lanes"]["trucks_per_day"] == pytest.approx(lanes["trucks_per_day"].sum(), rel=1e-3)
    assert facts["lanes"]["bound_usd_per_day"] <= facts["lanes"]["usd_per_day"]
    assert facts["stock"]["bound_usd_per_order"] <= facts["stock"]["expected_usd_per_order"]
    units = place_stock(scenario, build_network(scenario)).sum()
    assert facts["stock"]["units"] == pytest.approx(units, rel=0.01)
    assert facts["assumptions"]["truck_packages"] == scenario.trucks.capacity_packages
    assert (out / "lanes.png").read_bytes()[:4] == b"\x89PNG"


def test_stock_stays_where_it_is_if_asked(tmp_path: Path) -> None:
    scenario = small(**TWO_REGIONS)
    (tmp_path / "mine.yaml").write_text(scenario_yaml(scenario), encoding="utf-8")
    Command(str(tmp_path / "mine.yaml"), stock="as-it-is", out=tmp_path / "out").run()
    made = load_scenario(tmp_path / "out" / "scenario.yaml")
    np.testing.assert_array_equal(
        place_stock(made, build_network(made)), place_stock(scenario, build_network(scenario))
    )


def test_a_world_of_tables_is_planned_into_another_folder(tmp_path: Path) -> None:
    """The user's tables are named relative to the scenario's file; those of the plan lie in another folder."""
    home = tmp_path / "home"
    home.mkdir()
    scenario = from_tables(home)
    data = scenario.model_dump(mode="json", exclude_unset=True)
    data["network"] |= {"sites": "sites.csv", "lanes": "lanes.csv"}
    (home / "mine.yaml").write_text(json.dumps(data), encoding="utf-8")
    Command(str(home / "mine.yaml"), stock="as-it-is", out=tmp_path / "a" / "b").run()
    made = load_scenario(tmp_path / "a" / "b" / "scenario.yaml")
    assert made.network.sites == "../../home/sites.csv"  # type: ignore[union-attr]
    assert build_network(made).sites["name"].tolist() == build_network(scenario).sites["name"].tolist()


def test_paths_of_a_scenario_follow_it() -> None:
    scenario = small(partition={"kind": "file", "path": "regions.csv"}, stock={"placement": "stock.csv"})
    scenario = scenario.model_copy(update={"source_file": "/home/one/mine.yaml"})
    moved = relocated(scenario, Path("/home/two"))
    assert moved["partition"]["path"] == "../one/regions.csv" and moved["stock"]["placement"] == "../one/stock.csv"
    mapped = small(partition={"kind": "states", "map": "us8"})
    assert relocated(mapped, Path("/home/two"))["partition"]["map"] == "us8"  # a shipped map has no path


def test_a_promise_that_no_lanes_keep_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demand = {"promise_hours": [1.0, 28.0, 60.0]}
    (tmp_path / "mine.yaml").write_text(scenario_yaml(small(**TWO_REGIONS, demand=demand)), encoding="utf-8")
    Command(str(tmp_path / "mine.yaml"), stock="as-it-is", out=tmp_path / "out").run()
    facts = json.loads((tmp_path / "out" / "plan.json").read_text(encoding="utf-8"))["lanes"]["late_promises"]
    assert len(facts) == 6 and all(late["fastest_hours"] > late["promise_hours"] == 1 for late in facts)
    said = capsys.readouterr().out
    assert f"no lanes of the network keep 6 promises, such as 1 hours to '{facts[0]['station']}'" in said


def test_a_scenario_with_changes_is_not_planned_for(tmp_path: Path) -> None:
    scenario = small(**TWO_REGIONS, changes=[{"hour": 24, "stock": {"layout": "regional"}}])
    (tmp_path / "mine.yaml").write_text(scenario_yaml(scenario), encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"mine.yaml: changes: a plan is for one setting of the levers"):
        Command(str(tmp_path / "mine.yaml"), out=tmp_path / "out").run()
    release()
    assert not (tmp_path / "out").exists()

"""Retailers' networks: legal tables of any volume, promise and vehicle, and the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import STREAMS, episode_key
from regional_dispatch.envs.world.facts import world_facts
from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.generators.retailer import write_retailer
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import GeneratedDemand, Scenario
from regional_dispatch.envs.world.shipped import CONFIGS
from regional_dispatch.envs.world.tables.everything import read_all

SEEDS = range(10)


def written(folder: Path, seed: int, stream: str = "train") -> Scenario:
    return write_retailer(folder / f"{stream}_{seed}.yaml", seed, stream)


@pytest.mark.parametrize("seed", SEEDS)
def test_its_tables_are_legal_and_reach_every_station(tmp_path: Path, seed: int) -> None:
    scenario, findings = written(tmp_path, seed), Findings()
    read_all(scenario, findings)
    assert not [str(found) for found in [*findings.errors, *findings.warnings]]
    network = build_network(scenario)
    kinds = network.sites["kind"].value_counts()
    assert 1 <= kinds["fc"] <= 6
    assert kinds.get("sc", 0) <= 4
    assert 10 <= kinds["station"] <= 80
    assert set(network.net.routes["station"].tolist()) == set(range(network.net.stations))


def test_a_plain_rule_serves_it(tmp_path: Path) -> None:
    sim = Simulator(written(tmp_path, 1).model_copy(update={"horizon_hours": 240.0, "warmup_hours": 48.0}))
    sim.reset(0, episode_key("tune", 0, 0))
    sim.run(baseline("least_cost").scorers)
    row = sim.state.row[0]
    assert row["lines"] > 100
    assert row["lines_lost"] < 0.2 * row["lines"]


def test_ten_in_a_row_have_low_and_high_volumes_short_and_long_promises_and_many_vehicles(tmp_path: Path) -> None:
    drawn = [written(tmp_path, seed, "evaluate") for seed in SEEDS]
    orders = [world.demand.orders_per_day for world in drawn if isinstance(world.demand, GeneratedDemand)]
    promises = [world_facts(world)["promise_hours"] for world in drawn]
    assert min(orders) < 50
    assert max(orders) > 5000
    assert min(promises) < 24
    assert max(promises) > 24 * 7
    assert len({world.trucks.capacity_packages for world in drawn}) >= 3


def test_a_seed_is_one_network_and_another_in_each_stream(tmp_path: Path) -> None:
    again = tmp_path / "again"
    tables = {
        (stream, folder): (folder / f"{stream}_3" / "lanes.csv").read_text(encoding="utf-8")
        for folder in (tmp_path, again)
        for stream in STREAMS
        if written(folder, 3, stream)
    }
    assert all(tables[stream, tmp_path] == tables[stream, again] for stream in STREAMS)
    assert len(set(tables.values())) == len(STREAMS)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_shipped_ones_are_those_that_the_command_writes(tmp_path: Path, seed: int) -> None:
    name = f"retailer_{seed}"
    write_retailer(tmp_path / f"{name}.yaml", seed)
    for file in (f"{name}.yaml", *(f"{name}/{table}.csv" for table in ("sites", "lanes", "placement"))):
        assert (tmp_path / file).read_bytes() == (CONFIGS / "retailers" / file).read_bytes()


@pytest.mark.parametrize(("seed", "stream"), [(-1, "train"), (0, "test")])
def test_a_stream_or_seed_that_is_none_is_refused(tmp_path: Path, seed: int, stream: str) -> None:
    with pytest.raises(ValueError, match="train, tune, evaluate and seed 0 or more"):
        written(tmp_path, seed, stream)

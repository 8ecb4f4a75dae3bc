"""Generated networks: valid, connected, plausible, and the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import STREAMS, episode_key
from regional_dispatch.envs.world.generator import REGIONS, random_scenario
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import CityNetwork, GeneratedDemand, Scenario, load_scenario, scenario_yaml
from tests.worlds import small

WEEK = {"horizon_hours": 120.0, "warmup_hours": 48.0}
networks = st.builds(random_scenario, st.integers(0, 10**6), st.sampled_from(sorted(STREAMS)))


@settings(max_examples=12)
@given(networks)
def test_a_drawn_network_is_whole_and_sized_like_us8(scenario: Scenario) -> None:
    assert_every_region_stands_on_its_own_and_every_station_is_reached(scenario)
    assert_trucks_and_shelves_mean_what_they_mean_in_us8(scenario)


def assert_every_region_stands_on_its_own_and_every_station_is_reached(scenario: Scenario) -> None:
    network = build_network(scenario)
    net, sites = network.net, network.sites
    assert REGIONS[0] <= net.regions <= REGIONS[1]
    for kind in ("fc", "sc", "station"):
        assert set(sites.loc[sites["kind"] == kind, "region"]) == set(network.region_names)
    assert set(net.routes["station"].tolist()) == set(range(net.stations))
    assert sites["name"].is_unique


def assert_trucks_and_shelves_mean_what_they_mean_in_us8(scenario: Scenario) -> None:
    def density(world: Scenario) -> tuple[float, float]:
        assert isinstance(world.network, CityNetwork)
        orders = world.demand.orders_per_day
        return orders / world.network.stations / world.trucks.capacity_packages, orders / world.stock.skus

    for found, usual in zip(density(scenario), density(load_scenario("us8")), strict=True):
        assert 0.35 < found / usual < 2.5


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rule", ["regional_nearest", "least_cost+quantity"])
def test_plain_rules_serve_a_generated_network(seed: int, rule: str) -> None:
    sim = Simulator(random_scenario(seed).model_copy(update=WEEK))
    sim.reset(0, episode_key("tune", 0, 0))
    sim.run(baseline(rule).scorers)
    kpis = sim.kpis(0)
    row = sim.state.row[0]
    assert row["lines_lost"] < 0.02 * row["lines"]
    assert 0.6 < kpis["on_time_share"] < 1
    assert 0.3 < kpis["truck_fill"] < 0.98
    assert 3 < kpis["cost_per_order_usd"] < 12


def test_a_seed_is_one_network_and_another_in_each_stream(tmp_path: Path) -> None:
    assert random_scenario(5) == random_scenario(5)
    drawn = [random_scenario(seed, stream) for seed in range(4) for stream in STREAMS]
    seeds = {world.network.site_seed for world in drawn if isinstance(world.network, CityNetwork)}
    assert len(seeds) == len({world.name for world in drawn}) == len(drawn)


def test_a_generated_scenario_is_the_same_after_a_file(tmp_path: Path) -> None:
    scenario = random_scenario(2, "train")
    path = tmp_path / "mine.yaml"
    path.write_text(scenario_yaml(scenario), encoding="utf-8")
    read = load_scenario(path)
    assert read.model_copy(update={"source_file": None}) == scenario
    assert isinstance(read.demand, GeneratedDemand)
    assert sum(read.demand.promise_shares) == pytest.approx(1)


@pytest.mark.parametrize(("seed", "stream"), [(-1, "train"), (0, "test")])
def test_a_stream_or_seed_that_is_none_is_refused(seed: int, stream: str) -> None:
    with pytest.raises(ValueError, match="train, tune, evaluate and seed 0 or more"):
        random_scenario(seed, stream)


def test_a_site_seed_draws_other_sites_but_mostly_large_metros() -> None:
    def stations(seed: int | None) -> list[str]:
        sites = build_network(small(network={"stations": 20, "site_seed": seed})).sites
        return sites.loc[sites["kind"] == "station", "name"].tolist()

    largest, drawn = set(stations(None)), [stations(seed) for seed in range(8)]
    assert drawn[0] == stations(0) != drawn[1]
    assert all(len(set(names)) == 20 for names in drawn)
    common = np.mean([len(largest & set(names)) for names in drawn])
    assert 8 < common < 18  # of 20; drawn evenly from 160 metros it would be 2.5

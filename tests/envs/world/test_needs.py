"""Memory and time are said before work starts, and what the machine has no room for is refused."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from regional_dispatch.envs.kernel.state import empty_state
from regional_dispatch.envs.kernel.tick import GROW_PACKAGES
from regional_dispatch.envs.observation import empty_observation
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world import machine, needs
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import ScenarioError, load_scenario
from regional_dispatch.envs.world.sites import SiteCounts

GIB = 2**30

# Builds and plays a network in a process of its own: prints estimated and used bytes, estimated and used seconds.
_MEASURED = r"""
import json, re, sys, time
from pathlib import Path
from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.needs import build_seconds, world_parts
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.envs.world.sites import build_sites, count_sites

rule = baseline("least_cost").scorers
small = Simulator(load_scenario("small"))
small.reset(0, 1)
small.run(rule, until=3)  # compiled code and libraries are loaded
scenario = load_scenario("us8_spread", json.loads(sys.argv[1]))
counts = count_sites(build_sites(scenario))
peak = lambda: 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
before, since = peak(), time.process_time()
sim = Simulator(scenario)
seconds = time.process_time() - since
sim.reset(0, 1)
sim.run(rule)
estimated = sum(part.bytes for part in world_parts(scenario, counts))
print(json.dumps([estimated, peak() - before, build_seconds(scenario, counts), seconds]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "size",
    [
        {"network.fulfillment_centers": "300", "network.sort_centers": "60", "network.stations": "400",
         "network.metros": "500"},
        {"stock.skus": "150000", "network.fulfillment_centers": "200"},
    ],
    ids=["many sites", "many SKUs"],
)  # fmt: skip
def test_estimates_are_near_what_a_network_takes(size):
    # Arrange
    overrides = {**size, "horizon_hours": "96"}

    # Act
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, json.dumps(overrides)], capture_output=True, text=True, check=True
    )

    # Assert
    estimated, used, seconds, took = json.loads(done.stdout.splitlines()[-1])
    assert used / 2 < estimated < 2 * used
    assert took / 4 < seconds < 4 * took  # other work may run beside it


def test_a_network_that_the_machine_has_no_room_for_is_refused_before_it_is_built(monkeypatch):
    # Arrange
    monkeypatch.setattr(needs, "memory_left", lambda: 2 * GIB)
    scenario = load_scenario("us8", {"stock.skus": "2000000", "network.fulfillment_centers": "100"})

    # Act & Assert: 2 million SKUs × 100 FCs × 2 bytes, some five times
    with pytest.raises(ScenarioError, match=r"us8.*would take about 2\.\d GiB.*can have 2\.0.*lower stock\.skus"):
        build_network(scenario)


@pytest.mark.parametrize(
    ("overrides", "copies", "mend"),
    [
        ({}, 100_000_000, "number of copies"),
        ({"slots.orders": "2000000", "slots.candidates": "64"}, 2, "lower slots.orders, slots.candidates"),
        ({"network.speed_mph": "0.00001"}, 1, "network.speed_mph"),
    ],
    ids=["copies", "slots", "lanes of years"],
)
def test_copies_that_the_machine_has_no_room_for_are_refused(overrides, copies, mend, monkeypatch):
    # Arrange
    monkeypatch.setattr(needs, "memory_left", lambda: GIB)

    # Act & Assert
    with pytest.raises(ScenarioError, match=mend):
        Simulator(load_scenario("small", overrides), copies)


def test_observations_that_the_machine_has_no_room_for_are_refused(monkeypatch):
    # Arrange
    sim = Simulator(load_scenario("small", {"slots.orders": "200000"}))
    monkeypatch.setattr(needs, "memory_left", lambda: GIB)

    # Act & Assert
    with pytest.raises(ScenarioError, match=r"tables of order lines.*lower slots.orders"):
        empty_observation(sim, sim.regions)


def test_what_grows_beyond_the_machine_in_an_episode_is_told(monkeypatch):
    # Arrange
    sim = Simulator(load_scenario("small"))
    sim.reset(0, 1)
    monkeypatch.setattr(needs, "memory_left", lambda: 1000)
    before = sim.state

    # Act & Assert
    with pytest.raises(ScenarioError, match=r"what waits by tick 0 would take .*so that less waits"):
        sim.make_room(GROW_PACKAGES)
    assert sim.state is before


def test_learning_that_the_machine_has_no_room_for_is_refused(monkeypatch):
    # Arrange
    sim = Simulator(load_scenario("small"), 4)
    monkeypatch.setattr(needs, "memory_left", lambda: 1000)

    # Act & Assert
    with pytest.raises(ScenarioError, match="lane_price_hidden: 0"):
        sim.sample_lanes(10)
    assert not sim.learning


def test_the_parts_of_a_state_are_all_its_bytes():
    # Arrange
    sim = Simulator(load_scenario("small"))
    arrays = {n: a for n, a in empty_state(sim.world, 0)._asdict().items() if isinstance(a, np.ndarray)}

    # Act
    parts = needs.state_parts(arrays, 3)

    # Assert
    real = empty_state(sim.world, 3)
    assert sum(part.bytes for part in parts) == sum(a.nbytes for a in real if isinstance(a, np.ndarray))


def test_work_of_minutes_is_said_once(capsys):
    # Arrange
    scenario = load_scenario("us_full", {"stock.skus": "2000000"})
    seconds = needs.build_seconds(scenario, SiteCounts(110, 60, 400))

    # Act
    for _ in range(2):
        needs.say_if_long("building 'a large one'", seconds)

    # Assert
    assert seconds > 20
    assert capsys.readouterr().err == f"building 'a large one': about {seconds / 60:.1f} minutes\n"


def test_what_is_left_is_the_least_of_machine_container_and_address_space(monkeypatch, tmp_path):
    # Arrange
    files = {"max": "3000", "current": "2500", "stat": "anon 1\ninactive_file 400\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    paths = tuple(str(tmp_path / name) for name in files)
    monkeypatch.setattr(machine, "_CONTAINERS", ((*paths, "inactive_file"),))

    # Act & Assert: 3,000 of the container less 2,500, of which 400 are files that can be read again
    assert machine.memory_left() == 900
    (tmp_path / "max").write_text("max")
    assert machine.memory_left() > 100 * 2**20

"""Events as tables: which lanes and sites are affected when, and errors of scenario files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.world.events import build_events
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import ScenarioError, load_scenario
from tests.commands import TINY
from tests.networks import LANES_OF_TWO_MODES, from_tables
from tests.worlds import TWO_REGIONS, closed, cut_off, down, small

FC, STATION = "FC New York NY", "DS New York NY"
COUNTED = {"partition": {"kind": "national", "counted_by": TWO_REGIONS["partition"]}}


@pytest.mark.parametrize("turn", [1, -1])
def test_the_smallest_share_holds_and_what_ends_gives_back_what_is_left_of_the_others(turn: int) -> None:
    both = [down(share=0.5, start_hour=10, hours=30), down(share=0, start_hour=20, hours=10)]
    scenario = small(demand={"orders_per_day": 1500}, events=both[::turn])
    network = build_network(scenario)
    events, site = build_events(scenario, network), network.sites["name"].tolist().index(FC)
    by_tick = [int(events.capacity[events.period_at(t), site]) for t in (0, 9, 10, 19, 20, 29, 30, 39, 40, 100)]
    full = int(network.net.site_capacity[site])
    assert by_tick == [full, full, full // 2, full // 2, 0, 0, full // 2, full // 2, full, full]
    others = np.delete(events.capacity, site, axis=1)
    assert (others == others[0]).all()


def test_every_tick_that_an_event_touches_is_hit() -> None:
    scenario = small(tick_hours=2, events=[closed(FC, STATION, start_hour=11, hours=2)])
    events = build_events(scenario, build_network(scenario))
    assert [int(events.shut[events.period_at(t)].sum()) for t in range(4, 9)] == [0, 1, 1, 0, 0]


def test_a_lane_is_open_again_when_no_event_closes_it() -> None:
    scenario = small(events=[closed(FC, STATION, 10, 20), closed(FC, STATION, 20, 20)])
    events = build_events(scenario, build_network(scenario))
    assert [int(events.shut[events.period_at(t)].sum()) for t in (9, 10, 25, 35, 39, 40)] == [0, 1, 1, 1, 1, 0]


def test_a_nation_and_its_regions_lose_the_same_lanes() -> None:
    boundary = {"boundary": TWO_REGIONS["partition"]}
    worlds = [
        small(**TWO_REGIONS, events=[cut_off()]),
        small(**COUNTED, events=[cut_off()]),
        small(events=[cut_off(**boundary)]),
    ]
    nets = [build_network(scenario) for scenario in worlds]
    tables = [build_events(scenario, net) for scenario, net in zip(worlds, nets, strict=True)]
    labels = np.array([nets[0].region_names[r] for r in nets[0].net.region_of_site]) == "Region 01"
    lanes = nets[0].net.lanes
    crossing = labels[lanes["origin"]] != labels[lanes["dest"]]
    assert 0 < crossing.sum() < len(lanes)
    for table in tables:
        np.testing.assert_array_equal(table.shut[1] == 1, crossing)


def test_a_seed_draws_the_same_site_in_every_episode_and_another_seed_another() -> None:
    def hit(seed: int) -> tuple[int, ...]:
        event = {"kind": "capacity", "draw": "fc", "seed": seed, "share": 0, "start_hour": 24, "hours": 24}
        scenario = small(network={"fulfillment_centers": 12}, events=[event])
        events = build_events(scenario, build_network(scenario))
        return tuple(np.flatnonzero(events.capacity[1, :12] == 0))

    drawn = [hit(seed) for seed in range(6)]
    assert all(len(sites) == 1 for sites in drawn)
    assert len(set(drawn)) > 2 and hit(3) == drawn[3]


@pytest.mark.parametrize(("mode", "shut"), [("air", ["air"]), ("truck", ["truck"]), (None, ["air", "truck"])])
def test_a_lane_event_closes_the_mode_it_names_or_all(mode: str | None, shut: list[str], tmp_path: Path) -> None:
    event = {**closed("Depot", "South"), "mode": mode}
    scenario = from_tables(tmp_path, lanes=LANES_OF_TWO_MODES, events=[event])
    network = build_network(scenario)
    closed_lanes = np.flatnonzero(build_events(scenario, network).shut[1])
    assert [network.lane_name(i) for i in closed_lanes] == [f"Depot → South by {name}" for name in shut]


def test_a_mode_that_no_lane_has_is_refused(tmp_path: Path) -> None:
    event = {**closed("Depot", "South"), "mode": "rail"}
    scenario = from_tables(tmp_path, lanes=LANES_OF_TWO_MODES, events=[event])
    with pytest.raises(
        ScenarioError, match=r"events.0.mode = 'rail': no such lane from 'Depot' .*there is: air, truck"
    ):
        build_events(scenario, build_network(scenario))


# ------------------------------------------------------------------------------------------------------------- errors


SITE = {"kind": "capacity", "site": FC, "share": 0}
LANE = {"kind": "lane", "origin": FC, "destination": STATION}


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            {**SITE, "site": "FC Atlantis"},
            ("events.0.site = 'FC Atlantis'", "an FC or sort center; the closest is 'FC "),
        ),
        ({**SITE, "site": STATION}, (f"events.0.site = '{STATION}'", "an FC or sort center")),
        ({**SITE, "share": 1.5}, ("events.0.share = 1.5", "less than or equal to 1")),
        ({**SITE, "draw": "fc"}, ("events.0", "name a site, or draw one")),
        ({**SITE, "site": None}, ("events.0", "name a site, or draw one")),
        ({**SITE, "start_hour": -1}, ("events.0.start_hour = -1", "greater than or equal to 0")),
        ({**SITE, "hours": 0}, ("events.0.hours = 0", "greater than 0")),
        (
            {**SITE, "start_hour": 30, "hours": 7},
            ("events.0: start_hour 30 + hours 7", "end by horizon_hours 36", "shorten"),
        ),
        ({**LANE, "origin": "FC Atlantis"}, ("events.0.origin = 'FC Atlantis'", "the name of a site")),
        (
            {**LANE, "origin": STATION, "destination": FC},
            (f"events.0.destination = '{FC}'", f"no lane leads there from '{STATION}'"),
        ),
        ({"kind": "region", "region": "Mars"}, ("events.0.region = 'Mars'", "there are: Region 01, Region 02")),
        (
            {"kind": "region", "region": "National", "boundary": {"kind": "national"}},
            ("events.0.region = 'National'", "no lane crosses its border"),
        ),
        ({"kind": "strike"}, ("events.0", "'capacity', 'lane', 'region'")),
    ],
)
def test_an_event_that_cannot_happen_is_refused(event: dict[str, Any], words: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TINY, encoding="utf-8")
    when = {"start_hour": 10, "hours": 5}
    with pytest.raises(ScenarioError) as error:
        scenario = load_scenario(path, {"events": json.dumps([{**when, **event}])})
        build_events(scenario, build_network(scenario))
    for word in (str(path), *words):
        assert word in str(error.value)

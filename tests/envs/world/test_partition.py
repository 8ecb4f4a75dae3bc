"""Which region a site belongs to, regions in force and regions that are counted, and a change from one to another."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.kernel.metrics import compute_kpis
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from tests.networks import MIDDLE
from tests.worlds import TWO_REGIONS, Reader, simulator, small

KEY = episode_key("tune", 7, 0)
BOUNDARY = TWO_REGIONS["partition"]
COUNTED = {"partition": {"kind": "national", "counted_by": BOUNDARY}}


def world(**changes: Any) -> Scenario:
    """Scarce breadth, and slots that never bind: their number follows the regions that are counted."""
    return small(**{"stock": {"breadth": (0.6, 0.4, 0.3)}, "slots": {"orders": 64}, **changes})


def test_counting_regions_changes_no_route_and_no_dollar_of_a_nation() -> None:
    plain, counted = simulator(world(), KEY), simulator(world(**COUNTED), KEY)
    assert plain.regions == 1 and counted.regions == 2
    for name in ("fc", "station", "legs", "lanes", "cost", "local"):
        np.testing.assert_array_equal(plain.world.net.routes[name], counted.world.net.routes[name])
    for sim in (plain, counted):
        sim.run(DEFAULT_BACKGROUND)
    for kpi, value in plain.kpis(0).items():
        if kpi not in ("in_region_share", "spill_share"):
            assert counted.kpis(0)[kpi] == pytest.approx(value, nan_ok=True), kpi
    assert 1.0 >= plain.kpis(0)["in_region_share"] > counted.kpis(0)["in_region_share"] > 0


def test_in_region_is_what_the_counted_regions_say() -> None:
    net = build_network(world(**COUNTED)).net
    home = net.region_of_site
    same = home[net.routes["fc"]] == home[net.fcs + net.scs + net.routes["station"]]
    np.testing.assert_array_equal(net.routes["in_region"], same)
    assert net.routes["local"].all() and not same.all() and net.divided.tolist() == [0]


def flip(hour: float, boundary: dict[str, Any]) -> dict[str, Any]:
    return {"hour": hour, "partition": boundary}


def test_a_flip_at_midnight_and_back_keeps_every_book() -> None:
    """Counters and dollars go on over both flips; nothing is lost, and every unit is where the books say."""
    sim = simulator(world(**COUNTED, changes=[flip(24, BOUNDARY), flip(48, {"kind": "national"})]), KEY)
    seen = []
    for until in (24, 25, 48, 49, None):
        sim.run(DEFAULT_BACKGROUND, until)
        seen.append(sim.totals(0))
    assert sim.packages_under_way(0) == 0
    assert sim.cash(0) == pytest.approx(sim.accrual(0))
    assert all((later.count >= earlier.count).all() for earlier, later in pairwise(seen))


def test_a_flip_to_the_same_regions_changes_nothing() -> None:
    plain = simulator(world(**COUNTED), KEY)
    flipped = simulator(world(**COUNTED, changes=[flip(30, {"kind": "national"})]), KEY)
    for sim in (plain, flipped):
        sim.run(DEFAULT_BACKGROUND)
    assert plain.kpis(0) == pytest.approx(flipped.kpis(0), nan_ok=True) and plain.cash(0) == pytest.approx(
        flipped.cash(0)
    )


def test_after_a_flip_new_packages_take_the_new_regions_routes() -> None:
    """In-region sourcing rises from the flip on, and packages made before it end on their old routes."""
    sim = simulator(world(**COUNTED, horizon_hours=240, changes=[flip(120, BOUNDARY)]), KEY)
    first = len(build_network(world(**COUNTED)).net.routes)
    sim.run(DEFAULT_BACKGROUND, until=120)
    before = sim.totals(0)
    assert (sim.state.package["route"][0][_under_way(sim)] < first).all()
    sim.run(DEFAULT_BACKGROUND, until=239)
    now = sim.totals(0)
    after = now._replace(count=now.count - before.count, usd=now.usd - before.usd, days=now.days - before.days)
    assert compute_kpis(after)["in_region_share"] > compute_kpis(before)["in_region_share"]
    under_way = sim.state.package["route"][0][_under_way(sim)]
    assert len(under_way) and (under_way >= first).all()


def _under_way(sim: Simulator) -> np.ndarray:
    """Indices of packages in use."""
    return np.setdiff1d(np.arange(sim.state.package.shape[1]), Reader(sim, 0).unused())


def test_counted_regions_are_checked_as_any_boundary() -> None:
    with pytest.raises(ValueError, match="needs 'regions'"):
        small(partition={"kind": "national", "counted_by": {"kind": "balanced"}})
    with pytest.raises(ScenarioError, match="more regions than stations"):
        build_network(small(partition={"kind": "national", "counted_by": {"kind": "balanced", "regions": 60}}))


@pytest.mark.parametrize("regions", [1, 2, 3, 5, 8])
def test_balanced_regions_are_as_many_as_asked_and_about_equal(regions: int) -> None:
    scenario = small(partition={"kind": "balanced", "regions": regions}, network={**MIDDLE["network"], "stations": 80})
    network = build_network(scenario)
    net = network.net
    share = np.bincount(net.region_of_site[net.fcs + net.scs :], network.station_share, minlength=regions)
    assert net.regions == len(network.region_names) == regions
    assert share.min() > 0.4 / regions and share.max() < 1.8 / regions


def test_more_regions_than_stations_is_an_error() -> None:
    with pytest.raises(ScenarioError, match=r"partition.regions = 7: more regions than stations \(6\)"):
        build_network(small(partition={"kind": "balanced", "regions": 7}))


def test_a_partition_from_a_file(tmp_path: Path) -> None:
    names = build_network(small()).sites["name"].tolist()
    path = tmp_path / "regions.csv"

    def labelled(rows: list[str]) -> Scenario:
        path.write_text("\n".join(["site,region", *rows]), encoding="utf-8")
        return small(partition={"kind": "file", "path": str(path)})

    rows = [f"{name},{'West' if i % 2 else 'East'}" for i, name in enumerate(names)]
    network = build_network(labelled(rows))
    assert network.region_names == ("East", "West")
    assert network.net.region_of_site.tolist() == [i % 2 for i in range(len(names))]
    with pytest.raises(ScenarioError, match=rf"regions\.csv: site = '{names[-1]}': this station has no region"):
        build_network(labelled(rows[:-1]))
    with pytest.raises(ScenarioError, match=rf"regions\.csv: row \d+: site = '{names[0]}': is given twice"):
        build_network(labelled([*rows, rows[0]]))
    with pytest.raises(ScenarioError, match="site = 'Atlantis': is no site"):
        build_network(labelled([*rows, "Atlantis,East"]))


def test_a_state_map_that_misses_a_state_names_it(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("state,region\nNY,East\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"state = '\w+': the state of site '.+' has no region in map\.csv"):
        build_network(small(partition={"kind": "states", "map": str(path)}))

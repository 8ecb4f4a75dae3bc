"""Networks that several test files share: generated ones, and the user's tables."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario
from tests.worlds import TWO_REGIONS, US8, small

MIDDLE = {"network": {"fulfillment_centers": 12, "sort_centers": 8, "stations": 24}}
MAPS: dict[str, dict[str, Any]] = {
    "national": MIDDLE,
    "two regions": {**MIDDLE, **TWO_REGIONS},
    "five regions": {**MIDDLE, "partition": {"kind": "balanced", "regions": 5}},
    "eight regions": {**MIDDLE, **US8},
    "one sort center": {**TWO_REGIONS, "network": {"sort_centers": 1}},
    "no direct lanes": {**TWO_REGIONS, "network": {"direct_max_miles": 0, "sort_centers": 4}},
}

SITES = """name,kind,latitude,longitude,state,population,trucks,per_hour
North,station,41,-90,IL,3,,
Depot,fc,40,-90,IL,,5,30
Hub,sc,40.5,-90,IL,,,
South,station,39,-90,MO,1,,
"""
LANES = """origin,destination,miles,transit_hours
Depot,Hub,60,2
Hub,North,50,
Depot,South,90,3.5
"""
# Two ways from Depot to South and to Hub: by truck, and faster and at a higher cost by air.
LANES_OF_TWO_MODES = """origin,destination,mode,miles,transit_hours,departure_usd
Depot,Hub,,60,2,
Depot,Hub,air,55,1,900
Hub,North,,50,,
Depot,South,truck,90,20,
Depot,South,air,80,1,900
"""


@cache
def built(name: str) -> tuple[Scenario, Network]:
    """A scenario of `MAPS` and its network, built once; tests must not write to it."""
    scenario = small(**MAPS[name])
    return scenario, build_network(scenario)


def from_tables(folder: Path, sites: str = SITES, lanes: str = LANES, **changes: Any) -> Scenario:
    """The small world with a network of these tables, written to `folder`."""
    (folder / "sites.csv").write_text(sites, encoding="utf-8")
    (folder / "lanes.csv").write_text(lanes, encoding="utf-8")
    network = {"kind": "tables", "sites": str(folder / "sites.csv"), "lanes": str(folder / "lanes.csv")}
    return small(network=network, **changes)


def with_air_lanes(folder: Path, scenario: Scenario) -> Scenario:
    """The same network from tables, with every third lane a second time by air, and every seventh only by air."""
    network = build_network(scenario)
    sites, names = network.sites, network.sites["name"]
    sites.drop(columns="region").to_csv(folder / "sites.csv", index=False)
    rows = ["origin,destination,mode,miles,transit_hours,departure_usd"]
    for i, lane in enumerate(network.net.lanes):
        ends = f"{names[lane['origin']]},{names[lane['dest']]}"
        hours, usd = float(lane["ticks"]), float(lane["cost"]) * 2000 / scenario.trucks.capacity_packages
        if i % 7:
            rows.append(f"{ends},truck,{lane['miles']},{hours},{usd}")
        if i % 3 == 0 or i % 7 == 0:
            rows.append(f"{ends},air,{lane['miles'] * 0.9},{hours / 5},{usd * (0.8 if i % 4 == 0 else 3)}")
    (folder / "lanes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    tables = {"kind": "tables", "sites": str(folder / "sites.csv"), "lanes": str(folder / "lanes.csv")}
    return Scenario.model_validate({**scenario.model_dump(exclude_unset=True), "network": tables})


def stops(network: Network, p: int) -> list[int]:
    """Sites of a route, FC first."""
    net = network.net
    legs = net.routes["lanes"][p][: net.routes["legs"][p]]
    for a, b in pairwise(legs):
        assert net.lanes["dest"][a] == net.lanes["origin"][b]
    return [int(net.lanes["origin"][legs[0]]), *net.lanes["dest"][legs].tolist()]

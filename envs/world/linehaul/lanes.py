"""Which lanes run, how long they take, and what a truck on them costs.

A lane leads from one site to another by one mode, such as truck or air. There may be several lanes between the same two
sites, one per mode. Lanes are physical: they do not depend on the partition.

Axes: N sites, L lanes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.linehaul.lane_kinds import (
    DIRECT,
    FC_TO_SC,
    SC_TO_SC,
    SC_TO_STATION,
)
from regional_dispatch.envs.world.scenario import CityNetwork, Scenario, ScenarioError, TableNetwork
from regional_dispatch.envs.world.sites import air_miles, count_sites
from regional_dispatch.envs.world.tables.lanes import TRUCK, air_miles_of, read_lanes

MIN_LANE_MILES = 10.0  # shortest lane that is generated: two sites of one metro are not at the same address
_MOST_ROOM = 1_000_000  # packages
_ALWAYS_KEPT = 2  # nearest sort centers that every FC and station has a lane to, however far they are

# One row per lane: where it runs, which region dispatches it, and what a model truck on it costs.
LANE = np.dtype(
    [
        ("origin", "i4"),  # site
        ("dest", "i4"),  # site
        ("kind", "i4"),  # index into LANE_KINDS
        ("region", "i4"),  # region that dispatches it: its origin's
        ("slot", "i4"),  # its observation slot in that region, −1 where no route uses it
        ("ticks", "i4"),  # transit; 0 where it takes no time
        ("room", "i4"),  # packages that a model truck on it holds
        ("miles", "f8"),  # by road
        ("cost", "f8"),  # USD per model truck
    ],
    align=True,
)


class Lanes(NamedTuple):
    """All lanes, sorted by origin, destination and mode."""

    records: np.ndarray  # (L,) LANE; `region` and `slot` are filled in once the partition is known
    modes: np.ndarray  # (L,) str
    departures: np.ndarray  # (L,) str, timetables as the table gives them, empty where there is none


class _Ends(NamedTuple):
    """What lanes have before they are priced: (L,) each."""

    origin: np.ndarray  # site
    dest: np.ndarray  # site
    kind: np.ndarray
    mode: np.ndarray  # str
    miles: np.ndarray  # by road
    hours: np.ndarray  # transit
    departure_usd: np.ndarray  # USD per departure of a real truck
    capacity: np.ndarray  # packages that a real truck holds, NaN for `trucks.real_capacity_packages`
    departures: np.ndarray  # str, timetables, empty where there is none


def build_lanes(scenario: Scenario, sites: pd.DataFrame) -> Lanes:
    """The lanes of a scenario.

    Raises:
        ScenarioError: the table is wrong.
    """
    config = scenario.network
    if isinstance(config, CityNetwork) or config.lanes is None:
        return _lanes(scenario, _city_ends(scenario, config, sites))
    return _lanes(scenario, _table_ends(scenario, config, sites))


def lanes_by_distance(scenario: Scenario, sites: pd.DataFrame) -> Lanes:
    """All lanes that the distance rule gives these sites."""
    return _lanes(scenario, _city_ends(scenario, scenario.network, sites))


def _lanes(scenario: Scenario, ends: _Ends) -> Lanes:
    """Costs and transit times in the kernel's units: USD per model truck, and whole ticks."""
    trucks = scenario.trucks
    records = np.zeros(len(ends.origin), dtype=LANE)
    records["origin"], records["dest"], records["kind"], records["miles"] = (
        ends.origin,
        ends.dest,
        ends.kind,
        ends.miles,
    )
    records["ticks"] = np.ceil(ends.hours / scenario.tick_hours - 1e-9).astype(np.int32)
    share = trucks.capacity_packages / trucks.real_capacity_packages
    room = np.where(np.isnan(ends.capacity), trucks.capacity_packages, np.maximum(1, np.round(ends.capacity * share)))
    if room.max(initial=0) > _MOST_ROOM:
        raise ScenarioError(
            f"{scenario.source_file or scenario.name}: trucks.capacity_packages = {trucks.capacity_packages:,}: with "
            f"trucks.real_capacity_packages {trucks.real_capacity_packages:,g} and the table's capacity, a truck holds "
            f"{room.max():,.0f} packages; at most {_MOST_ROOM:,} can be counted; correct one of the three"
        )
    records["room"] = room.astype(np.int32)
    records["cost"] = ends.departure_usd * trucks.capacity_packages / trucks.real_capacity_packages
    order = np.lexsort((ends.mode, ends.dest, ends.origin))
    return Lanes(records[order], ends.mode[order], ends.departures[order])


def _departure_usd(scenario: Scenario, miles: np.ndarray) -> np.ndarray:
    """What a real truck costs where the table does not say."""
    return scenario.trucks.usd_per_mile * miles + scenario.trucks.dock_usd


# ------------------------------------------------------------------------------------------------- between metros


def _city_ends(scenario: Scenario, config: CityNetwork | TableNetwork, sites: pd.DataFrame) -> _Ends:
    """Every lane within its kind's reach.

    Each FC and station keeps its two nearest sort centers however far; where there are none, each station keeps its two
    nearest FCs.
    """
    counts = count_sites(sites)
    miles = np.maximum(air_miles(sites) * config.circuity, MIN_LANE_MILES)
    fc, sc, station = np.split(np.arange(len(sites)), [counts.fcs, counts.first_station])
    blocks = {
        DIRECT: _within_reach(miles, fc, station, config.direct_max_miles, near_axis=None if counts.scs else 0),
        FC_TO_SC: _within_reach(miles, fc, sc, config.inject_max_miles, near_axis=1),
        SC_TO_SC: _within_reach(miles, sc, sc, np.inf),
        SC_TO_STATION: _within_reach(miles, sc, station, config.last_max_miles, near_axis=0),
    }
    between = blocks[SC_TO_SC]
    blocks[SC_TO_SC] = between[:, between[0] != between[1]]
    kind = np.repeat(np.array(list(blocks)), [block.shape[1] for block in blocks.values()])
    origin, dest = np.concatenate(list(blocks.values()), axis=1)
    length = miles[origin, dest]
    mode = np.full(len(kind), TRUCK)
    hours, usd = length / config.speed_mph, _departure_usd(scenario, length)
    return _Ends(origin, dest, kind, mode, length, hours, usd, np.full(len(kind), np.nan), np.full(len(kind), ""))


def _within_reach(
    miles: np.ndarray, origins: np.ndarray, dests: np.ndarray, reach: float, near_axis: int | None = None
) -> np.ndarray:
    """Pairs of sites no farther apart than `reach` miles: (2, lanes).

    Args:
        miles: (N, N) by road.
        origins: site numbers.
        dests: site numbers.
        reach: longest lane. Unit: miles.
        near_axis: 1, also the destinations nearest to each origin; 0, also the origins nearest to each destination.
    """
    part = miles[np.ix_(origins, dests)]
    kept = part <= reach
    if near_axis is not None:
        kept |= part.argsort(axis=near_axis, kind="stable").argsort(axis=near_axis, kind="stable") < _ALWAYS_KEPT
    i, j = np.nonzero(kept)
    return np.stack([origins[i], dests[j]])


# --------------------------------------------------------------------------------------------------------- table


def _table_ends(scenario: Scenario, config: TableNetwork, sites: pd.DataFrame) -> _Ends:
    """The user's lanes; what their table leaves out comes from distance."""
    findings = Findings()
    table = read_lanes(scenario, sites, findings)
    if findings.errors:
        findings.settle()
    origin, dest = table["origin"].to_numpy(), table["dest"].to_numpy()
    road = np.maximum(air_miles_of(sites, origin, dest) * config.circuity, MIN_LANE_MILES)
    miles = _given(table, "miles", road)
    return _Ends(
        origin,
        dest,
        table["kind"].to_numpy(),
        table["mode"].to_numpy(str),
        miles,
        _given(table, "transit_hours", miles / config.speed_mph),
        _given(table, "departure_usd", _departure_usd(scenario, miles)),
        table["capacity"].to_numpy(float),
        table["departures"].to_numpy(str),
    )


def _given(table: pd.DataFrame, column: str, default: np.ndarray) -> np.ndarray:
    """A column's numbers, the default where a cell is empty."""
    cells = table[column].to_numpy(float)
    return np.where(np.isnan(cells), default, cells)

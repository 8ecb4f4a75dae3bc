"""Which lanes run, how long they take, and what a truck on them costs.

A lane leads from one site to another by one mode, such as truck or air. There may be several lanes between the same two
sites, one per mode. Lanes are physical: they do not depend on the partition.

Axes: N sites, L lanes.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.linehaul.lane_kinds import (
    DIRECT,
    FC_TO_SC,
    KINDS,
    SC_TO_SC,
    SC_TO_STATION,
    kind_between,
)
from regional_dispatch.envs.world.scenario import CityNetwork, Scenario, ScenarioError, TableNetwork
from regional_dispatch.envs.world.sites import air_miles, count_sites
from regional_dispatch.envs.world.tables import read_table

MIN_LANE_MILES = 10.0  # shortest lane that is generated: two sites of one metro are not at the same address
TRUCK = "truck"  # the mode of a lane that names none
_ALWAYS_KEPT = 2  # nearest sort centers that every FC and station has a lane to, however far they are

# One row per lane: where it runs, which region dispatches it, and what a model truck on it costs.
LANE = np.dtype(
    [
        ("origin", "i4"),  # site
        ("dest", "i4"),  # site
        ("kind", "i4"),  # index into LANE_KINDS
        ("region", "i4"),  # region that dispatches it: its origin's
        ("slot", "i4"),  # its observation slot in that region, −1 where no route uses it
        ("ticks", "i4"),  # transit
        ("miles", "f8"),  # by road
        ("cost", "f8"),  # USD per model truck
    ],
    align=True,
)


class Lanes(NamedTuple):
    """All lanes, sorted by origin, destination and mode."""

    records: np.ndarray  # (L,) LANE; `region` and `slot` are filled in once the partition is known
    modes: np.ndarray  # (L,) str


class _Ends(NamedTuple):
    """What lanes have before they are priced: (L,) each."""

    origin: np.ndarray  # site
    dest: np.ndarray  # site
    kind: np.ndarray
    mode: np.ndarray  # str
    miles: np.ndarray  # by road
    hours: np.ndarray  # transit
    departure_usd: np.ndarray  # USD per departure of a real truck


def build_lanes(scenario: Scenario, sites: pd.DataFrame) -> Lanes:
    """The lanes of a scenario.

    Raises:
        ScenarioError: the table is wrong.
    """
    config = scenario.network
    if isinstance(config, CityNetwork):
        return _lanes(scenario, _city_ends(scenario, config, sites))
    return _lanes(scenario, _table_ends(scenario, config, sites))


def lanes_by_distance(scenario: Scenario, sites: pd.DataFrame) -> Lanes:
    """All lanes that the distance rule gives these sites."""
    return _lanes(scenario, _city_ends(scenario, distance_rule(scenario), sites))


def distance_rule(scenario: Scenario) -> CityNetwork:
    """How far lanes reach, and how long and fast they are; a network from tables has the defaults."""
    return scenario.network if isinstance(scenario.network, CityNetwork) else CityNetwork()


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
    records["ticks"] = np.maximum(1, np.ceil(ends.hours / scenario.tick_hours - 1e-9)).astype(np.int32)
    records["cost"] = ends.departure_usd * trucks.capacity_packages / trucks.real_capacity_packages
    order = np.lexsort((ends.mode, ends.dest, ends.origin))
    return Lanes(records[order], ends.mode[order])


def _departure_usd(scenario: Scenario, miles: np.ndarray) -> np.ndarray:
    """What a real truck costs where the table does not say."""
    return scenario.trucks.usd_per_mile * miles + scenario.trucks.dock_usd


# ------------------------------------------------------------------------------------------------- between metros


def _city_ends(scenario: Scenario, config: CityNetwork, sites: pd.DataFrame) -> _Ends:
    """Every lane within its kind's reach; each FC and station keeps its two nearest sort centers however far."""
    counts = count_sites(sites)
    miles = np.maximum(air_miles(sites) * config.circuity, MIN_LANE_MILES)
    fc, sc, station = np.split(np.arange(len(sites)), [counts.fcs, counts.first_station])
    blocks = {
        DIRECT: _within_reach(miles, fc, station, config.direct_max_miles),
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
    return _Ends(origin, dest, kind, mode, length, length / config.speed_mph, _departure_usd(scenario, length))


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
    path = scenario.resolve(config.lanes)
    table = read_table(
        path,
        {"origin": "text", "destination": "text", "miles": "positive"},
        {"mode": "text", "transit_hours": "positive", "departure_usd": "positive"},
    )
    table["mode"] = table["mode"].replace("", TRUCK) if "mode" in table else TRUCK
    index = {name: i for i, name in enumerate(sites["name"])}
    _check_names(path, config, table, index)
    origin, dest = (table[column].map(index).to_numpy() for column in ("origin", "destination"))
    kind = _table_kinds(path, table, sites["kind"].to_numpy(), origin, dest)
    miles = table["miles"].to_numpy(float)
    hours = _given(table, "transit_hours", miles / CityNetwork().speed_mph)
    usd = _given(table, "departure_usd", _departure_usd(scenario, miles))
    return _Ends(origin, dest, kind, table["mode"].to_numpy(str), miles, hours, usd)


def _given(table: pd.DataFrame, column: str, default: np.ndarray) -> np.ndarray:
    """A column's numbers, the default where it or a cell is missing."""
    if column not in table:
        return default
    cells = table[column].to_numpy(float)
    return np.where(np.isnan(cells), default, cells)


def _check_names(path: Path, config: TableNetwork, table: pd.DataFrame, index: dict[str, int]) -> None:
    for column in ("origin", "destination"):
        unknown = table.index[~table[column].isin(list(index))]
        if len(unknown):
            row = unknown[0]
            raise ScenarioError(
                f"{path}: row {row + 2}: {column} = '{table[column][row]}': no such site; add it to {config.sites}"
            )
    twice = table.index[table.duplicated(["origin", "destination", "mode"])]
    if len(twice):
        row = twice[0]
        raise ScenarioError(
            f"{path}: row {row + 2}: lane {table['origin'][row]} → {table['destination'][row]} by "
            f"{table['mode'][row]} is given twice; remove one row, or give it another mode"
        )


def _table_kinds(
    path: Path, table: pd.DataFrame, site_kind: np.ndarray, origin: np.ndarray, dest: np.ndarray
) -> np.ndarray:
    """Kind of each lane, from the kinds of its two sites: (L,)."""
    kinds = [kind_between(*pair) for pair in zip(site_kind[origin], site_kind[dest], strict=True)]
    for row, kind in enumerate(kinds):
        if kind is None or origin[row] == dest[row]:
            lane = f"{table['origin'][row]} → {table['destination'][row]}"
            *most, last = (f"{k.origin}→{k.dest}" for k in KINDS)
            raise ScenarioError(f"{path}: row {row + 2}: lane {lane}: must run {', '.join(most)} or {last}")
    return np.array(kinds)

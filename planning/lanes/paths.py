"""The paths that packages may take from a fulfillment center to a station, and the lanes that run in any case.

Paths follow the rules of `envs.world.linehaul.routes`: inside a region direct, or over sort centers of the region;
between regions over one sort center of each. A station is fed by one sort center of its region, the one with the
cheapest lane to it. A pair of FC and station without such a path may use any.

Axes: F FCs, C sort centers, D stations, L lanes, P paths.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.linehaul.lane_kinds import DIRECT, FC_TO_SC, SC_TO_SC, SC_TO_STATION
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.partition import label_sites
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError

MAX_LEGS = 3


class Paths(NamedTuple):
    """All possible paths, sorted by pair."""

    pair: np.ndarray  # (P,) FC × D + station
    lanes: np.ndarray  # (P, MAX_LEGS) int32, −1 padded
    ticks: np.ndarray  # (P,) transit
    kept: np.ndarray  # (L,) bool, hub lanes: they run whatever flows

    @property
    def legs(self) -> np.ndarray:
        """(P,)."""
        return (self.lanes >= 0).sum(axis=1)


def possible_paths(scenario: Scenario, network: Network) -> Paths:
    """All paths over the lanes of a network, under the partition in force.

    Raises:
        ScenarioError: no lanes lead from any FC to a station.
    """
    net = network.net
    region = label_sites(scenario, network.sites).of_site
    lanes = _lane_table(net.lanes)
    last = _home_lanes(lanes, region)
    table = _chains(lanes, last)
    own = _by_the_rules(table, region)
    pair = table["fc"].to_numpy() * net.stations + table["station"].to_numpy() - net.fcs - net.scs
    with_own = np.zeros(net.fcs * net.stations, dtype=bool)
    with_own[pair[own]] = True
    taken = own | ~with_own[pair]
    legs = table[["first", "second", "third"]].to_numpy(np.int32)[taken]
    _check_reach(scenario, network, pair[taken] % net.stations)
    order = np.lexsort((*legs.T[::-1], pair[taken]))
    legs = legs[order]
    ticks = np.where(legs >= 0, net.lanes["ticks"][legs], 0).sum(axis=1)
    return Paths(pair[taken][order], legs, ticks, _hub_lanes(lanes, last, region, len(net.lanes)))


def _lane_table(records: np.ndarray) -> dict[int, pd.DataFrame]:
    """Lanes of each kind: columns lane, origin, dest, cost."""
    table = pd.DataFrame({name: records[name] for name in ("kind", "origin", "dest", "cost")})
    table.insert(0, "lane", np.arange(len(records)))
    return {kind: table[table["kind"] == kind] for kind in (DIRECT, FC_TO_SC, SC_TO_SC, SC_TO_STATION)}


def _home_lanes(lanes: dict[int, pd.DataFrame], region: np.ndarray) -> pd.DataFrame:
    """The lanes to each station from the one sort center that feeds it, of all modes."""
    last = lanes[SC_TO_STATION]
    foreign = region[last["origin"]] != region[last["dest"]]
    ranked = last.assign(foreign=foreign).sort_values(["foreign", "cost", "lane"], kind="stable")
    home = ranked.drop_duplicates("dest").set_index("dest")["origin"]
    return last[last["origin"].to_numpy() == last["dest"].map(home).to_numpy()]


def _chains(lanes: dict[int, pd.DataFrame], last: pd.DataFrame) -> pd.DataFrame:
    """All chains of lanes: columns fc, sc, home, station (sites) and first, second, third (lanes), −1 where none."""

    def named(table: pd.DataFrame, origin: str, dest: str, lane: str) -> pd.DataFrame:
        return table[["origin", "dest", "lane"]].set_axis([origin, dest, lane], axis=1)

    direct = named(lanes[DIRECT], "fc", "station", "first")
    one = named(lanes[FC_TO_SC], "fc", "home", "first").merge(named(last, "home", "station", "second"), on="home")
    two = (
        named(lanes[FC_TO_SC], "fc", "sc", "first")
        .merge(named(lanes[SC_TO_SC], "sc", "home", "second"), on="sc")
        .merge(named(last, "home", "station", "third"), on="home")
    )
    columns = ["fc", "sc", "home", "station", "first", "second", "third"]
    return pd.concat([t.reindex(columns=columns, fill_value=-1) for t in (direct, one, two)], ignore_index=True)


def _by_the_rules(chains: pd.DataFrame, region: np.ndarray) -> np.ndarray:
    """Which chains keep to the regions: (chains,) bool."""
    fc, sc, home, station = (chains[name].to_numpy() for name in ("fc", "sc", "home", "station"))
    inside = region[fc] == region[station]
    over_own = (sc < 0) | (region[sc] == region[fc])
    fed_at_home = (home < 0) | (region[home] == region[station])
    return over_own & fed_at_home & (inside | (sc >= 0))


def _hub_lanes(lanes: dict[int, pd.DataFrame], last: pd.DataFrame, region: np.ndarray, count: int) -> np.ndarray:
    """Each FC to its nearest sort center, from there to the sort center of every station, and on: (L,) bool."""
    first = lanes[FC_TO_SC]
    foreign = region[first["origin"]] != region[first["dest"]]
    nearest = first.assign(foreign=foreign).sort_values(["foreign", "cost", "lane"]).drop_duplicates("origin")
    between = lanes[SC_TO_SC].sort_values(["cost", "lane"]).drop_duplicates(["origin", "dest"])
    between = between[between["origin"].isin(nearest["dest"]) & between["dest"].isin(last["origin"])]
    to_station = last.sort_values(["cost", "lane"]).drop_duplicates("dest")
    kept = np.zeros(count, dtype=bool)
    for part in (nearest, between, to_station):
        kept[part["lane"]] = True
    return kept


def _check_reach(scenario: Scenario, network: Network, stations: np.ndarray) -> None:
    net = network.net
    for d in np.setdiff1d(np.arange(net.stations), stations):
        name = network.sites["name"].iloc[net.fcs + net.scs + d]
        raise ScenarioError(
            f"{scenario.source_file or scenario.name}: network: no lanes lead from any FC to '{name}'; add a lane to it"
        )

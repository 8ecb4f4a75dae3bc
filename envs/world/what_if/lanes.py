"""Lanes after a what-if. Axis: L lanes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.linehaul.lanes import MIN_LANE_MILES, TRUCK, Lanes, lanes_by_distance
from regional_dispatch.envs.world.scenario import Scenario, WhatIf


def lanes_after(scenario: Scenario, change: WhatIf, old: pd.DataFrame, sites: pd.DataFrame, lanes: Lanes) -> Lanes:
    """The lanes between the sites after a what-if; see `apply_what_if` for which they are.

    Args:
        scenario: its distance rule, and what trucks cost.
        change: its what-if.
        old: sites before, by number.
        sites: sites after, by number.
        lanes: before.
    """
    kept, orphans = _kept(old, sites, lanes)
    kept = _remeasured(scenario, change, kept, old, sites)
    placed = sites.index[sites["name"].isin([*change.move, *(site.name for site in change.add)])].to_numpy()
    new = _by_rule(scenario, sites, kept, placed, orphans)
    both = {name: np.concatenate([array, getattr(new, name)]) for name, array in kept._asdict().items()}
    order = np.lexsort((both["modes"], both["records"]["dest"], both["records"]["origin"]))
    return Lanes(**{name: array[order] for name, array in both.items()})


def _kept(old: pd.DataFrame, sites: pd.DataFrame, lanes: Lanes) -> tuple[Lanes, tuple[np.ndarray, np.ndarray]]:
    """Lanes between sites that are still there, and the sites left with no lane out, or none in, that had one."""
    number = {name: i for i, name in enumerate(sites["name"])}
    now = np.array([number.get(name, -1) for name in old["name"]])
    records = lanes.records.copy()
    origin, dest = records["origin"], records["dest"]
    origin[:], dest[:] = now[origin], now[dest]
    stays = (origin >= 0) & (dest >= 0)
    no_way_out, no_way_in = (np.setdiff1d(end[~stays], [-1, *end[stays].tolist()]) for end in (origin, dest))
    return _chosen(lanes._replace(records=records), stays), (no_way_out, no_way_in)


def _chosen(lanes: Lanes, which: np.ndarray) -> Lanes:
    return lanes._replace(**{name: array[which] for name, array in lanes._asdict().items()})


def _by_rule(
    scenario: Scenario, sites: pd.DataFrame, kept: Lanes, placed: np.ndarray, orphans: tuple[np.ndarray, np.ndarray]
) -> Lanes:
    """Lanes of the scenario's distance rule at added and moved sites, and at sites that would have none."""
    rule = lanes_by_distance(scenario, sites)
    origin, dest = rule.records["origin"], rule.records["dest"]
    wanted = np.isin(origin, [*placed, *orphans[0]]) | np.isin(dest, [*placed, *orphans[1]])
    pair = kept.records["origin"] * len(sites) + kept.records["dest"]
    return _chosen(rule, wanted & ~np.isin(origin * len(sites) + dest, pair[kept.modes == TRUCK]))


def _remeasured(scenario: Scenario, change: WhatIf, lanes: Lanes, old: pd.DataFrame, sites: pd.DataFrame) -> Lanes:
    """Lanes of moved sites: miles in proportion to the air line, and transit and cost to match.

    A truck then has the distance rule's speed and the scenario's cost per mile; another mode keeps its own of both.
    """
    records, names = lanes.records.copy(), sites["name"].to_numpy()
    moved = np.isin(names, list(change.move))
    own = np.flatnonzero(moved[records["origin"]] | moved[records["dest"]])
    ends = names[records["origin"][own]], names[records["dest"][own]]
    was, now = _air_miles(old, *ends), _air_miles(sites, *ends)
    rule, trucks, before = scenario.network, scenario.trucks, records["miles"][own]
    circuity = np.where(was > MIN_LANE_MILES, before / np.maximum(was, MIN_LANE_MILES), rule.circuity)
    miles = np.maximum(now * circuity, MIN_LANE_MILES)
    ratio, by_truck = miles / np.maximum(before, 1e-9), lanes.modes[own] == TRUCK
    ticks = np.where(by_truck, miles / rule.speed_mph / scenario.tick_hours, records["ticks"][own] * ratio)
    usd = (trucks.usd_per_mile * miles + trucks.dock_usd) * trucks.capacity_packages / trucks.real_capacity_packages
    records["miles"][own] = miles
    records["ticks"][own] = np.ceil(ticks - 1e-9).astype(np.int32)
    records["cost"][own] = np.where(by_truck, usd, records["cost"][own] * ratio)
    return lanes._replace(records=records)


def _air_miles(sites: pd.DataFrame, origin: np.ndarray, dest: np.ndarray) -> np.ndarray:
    """Great-circle miles between pairs of sites, given by name: (n,)."""
    at = sites.set_index("name")[["latitude", "longitude"]]
    a, b = at.loc[origin].to_numpy(float), at.loc[dest].to_numpy(float)
    pairs = (great_circle_miles(*p[None].T, *q[None].T) for p, q in zip(a, b, strict=True))
    return np.array([float(miles[0, 0]) for miles in pairs])

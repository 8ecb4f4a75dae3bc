"""Which lanes run, and the fill of trucks at which packages on them are priced.

A network's lanes are those on which trucks could run. The scenario's `lanes` says on which they do: on all of them, or
on those of a plan. Axis: L lanes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.levers import RunningLanes
from regional_dispatch.envs.world.linehaul.lanes import TRUCK, Lanes
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.envs.world.tables import read_table

_EXPECTED = ("packages_per_day", "trucks_per_day")  # what a plan expects; of these the simulator reads none


def priced_fill(scenario: Scenario, sites: pd.DataFrame, lanes: Lanes, running: RunningLanes) -> np.ndarray:
    """Share of a truck's room at which a package is priced, 0 where no truck runs: (L,) float64.

    It sets the standard cost of a package on a lane: a thin lane costs more per package than a full one. Without a plan
    nothing is known of flows, and it is `trucks.standard_fill` everywhere.

    Raises:
        ScenarioError: the plan's table is wrong.
    """
    if running.path is None:
        return np.full(len(lanes.modes), scenario.trucks.standard_fill)
    path = scenario.resolve(running.path)
    table = read_table(
        path,
        {"origin": "text", "destination": "text"},
        {"mode": "text", "fill": "positive", **dict.fromkeys(_EXPECTED, "positive")},
    )
    table["mode"] = table["mode"].replace("", TRUCK) if "mode" in table else TRUCK
    names, records = sites["name"], lanes.records
    number = {
        (names[origin], names[dest], mode): lane
        for lane, (origin, dest, mode) in enumerate(zip(records["origin"], records["dest"], lanes.modes, strict=True))
    }
    change = scenario.what_if
    closed = set() if change is None else set(change.close)
    fill = np.zeros(len(records))
    for row, (origin, dest, mode) in enumerate(zip(table["origin"], table["destination"], table["mode"], strict=True)):
        lane = number.get((origin, dest, mode))
        if lane is None and {origin, dest} & closed:
            continue
        if lane is None:
            raise ScenarioError(
                f"{path}: row {row + 2}: {origin} → {dest} by {mode}: the network has no such lane; remove the row, or "
                "let the network have the lane (its lanes table, or network.*_max_miles)"
            )
        if fill[lane]:
            raise ScenarioError(f"{path}: row {row + 2}: {origin} → {dest} by {mode} is given twice; remove one row")
        fill[lane] = _fill(scenario, table, row, f"{path}: row {row + 2}")
    if change is not None:  # the plan knows nothing of sites at a new place, so all of their lanes run
        placed = names.isin([*change.move, *(site.name for site in change.add)]).to_numpy()
        fill[(fill == 0) & (placed[records["origin"]] | placed[records["dest"]])] = scenario.trucks.standard_fill
    return fill


def _fill(scenario: Scenario, table: pd.DataFrame, row: int, where: str) -> float:
    if "fill" not in table or np.isnan(value := float(table["fill"][row])):
        return scenario.trucks.standard_fill
    if not 0 < value <= 1:
        raise ScenarioError(f"{where}: fill = {value:g}: must be above 0 and at most 1")
    return value

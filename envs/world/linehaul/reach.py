"""Whether every station is reached, and every promise kept that could be: what a network and a plan of lanes must do.

Axes: D stations, P routes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.clocks.promises import promise_ticks
from regional_dispatch.envs.world.scenario import GeneratedDemand, Scenario, ScenarioError

_NEVER = np.iinfo(np.int32).max


def check_reach(scenario: Scenario, sites: pd.DataFrame, routes: np.ndarray) -> None:
    """Every station must have a route.

    Raises:
        ScenarioError: one has none.
    """
    names = _stations(sites)
    for d in np.flatnonzero(_fastest(routes, len(names)) == _NEVER):
        raise ScenarioError(
            f"{scenario.source_file or scenario.name}: network: no route reaches '{names[d]}'; add a lane to it"
        )


def check_plan(scenario: Scenario, sites: pd.DataFrame, possible: np.ndarray, routes: np.ndarray, plan: Path) -> None:
    """The lanes of a plan must reach every station, as fast as a promise of generated orders asks for if any lanes
    can.

    Args:
        scenario: promises.
        sites: by number.
        possible: (P,) ROUTE over all lanes, in the same regions.
        routes: (P,) ROUTE over the lanes of the plan.
        plan: its file, for messages.

    Raises:
        ScenarioError: a station has no route, or a promise is lost.
    """
    names, hours = _stations(sites), scenario.tick_hours
    promises = promise_ticks(scenario) if isinstance(scenario.demand, GeneratedDemand) else ()
    could, does = _fastest(possible, len(names)), _fastest(routes, len(names))
    for d in np.flatnonzero(does == _NEVER):
        raise ScenarioError(f"{plan}: no lane of the plan leads to '{names[d]}'; add one, or plan again")
    for promise in promises:
        for d in np.flatnonzero((could <= promise) & (does > promise)):
            raise ScenarioError(
                f"{plan}: '{names[d]}': no lane of the plan keeps the promise of {promise * hours:g} hours: the "
                f"fastest route takes {does[d] * hours:g}, over all lanes {could[d] * hours:g}; add one, or plan again"
            )


def _stations(sites: pd.DataFrame) -> list[str]:
    return sites.loc[sites["kind"] == "station", "name"].tolist()


def _fastest(routes: np.ndarray, stations: int) -> np.ndarray:
    """Ticks from an order to its arrival, picking included, on the fastest route to each station: (D,)."""
    found = np.full(stations, _NEVER)
    np.minimum.at(found, routes["station"], routes["rest"][:, 0] + 1)
    return found

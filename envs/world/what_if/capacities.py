"""Capacities and fleets after a what-if: those of before, but where the question says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.capacity import Capacities, whole_fleet
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.scenario.what_if import changed

if TYPE_CHECKING:
    from regional_dispatch.envs.world.network import Network


def kept_capacities(scenario: Scenario, sites: pd.DataFrame, sized: Capacities, old: Network) -> Capacities:
    """What each site can do, by number.

    Args:
        scenario: its `what_if` and tick.
        sites: after, by number.
        sized: for the network after, as if it were built like this; what added sites have that say nothing else.
        old: the network before; its sites keep what they have.
    """
    change, hours = scenario.what_if, scenario.tick_hours
    assert change is not None
    number = {name: i for i, name in enumerate(old.sites["name"])}
    was = np.array([number.get(name, -1) for name in sites["name"]])
    per_tick = np.where(was >= 0, old.net.site_capacity[was], sized.per_tick).astype(float)
    fleet = np.where(was >= 0, old.net.fleet[was], sized.fleet).astype(float)
    at = {name: i for i, name in enumerate(sites["name"])}
    for site in change.add:
        per_tick[at[site.name]] = per_tick[at[site.name]] if site.per_hour is None else site.per_hour * hours
        fleet[at[site.name]] = fleet[at[site.name]] if site.trucks is None else site.trucks
    for name, value in change.capacity.items():
        per_tick[at[name]] = changed(per_tick[at[name]] / hours, value) * hours
    for name, value in change.fleet.items():
        fleet[at[name]] = changed(fleet[at[name]], value)
    return sized._replace(per_tick=per_tick, fleet=whole_fleet(scenario, sites, fleet))

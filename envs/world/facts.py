"""Facts of a world that decide how well a policy made for another one carries over."""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.world.partition import label_sites
from regional_dispatch.envs.world.scenario import GeneratedDemand, Scenario
from regional_dispatch.envs.world.sites import build_sites, count_sites
from regional_dispatch.envs.world.trace import orders_per_day, trace_of

# Fact → what it is called, and how far from the trained world's value numbers may be taken without a word, as a factor.
FACTS = {
    "tick_hours": ("ticks of {:g} h", 1.0),
    "truck_packages": ("trucks of {:,.0f} packages", 1.5),
    "regions": ("{:.0f} regions", 1.25),
    "orders_per_station_day": ("{:,.0f} orders a day and station", 2.0),
    "truckloads_per_station_day": ("{:.3g} truckloads a day and station", 2.0),
    "promise_hours": ("promises of {:.3g} h in the mean", 1.5),
}


def world_facts(scenario: Scenario) -> dict[str, float]:
    """What decides how well a policy carries over to another world, by the names of `FACTS`."""
    sites = build_sites(scenario)
    per_station = orders_per_day(scenario) / count_sites(sites).stations
    return {
        "tick_hours": scenario.tick_hours,
        "truck_packages": scenario.trucks.capacity_packages,
        "regions": len(label_sites(scenario, sites, scenario.partition).names),
        "orders_per_station_day": per_station,
        "truckloads_per_station_day": per_station / scenario.trucks.capacity_packages,
        "promise_hours": _mean_promise(scenario),
    }


def _mean_promise(scenario: Scenario) -> float:
    demand = scenario.demand
    if isinstance(demand, GeneratedDemand):
        return float(np.average(demand.promise_hours, weights=demand.promise_shares))
    promise = trace_of(scenario).promise_hours
    return float(np.where(np.isnan(promise), demand.promise_hours, promise).mean())

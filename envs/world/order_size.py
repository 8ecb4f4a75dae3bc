"""How many lines an order of a scenario has."""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.world.scenario import GeneratedDemand, Scenario
from regional_dispatch.envs.world.trace import trace_of


def mean_lines_per_order(scenario: Scenario) -> float:
    """Mean lines per order."""
    if not isinstance(scenario.demand, GeneratedDemand):
        orders = trace_of(scenario)
        return len(orders.sku) / max(len(orders.hours), 1)
    shares = np.array(scenario.demand.lines_per_order)
    return float((shares / shares.sum() * np.arange(1, len(shares) + 1)).sum())


def largest_order(scenario: Scenario) -> int:
    """Most lines an order can have; a region's slots must hold it."""
    if not isinstance(scenario.demand, GeneratedDemand):
        return int(np.diff(trace_of(scenario).first_line).max(initial=1))
    return len(scenario.demand.lines_per_order)

"""How many lines an order of a scenario has."""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.world.scenario import Scenario

_MOST_TRACE_LINES = 16  # of an order of a trace


def mean_lines_per_order(scenario: Scenario) -> float:
    """Mean lines per order; a trace counts every row as an order of one line."""
    shares = np.array(getattr(scenario.demand, "lines_per_order", (1.0,)))
    return float((shares / shares.sum() * np.arange(1, len(shares) + 1)).sum())


def largest_order(scenario: Scenario) -> int:
    """Most lines an order can have; an FC's capacity and a region's slots must hold it."""
    return len(getattr(scenario.demand, "lines_per_order", (1.0,) * _MOST_TRACE_LINES))

"""All orders of an episode, known in advance: the input of the hindsight bounds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.baselines.bounds.bound import BoundError
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario


class Orders(NamedTuple):
    """An episode's orders in order of arrival; O orders, N lines."""

    tick: np.ndarray  # (O,) int64, arrival
    station: np.ndarray  # (O,) int64
    due: np.ndarray  # (O,) int64, last tick that keeps the promise
    first: np.ndarray  # (O + 1,) int64, first line of each order
    sku: np.ndarray  # (N,) int64
    units: np.ndarray  # (N,) int64


def all_orders(scenario: Scenario, key: int) -> Orders:
    """The orders of the episode with that key; they do not depend on any policy.

    Args:
        scenario: the world.
        key: of the episode (`envs.world.demand.episode_key`).

    Raises:
        BoundError: a lever changes during the episode: bounds are for one setting.
    """
    if scenario.changes:
        raise BoundError(f"{scenario.name}: changes: bounds are for one setting of the levers; remove them")
    sim = Simulator(scenario)
    sim.reset(0, key)
    found = []
    for _ in range(scenario.horizon_ticks):
        tick = sim.tick(0)
        sim.begin(0)
        found.extend(_arrivals(sim, tick))
        sim.decide(0, DEFAULT_BACKGROUND)
        sim.finish(0)
    lines = np.concatenate(found) if found else sim.state.line[0, 0, :0]
    lines = lines[np.argsort(lines["order"], kind="stable")]
    first = np.flatnonzero(np.diff(lines["order"], prepend=-1))
    heads = lines[first]
    as_int = {name: heads[name].astype(np.int64) for name in ("ordered", "station", "due")}
    return Orders(
        as_int["ordered"], as_int["station"], as_int["due"],
        np.append(first, len(lines)), lines["sku"].astype(np.int64), lines["units"].astype(np.int64),
    )  # fmt: skip


def _arrivals(sim: Simulator, tick: int) -> list[np.ndarray]:
    """The lines that arrived in this tick, region by region."""
    s, size = sim.state, sim.state.line.shape[2]
    found = []
    for r in range(sim.regions):
        ring = s.line[0, r, (s.line_first[0, r] + np.arange(s.line_count[0, r])) % size]
        found.append(ring[ring["ordered"] == tick])
    return found

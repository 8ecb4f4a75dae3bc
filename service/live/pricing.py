"""Prices of units for policies that want them, solved beside requests and put in force when they are there.

A linear program prices units as in a simulation (`baselines.shadow_price`), from what is on hand. What is on order is
not known to the service, so a unit that is short is priced as if only the scenario's lead time brought more.
"""

from __future__ import annotations

import copy

import numpy as np

from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.service.live.network import ROW, LiveNetwork


def pricing_is_due(live: LiveNetwork) -> bool:
    """Is it time to solve, by the policy's schedule?"""
    pricer = live.sim.pricer
    if pricer is None:
        return False
    every = max(1, round(pricer.every_hours / live.scenario.tick_hours))
    return live.priced_at is None or live.tick // every != live.priced_at // every


def frozen(live: LiveNetwork) -> Simulator:
    """What prices depend on, as it is now: a simulator that requests do not change."""
    sim, state = copy.copy(live.sim), live.sim.state
    row = state.row.copy()
    row["waiting_for_decisions"] = 1  # else the coming review would be taken to have filled the shelves
    sim.state = state._replace(row=row, stock=state.stock.copy())
    closures = {name: getattr(state, name).copy() for name in ("shut", "cut")}
    some_cut = state.row["some_cut"].astype(np.int8)
    events = sim.world.events._replace(capacity=state.site_capacity.copy(), some_cut=some_cut, **closures)
    sim.world = sim.world._replace(events=events)
    return sim


def solve(sim: Simulator) -> np.ndarray:
    """Prices of a frozen simulator: (S, F) float32, USD per unit. Call it from any thread."""
    assert sim.pricer is not None
    return sim.pricer(sim, ROW)


def put_in_force(live: LiveNetwork, sim: Simulator, prices: np.ndarray) -> None:
    """Decisions from now on use these prices, which were solved on `sim`."""
    live.sim.state.price[ROW] = prices
    live.sim.state.row["priced"][ROW] = 1
    live.priced_at = sim.tick(ROW)


def price_now(live: LiveNetwork) -> None:
    """Solves and puts in force, if it is time."""
    if pricing_is_due(live):
        sim = frozen(live)
        put_in_force(live, sim, solve(sim))

"""The world of a scenario as the kernel reads it: everything that never changes, in ticks, dollars and packages.

Axes: R regions, F FCs, S SKUs, G settings of the levers.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from regional_dispatch.envs.world.clocks.clock import Clock
from regional_dispatch.envs.world.costs import rates
from regional_dispatch.envs.world.demand import Demand, build_demand
from regional_dispatch.envs.world.events import Events, build_events
from regional_dispatch.envs.world.network import Net, Network
from regional_dispatch.envs.world.order_size import largest_order, mean_lines_per_order
from regional_dispatch.envs.world.scenario import Scenario, TraceDemand
from regional_dispatch.envs.world.settings import settings_of
from regional_dispatch.envs.world.stock import place_stock, stock_on_hand
from regional_dispatch.envs.world.trace import busiest_tick, fitted

INFLOW_HALF_LIFE_HOURS = 24.0  # memory of a lane's expected inflow


class Rules(NamedTuple):
    """The scenario's numbers in the kernel's units: ticks, USD, packages."""

    tick_hours: float
    warmup_tick: int
    horizon_tick: int
    order_slots: int
    candidates: int
    review_ticks: int
    lead_ticks: int
    base_days: float  # days of mean demand a base-stock level covers, safety stock aside
    backlog_limit_hours: float
    reevaluate_ticks: int  # between re-evaluations, where there are any
    truck_packages: int
    spot_allowed: bool
    spot_premium: float
    co2_kg_per_truck_mile: float  # of a model truck
    costs: Any  # `envs.world.costs.Rates`, USD
    late_usd_per_tick: float
    scheduled: np.ndarray  # (24,) bool
    inflow_decay: np.ndarray  # (ticks,) float32, weight left after so many ticks


class World(NamedTuple):
    """All a network copy needs and never changes; shared by the rows of a batch."""

    net: Net
    demand: Demand
    rules: Rules
    base_stock: np.ndarray  # (G, S, F) int16, units, by setting of the levers
    on_hand: np.ndarray  # (S, F) int16, units when an episode starts
    events: Events
    clock: Clock


def build_world(scenario: Scenario, network: Network) -> World:
    """Everything constant of a scenario, in the kernel's units."""
    scenario = fitted(scenario)
    demand = build_demand(scenario, network)
    rules = build_rules(scenario, order_slots(scenario, network, demand))
    layouts = [setting.stock for setting in settings_of(scenario)]
    levels = {layout: place_stock(scenario, network, layout) for layout in dict.fromkeys(layouts)}  # each placed once
    placed = [levels[layout] for layout in layouts]
    base_stock = np.stack(placed) if len(placed) > 1 else placed[0][None]  # at full size a copy is 220 MB
    on_hand = base_stock[0] if scenario.stock.snapshot is None else stock_on_hand(scenario, network)
    return World(network.net, demand, rules, base_stock, on_hand, build_events(scenario, network), network.clock)


def order_slots(scenario: Scenario, network: Network, demand: Demand) -> int:
    """M: the scenario's, or 1.3 × the mean lines of the busiest tick in the largest region, and one order at least.

    Of a trace, the lines of its busiest tick.
    """
    if scenario.slots.orders is not None:
        return scenario.slots.orders
    net = network.net
    region = net.region_of_site[net.fcs + net.scs :]
    largest = np.bincount(region, network.station_share).max()
    if isinstance(scenario.demand, TraceDemand):
        return max(busiest_tick(scenario, region), largest_order(scenario))
    peak = demand.rate.max() * mean_lines_per_order(scenario) * largest
    return max(math.ceil(1.3 * peak / 16) * 16, largest_order(scenario))


def build_rules(scenario: Scenario, slots: int) -> Rules:
    """The scenario's scalars in ticks, USD and packages; `slots` is M."""
    hours = scenario.tick_hours
    trucks, stock = scenario.trucks, scenario.stock
    decay = 0.5 ** (np.arange(round(10 * INFLOW_HALF_LIFE_HOURS / hours)) * hours / INFLOW_HALF_LIFE_HOURS)
    scheduled = np.zeros(24, dtype=np.bool_)
    scheduled[list(trucks.scheduled_hours)] = True
    return Rules(
        tick_hours=hours,
        warmup_tick=scenario.warmup_ticks,
        horizon_tick=scenario.horizon_ticks,
        order_slots=slots,
        candidates=scenario.slots.candidates,
        review_ticks=max(1, round(stock.review_hours / hours)),
        lead_ticks=round(stock.lead_time_hours / hours),
        base_days=(stock.review_hours + stock.lead_time_hours) / 24,
        backlog_limit_hours=scenario.capacity.backlog_limit_hours,
        reevaluate_ticks=max(1, round(1 / hours)),
        truck_packages=trucks.capacity_packages,
        spot_allowed=trucks.spot_allowed,
        spot_premium=trucks.spot_premium,
        co2_kg_per_truck_mile=trucks.co2_kg_per_mile * trucks.capacity_packages / trucks.real_capacity_packages,
        costs=rates(scenario.costs),
        late_usd_per_tick=scenario.costs.late_usd_per_hour * hours,
        scheduled=scheduled,
        inflow_decay=decay.astype(np.float32),
    )

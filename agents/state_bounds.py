"""Bounds of the numbers in a simulator's state that compiled code takes for indices and lengths.

Compiled code checks no index. A state that comes from a file is checked here before it is used, so that a crafted
checkpoint cannot have memory read or written that is not the simulator's. Whether the state makes sense beyond that,
such as whether its queues end, is not checked.
"""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.simulator import Simulator

NONE = -1  # in place of an index; the end of a list


def check_state(sim: Simulator) -> None:
    """Checks the state of a simulator that was restored from a file.

    Raises:
        ValueError: a number is out of bounds; the text names it.
    """
    for (array, field), (low, high) in _bounds(sim).items():
        found = getattr(sim.state, array)
        numbers = found[field] if field else found
        if numbers.size and (numbers.min() < low or numbers.max() > high):
            name = f"{array}.{field}" if field else array
            raise ValueError(f"state.{name} is out of its bounds, {low} to {high}")
    for array in ("cash", "accrual", "opening", "settled", "count", "site_capacity", "price"):
        if not np.isfinite(getattr(sim.state, array)).all():
            raise ValueError(f"state.{array} is not finite")


def _bounds(sim: Simulator) -> dict[tuple[str, str], tuple[int, int]]:
    """(array, field) → least and largest number; the field of an array of numbers is empty."""
    net, rules, state = sim.world.net, sim.world.rules, sim.state
    packages, items = state.package.shape[1], state.item.shape[1]
    journeys, waiting = state.journey.shape[1], state.line.shape[2]
    skus, fcs = state.stock.shape[1:]
    sites, lanes, routes = len(net.fleet), len(net.lanes), len(net.routes)
    package, item, journey = (NONE, packages - 1), (NONE, items - 1), (NONE, journeys - 1)
    flag = (0, 1)
    return {
        ("row", "tick"): (0, rules.horizon_tick),
        ("row", "week_tick"): (0, 2**40),
        ("row", "period"): (0, len(sim.world.events.first) - 1),
        ("row", "setting"): (0, len(net.first_tick) - 1),
        ("row", "active"): (0, lanes),
        ("row", "free"): package,
        ("row", "fresh"): (0, packages),
        ("row", "free_item"): item,
        ("row", "fresh_item"): (0, items),
        ("row", "samples"): (0, 2**40),
        ("row", "shipments"): (0, state.shipment.shape[1]),
        ("package", "next"): package,
        ("package", "ahead"): package,
        ("package", "route"): (NONE, routes - 1),
        ("package", "leg"): (0, net.routes["lanes"].shape[1]),
        ("tag", "truck"): package,
        ("tag", "journey"): journey,
        ("tag", "sibling"): package,
        ("tag", "items"): item,
        ("item", "next"): item,
        ("item", "sku"): (0, skus - 1),
        ("lane", "head"): package,
        ("lane", "tail"): package,
        ("queue", "head"): package,
        ("queue", "tail"): package,
        ("recent", ""): package,
        ("arriving", ""): package,
        ("active", ""): (NONE, lanes - 1),
        ("go", ""): flag,
        ("shut", ""): flag,
        ("cut", ""): flag,
        ("line", "sku"): (0, skus - 1),
        ("line", "station"): (0, sites - 1),
        ("line", "journey"): journey,
        ("line", "choice"): (NONE, rules.candidates - 1),
        ("line", "package"): package,
        ("line_first", ""): (0, waiting - 1),
        ("line_count", ""): (0, waiting),
        ("slots", ""): (0, rules.order_slots),
        ("candidate", ""): (NONE, routes - 1),
        ("plan", ""): (NONE, routes - 1),
        ("shipment", "sku"): (0, skus - 1),
        ("shipment", "fc"): (0, fcs - 1),
        ("journey", "leader"): journey,
    }

"""The placements that the study compares: which FC carries what, and what storage can cover."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.planning.stock.market import Market, line_coverage, order_coverage
from regional_dispatch.planning.stock.placements import optimise

BASE, OPTIMISED, FASTEST, PROPORTION = "as it is", "optimised", "fastest everywhere", "in proportion"
CLASSES = ("A", "B", "C")
SHOWN = (
    "in_region_share", "spill_share", "packages_per_order", "cost_per_order_usd", "truck_per_order_usd",
    "pick_per_order_usd", "late_per_order_usd", "click_to_delivery_hours", "on_time_share", "miles_per_package",
    "lanes_used", "touches_per_package", "lost_line_share", "co2_kg_per_package",
)  # fmt: skip


def world_of(placement: str, partition: str) -> str:
    return f"{placement}, {partition}"


def breadth_world(velocity: str, share: float) -> str:
    return f"{velocity} in {100 * share:g} % of FCs"


class Laid(NamedTuple):
    """Where stock stands in every world."""

    network: Network
    market: Market
    velocity: np.ndarray  # (S,) index into CLASSES
    placements: dict[str, np.ndarray]  # name → (S, F) units
    bound: float  # share of lines; no placement stocked by the formula covers more
    swept: dict[tuple[str, float], np.ndarray]  # class and its breadth → (S, F) units
    curve: list[Reach]


class Reach(NamedTuple):
    """What some storage can cover."""

    factor: float  # of the base's storage
    storage_units: int
    units: int  # used
    lines: float  # %, covered
    orders: float  # %, covered
    bound: float  # % of lines; no placement that is stocked by the formula covers more


def reach(factor: float, market: Market, storage: np.ndarray) -> Reach:
    room = np.floor(factor * storage + 1e-9)
    try:
        best = optimise(market, room)
    except ScenarioError as error:
        raise ScenarioError(f"storage = {factor:g}: {error}") from None
    lines, orders = line_coverage(market, best.base), order_coverage(market, best.base)
    return Reach(factor, int(room.sum()), int(best.base.sum()), 100 * lines, 100 * orders, 100 * best.bound.lines)

"""Orders enter the kernel's state, are decided by its scorers and applied by its sourcing phase.

Orders of one call are decided together, as the orders of one tick are in the simulation: all see the same shelves, and
the choices are then applied in order. Nothing else waits in the rings of lines meanwhile.

Axes: n orders and m lines of a call, K candidates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.clock import earliest_arrival
from regional_dispatch.envs.kernel.compiled import compiled_with_memory, inlined
from regional_dispatch.envs.kernel.decisions.decide import LINES_AT_ONCE, block_for, decide_lines
from regional_dispatch.envs.kernel.decisions.features import SOURCE_COUNT
from regional_dispatch.envs.kernel.decisions.order_plan import surcharge, units_usd
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.kernel.ledger import late_usd
from regional_dispatch.envs.kernel.phases.arrivals import add_line, count_order, line_at, region_of_station
from regional_dispatch.envs.kernel.phases.source import source_lines

USD_PARTS = ("standard", "late", "surcharge", "units")  # of what a candidate is expected to cost
STANDARD, LATE, SURCHARGE, UNITS = range(len(USD_PARTS))


@compiled_with_memory
def source_orders(
    w: Any, s: Any, b: int, scorers: Scorers, orders: np.ndarray, lines: np.ndarray, offer: np.ndarray,
    offer_usd: np.ndarray, offer_tick: np.ndarray, choice: np.ndarray, served: np.ndarray, package: np.ndarray,
) -> None:  # fmt: skip
    """Decides on orders and applies the decisions.

    Args:
        w, s, b: world, state and row; the state must have room for m more packages.
        scorers: the policy.
        orders: (n + 1, 2) int64, station and first line; the last row holds m as its first line.
        lines: (m, 3) int64, SKU, units and ticks from now to the promise.
        offer: (m, K) int64, filled: candidate routes, −1 padded.
        offer_usd: (m, K, USD_PARTS) float64, filled: what they are expected to cost.
        offer_tick: (m, K) int64, filled: their earliest arrival.
        choice: (m,) int64, filled: the candidate chosen.
        served: (m,) int64, filled: the route that serves the line, −1 if it is lost. Another than the chosen one where
            an earlier order of the call took the last unit.
        package: (m,) int64, filled: the package the line travels in, −1 if it is lost.
    """
    _place(w, s, b, orders, lines)
    block = block_for(scorers.source, LINES_AT_ONCE * w.rules.candidates, SOURCE_COUNT, LINES_AT_ONCE)
    for r in range(w.net.regions):
        if s.slots[b, r] > 0:
            decide_lines(w, s, b, r, scorers.source, block)
    _read_offers(w, s, b, orders, offer, offer_usd, offer_tick, choice)
    source_lines(w, s, b)
    _read_packages(w, s, b, orders, served, package)


@compiled_with_memory
def apply_orders(
    w: Any, s: Any, b: int, orders: np.ndarray, lines: np.ndarray, route: np.ndarray, served: np.ndarray,
    package: np.ndarray,
) -> None:  # fmt: skip
    """Applies decisions made before: the same as `source_orders`, with the route of each line given, −1 for lost ones.

    Args:
        w, s, b, orders, lines, served, package: as for `source_orders`.
        route: (m,) int64.
    """
    _place(w, s, b, orders, lines)
    for n in range(len(orders) - 1):
        r = region_of_station(w, orders[n, 0])
        for i in range(orders[n, 1], orders[n + 1, 1]):
            j = s.sourced[b, r]
            s.sourced[b, r] += 1
            s.candidate[b, r, j, :] = -1
            s.candidate[b, r, j, 0] = route[i]
    source_lines(w, s, b)
    _read_packages(w, s, b, orders, served, package)


@inlined
def _place(w: Any, s: Any, b: int, orders: np.ndarray, lines: np.ndarray) -> None:
    """Puts the orders into their regions' rings, all up for decision. The rings are empty before and after a call."""
    for n in range(len(orders) - 1):
        station, first, last = orders[n, 0], orders[n, 1], orders[n + 1, 1]
        for i in range(first, last):
            add_line(w, s, b, station, lines[i, 2], lines[i, 0], lines[i, 1])
        count_order(w, s, b, station, last - first)
    for r in range(w.net.regions):
        s.slots[b, r] = s.line_count[b, r]
        s.sourced[b, r] = 0


@inlined
def _read_offers(
    w: Any, s: Any, b: int, orders: np.ndarray, offer: np.ndarray, offer_usd: np.ndarray, offer_tick: np.ndarray,
    choice: np.ndarray,
) -> None:  # fmt: skip
    for n in range(len(orders) - 1):
        r = region_of_station(w, orders[n, 0])
        for i in range(orders[n, 1], orders[n + 1, 1]):
            j = s.sourced[b, r]
            s.sourced[b, r] += 1
            line = line_at(s, b, r, j)
            choice[i] = line.choice
            for k in range(w.rules.candidates):
                path = s.candidate[b, r, j, k]
                offer[i, k] = path
                if path >= 0:
                    offer_tick[i, k] = earliest_arrival(w, s, b, path)
                    offer_usd[i, k, STANDARD] = w.net.routes[path].cost
                    offer_usd[i, k, LATE] = late_usd(w.rules, offer_tick[i, k] - line.due)
                    offer_usd[i, k, SURCHARGE] = surcharge(s, b, r, j, k)
                    offer_usd[i, k, UNITS] = units_usd(w, s, b, r, j, path)


@inlined
def _read_packages(w: Any, s: Any, b: int, orders: np.ndarray, served: np.ndarray, package: np.ndarray) -> None:
    """The rings start at 0 whenever they are empty, and keep their records: the j-th line of a region stands at j."""
    for r in range(w.net.regions):
        s.sourced[b, r] = 0
    for n in range(len(orders) - 1):
        r = region_of_station(w, orders[n, 0])
        for i in range(orders[n, 1], orders[n + 1, 1]):
            package[i] = s.line[b, r, s.sourced[b, r]].package
            served[i] = s.package[b, package[i]].route if package[i] >= 0 else -1
            s.sourced[b, r] += 1

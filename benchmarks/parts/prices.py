"""Shadow prices of stock, and the same linear programs as a textbook writes them, in the same run.

CPU time of one core, `scarce_stock` after four days of least_cost. The rival gives every SKU's transportation problem
to `scipy.optimize.linprog(method="highs")`, sparse, one SKU a call; both must find the same dollars.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from benchmarks.measure import Settings, Target, cpu_seconds, spread
from benchmarks.text import cell, table
from benchmarks.worlds import KEY
from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.shadow_price import Cycle, coming_cycle, solve_by_sku
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import load_scenario

TITLE = "Prices of stock"
TICKS, REPEATS = 96, 5


def measure(settings: Settings) -> dict[str, Any]:
    """Seconds of both, on the same problem.

    Raises:
        ArithmeticError: they find different dollars.
    """
    cycle = snapshot()
    ours = spread(cpu_seconds(lambda: solve_by_sku(cycle), 2 if settings.quick else REPEATS))
    start = time.process_time()
    usd = textbook_usd(cycle)
    rival = time.process_time() - start
    prices = solve_by_sku(cycle)
    if abs(usd - prices.usd) > 1e-6 * usd:
        raise ArithmeticError(f"textbook: {usd:.6f} USD, ours: {prices.usd:.6f} USD")
    short = int((prices.unit_usd > 0).any(axis=1).sum())
    return {
        "skus": len(cycle.supply), "short_skus": short, "usd": usd, "ours": ours, "textbook_seconds": rival,
        "ratio": rival / ours["median"],
    }  # fmt: skip


def snapshot() -> Cycle:
    """What the pricer meets in the middle of an episode."""
    sim = Simulator(load_scenario("scarce_stock"))
    sim.reset(0, KEY)
    sim.run(baseline("least_cost").scorers, until=TICKS)
    return coming_cycle(sim, 0)


def textbook_usd(cycle: Cycle) -> float:
    """The expected cost of the cycle, SKU by SKU."""
    return sum(_sku_usd(cycle, sku) for sku in range(len(cycle.supply)))


def _sku_usd(cycle: Cycle, sku: int) -> float:
    d, f = np.nonzero(np.isfinite(cycle.cost) & cycle.carried[sku])
    stations, flow = len(cycle.cost), np.arange(len(d))
    usd = np.concatenate([cycle.cost[d, f], np.full(stations, cycle.lost_usd)])
    supply = coo_array((np.ones(len(d)), (f, flow)), shape=(len(cycle.capacity), len(usd)))
    columns = np.concatenate([flow, len(d) + np.arange(stations)])
    rows = np.concatenate([d, np.arange(stations)])
    demand = coo_array((np.ones(len(columns)), (rows, columns)), shape=(stations, len(usd)))
    found = linprog(usd, supply, cycle.supply[sku], demand, cycle.demand[sku], method="highs")
    return float(found.fun)


def targets(result: dict[str, Any]) -> list[Target]:
    """None."""
    return []


def section(result: dict[str, Any]) -> list[str]:
    """Both times and their ratio."""
    rows = [
        ["shadow prices (`baselines/shadow_price.py`)", cell(result["ours"], 2), "1"],
        ["one program per SKU, scipy and HiGHS, once", f"{result['textbook_seconds']:.2f}", f"{result['ratio']:.1f}"],
    ]
    return [
        f"`scarce_stock` in the middle of an episode: {result['skus']:,} SKUs, {result['short_skus']:,} of them short. "
        f"Both find the same {result['usd']:,.2f} USD.", "", *table(["", "CPU seconds", "times ours"], rows),
    ]  # fmt: skip

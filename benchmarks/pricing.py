"""Speed of the shadow prices, and of the same linear programs as a textbook writes them, in the same run.

Run `python -m benchmarks.pricing`. CPU time of one core, `scarce_stock` after four days of least_cost. The rival gives
every SKU's transportation problem to `scipy.optimize.linprog(method="highs")`, sparse, one SKU a call; both must find
the same dollars.
"""

from __future__ import annotations

import time

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.shadow_price import Cycle, coming_cycle, solve_by_sku
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import load_scenario

TICKS = 96
RUNS = 3


def snapshot() -> Cycle:
    """What the pricer meets in the middle of an episode."""
    sim = Simulator(load_scenario("scarce_stock"))
    sim.reset(0, episode_key("tune", 0, 0))
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


def main() -> None:
    """Prints both times and their ratio."""
    cycle, seconds = snapshot(), []
    for _ in range(RUNS):
        start = time.process_time()
        prices = solve_by_sku(cycle)
        seconds.append(time.process_time() - start)
    start = time.process_time()
    usd = textbook_usd(cycle)
    rival = time.process_time() - start
    assert abs(usd - prices.usd) < 1e-6 * usd, (usd, prices.usd)
    ours = float(np.median(seconds))
    short = int((prices.unit_usd > 0).any(axis=1).sum())
    print(f"scarce_stock, {len(cycle.supply):,} SKUs, {short:,} of them short, one core")
    print(f"  shadow prices                       {ours:8.2f} CPU seconds")
    print(f"  textbook programs, scipy and HiGHS  {rival:8.2f} CPU seconds, the same {usd:,.2f} USD")
    print(f"  ratio                               {rival / ours:8.1f}")


if __name__ == "__main__":
    main()

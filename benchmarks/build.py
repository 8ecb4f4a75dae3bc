"""How long it takes to build a world, and the memory that takes: one line a part.

Run `python -m benchmarks.build [SCENARIO]`; the default is us_full. CPU time of one core, without compilation. Memory
is the highest of the process so far, Python and libraries included.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from regional_dispatch.envs.world.demand import build_demand
from regional_dispatch.envs.world.events import build_events
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.envs.world.world import build_world

Part = TypeVar("Part")


def measured(name: str, build: Callable[[], Part]) -> Part:
    """Builds a part and prints what that took."""
    start = time.process_time()
    part = build()
    seconds, peak = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:24s} {seconds:6.1f} s  {peak:6.0f} MB")
    return part


def main(name: str = "us_full") -> None:
    """Prints the table."""
    few = load_scenario(name, {"stock.skus": "100", "demand.orders_per_day": "100"})
    build_world(few, build_network(few))
    scenario = load_scenario(name)
    network = measured("sites, lanes, routes", lambda: build_network(scenario))
    measured("tables of demand", lambda: build_demand(scenario, network))
    base = measured("stock", lambda: place_stock(scenario, network))
    measured("events", lambda: build_events(scenario, network))
    net = network.net
    print(f"{len(net.lanes):,} lanes, {int((net.lanes['slot'] >= 0).sum()):,} on routes; {len(net.routes):,} routes")
    print(f"{int((base > 0).sum()):,} shelves, {int(base.sum(dtype=int)):,} units")


if __name__ == "__main__":
    main(*sys.argv[1:])

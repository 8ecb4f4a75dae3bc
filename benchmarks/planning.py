"""Time and gap of lane plans: `small`, us8, national, and 110 fulfillment centers with 160 stations in ten regions.

Run `python -m benchmarks.planning`. CPU time of one core, stock as it is, without compilation.
"""

from __future__ import annotations

import time

from regional_dispatch.envs.world.levers import RunningLanes
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.planning.lanes import plan_lanes

LARGE = {
    "network.fulfillment_centers": "110",
    "network.sort_centers": "30",
    "network.stations": "160",
    "demand.orders_per_day": "20000",
    "partition": "{kind: balanced, regions: 10}",
}


def measured(name: str, scenario: Scenario) -> str:
    """One row of the table."""
    everything = scenario.model_copy(update={"lanes": RunningLanes()})
    network = build_network(everything)
    base = place_stock(everything, network)
    start = time.process_time()
    plan = plan_lanes(everything, network, base)
    seconds = time.process_time() - start
    return (
        f"{name:12s} {len(plan.running):6,d} {int(plan.running.sum()):6,d} {plan.usd_per_day:12,.0f} "
        f"{plan.bound_usd_per_day:12,.0f} {plan.gap:7.1%} {seconds:8.1f}"
    )


def main() -> None:
    """Prints the table."""
    measured("", load_scenario("small"))  # compiles
    print("world        lanes    run    USD a day        bound     gap  seconds")
    for name in ("small", "us8", "national"):
        print(measured(name, load_scenario(name)))
    print(measured("110 × 160", load_scenario("us8_spread", LARGE)))


if __name__ == "__main__":
    main()

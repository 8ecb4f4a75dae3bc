"""Speed of the compiled kernel, and of the plain-Python reference on the same decisions, in the same run.

Run `python -m benchmarks.kernel`. CPU time of one core, `us8`, regional_nearest+last_safe_hour. The kernel's figure
includes finding candidates, computing features and scoring them; the reference is handed the decisions and only lives
through them.
"""

from __future__ import annotations

import time

import numpy as np

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator, order_lines
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import load_scenario
from tests.reference import Reference

RUNS = 7
RIVAL_TICKS = 24
KEY = episode_key("tune", 0, 0)


def kernel_rate() -> tuple[int, float]:
    """Order lines of a week, and order lines per second: median CPU time of `RUNS` runs after one that warms up."""
    sim = Simulator(load_scenario("us8", {"horizon_hours": "168", "warmup_hours": "24"}))
    scorers = baseline("regional_nearest").scorers
    seconds = []
    for _ in range(RUNS + 1):
        sim.reset(0, KEY)
        start = time.process_time()
        sim.run(scorers)
        seconds.append(time.process_time() - start)
    return order_lines(sim), order_lines(sim) / float(np.median(seconds[1:]))


def reference_rate() -> float:
    """Order lines per second of the reference over the first `RIVAL_TICKS` ticks of the same week."""
    sim = Simulator(load_scenario("us8"))
    scorers = baseline("regional_nearest").scorers
    sim.reset(0, KEY)
    reference = Reference(sim.world, KEY)
    seconds = 0.0
    for _ in range(RIVAL_TICKS):
        sim.begin(0)
        sim.decide(0, scorers)
        choices, go = _decisions(sim)
        start = time.process_time()
        reference.begin()
        reference.finish(choices, go)
        seconds += time.process_time() - start
        sim.finish(0)
    return order_lines(sim) / seconds


def _decisions(sim: Simulator) -> tuple[dict[tuple[int, int], int], set[int]]:
    """What the compiled scorers just decided: (region, slot) → route, and the lanes that go."""
    state, size = sim.state, sim.state.line.shape[2]
    choices = {}
    for region in range(sim.regions):
        for slot in range(int(state.slots[0, region])):
            line = state.line[0, region, (state.line_first[0, region] + slot) % size]
            route = int(state.candidate[0, region, slot, line["choice"]])
            if route >= 0:
                choices[region, slot] = route
    return choices, set(np.flatnonzero(state.go[0]).tolist())


def main() -> None:
    """Prints both rates and their ratio."""
    lines, kernel = kernel_rate()
    reference = reference_rate()
    print(f"us8, a week of {lines:,} order lines, regional_nearest+last_safe_hour, one core")
    print(f"  compiled kernel, features and scorers included  {kernel:12,.0f} order lines per CPU second")
    print(f"  plain-Python reference, decisions given         {reference:12,.0f} order lines per CPU second")
    print(f"  ratio                                           {kernel / reference:12,.0f}")


if __name__ == "__main__":
    main()

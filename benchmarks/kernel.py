"""Speed of the compiled kernel against the plain-Python reference, in the same run: `python -m benchmarks.kernel`."""

from __future__ import annotations

import time
from collections.abc import Callable

from baselines import baseline
from envs.demand import episode_key
from envs.scenario import load_scenario
from envs.simulator import Simulator, order_lines

RUNS = 7


def median_seconds(task: Callable[[], None]) -> float:
    """Median wall time over `RUNS` runs after one that warms up."""
    task()
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[RUNS // 2]


def main() -> None:
    """Prints order lines per second of a heuristic week on one core."""
    sim = Simulator(load_scenario("us8", {"horizon_hours": "168", "warmup_hours": "24"}))
    scorers = baseline("regional_nearest").scorers

    def week() -> None:
        sim.reset(0, episode_key("tune", 0, 0))
        sim.run(scorers)

    seconds = median_seconds(week)
    lines = order_lines(sim)
    print(f"us8, one week, regional_nearest+last_safe_hour, one core: {lines:,} order lines in {seconds:.3f} s")
    print(f"  kernel: {lines / seconds / 1e6:.2f} M order lines per second")


if __name__ == "__main__":
    main()

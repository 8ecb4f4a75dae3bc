"""The paths that each expected flow may take: those that keep its promise.

Axes: F FCs, D stations, K options (a path of one flow).
"""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.planning.lanes.flows import PICK_TICKS, Flows
from regional_dispatch.planning.lanes.paths import MAX_LEGS, Paths
from regional_dispatch.planning.lanes.search import Options

LONGEST_WAIT_HOURS = 72.0  # longer waits count as this long


def build_options(scenario: Scenario, network: Network, flows: Flows, paths: Paths) -> Options:
    """Flows above zero, and the paths that keep their promises; all paths, with the hours that each is later than the
    fastest, where none does."""
    rate = flows.packages_per_day * scenario.tick_hours / 24
    fastest = fastest_ticks(paths, len(rate))[:, None]
    most = flows.promise_ticks - PICK_TICKS
    most = np.where(fastest <= most, most, np.iinfo(np.int32).max)
    path, promise = np.nonzero((paths.ticks[:, None] <= most[paths.pair]) & (rate[paths.pair] > 0))
    order = np.lexsort((path, promise, paths.pair[path]))
    path, promise = path[order], promise[order]
    own, first = np.unique(paths.pair[path] * len(flows.promise_ticks) + promise, return_index=True)
    legs, safe = paths.legs[path], flows.promise_ticks[promise] - PICK_TICKS
    wait = waits(scenario, safe - paths.ticks[path], legs)
    extra_hours = (
        np.maximum(paths.ticks[path] - np.maximum(fastest[paths.pair[path], 0], safe), 0) * scenario.tick_hours
    )
    return Options(
        rate.reshape(-1)[own], np.append(first, len(path)), paths.lanes[path], wait,
        scenario.costs.sort_usd * (legs - 1) + scenario.costs.late_usd_per_hour * extra_hours,
        network.net.lanes["cost"].astype(float), scenario.trucks.capacity_packages, int(wait.max(initial=0)) + 1,
    )  # fmt: skip


def waits(scenario: Scenario, slack: np.ndarray, legs: np.ndarray) -> np.ndarray:
    """Ticks that packages can wait at each lane of their path: (K, MAX_LEGS).

    At its first lane a package can wait for all its slack, promise less pick and transit: trucks leave as late as they
    may. Most packages leave earlier, with one that is more urgent, so at each later lane some slack is left; it is
    taken as the slack over the number of lanes, which meets the trucks of simulated `last_safe_hour` best.

    Args:
        scenario: length of a tick.
        slack: (K,) ticks, negative for packages that are late in any case.
        legs: (K,).
    """
    own = np.stack([slack, *[slack // legs] * (MAX_LEGS - 1)], axis=1)
    return np.clip(own, 0, round(LONGEST_WAIT_HOURS / scenario.tick_hours))


def fastest_ticks(paths: Paths, pairs: int) -> np.ndarray:
    """Transit of the fastest path of each pair of FC and station: (F × D,), large where there is none."""
    fastest = np.full(pairs, np.iinfo(np.int32).max, dtype=np.int64)
    np.minimum.at(fastest, paths.pair, paths.ticks)
    return fastest

"""What the map shows, read from a simulator's state: trucks on the road, packages per lane and FC.

Axes: F FCs, L lanes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from regional_dispatch.envs.simulator import Simulator

_MOST_WIDE = 40  # lanes of full width


class Truck(NamedTuple):
    """A truck on the road."""

    lane: int
    fraction: float  # of the transit done, 0 at departure, 1 at arrival
    packages: int


def trucks_under_way(sim: Simulator, row: int) -> list[Truck]:
    """Every truck on the road, soonest to arrive first.

    Raises:
        ValueError: the row has not been reset.
    """
    s, net = sim.state, sim.world.net
    arriving, package, tick = s.arriving[row], s.package[row], sim.tick(row)
    if not sim.has_episode(row):
        raise ValueError(f"row {row} holds no episode; call reset({row}, key) before drawing it")
    found = []
    for ahead in range(len(arriving)):
        first = int(arriving[(tick + ahead) % len(arriving), 0])
        while first >= 0:
            record = package[first]
            lane = int(net.routes["lanes"][record["route"], record["leg"]])
            done = 1.0 - ahead / int(net.lanes["ticks"][lane])
            found.append(Truck(lane, done, _load(package["next"], first)))
            first = int(s.tag[row, first]["truck"])
    return found


@njit(cache=True)
def _load(following: np.ndarray, first: int) -> int:
    """Packages of a truck, counted along their links: millions on the map of a network of full size."""
    count = 0
    while first >= 0:
        first, count = following[first], count + 1
    return count


def lane_packages(sim: Simulator, row: int, trucks: list[Truck]) -> np.ndarray:
    """Packages that give each lane its width, 0 where it is not drawn: (L,) float64.

    Those carried since the warm-up, or, while there are none, those that wait. A lane that has carried none but has
    trucks on the road (they left during the warm-up) counts what is in them, so every truck is on a line.
    """
    lane = sim.state.lane[row]
    counted = lane["carried"] > 0
    packages = np.asarray(lane["carried" if counted.any() else "count"], dtype=float)
    for truck in trucks:
        if not counted[truck.lane]:
            packages[truck.lane] += truck.packages
    return packages


def lane_fill(sim: Simulator, row: int) -> np.ndarray:
    """Share of their room that a lane's trucks used since the warm-up, NaN where none has left: (L,) float64."""
    lane, room = sim.state.lane[row], sim.world.net.lanes["room"]
    with np.errstate(invalid="ignore"):
        return np.asarray(lane["carried"] / (room * lane["trucks"]))


def fc_packages(sim: Simulator, row: int) -> np.ndarray:
    """Packages that have left each FC since the warm-up: (F,) float64."""
    net = sim.world.net
    return np.bincount(net.lanes["origin"], sim.state.lane["carried"][row], len(net.fleet))[: net.fcs]


def full_width(packages: np.ndarray) -> float:
    """Packages from which on a lane has its full width: the 95th percentile of the lanes in use, 0 if there are none.

    A few short lanes in the largest metros carry so much that all others would look alike next to them. Of thousands of
    lanes no more than `_MOST_WIDE` are that wide, as more would cover the map.
    """
    used = packages[packages > 0]
    if not len(used):
        return 0.0
    return float(np.quantile(used, max(0.95, 1 - _MOST_WIDE / len(used)), method="higher"))

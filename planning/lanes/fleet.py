"""How many of a site's trucks are hired because its own are on the road.

A truck is away for the way there and back. Trucks that leave a site at random find its whole fleet away with the
chance of Erlang's loss formula (Erlang 1917), whatever the spread of their times on the road; those are hired, and the
fleet is not busier for it. Axes: N sites, L lanes.
"""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario


def lane_usd(scenario: Scenario, network: Network, trucks_per_day: np.ndarray) -> np.ndarray:
    """USD per truck of each lane, with the premium of hired trucks at their expected share: (L,).

    Args:
        scenario: the premium; where no trucks may be hired there is none.
        network: lanes and fleets.
        trucks_per_day: (L,).
    """
    lanes = network.net.lanes
    if not scenario.trucks.spot_allowed:
        return np.asarray(lanes["cost"], dtype=float)
    away = trucks_per_day / 24 * scenario.tick_hours * 2 * lanes["ticks"]
    busy = np.bincount(lanes["origin"], away, len(network.net.fleet))
    hired = loss_probability(network.net.fleet, busy)
    return np.asarray(lanes["cost"] * (1 + scenario.trucks.spot_premium * hired[lanes["origin"]]))


def loss_probability(servers: np.ndarray, load: np.ndarray) -> np.ndarray:
    """Erlang's loss formula by its recursion B(n) = a B(n − 1) / (n + a B(n − 1)), B(0) = 1: (N,).

    Args:
        servers: (N,) whole.
        load: (N,) mean number of servers that would be busy if there were enough.
    """
    loss = np.ones(len(servers))
    for n in range(1, int(servers.max(initial=0)) + 1):
        loss = np.where(servers >= n, load * loss / (n + load * loss), loss)
    return loss

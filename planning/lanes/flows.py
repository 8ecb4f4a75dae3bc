"""Expected flows: how many packages a day go from each fulfillment center to each station, by promise class.

Axes: S SKUs, F FCs, D stations, Q promise classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from regional_dispatch.envs.world.demand import sku_shares
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.partition import label_sites
from regional_dispatch.envs.world.scenario import GeneratedDemand, Scenario

PICK_TICKS = 1  # from an order to the first tick at which its package can leave


class Flows(NamedTuple):
    """Expected packages, and the promises they have to keep."""

    packages_per_day: np.ndarray  # (F, D, Q)
    promise_ticks: np.ndarray  # (Q,) from order to promised delivery


def expected_flows(
    scenario: Scenario, network: Network, base: np.ndarray, home_first: bool = False, lane_usd: np.ndarray | None = None
) -> Flows:
    """Packages a day of each FC, station and promise class, if every shelf is full.

    A line is served by the carrying FC with the cheapest route at standard cost, `late_usd` included where it cannot
    keep the promise. The lines of an order are independent, and those that leave the same FC are one package: an order
    of n lines, of which each comes from an FC with probability p, has 1 − (1 − p)ⁿ packages from there.

    Args:
        scenario: demand and costs. A trace has no promise classes: the default classes and one line per order stand in.
        network: its routes are those of the partition in force.
        base: (S, F) base-stock levels; an FC carries the SKUs with a level above 0.
        home_first: FCs of the station's region come first, whatever they cost.
        lane_usd: (L,) USD per package of each lane, such as those of a plan. Default: standard costs.
    """
    demand = scenario.demand
    shape = demand if isinstance(demand, GeneratedDemand) else GeneratedDemand()
    classes = np.array(shape.promise_shares) / sum(shape.promise_shares)
    promise_ticks = np.maximum(1, np.round(np.array(shape.promise_hours) / scenario.tick_hours)).astype(np.int64)
    usd = _usd_per_line(scenario, network, promise_ticks, lane_usd)
    if home_first:
        usd = usd + _foreign(scenario, network)[..., None] * (1 + usd[np.isfinite(usd)].max())
    ranked = np.argsort(usd, axis=0, kind="stable").transpose(1, 2, 0).astype(np.int32)
    reached = np.isfinite(usd).sum(axis=0).astype(np.int32)
    shares = _line_shares(np.asarray(base) > 0, sku_shares(scenario), ranked, reached)
    lines = np.array(getattr(demand, "lines_per_order", (1.0,)))
    orders_per_day = demand.orders_per_day * network.station_share[:, None] * classes
    return Flows(_packages_per_order(shares, lines / lines.sum()) * orders_per_day, promise_ticks)


def _packages_per_order(shares: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Mean packages of an order from an FC that serves a share of lines; `lines` is the share of orders with 1, 2, …"""
    each = [share * (1 - (1 - shares) ** (n + 1)) for n, share in enumerate(lines)]
    return np.asarray(np.sum(each, axis=0))


def _usd_per_line(
    scenario: Scenario, network: Network, promise_ticks: np.ndarray, lane_usd: np.ndarray | None
) -> np.ndarray:
    """The cheapest route of an FC, lateness included: (F, D, Q), infinite where no route leads there."""
    net, late_usd = network.net, scenario.costs.late_usd
    routes = net.routes[np.unique(net.by_cost[net.by_cost >= 0])]
    cost = routes["cost"]
    if lane_usd is not None:
        used = routes["lanes"] >= 0
        on_lanes = np.where(used, np.asarray(lane_usd)[routes["lanes"]], 0.0).sum(axis=1)
        cost = on_lanes + scenario.costs.sort_usd * (routes["legs"] - 1) + scenario.costs.pick_pack_usd
    late = PICK_TICKS + routes["rest"][:, :1] > promise_ticks
    usd = np.full((net.fcs, net.stations, len(promise_ticks)), np.inf)
    np.minimum.at(usd, (routes["fc"], routes["station"]), cost[:, None] + late_usd * late)
    return usd


def _foreign(scenario: Scenario, network: Network) -> np.ndarray:
    """FC and station are in different regions of those in force: (F, D) bool."""
    net = network.net
    region = label_sites(scenario, network.sites).of_site
    return np.asarray(region[: net.fcs, None] != region[None, net.fcs + net.scs :])


@njit(cache=True)
def _line_shares(carried: np.ndarray, sku_share: np.ndarray, ranked: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """Share of a station's lines that each FC serves, as the first in `ranked` (D, Q, F) that carries the SKU."""
    stations, classes, fcs = ranked.shape
    out = np.zeros((fcs, stations, classes))
    for d in range(stations):
        for q in range(classes):
            for s in range(len(sku_share)):
                for i in range(reached[d, q]):
                    f = ranked[d, q, i]
                    if carried[s, f]:
                        out[f, d, q] += sku_share[s]
                        break
    return out

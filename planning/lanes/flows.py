"""Expected flows: how many packages a day go from each fulfillment center to each station, by promise class.

Axes: S SKUs, F FCs, D stations, Q promise classes, L lanes.
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
_SAMPLED_ORDERS = 2000  # with several lines; the same for every station and class
_MOST_LINES = 6  # lines of an order that are planned together, as in the simulator: 64 subsets


class Flows(NamedTuple):
    """Expected packages, and the promises they have to keep."""

    packages_per_day: np.ndarray  # (F, D, Q)
    promise_ticks: np.ndarray  # (Q,) from order to promised delivery


def expected_flows(
    scenario: Scenario, network: Network, base: np.ndarray, home_first: bool = False, lane_usd: np.ndarray | None = None
) -> Flows:
    """Packages a day of each FC, station and promise class, if every shelf is full.

    Each order takes the packages that carry all its lines at least cost, as the policy `least_cost` does: standard cost
    of each FC's cheapest route, with `late_usd` if it cannot keep the promise, paid once however many lines the package
    holds. Orders of one line are counted exactly over all SKUs, larger ones by a sample with a fixed seed.

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
    usd = _usd_per_package(scenario, network, promise_ticks, lane_usd)
    if home_first:
        usd = usd + _foreign(scenario, network)[..., None] * (1 + usd[np.isfinite(usd)].max())
    skus, first, weight = _orders(scenario)
    usd = np.ascontiguousarray(usd.transpose(1, 2, 0))
    ranked = np.argsort(usd, axis=2, kind="stable")
    per_order = _packages_per_order(np.asarray(base) > 0, usd, ranked, skus, first, weight, scenario.slots.candidates)
    orders_per_day = demand.orders_per_day * network.station_share[:, None] * classes
    return Flows(per_order.transpose(2, 0, 1) * orders_per_day, promise_ticks)


def _orders(scenario: Scenario) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orders that stand for all: SKUs of their lines, first line (orders + 1,), and share of all orders (orders,)."""
    popular = sku_shares(scenario)
    lines = np.array(getattr(scenario.demand, "lines_per_order", (1.0,)))
    lines = lines / lines.sum()
    rng = np.random.default_rng(scenario.layout_seed)
    skus, sizes, weight = [np.arange(len(popular))], [np.ones(len(popular), dtype=np.int64)], [popular * lines[0]]
    for n, share in enumerate(lines[1:], 2):
        count = int(np.ceil(_SAMPLED_ORDERS * share / lines[1:].sum())) if share > 0 else 0
        skus.append(rng.choice(len(popular), size=count * n, p=popular))
        sizes.append(np.full(count, n))
        weight.append(np.full(count, share / max(count, 1)))
    first = np.concatenate([[0], np.concatenate(sizes).cumsum()])
    return np.concatenate(skus), first, np.concatenate(weight)


def _usd_per_package(
    scenario: Scenario, network: Network, promise_ticks: np.ndarray, lane_usd: np.ndarray | None
) -> np.ndarray:
    """The cheapest route of an FC, lateness included: (F, D, Q), infinite where no route leads there."""
    net, costs = network.net, scenario.costs
    routes = net.routes[np.unique(net.by_cost[net.by_cost >= 0])]
    cost = routes["cost"]
    if lane_usd is not None:
        on_lanes = np.where(routes["lanes"] >= 0, np.asarray(lane_usd)[routes["lanes"]], 0.0).sum(axis=1)
        cost = on_lanes + costs.sort_usd * (routes["legs"] - 1) + costs.pick_pack_usd
    late_ticks = np.maximum(PICK_TICKS + routes["rest"][:, :1] - promise_ticks, 0)
    late = (late_ticks > 0) * costs.late_usd + late_ticks * scenario.tick_hours * costs.late_usd_per_hour
    usd = np.full((net.fcs, net.stations, len(promise_ticks)), np.inf)
    np.minimum.at(usd, (routes["fc"], routes["station"]), cost[:, None] + late)
    return usd


def _foreign(scenario: Scenario, network: Network) -> np.ndarray:
    """FC and station are in different regions of those in force: (F, D) bool."""
    net = network.net
    region = label_sites(scenario, network.sites).of_site
    return np.asarray(region[: net.fcs, None] != region[None, net.fcs + net.scs :])


@njit(cache=True)
def _packages_per_order(
    carried: np.ndarray,
    usd: np.ndarray,
    ranked: np.ndarray,
    skus: np.ndarray,
    first: np.ndarray,
    weight: np.ndarray,
    candidates: int,
) -> np.ndarray:
    """Mean packages of an order from each FC: (D, Q, F).

    Args:
        carried: (S, F) bool.
        usd: (D, Q, F) of a package.
        ranked: (D, Q, F) FCs, cheapest first.
        skus: of all lines.
        first: (orders + 1,) first line of each order.
        weight: (orders,) share of all orders.
        candidates: FCs that a line considers.
    """
    stations, classes, fcs = usd.shape
    out = np.zeros(usd.shape)
    found, cover = np.zeros(_MOST_LINES * candidates, dtype=np.int64), np.zeros(fcs, dtype=np.int64)
    for d in range(stations):
        for q in range(classes):
            for order in range(len(weight)):
                for low in range(first[order], first[order + 1], _MOST_LINES):
                    high = min(low + _MOST_LINES, first[order + 1])
                    count = _candidates(carried, usd[d, q], ranked[d, q], skus[low:high], candidates, found, cover)
                    _take_least_cover(usd[d, q], found[:count], cover, weight[order], out[d, q])
                    cover[found[:count]] = 0
    return out


@njit(cache=True)
def _candidates(
    carried: np.ndarray,
    usd: np.ndarray,
    ranked: np.ndarray,
    skus: np.ndarray,
    candidates: int,
    found: np.ndarray,
    cover: np.ndarray,
) -> int:
    """Fills the FCs that any line considers, and the lines that each would carry, as bits; returns how many FCs."""
    count = 0
    for j in range(len(skus)):
        seen = 0
        for f in ranked:
            if seen == candidates or not np.isfinite(usd[f]):
                break
            if carried[skus[j], f]:
                seen += 1
                if cover[f] == 0:
                    found[count] = f
                    count += 1
                cover[f] |= 1 << j
    return count


@njit(cache=True)
def _take_least_cover(usd: np.ndarray, found: np.ndarray, cover: np.ndarray, weight: float, out: np.ndarray) -> None:
    """Adds the weight to the FCs of the cheapest set that carries all lines, by dynamic programming over subsets."""
    full = 0
    for f in found:
        full |= cover[f]
    least, taken = np.full(full + 1, np.inf), np.full(full + 1, -1)
    least[0] = 0.0
    for mask in range(1, full + 1):
        if mask & ~full:
            continue
        for f in found:
            if mask & cover[f]:
                total = usd[f] + least[mask & ~cover[f]]
                if total < least[mask]:
                    least[mask], taken[mask] = total, f
    while full > 0:
        out[taken[full]] += weight
        full &= ~cover[taken[full]]

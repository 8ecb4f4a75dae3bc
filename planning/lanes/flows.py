"""Expected flows: how many packages a day go from each fulfillment center to each station, by promise class.

Axes: S SKUs, F FCs, D stations, Q promise classes, L lanes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.special import pdtr

from regional_dispatch.envs.world.clocks.promises import promise_ticks
from regional_dispatch.envs.world.demand import sku_shares
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.partition import label_sites
from regional_dispatch.envs.world.scenario import GeneratedDemand, Scenario, Stock
from regional_dispatch.planning.lanes.paths import Paths

PICK_TICKS = 1  # from an order to the first tick at which its package can leave
_SAMPLED_ORDERS = 2000  # with several lines; the same for every station and class
_MOST_LINES = 6  # lines of an order that are planned together, as in the simulator: 64 subsets


class Flows(NamedTuple):
    """Expected packages, and the promises they have to keep."""

    packages_per_day: np.ndarray  # (F × D, Q) per pair of FC and station
    promise_ticks: np.ndarray  # (Q,) from order to promised delivery
    path: np.ndarray  # (F × D, Q) the cheapest path, −1 where there is none


def expected_flows(
    scenario: Scenario,
    network: Network,
    base: np.ndarray,
    paths: Paths,
    lane_usd: np.ndarray,
    home_first: bool = False,
) -> Flows:
    """Packages a day of each FC, station and promise class.

    Each order takes the packages that carry all its lines at least cost, as the policy `least_cost` does: the cheapest
    path from each FC, lateness included, paid once however many lines the package holds. Orders of one line are counted
    exactly over all SKUs, larger ones by a sample with a fixed seed. An FC that carries a SKU is out of it now and then
    (`availability`); the next cheapest serves then.

    Args:
        scenario: demand and costs. A trace has no promise classes: the default classes and one line per order stand in.
        network: sites and shares of demand.
        base: (S, F) base-stock levels; an FC carries the SKUs with a level above 0.
        paths: over all lanes.
        lane_usd: (L,) USD per package of each lane, infinite where none shall go.
        home_first: FCs of the station's region come first, whatever they cost.
    """
    net, demand = network.net, scenario.demand
    shape = demand if isinstance(demand, GeneratedDemand) else GeneratedDemand()
    classes = np.array(shape.promise_shares) / sum(shape.promise_shares)
    promises = promise_ticks(scenario).astype(np.int64)
    usd, path = cheapest_paths(scenario, paths, promises, lane_usd, net.fcs * net.stations)
    cube = usd.reshape(net.fcs, net.stations, -1)
    if home_first:
        cube = cube + _foreign(scenario, network)[..., None] * (1 + cube[np.isfinite(cube)].max())
    cube = np.ascontiguousarray(cube.transpose(1, 2, 0))
    ranked = np.argsort(cube, axis=2, kind="stable")
    ranked = np.where(np.isfinite(np.take_along_axis(cube, ranked, axis=2)), ranked, -1)
    per_order = _one_line_orders(scenario, base, ranked) + _larger_orders(scenario, base, cube, ranked)
    packages = per_order.transpose(2, 0, 1) * demand.orders_per_day * network.station_share[:, None] * classes
    return Flows(packages.reshape(usd.shape), promises, path)


def cheapest_paths(
    scenario: Scenario, paths: Paths, promises: np.ndarray, lane_usd: np.ndarray, pairs: int
) -> tuple[np.ndarray, np.ndarray]:
    """USD per package, picking and lateness included, and number of the cheapest path: (pairs, Q) each.

    Args:
        scenario: costs.
        paths: over all lanes.
        promises: (Q,) ticks.
        lane_usd: (L,) per package.
        pairs: F × D.
    """
    fixed = np.where(paths.lanes >= 0, lane_usd[paths.lanes], 0.0).sum(axis=1)
    fixed += scenario.costs.sort_usd * (paths.legs - 1) + scenario.costs.pick_pack_usd
    usd, path = np.full((pairs, len(promises)), np.inf), np.full((pairs, len(promises)), -1)
    for q, promise in enumerate(promises):
        total = fixed + late_usd(scenario, PICK_TICKS + paths.ticks - promise)
        order = np.lexsort((total, paths.pair))
        own, first = np.unique(paths.pair[order], return_index=True)
        usd[own, q], path[own, q] = total[order[first]], order[first]
    return usd, np.where(np.isfinite(usd), path, -1)


def late_usd(scenario: Scenario, ticks: np.ndarray) -> np.ndarray:
    """USD of a package that arrives so many ticks after its promise; none if it arrives before."""
    late = np.maximum(ticks, 0)
    return np.asarray(
        (late > 0) * scenario.costs.late_usd + late * scenario.tick_hours * scenario.costs.late_usd_per_hour
    )


def availability(stock: Stock, base: np.ndarray) -> np.ndarray:
    """Chance that an FC has units of a SKU when an order comes: (S, F), 0 where it does not carry it.

    A level is taken as mean + safety factor × σ of Poisson demand over review and lead time, rounded up
    (`envs.world.stock`); the chance is that of demand since the last units on order below the level, at a time of the
    review period drawn at random.
    """
    levels = np.arange(int(base.max()) + 1)
    z = stock.safety_factor
    root = np.maximum((-z + np.sqrt(z * z + 4 * np.maximum(levels - 0.5, 0))) / 2, 0)
    since = (stock.lead_time_hours + (np.arange(8) + 0.5) / 8 * stock.review_hours) / (
        stock.lead_time_hours + stock.review_hours
    )
    chance = pdtr(np.maximum(levels - 1, 0)[:, None], (root**2)[:, None] * since).mean(axis=1)
    return np.asarray(np.where(levels > 0, chance, 0.0)[base])


def _one_line_orders(scenario: Scenario, base: np.ndarray, ranked: np.ndarray) -> np.ndarray:
    """Mean packages of an order from each FC, as far as it has one line: (D, Q, F)."""
    share = sku_shares(scenario) * _line_shares(scenario)[0]
    return _first_available(availability(scenario.stock, base), share, ranked, scenario.slots.candidates)


def _larger_orders(scenario: Scenario, base: np.ndarray, usd: np.ndarray, ranked: np.ndarray) -> np.ndarray:
    """Mean packages of an order from each FC, as far as it has several lines: (D, Q, F)."""
    lines = _line_shares(scenario)[1:]
    if not lines.sum():
        return np.zeros(usd.shape)
    rng = np.random.default_rng(scenario.layout_seed)
    counts = np.ceil(_SAMPLED_ORDERS * lines / lines.sum()).astype(int)
    sizes = np.repeat(np.arange(2, len(lines) + 2), counts)
    weight = np.repeat(lines / np.maximum(counts, 1), counts)
    skus = rng.choice(scenario.stock.skus, size=sizes.sum(), p=sku_shares(scenario))
    own = base[skus]
    offered = rng.random(own.shape) < availability(scenario.stock, own)
    offered |= (own > 0) & ~offered.any(axis=1, keepdims=True)  # else the line would be lost
    first = np.concatenate([[0], sizes.cumsum()])
    return _covers(offered, usd, ranked, first, weight, scenario.slots.candidates)


def _line_shares(scenario: Scenario) -> np.ndarray:
    """Share of orders with 1, 2, … lines."""
    lines = np.array(getattr(scenario.demand, "lines_per_order", (1.0,)))
    return np.asarray(lines / lines.sum())


def _foreign(scenario: Scenario, network: Network) -> np.ndarray:
    """FC and station are in different regions of those in force: (F, D) bool."""
    net = network.net
    region = label_sites(scenario, network.sites).of_site
    return np.asarray(region[: net.fcs, None] != region[None, net.fcs + net.scs :])


@njit(cache=True)
def _first_available(available: np.ndarray, share: np.ndarray, ranked: np.ndarray, candidates: int) -> np.ndarray:
    """Share of lines from each FC, as the cheapest of some candidates that has the SKU: (D, Q, F).

    Args:
        available: (S, F) chance.
        share: (S,) of lines.
        ranked: (D, Q, F) FCs, cheapest first, −1 where none.
        candidates: FCs that a line considers.
    """
    out = np.zeros(ranked.shape)
    for d in range(ranked.shape[0]):
        for q in range(ranked.shape[1]):
            for s in range(len(share)):
                first, seen, left = -1, 0, share[s]
                for f in ranked[d, q]:
                    if f < 0 or seen == candidates:
                        break
                    if available[s, f] > 0:
                        first = f if first < 0 else first
                        seen += 1
                        out[d, q, f] += left * available[s, f]
                        left *= 1 - available[s, f]
                if first >= 0:
                    out[d, q, first] += left
    return out


@njit(cache=True)
def _covers(
    offered: np.ndarray, usd: np.ndarray, ranked: np.ndarray, first: np.ndarray, weight: np.ndarray, candidates: int
) -> np.ndarray:
    """Mean packages of an order from each FC: (D, Q, F).

    Args:
        offered: (lines, F) bool, which FC has the line's SKU.
        usd: (D, Q, F) of a package.
        ranked: (D, Q, F) FCs, cheapest first, −1 where none.
        first: (orders + 1,) first line of each order.
        weight: (orders,) share of all orders.
        candidates: FCs that a line considers.
    """
    out = np.zeros(usd.shape)
    found, cover = np.zeros(_MOST_LINES * candidates, dtype=np.int64), np.zeros(usd.shape[2], dtype=np.int64)
    for d in range(usd.shape[0]):
        for q in range(usd.shape[1]):
            for order in range(len(weight)):
                for low in range(first[order], first[order + 1], _MOST_LINES):
                    high = min(low + _MOST_LINES, first[order + 1])
                    count = _candidates(offered[low:high], ranked[d, q], candidates, found, cover)
                    _take_least_cover(usd[d, q], found[:count], cover, weight[order], out[d, q])
                    cover[found[:count]] = 0
    return out


@njit(cache=True)
def _candidates(offered: np.ndarray, ranked: np.ndarray, candidates: int, found: np.ndarray, cover: np.ndarray) -> int:
    """Fills the FCs that any line considers, and the lines that each would carry, as bits; returns how many FCs."""
    count = 0
    for j in range(len(offered)):
        seen = 0
        for f in ranked:
            if f < 0 or seen == candidates:
                break
            if offered[j, f]:
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

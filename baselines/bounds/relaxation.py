"""A lower bound on an episode's dollars with all orders known in advance, for networks too large to solve exactly.

The decisions of an episode interact in three ways: lines of an order share packages, orders share shelves, packages
share trucks. The first is modelled exactly, the other two are relaxed.

- **Packages.** Each order is covered by packages at least cost, over all subsets of its lines
  (`baselines.bounds.cover`). A package costs picking, its sorts, its place in full trucks, and the lateness that no
  dispatch can avoid.
- **Shelves.** A unit that leaves an FC comes back a lead time after its SKU's next review. So the units that leave from
  one review to just before the arrival of what the next review orders are at most the base stock. A price λ ≥ 0 per
  unit stands for each of these limits. For any λ, L(λ) = Σ orders' least cost at prices λ − Σ λ · base stock is a
  lower bound (Lagrangian duality). A subgradient search makes it large, and `baselines.bounds.certificate` computes it
  a second time, independently.
- **Trucks.** No truck holds more than a full load, so a package pays at least lane cost / capacity on each leg. What is
  settled at the horizon pays standard fill, which is never above a full load. Then each order's share of each truck is
  made its own (`baselines.bounds.truck_shares`): where few orders can share a truck, they pay more than full loads.

Left out, because they only add dollars: spot premiums, fleets, site capacities, events that take capacity and
departures away, and that a line may only go to its K candidates. No policy chooses when an order is decided: lines
wait first in, first out.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
from numba import njit

from regional_dispatch.baselines.bounds.bound import BoundError, HindsightBound
from regional_dispatch.baselines.bounds.certificate import certified_usd
from regional_dispatch.baselines.bounds.cover import Problem, cover_orders
from regional_dispatch.baselines.bounds.known_orders import Orders, all_orders
from regional_dispatch.baselines.bounds.truck_shares import share_trucks
from regional_dispatch.baselines.bounds.ways import Ways, list_ways
from regional_dispatch.envs.world.costs import handling_usd
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.world import Rules, World, build_world

MOST_PRICES = 50_000_000  # of stock that fit in memory
FIRST_STEP = 0.01  # share of the bound that the search first aims to gain
LAST_STEP = 1e-5  # aim below which it stops
PATIENCE = 10  # iterations without a gain before the aim is halved
MEMORY = 0.7  # weight of the last direction in each new one
ROUNDING = 1e-9  # share of the summed dollars that is subtracted for rounding errors


def relaxed_bound(
    scenario: Scenario, key: int, time_limit_s: float = 300.0, target_usd: float | None = None
) -> HindsightBound:
    """A proven lower bound on the cost of one episode under any policy, warm-up and settlement included.

    Args:
        scenario: the world.
        key: of the episode (`envs.world.demand.episode_key`).
        time_limit_s: for the search for stock prices; the bound is valid whenever it stops. Unit: seconds.
        target_usd: the cost of some policy, if known: an upper limit for the search.

    Raises:
        BoundError: the time limit is not positive, the stock prices do not fit in memory, or the scenario has changes.
    """
    if not time_limit_s > 0:
        raise BoundError(f"time_limit_s = {time_limit_s} must be above 0")
    start = time.perf_counter()
    target = np.inf if target_usd is None else target_usd
    orders = all_orders(scenario, key)
    world = build_world(scenario, build_network(scenario))
    problem = build_problem(world, orders)
    unpriced, _ = bound_at(problem, np.zeros((len(problem.priced_base), problem.windows)))
    search = search_prices(problem, start + time_limit_s / 2, target)
    found = _Found(search.usd, search.price, None, 0)
    if search.usd < target:
        shared = _with_shares(world, orders, problem, search.price, start + time_limit_s, target)
        found = shared if shared.usd > found.usd else found
    certified, rounding = certified_usd(world, orders, stock_prices(problem, found.price), found.ways)
    trucks, _ = bound_at(build_problem(free_trucks(world), orders), found.price)
    return HindsightBound(
        usd=min(found.usd, certified) - ROUNDING * rounding,
        orders=len(orders.tick),
        kind="relaxation",
        seconds=time.perf_counter() - start,
        details={
            "iterations": float(search.iterations),
            "sweeps": float(found.sweeps),
            "without_stock_prices_usd": unpriced,
            "full_trucks_usd": search.usd,
            "with_shares_usd": found.usd,
            "trucks_usd": found.usd - trucks,  # what trucks add, at the same stock prices
            "certified_usd": certified,
            "certificate_difference_usd": certified - found.usd,
        },
    )


class _Found(NamedTuple):
    """A bound, with the prices and the shares of trucks that prove it."""

    usd: float
    price: np.ndarray  # λ, (shelves with a price, windows), USD per unit
    ways: Ways | None  # with shares of trucks; None for equal ones
    sweeps: int


def _with_shares(
    world: World, orders: Orders, problem: Problem, price: np.ndarray, until: float, target_usd: float
) -> _Found:
    """The bound with shares of trucks; stock prices and shares are searched in turn."""
    decided = decision_ticks(world, orders)
    ways = list_ways(world, orders, decided < world.rules.horizon_tick, decided)
    if ways is None:
        return _Found(-np.inf, price, None, 0)
    shared = share_trucks(world, problem, price, ways, until)
    usd, sweeps = shared.usd, shared.sweeps
    if price.size and time.perf_counter() < until:
        search = search_prices(shared.problem, until, target_usd, price)
        shared = share_trucks(world, problem, search.price, ways, until)
        usd, price, sweeps = shared.usd, search.price, sweeps + shared.sweeps
    return _Found(usd, price, ways, sweeps)


def build_problem(world: World, orders: Orders) -> Problem:
    """The relaxed episode of these orders in this world.

    Raises:
        BoundError: the stock prices do not fit in memory.
    """
    rules = world.rules
    decided = decision_ticks(world, orders)
    in_time = decided < rules.horizon_tick
    slack = orders.due - decided - 1  # ticks from the earliest departure to the promise
    groups, group = np.unique(np.stack([orders.station, slack], axis=1)[in_time], axis=0, return_inverse=True)
    lines = np.diff(orders.first)
    of_line = np.repeat(in_time, lines)
    sku, units = orders.sku[of_line], orders.units[of_line]
    window = stock_windows(rules, np.repeat(decided, lines)[of_line], sku)
    carried = world.base_stock[0] > 0
    pair_sku, pair_fc = np.nonzero(carried)
    base = world.base_stock[0][carried].astype(np.int64)
    windows = (rules.horizon_tick - 1) // rules.review_ticks + 2
    scarce = base < _heaviest_window(sku, units, window, len(carried), windows)[pair_sku]
    if scarce.sum() * windows > MOST_PRICES:
        raise BoundError(
            f"{scarce.sum()} shelves × {windows} windows are more than {MOST_PRICES} stock prices; "
            "shorten horizon_hours or lower stock.skus"
        )
    return Problem(
        group.reshape(-1).astype(np.int64), np.append(0, lines[in_time].cumsum()), sku, units, window,
        package_usd(world, groups), np.append(0, carried.sum(axis=1).cumsum()), pair_fc.astype(np.int64), base,
        np.where(scarce, scarce.cumsum() - 1, -1), base[scarce], windows, rules.costs.lost_line_usd,
        undecided_usd(world, orders, ~in_time),
    )  # fmt: skip


def decision_ticks(world: World, orders: Orders) -> np.ndarray:
    """The tick each order is decided on: whole orders up to the region's slots, oldest first. Shape (O,)."""
    net, rules = world.net, world.rules
    region = net.region_of_site[net.fcs + net.scs :][orders.station]
    return _admit(orders.tick, np.diff(orders.first), region, net.regions, rules.order_slots)


@njit(cache=True)
def _admit(tick: np.ndarray, lines: np.ndarray, region: np.ndarray, regions: int, slots: int) -> np.ndarray:
    now, left = np.zeros(regions, np.int64), np.full(regions, slots)
    out = np.empty(len(tick), np.int64)
    for o in range(len(tick)):
        r = region[o]
        if tick[o] > now[r]:
            now[r], left[r] = tick[o], slots
        if lines[o] > left[r]:
            now[r], left[r] = now[r] + 1, slots
        left[r] -= lines[o]
        out[o] = now[r]
    return out


def stock_windows(rules: Rules, tick: np.ndarray, sku: np.ndarray) -> np.ndarray:
    """First and last stock window that units leaving at `tick` count in: (N, 2).

    A SKU is reviewed at ticks ≡ sku (mod review). Window 0 runs from the start to just before the first review's order
    arrives; window k from the k-th review to just before the next review's order arrives.
    """
    last = (tick - sku % rules.review_ticks) // rules.review_ticks + 1  # reviews up to and with this tick
    arrived = (tick - rules.lead_ticks - sku % rules.review_ticks) // rules.review_ticks + 1
    return np.stack([np.maximum(arrived, 0), last], axis=1)


@njit(cache=True)
def _heaviest_window(sku: np.ndarray, units: np.ndarray, window: np.ndarray, skus: int, windows: int) -> np.ndarray:
    """Most units of each SKU ordered in any window: (S,). A base stock as large never binds."""
    ordered, heaviest = np.zeros((skus, windows), np.int64), np.zeros(skus, np.int64)
    for i in range(len(sku)):
        for k in range(window[i, 0], window[i, 1] + 1):
            ordered[sku[i], k] += units[i]
            heaviest[sku[i]] = max(heaviest[sku[i]], ordered[sku[i], k])
    return heaviest


def package_usd(world: World, groups: np.ndarray) -> np.ndarray:
    """Least dollars of a package from each FC, inf where there is no route: (G, 2) station and slack → (G, F)."""
    net, rules, routes = world.net, world.rules, world.net.routes
    legs = routes["lanes"]
    trucks = np.where(legs >= 0, net.lanes["cost"][legs] / net.lanes["room"][legs], 0.0).sum(axis=1)
    handling = handling_usd(rules.costs, routes["legs"] - 1) + trucks
    out = np.full((len(groups), net.fcs), np.inf)
    for g, (station, slack) in enumerate(groups):
        own = net.by_cost[0, station]
        own = own[own >= 0]
        np.minimum.at(out[g], routes["fc"][own], handling[own] + late_usd(rules, routes["rest"][own, 0] - slack))
    return out


def late_usd(rules: Rules, late_ticks: np.ndarray) -> np.ndarray:
    """`envs.kernel.ledger.late_usd`, of arrays."""
    return np.where(late_ticks > 0, rules.costs.late_usd + rules.late_usd_per_tick * late_ticks, 0.0)


def undecided_usd(world: World, orders: Orders, which: np.ndarray) -> float:
    """Dollars of orders still waiting at the horizon: as the kernel settles them, each line on the cheapest route."""
    rules, net = world.rules, world.net
    route = net.routes[net.by_cost[0, orders.station[which], 0]]
    late = late_usd(rules, rules.horizon_tick + 1 + route["rest"][:, 0] - orders.due[which])
    each = handling_usd(rules.costs, route["legs"] - 1) + route["rest_cost"][:, 0] + late
    return float((each * np.diff(orders.first)[which]).sum())


def free_trucks(world: World) -> World:
    """The same world with free trucks, to measure what trucks add to the bound."""
    lanes, routes = world.net.lanes.copy(), world.net.routes.copy()
    lanes["cost"], routes["rest_cost"] = 0.0, 0.0
    return world._replace(net=world.net._replace(lanes=lanes, routes=routes))


def bound_at(problem: Problem, price: np.ndarray) -> tuple[float, np.ndarray]:
    """L(λ) and its supergradient.

    Args:
        problem: the relaxed episode.
        price: λ, (shelves with a price, windows), USD per unit, ≥ 0.

    Returns:
        Dollars, and units taken in each window less the base stock, shaped as `price`.
    """
    used = np.zeros_like(price)
    usd = cover_orders(problem, price, used)
    base = problem.priced_base[:, None]
    return float(usd - (price * base).sum()), used - base


class Search(NamedTuple):
    """The best stock prices found."""

    usd: float  # L(λ)
    price: np.ndarray  # λ, (shelves with a price, windows), USD per unit
    iterations: int


def search_prices(problem: Problem, until: float, target_usd: float, price: np.ndarray | None = None) -> Search:
    """Stock prices by deflected subgradients with Polyak's step towards a level a little above the best bound so far.

    The level is lowered when the bound does not rise (Brännlund 1993; Camerini, Fratta & Maffioli 1975).

    Args:
        problem: the relaxed episode.
        until: `time.perf_counter()` at which to stop.
        target_usd: an upper limit of the level.
        price: λ to start from, zero by default.
    """
    if price is None:
        price = np.zeros((len(problem.priced_base), problem.windows))
    best, direction = Search(-np.inf, price, 0), np.zeros_like(price)
    hope, idle, iteration = 0.0, 0, 0
    while iteration == 0 or (hope > LAST_STEP * abs(best.usd) and time.perf_counter() < until):
        usd, excess = bound_at(problem, price)
        iteration += 1
        if iteration == 1:
            hope = FIRST_STEP * abs(usd)
        if usd > best.usd:
            best, idle = Search(usd, price, iteration), 0
        else:
            idle += 1
        if idle > PATIENCE:
            hope, idle, price, direction = hope / 2, 0, best.price, np.zeros_like(price)
            _, excess = bound_at(problem, price)
            usd = best.usd
        direction = _feasible(excess + MEMORY * direction, price)
        length = float((direction**2).sum())
        if length == 0.0 or best.usd >= target_usd:
            break
        level = min(best.usd + hope, target_usd)
        price = np.maximum(0.0, price + (level - usd) / length * direction)
    return best._replace(iterations=iteration)


def _feasible(direction: np.ndarray, price: np.ndarray) -> np.ndarray:
    """The direction without what would make a price negative."""
    return np.where((price <= 0) & (direction < 0), 0.0, direction)


def stock_prices(problem: Problem, price: np.ndarray) -> np.ndarray:
    """λ of every carried (SKU, FC) pair, zero where it never binds: (P, windows)."""
    out = np.zeros((len(problem.pair_row), problem.windows))
    out[problem.pair_row >= 0] = price
    return out

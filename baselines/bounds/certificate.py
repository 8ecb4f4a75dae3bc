"""The relaxation's bound computed a second time, in plain numpy from the world's tables, without code of the search.

A bound can be checked with this file and `share_certificate.py` alone: any prices and shares ≥ 0 give a valid bound,
wherever they come from.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from regional_dispatch.baselines.bounds.bound import BoundError
from regional_dispatch.baselines.bounds.known_orders import Orders
from regional_dispatch.baselines.bounds.share_certificate import certified_packages
from regional_dispatch.baselines.bounds.ways import Ways
from regional_dispatch.envs.world.world import World

_CHUNK = 2048  # orders at a time
_EXACT = 8  # lines; larger orders get the lighter bound


def certified_usd(world: World, orders: Orders, price: np.ndarray, ways: Ways | None = None) -> tuple[float, float]:
    """L(λ), or L(λ, π) with shares of trucks, of an episode.

    Args:
        world: what the orders are placed in.
        orders: O of them.
        price: λ of every shelf (SKU by SKU, then FC by FC, where base stock is above zero) and stock window, USD per
            unit: (P, windows).
        ways: of the orders, with shares of trucks; None for equal ones.

    Returns:
        The bound in dollars, and the sum of absolute dollars, to which rounding errors are proportional.

    Raises:
        BoundError: a price or a share is negative or not finite.
    """
    if not (np.isfinite(price).all() and (price >= 0).all()):
        raise BoundError("stock prices must be finite and at least 0")
    decided = _decided(world, orders)
    lines = np.diff(orders.first)
    late = decided >= world.rules.horizon_tick
    base = world.base_stock[0][world.base_stock[0] > 0].astype(float)
    paid = float((price * base[:, None]).sum())
    total = sum(_settled(world, orders, int(o)) for o in np.flatnonzero(late))
    shelf = np.full(world.base_stock[0].shape, -1)
    shelf[world.base_stock[0] > 0] = np.arange(len(base))
    own = None if ways is None else certified_packages(world, orders, decided, ways)
    for n in np.unique(lines[~late]):
        same = np.flatnonzero((lines == n) & ~late)
        for part in np.split(same, range(_CHUNK, len(same), _CHUNK)):
            slack = orders.due[part] - decided[part] - 1
            package = _packages(world, orders.station[part], slack) if own is None else own[part]
            total += float(_covered(world, orders, price, shelf, part, decided[part], int(n), package).sum())
    return total - paid, total + paid


def _decided(world: World, orders: Orders) -> np.ndarray:
    """Tick of each order's decision, region by region: the queue of waiting lines, tick by tick."""
    net = world.net
    region = net.region_of_site[net.fcs + net.scs + orders.station]
    lines, out = np.diff(orders.first), np.zeros(len(orders.tick), int)
    for r in range(net.regions):
        waiting = np.flatnonzero(region == r).tolist()[::-1]
        tick = 0
        while waiting:
            room = world.rules.order_slots
            while waiting and orders.tick[waiting[-1]] <= tick and lines[waiting[-1]] <= room:
                o = waiting.pop()
                room -= lines[o]
                out[o] = tick
            tick += 1
    return out


def _late(world: World, ticks: np.ndarray) -> np.ndarray:
    return (ticks > 0) * (world.rules.costs.late_usd + world.rules.late_usd_per_tick * ticks)


def _settled(world: World, orders: Orders, o: int) -> float:
    """An order not decided before the horizon: each line a package on the station's cheapest route, standard fill."""
    net, rules = world.net, world.rules
    route = net.routes[net.by_cost[0, orders.station[o], 0]]
    late = _late(world, rules.horizon_tick + 1 + route["rest"][0] - orders.due[o])
    sorts = rules.costs.sort_usd * (route["legs"] - 1)
    lines = orders.first[o + 1] - orders.first[o]
    return float((rules.costs.pick_pack_usd + sorts + route["rest_cost"][0] + late) * lines)


def _packages(world: World, station: np.ndarray, slack: np.ndarray) -> np.ndarray:
    """Least dollars of a package per order and FC, (n, F), from lanes alone."""
    net, rules = world.net, world.rules
    out = np.full((len(station), net.fcs), np.inf)
    of_station = defaultdict(list)
    for route in net.routes:
        of_station[int(route["station"])].append(route)
    for d in np.unique(station):
        mine = station == d
        for route in of_station[int(d)]:
            lanes = net.lanes[route["lanes"][: route["legs"]]]
            usd = (
                rules.costs.pick_pack_usd
                + rules.costs.sort_usd * (len(lanes) - 1)
                + (lanes["cost"] / lanes["room"]).sum()
            )
            late = _late(world, lanes["ticks"].sum() - slack[mine])
            out[mine, route["fc"]] = np.minimum(out[mine, route["fc"]], usd + late)
    return out


def _inside(world: World, sku: np.ndarray, tick: np.ndarray, windows: int) -> np.ndarray:
    """Which windows a unit counts in, window by window: (n, windows) bool."""
    review, lead = world.rules.review_ticks, world.rules.lead_ticks
    k = np.arange(windows)
    phase = (sku % review)[:, None]
    opens = np.where(k == 0, 0, phase + (k - 1) * review)
    closes = phase + k * review + lead  # exclusive: the order of the review after it arrives
    return (opens <= tick[:, None]) & (tick[:, None] < closes)


def _covered(
    world: World,
    orders: Orders,
    price: np.ndarray,
    shelf: np.ndarray,
    part: np.ndarray,
    tick: np.ndarray,
    n: int,
    package: np.ndarray,
) -> np.ndarray:
    """Least cost of each of some orders with n lines, from packages (orders, F)."""
    line = [_lines(world, orders, price, shelf, orders.first[part] + i, tick) for i in range(n)]
    if n > _EXACT:
        hold = sum(np.isfinite(usd) for usd in line)
        return sum(
            np.minimum((package / np.maximum(hold, 1) + usd).min(axis=1), world.rules.costs.lost_line_usd)
            for usd in line
        )
    one = [np.full(len(part), np.inf)]
    for subset in range(1, 1 << n):
        usd = (package + sum(line[i] for i in range(n) if subset >> i & 1)).min(axis=1)
        one.append(np.minimum(usd, world.rules.costs.lost_line_usd) if subset.bit_count() == 1 else usd)
    least = [np.zeros(len(part))]
    for subset in range(1, 1 << n):
        inner = [s for s in range(1, subset + 1) if s | subset == subset]
        least.append(np.min([one[s] + least[subset ^ s] for s in inner], axis=0))
    return least[-1]


def _lines(
    world: World, orders: Orders, price: np.ndarray, shelf: np.ndarray, i: np.ndarray, tick: np.ndarray
) -> np.ndarray:
    """A line's units at each FC's shelf price, inf where the FC can never hold them: (n, F)."""
    sku, units = orders.sku[i], orders.units[i][:, None]
    inside = _inside(world, sku, tick, price.shape[1])
    per_unit = np.einsum("nfk,nk->nf", price[shelf[sku]], inside.astype(float))
    return np.where(world.base_stock[0, sku] >= units, units * per_unit, np.inf)

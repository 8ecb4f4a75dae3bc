"""What an order is expected to cost where stock stands as given: the packages it is split into, and their routes.

Every station tries the FCs in an order of its own and takes a line from the first that carries the SKU. The lines of an
order are drawn independently, so of an order with n lines an FC that serves the share p of a station's lines sends a
package with probability 1 − (1 − p)ⁿ. A package costs the standard cost of its route, and what it costs to be late
where the route cannot keep the promise. Shelves are taken to be full.

Costs are concave in p: the more lines an FC serves already, the fewer packages one more line makes. An order of FCs
that costs little is found by majorisation and minimisation (Hunter & Lange 2004): the costs' tangent at the current
shares is a cost per line, by which stations choose; the sum falls with every round.

Axes: S SKUs, F FCs, D stations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from regional_dispatch.envs.world.demand import sku_shares
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario

WAITING_HOURS = 3.0  # of a package on its way, for picking and for trucks to leave
_ROUNDS = 30  # of majorisation and minimisation, at most


class Orders(NamedTuple):
    """Orders of a world, and what the routes in force charge for their packages."""

    station_share: np.ndarray  # (D,) of orders
    sku_share: np.ndarray  # (S,) of lines
    lines: np.ndarray  # share of orders with 1, 2, … lines
    package_usd: np.ndarray  # (D, F) a package's route, late packages included; infinite where there is no route
    lost_usd: float  # a line that no FC can serve

    @property
    def lines_per_order(self) -> float:
        """Mean lines of an order."""
        return float(self.lines @ np.arange(1, len(self.lines) + 1))

    def packages(self, share: np.ndarray) -> np.ndarray:
        """Expected packages per order from an FC that serves a share of the lines."""
        return sum(part * (1 - (1 - share) ** n) for n, part in enumerate(self.lines, start=1))  # type: ignore[return-value]

    def packages_per_line(self, share: np.ndarray) -> np.ndarray:
        """The slope of `packages`: what one more line per order makes."""
        return sum(part * n * (1 - share) ** (n - 1) for n, part in enumerate(self.lines, start=1))  # type: ignore[return-value]

    def line_usd(self, share: np.ndarray) -> np.ndarray:
        """Cost of one more line per order, by the slope of packages at these shares: (D, F)."""
        return self.package_usd * self.packages_per_line(share)

    def usd(self, share: np.ndarray) -> float:
        """Expected cost of an order where FCs serve these shares of each station's lines, (D, F)."""
        sent = (np.where(share > 0, self.package_usd, 0.0) * self.packages(share)).sum(axis=1)
        lost = (1 - share.sum(axis=1)) * self.lines_per_order * self.lost_usd
        return float(self.station_share @ (sent + lost))


class Choice(NamedTuple):
    """Which FC serves which lines."""

    tried: np.ndarray  # (D, F) int32, FCs of each station in the order in which they are tried, −1 padded
    share: np.ndarray  # (D, F) of a station's lines that each FC serves
    usd: float  # expected cost of an order


def build_orders(scenario: Scenario, network: Network) -> Orders:
    """Orders of a scenario. A trace counts every row as an order of one line that is never late."""
    demand = scenario.demand
    lines = np.array(getattr(demand, "lines_per_order", (1.0,)))
    return Orders(
        network.station_share, sku_shares(scenario), lines / lines.sum(), _package_usd(scenario, network),
        scenario.costs.lost_line_usd,
    )  # fmt: skip


def expected_usd_per_order(orders: Orders, base: np.ndarray) -> float:
    """What an order is expected to cost, USD, where the FCs with levels in `base`, (S, F), carry the SKUs."""
    return cheapest_choice(orders, base > 0).usd


def cheapest_choice(orders: Orders, carried: np.ndarray) -> Choice:
    """The order in which stations try FCs that costs least, as far as can be found; `carried` is (S, F) bool."""
    line_usd, best = orders.package_usd, None
    for _ in range(_ROUNDS):
        found = choice_by(orders, carried, line_usd)
        if best is not None and found.usd >= best.usd - 1e-9:
            break
        best, line_usd = found, orders.line_usd(found.share)
    assert best is not None
    return best


def choice_by(orders: Orders, carried: np.ndarray, line_usd: np.ndarray) -> Choice:
    """Every station tries FCs by what a line costs from them, `line_usd`, (D, F); infinite where there is no route."""
    tried = np.argsort(line_usd, axis=1, kind="stable").astype(np.int32)
    tried[~np.isfinite(np.take_along_axis(line_usd, tried, axis=1))] = -1
    share = _served(carried, tried, orders.sku_share)
    return Choice(tried, share, orders.usd(share))


def _package_usd(scenario: Scenario, network: Network) -> np.ndarray:
    """Cost of the route that serves best, from each FC to each station: (D, F)."""
    net = network.net
    usd = np.full((net.stations, net.fcs), np.inf)
    routes = net.routes[net.by_cost[0][net.by_cost[0] >= 0]]
    np.minimum.at(usd, (routes["station"], routes["fc"]), routes["cost"] + _late_usd(scenario, routes["rest"][:, 0]))
    return usd


def _late_usd(scenario: Scenario, transit_ticks: np.ndarray) -> np.ndarray:
    """Expected cost of lateness of a package that travels so long: (P,)."""
    demand, costs = scenario.demand, scenario.costs
    shares, promises = (np.array(getattr(demand, name, (1.0,))) for name in ("promise_shares", "promise_hours"))
    if not hasattr(demand, "promise_hours"):
        return np.zeros(len(transit_ticks))
    hours = (transit_ticks[:, None] + 1) * scenario.tick_hours + WAITING_HOURS - promises
    return np.asarray(
        np.where(hours > 0, costs.late_usd + costs.late_usd_per_hour * hours, 0.0) @ shares / shares.sum()
    )


@njit(cache=True)
def _served(carried: np.ndarray, tried: np.ndarray, sku_share: np.ndarray) -> np.ndarray:
    """Share of each station's lines that each FC serves, the first tried that carries the SKU: (D, F)."""
    out = np.zeros(tried.shape)
    for s in range(len(carried)):
        for d in range(len(tried)):
            for f in tried[d]:
                if f >= 0 and carried[s, f]:
                    out[d, f] += sku_share[s]
                    break
    return out

"""What a placement is made for: demand, distances and stock rules of a world; and how much demand it covers.

A region covers a SKU if an FC of it carries the SKU. Axes: S SKUs, F FCs, D stations, R regions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.world.demand import sku_units_per_day
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, Stock
from regional_dispatch.envs.world.stock import own_region_first


class Market(NamedTuple):
    """Demand, distances and stock rules that a placement is made for."""

    stock: Stock
    daily: np.ndarray  # (S,) units a day
    station_share: np.ndarray  # (D,) share of demand
    near: np.ndarray  # (D, F) int32, FCs of a station, its own region's first, −1 padded
    region_of_station: np.ndarray  # (D,)
    region_of_fc: np.ndarray  # (F,)
    fcs_of: tuple[np.ndarray, ...]  # FCs of each region, those nearest to most demand first
    lines: np.ndarray  # share of orders with 1, 2, … lines

    @property
    def regions(self) -> int:
        return len(self.fcs_of)

    @property
    def mean(self) -> np.ndarray:
        """Units that each SKU sells in a review period and a lead time: (S,)."""
        return self.daily * (self.stock.review_hours + self.stock.lead_time_hours) / 24

    @property
    def demand(self) -> np.ndarray:
        """Share of demand per region: (R,)."""
        return np.bincount(self.region_of_station, self.station_share, self.regions)


def build_market(scenario: Scenario, network: Network) -> Market:
    """The market of a scenario, by the regions that its network counts.

    Raises:
        ScenarioError: the safety factor is negative, nothing is ordered, or an FC cannot reach a station.
    """
    net, where, sites = network.net, scenario.source_file or scenario.name, network.sites["name"]
    if scenario.stock.safety_factor < 0:
        raise ScenarioError(
            f"{where}: stock.safety_factor = {scenario.stock.safety_factor:g}: must be 0 or more to make a new "
            "placement"
        )
    if not scenario.demand.orders_per_day:
        raise ScenarioError(f"{where}: demand.orders_per_day = 0: must be above 0 to make a new placement")
    of_fc, of_station = net.region_of_site[: net.fcs], net.region_of_site[net.fcs + net.scs :]
    near = own_region_first(network)
    cut_off = np.argwhere(near < 0)
    if len(cut_off):
        d = int(cut_off[0, 0])
        fc = np.setdiff1d(np.arange(net.fcs), near[d])[0]
        station = sites.iloc[net.fcs + net.scs + d]
        raise ScenarioError(
            f"{where}: network: no route from '{sites.iloc[fc]}' to '{station}'; add lanes, so that every FC reaches "
            "every station"
        )
    shares = np.array(getattr(scenario.demand, "lines_per_order", (1.0,)))
    largest = np.argsort(-network.fc_share, kind="stable")
    return Market(
        scenario.stock, sku_units_per_day(scenario), network.station_share, near,
        of_station, of_fc, tuple(largest[of_fc[largest] == r] for r in range(net.regions)), shares / shares.sum(),
    )  # fmt: skip


def covered_lines(carried: np.ndarray, region_of_fc: np.ndarray, daily: np.ndarray, regions: int) -> np.ndarray:
    """Share of each region's lines whose SKU stands in the region: (R,).

    Args:
        carried: (S, F) bool.
        region_of_fc: (F,).
        daily: (S,) units a day.
        regions: R.
    """
    own = region_of_fc[:, None] == np.arange(regions)
    return np.asarray(daily @ (carried @ own > 0) / daily.sum())


def line_coverage(market: Market, base: np.ndarray) -> float:
    """Share of lines whose SKU stands in the customer's region; `base` are levels, (S, F)."""
    return float(market.demand @ region_coverage(market, base))


def order_coverage(market: Market, base: np.ndarray) -> float:
    """Share of orders of which every line's SKU stands in the customer's region.

    The lines of an order are drawn independently, so in a region that covers the share c of lines it is Σ share of
    orders with n lines × cⁿ.
    """
    covered = region_coverage(market, base)
    return float(market.demand @ sum(share * covered ** (n + 1) for n, share in enumerate(market.lines)))


def region_coverage(market: Market, base: np.ndarray) -> np.ndarray:
    """Share of each region's lines whose SKU stands in it: (R,)."""
    return covered_lines(base > 0, market.region_of_fc, market.daily, market.regions)

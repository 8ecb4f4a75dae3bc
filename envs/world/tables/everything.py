"""All tables of a scenario at once, so that a user sees everything that is wrong with them together."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.scenario import Scenario, TableNetwork, TraceDemand
from regional_dispatch.envs.world.tables.lanes import read_lanes
from regional_dispatch.envs.world.tables.orders import Orders, read_orders
from regional_dispatch.envs.world.tables.regions import map_of_states, read_regions, read_states
from regional_dispatch.envs.world.tables.sites import read_sites
from regional_dispatch.envs.world.tables.stock import Skus, read_placement, read_stock


class Tables(NamedTuple):
    """What the tables of a scenario hold; None for one that it does not name."""

    sites: pd.DataFrame  # indexed by row of the file
    lanes: pd.DataFrame | None
    orders: Orders | None
    stocked: frozenset[str] | None  # SKUs that a table puts on a shelf


def read_network(scenario: Scenario, findings: Findings) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Sites and lanes of a network from tables; see `read_sites` and `read_lanes`."""
    sites = read_sites(scenario, findings)
    assert isinstance(scenario.network, TableNetwork)
    if scenario.network.lanes is None:
        return sites, None
    names = findings if _named(sites) else Findings()  # without names of sites, no name of a lane is known
    lanes = read_lanes(scenario, sites, names)
    if names is not findings:
        findings.all += [finding for finding in names if finding.row is None]
    return sites, lanes


def read_all(scenario: Scenario, findings: Findings, city_sites: pd.DataFrame | None = None) -> Tables:
    """Reads every table that a scenario names.

    Args:
        scenario: any.
        findings: everything that is wrong or doubtful is added.
        city_sites: the sites of a network between cities, which has no table.
    """
    sites, lanes = (city_sites, None) if city_sites is not None else read_network(scenario, findings)
    by_number = sites.iloc[sites["kind"].map({"fc": 0, "sc": 1, "station": 2}).fillna(3).argsort(kind="stable")]
    if not _named(sites):
        return Tables(sites, lanes, None, None)
    orders = read_orders(scenario, by_number, findings) if isinstance(scenario.demand, TraceDemand) else None
    if scenario.partition.path is not None:
        read_regions(scenario.resolve(scenario.partition.path), by_number, findings)
    if scenario.partition.kind == "states":
        path = map_of_states(scenario, str(scenario.partition.map))
        read_states(path, by_number, getattr(scenario.network, "sites", scenario.name), findings)
    stocked = _read_stock(scenario, by_number, orders, findings)
    return Tables(sites, lanes, orders, stocked)


def _named(sites: pd.DataFrame) -> bool:
    """Are there sites with names, so that other tables can be read against them?"""
    return bool((sites["name"].fillna("").astype(str) != "").any())


def _read_stock(
    scenario: Scenario, sites: pd.DataFrame, orders: Orders | None, findings: Findings
) -> frozenset[str] | None:
    """The SKUs that a placement puts on a shelf; None without one."""
    skus = Skus(orders.sku_names if orders else None, scenario.stock.skus)
    if scenario.stock.snapshot is not None:
        read_stock(scenario.resolve(scenario.stock.snapshot), sites, skus, findings)
    if scenario.stock.placement is None:
        return None
    table = read_placement(scenario.resolve(scenario.stock.placement), sites, skus, findings)
    return skus.texts(table.loc[table["units"] > 0, "sku"])

"""A layout of stock from the user's table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.tables.stock import Skus, read_placement, read_stock
from regional_dispatch.envs.world.trace import sku_names


def stock_from_table(
    scenario: Scenario, network: Network, placement: str, sku_names: Sequence[str] | None = None
) -> np.ndarray:
    """Base-stock levels of a table sku,site,units: (S, F) int16.

    Args:
        scenario: paths are relative to its file.
        network: its FCs.
        placement: path of the table.
        sku_names: (S,) names of the SKUs. Default: numbers below `stock.skus`.

    Raises:
        ScenarioError: the table is missing or wrong.
    """
    findings, skus = Findings(), Skus(sku_names, scenario.stock.skus)
    table = read_placement(scenario.resolve(placement), network.sites, skus, findings)
    findings.settle()
    base = np.zeros((skus.count, network.net.fcs), dtype=np.int16)
    base[table["sku"], table["fc"]] = table["units"].astype(int)
    return base


def stock_on_hand(scenario: Scenario, network: Network) -> np.ndarray:
    """Units on the shelves when an episode starts, from the snapshot: (S, F) int16, none where it has no row.

    Raises:
        ScenarioError: the table is missing or wrong.
    """
    if scenario.what_if is not None:
        from regional_dispatch.envs.world.what_if.stock import on_hand_after  # which asks for the units before

        return on_hand_after(scenario, network)
    table, skus = _snapshot(scenario, network)
    units = np.zeros((skus, network.net.fcs), dtype=np.int16)
    units[table["sku"], table["fc"]] = table["on_hand"].astype(int)
    return units


def levels_of_snapshot(scenario: Scenario, network: Network, base: np.ndarray) -> np.ndarray:
    """Base-stock levels with those that the snapshot gives in place of others: (S, F) int16.

    Args:
        scenario: its `stock.snapshot` is given.
        network: its FCs.
        base: (S, F) levels without it.
    """
    given = _snapshot(scenario, network)[0].dropna(subset="base_stock")
    levels = base.copy()
    levels[given["sku"], given["fc"]] = given["base_stock"].astype(int)
    return levels


def _snapshot(scenario: Scenario, network: Network) -> tuple[pd.DataFrame, int]:
    """The table of the snapshot, and how many SKUs there are."""
    findings, skus = Findings(), Skus(sku_names(scenario), scenario.stock.skus)
    path = scenario.resolve(str(scenario.stock.snapshot))
    table = read_stock(path, network.sites, skus, findings)
    lead, own = table["lead_time_hours"], scenario.stock.lead_time_hours
    if other := int((lead.notna() & (lead != own)).sum()):
        problem = f"{other:,} rows have another lead time than stock.lead_time_hours: {own:g}, which holds for all"
        findings.warning(path, problem, "set it to the mean of the column", column="lead_time_hours")
    findings.settle()
    return table, skus.count


def stock_table(network: Network, base: np.ndarray, sku_names: Sequence[str] | None = None) -> pd.DataFrame:
    """Levels, (S, F) units, as the table that `stock.placement` takes: sku, site, units."""
    sku, fc = np.nonzero(base)
    names = sku if sku_names is None else np.array(sku_names, dtype=object)[sku]
    return pd.DataFrame({"sku": names, "site": network.sites["name"].to_numpy()[fc], "units": base[sku, fc]})

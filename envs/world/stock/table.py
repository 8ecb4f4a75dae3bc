"""A layout of stock from the user's table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.envs.world.tables import read_table


def stock_from_table(scenario: Scenario, network: Network, placement: str) -> np.ndarray:
    """Base-stock levels of a CSV sku,site,units: (S, F) int16.

    Raises:
        ScenarioError: the table is missing or wrong.
    """
    path = scenario.resolve(placement)
    table = read_table(path, {"sku": "positive", "site": "text", "units": "positive"})
    names = network.sites["name"].iloc[: network.net.fcs]
    for column, known, wanted in (
        ("sku", range(scenario.stock.skus), f"a whole number below stock.skus = {scenario.stock.skus}"),
        ("site", list(names), "the name of a fulfillment center"),
        ("units", range(np.iinfo(np.int16).max + 1), f"a whole number up to {np.iinfo(np.int16).max}"),
    ):
        wrong = table.index[~table[column].isin(known)]
        if len(wrong):
            raise ScenarioError(f"{path}: row {wrong[0] + 2}: {column} = {table[column][wrong[0]]}: must be {wanted}")
    twice = table.index[table.duplicated(["sku", "site"])]
    if len(twice):
        sku, site = table.loc[twice[0], ["sku", "site"]]
        raise ScenarioError(f"{path}: row {twice[0] + 2}: SKU {sku:.0f} at '{site}' is given twice; remove one row")
    base = np.zeros((scenario.stock.skus, network.net.fcs), dtype=np.int16)
    fc = table["site"].map({name: i for i, name in enumerate(names)})
    base[table["sku"].astype(int), fc] = table["units"].astype(int)
    return base


def stock_table(network: Network, base: np.ndarray) -> pd.DataFrame:
    """Levels, (S, F) units, as the table that `stock.placement` takes: sku, site, units."""
    sku, fc = np.nonzero(base)
    return pd.DataFrame({"sku": sku, "site": network.sites["name"].to_numpy()[fc], "units": base[sku, fc]})

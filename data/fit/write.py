"""A fit as a scenario: a YAML file and tables that lie beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from regional_dispatch.data.fit.model import Fit, fields
from regional_dispatch.data.fit.observed import Observed
from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.relocation import relocated
from regional_dispatch.envs.world.scenario import CityNetwork, Scenario, TableNetwork
from regional_dispatch.envs.world.tables.lanes import read_lanes
from regional_dispatch.envs.world.trace import fitted

_WEEK_AND_WARMUP = {"horizon_hours": 216.0, "warmup_hours": 48.0}


def write_scenario(
    scenario: Scenario, network: Network, fit: Fit, seen: Observed, folder: Path, home: Path, command: str
) -> None:
    """Writes scenario.yaml, sites.csv and, unless lanes follow from distance, lanes.csv.

    Buildings, fleets and lanes are those of the trace's network, so that only demand is another.

    Args:
        scenario: of the trace.
        network: of it.
        fit: its demand.
        seen: what it was fitted on.
        folder: to write to.
        home: where the files come to lie.
        command: for a comment in the file.
    """
    sites_of(scenario, network, seen).to_csv(folder / "sites.csv", index=False)
    data: dict[str, Any] = relocated(scenario, home.absolute())
    data["name"] = f"{scenario.name[:70]}_fitted"
    data["network"] = _network(scenario.network, data.get("network", {}))
    if "lanes" in data["network"]:
        lanes_of(scenario, network).to_csv(folder / "lanes.csv", index=False)
    data["demand"] = fields(fit)
    data["stock"] = _stock(data.get("stock", {}), seen)
    trucks = fitted(scenario).trucks  # of a size that may follow from the trace
    data["trucks"] = {**data.get("trucks", {}), "capacity_packages": trucks.capacity_packages}
    data |= _WEEK_AND_WARMUP
    for other in ("what_if", "changes", "events"):  # of the trace's hours
        data.pop(other, None)
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    (folder / "scenario.yaml").write_text(f"# Made by {command}\n{text}", encoding="utf-8")


def _network(config: CityNetwork | TableNetwork, data: dict[str, Any]) -> dict[str, Any]:
    """A network of our own tables; lanes that follow from distance still do, between the same sites."""
    if isinstance(config, CityNetwork):
        return {"kind": "tables", "sites": "sites.csv", "lanes": "lanes.csv"}
    kept = {name: value for name, value in data.items() if name not in ("columns", "encoding", "decimal", "units")}
    money = data.get("units", {}).get("money")
    units = {} if money is None else {"units": {"money": money}}
    return {**kept, **units, "sites": "sites.csv", **({} if config.lanes is None else {"lanes": "lanes.csv"})}


def _stock(data: dict[str, Any], seen: Observed) -> dict[str, Any]:
    """Stock sized by the fitted popularity; tables by SKU name do not apply, as generated SKUs are ranks."""
    kept = {name: value for name, value in data.items() if name not in ("placement", "snapshot")}
    if kept.get("layout") == "table":
        kept.pop("layout")
    return {**kept, "skus": int((seen.sku_lines() > 0).sum())}


def sites_of(scenario: Scenario, network: Network, seen: Observed) -> pd.DataFrame:
    """The sites with their capacities and trucks; a station's population is its orders."""
    sites, net = network.sites.drop(columns="region").copy(), network.net
    orders = seen.stations.sum(axis=0)
    sites["population"] = np.concatenate([np.zeros(net.fcs + net.scs), orders]).astype(np.int64)
    station = (sites["kind"] == "station").to_numpy()
    sites["per_hour"] = np.where(station, np.nan, net.site_capacity / scenario.tick_hours)
    sites["trucks"] = net.fleet
    for column in ("opens", "closes"):
        if column in sites:
            sites[column] = [_clock(hours) for hours in sites[column]]
    return sites


def _clock(hours: float) -> str:
    """Hours of the day as a clock shows them, empty for NaN."""
    return "" if np.isnan(hours) else f"{int(hours):02d}:{round(hours % 1 * 60):02d}"


def lanes_of(scenario: Scenario, network: Network) -> pd.DataFrame:
    """The lanes as a table: the user's with what they leave out, or those between cities."""
    if isinstance(scenario.network, TableNetwork):
        table, names = read_lanes(scenario, network.sites, Findings()), network.sites["name"].to_numpy()
        ends = {"origin": names[table["origin"]], "destination": names[table["dest"]]}
        rest = ["mode", "miles", "transit_hours", "departure_usd", "capacity", "departures"]
        return pd.concat([pd.DataFrame(ends), table[rest].reset_index(drop=True)], axis=1)
    lanes, names, trucks = network.net.lanes, network.sites["name"].to_numpy(), fitted(scenario).trucks
    return pd.DataFrame({
        "origin": names[lanes["origin"]], "destination": names[lanes["dest"]], "mode": network.lane_modes,
        "miles": lanes["miles"], "transit_hours": lanes["ticks"] * scenario.tick_hours,
        "departure_usd": lanes["cost"] * trucks.real_capacity_packages / trucks.capacity_packages,
    })  # fmt: skip

"""The worlds of ten FCs and a hundred locations: sites, lanes, placement and orders, as files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import yaml
from scipy.optimize import linear_sum_assignment

from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.studies.framework.cut import regions_in_words

FCS, LOCATIONS, ITEMS, EACH = 10, 100, 10, 10  # each location orders EACH of each of ITEMS
TRUCK = 100
PARCELS = LOCATIONS * ITEMS * EACH
ORDER_HOURS, DUE_HOUR, HORIZON_HOURS = 10, 120, 144
_CIRCUITY, _MPH = 1.2, 50.0  # as `envs.world.scenario.CityNetwork`
_MOST_MOVES = 20


class _World(NamedTuple):
    """The tables of one world."""

    sites: pd.DataFrame
    lanes: pd.DataFrame
    regions: pd.DataFrame
    placement: pd.DataFrame
    orders: pd.DataFrame


def sites_and_homes() -> tuple[pd.DataFrame, np.ndarray]:
    """Stations at the hundred largest metros, ten FCs each at the center of ten of them, and the FC of each station.

    Balanced k-medoids: assign stations, move every FC to the station with the least miles to the others, and repeat.
    """
    city = {"kind": "cities", "fulfillment_centers": FCS, "sort_centers": 1, "stations": LOCATIONS}
    every = build_network(Scenario.model_validate({"name": "ten_by_hundred", "network": city})).sites
    sites = every[every["kind"] != "sc"].drop(columns="region").reset_index(drop=True)
    home = _balanced_homes(sites)
    for _ in range(_MOST_MOVES):
        for f in range(FCS):
            own = FCS + np.flatnonzero(home == f)
            lat, lon = sites["latitude"].to_numpy(float)[own], sites["longitude"].to_numpy(float)[own]
            middle = own[great_circle_miles(lat, lon, lat, lon).sum(axis=1).argmin()]
            for column in ("latitude", "longitude", "state"):
                sites.loc[f, column] = sites.loc[middle, column]
            sites.loc[f, "name"] = sites.loc[middle, "name"].replace("DS ", "FC ", 1)
        moved = _balanced_homes(sites)
        if (moved == home).all():
            break
        home = moved
    return sites, home


def _miles(sites: pd.DataFrame) -> np.ndarray:
    """Road miles FC → station: (F, D)."""
    lat, lon = sites["latitude"].to_numpy(float), sites["longitude"].to_numpy(float)
    return np.maximum(_CIRCUITY * great_circle_miles(lat[:FCS], lon[:FCS], lat[FCS:], lon[FCS:]), 10.0)


def _balanced_homes(sites: pd.DataFrame) -> np.ndarray:
    """The FC of each station, as many stations for each FC, with the least miles in all: (D,)."""
    each = LOCATIONS // FCS
    miles = np.repeat(_miles(sites), each, axis=0)
    place, station = linear_sum_assignment(miles)
    home = np.zeros(LOCATIONS, dtype=np.int64)
    home[station] = place // each
    return home


def _tables(sites: pd.DataFrame, home: np.ndarray, k: int) -> _World:
    names, miles = sites["name"].to_numpy(), _miles(sites)
    fcs, stations = names[:FCS], names[FCS:]
    rank = np.argsort(np.argsort(sites["longitude"].to_numpy(float)[:FCS], kind="stable"))  # from west to east
    shared = FCS // k  # FCs that share the items of a region
    region, turn = rank // shared, rank % shared
    lanes = pd.DataFrame(
        [
            {"origin": fcs[f], "destination": stations[d], "miles": round(miles[f, d], 3),
             "transit_hours": round(miles[f, d] / _MPH, 3)}
            for f in range(FCS) for d in range(LOCATIONS)
        ]
    )  # fmt: skip
    placement = pd.DataFrame(
        [
            {"sku": item, "site": fcs[f], "units": PARCELS // ITEMS // k}
            for item in range(ITEMS)
            for f in range(FCS)
            if item % shared == turn[f]
        ]
    )
    orders = pd.DataFrame(
        [
            {"hour": hour, "order": f"{d:03d}-{item}-{n}", "station": stations[d], "sku": item, "units": 1,
             "promise_hours": DUE_HOUR - hour}
            for n, hour in enumerate(range(0, ORDER_HOURS, ORDER_HOURS // EACH))
            for d in range(LOCATIONS)
            for item in range(ITEMS)
        ]
    )  # fmt: skip
    of_site = np.concatenate([region, region[home]])
    regions = pd.DataFrame({"site": names, "region": [f"Region {r + 1:02d}" for r in of_site]})
    columns = ["name", "kind", "latitude", "longitude", "state", "population"]
    kept = sites[columns].assign(
        population=np.where(sites["kind"] == "station", 1, 0),  # every location orders as much
        trucks=np.where(sites["kind"] == "fc", LOCATIONS * ITEMS, 0), per_hour=PARCELS,
    )  # fmt: skip
    return _World(kept, lanes, regions, placement, orders)


def write_world(folder: Path, sites: pd.DataFrame, home: np.ndarray, k: int) -> Scenario:
    """A world's tables and scenario file, and the scenario read back from them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in _tables(sites, home, k)._asdict().items():
        table.to_csv(folder / f"{name}.csv", index=False)
    scenario = {
        "name": regions_in_words(k),
        "tests": "Ten FCs, a hundred locations, ten thousand parcels, trucks of a hundred.",
        "horizon_hours": HORIZON_HOURS, "warmup_hours": 0,
        "partition": {"kind": "national"} if k == 1 else {"kind": "file", "path": "regions.csv"},
        "network": {"kind": "tables", "sites": "sites.csv", "lanes": "lanes.csv"},
        "demand": {"kind": "trace", "path": "orders.csv", "orders_per_day": PARCELS},
        "stock": {"skus": ITEMS, "placement": "placement.csv", "lead_time_hours": HORIZON_HOURS},
        "trucks": {"capacity_packages": TRUCK, "real_capacity_packages": TRUCK},
        "slots": {"orders": PARCELS // EACH},
    }  # fmt: skip
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump(scenario, sort_keys=False), encoding="utf-8")
    return load_scenario(path)

"""Sites, lanes and shelves of a mid-size retailer, drawn as tables; see `envs.world.generators.retailer`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

_MILES_PER_DEGREE = 69.0
_COVER_DAYS = 3.0  # review and lead time, the scenarios' defaults
_SAFETY = 1.6  # standard deviations, the scenarios' default


class Country(NamedTuple):
    """How large a country is, and how many sites stand in it."""

    miles: float  # wide
    fcs: int
    sort_centers: int
    stations: int


def sites_table(rng: np.random.Generator, country: Country) -> pd.DataFrame:
    """FCs, sort centers and stations, in this order.

    Stations are towns: most lie around a few conurbations, the rest anywhere, and demand has a long tail (lognormal).
    FCs are on cheap land, some way from a town drawn by demand; sort centers are in towns drawn by demand.
    """
    latitude, longitude = rng.uniform(30, 52), rng.uniform(-115, 20)
    wide = country.miles / (_MILES_PER_DEGREE * np.cos(np.radians(latitude)))
    high = country.miles * rng.uniform(0.5, 1.0) / _MILES_PER_DEGREE
    centers = rng.uniform(-0.4, 0.4, (rng.integers(1, 6), 2))
    near = centers[rng.integers(len(centers), size=country.stations)] + rng.normal(0, 0.08, (country.stations, 2))
    alone = rng.random(country.stations) < 0.35
    towns = np.where(alone[:, None], rng.uniform(-0.5, 0.5, (country.stations, 2)), near)
    demand = np.exp(rng.normal(0, rng.uniform(0.7, 1.7), country.stations))
    buildings = rng.choice(country.stations, country.fcs + country.sort_centers, replace=False, p=demand / demand.sum())
    away = rng.normal(0, 0.06, (country.fcs, 2))
    places = np.vstack([towns[buildings[: country.fcs]] + away, towns[buildings[country.fcs :]], towns])
    kinds = ["fc"] * country.fcs + ["sc"] * country.sort_centers + ["station"] * country.stations
    counts = (country.fcs, country.sort_centers, country.stations)
    titles = (("DC", counts[0]), ("Hub", counts[1]), ("Town", counts[2]))
    return pd.DataFrame({
        "name": [f"{title} {i + 1}" for title, count in titles for i in range(count)],
        "kind": kinds,
        "latitude": np.round(latitude + high * places[:, 1], 4),
        "longitude": np.round(longitude + wide * places[:, 0], 4),
        "population": [*[""] * (len(kinds) - country.stations), *np.maximum(1, demand * 10_000).astype(int).tolist()],
    })  # fmt: skip


def lanes_table(
    rng: np.random.Generator, sites: pd.DataFrame, last: dict[str, Any], trunk: dict[str, Any]
) -> pd.DataFrame:
    """Every DC to every hub; every town from its nearest one or two hubs; DCs to towns, all of them without hubs.

    A lane's price is the tariff of its vehicle with a deviation of its own: lanes that a carrier wants cost a third
    less, ferries and mountains up to twice as much.
    """
    kind, names = sites["kind"].to_numpy(), sites["name"].to_numpy()
    fcs, hubs, towns = (np.flatnonzero(kind == one) for one in ("fc", "sc", "station"))
    miles = _road_miles(sites)
    reach = np.quantile(miles[np.ix_(fcs, towns)], rng.uniform(0.15, 0.6))
    speed = rng.uniform(32, 52)
    pairs = [(f, h, trunk) for f in fcs for h in hubs]
    pairs += [(h, t, last) for t in towns for h in hubs[np.argsort(miles[hubs, t])][: int(rng.integers(1, 3))]]
    pairs += [(f, t, last) for f in fcs for t in towns if not len(hubs) or miles[f, t] <= reach]
    price = np.clip(np.exp(rng.normal(0, 0.3, len(pairs))), 0.65, 2.0)
    return pd.DataFrame([
        {
            "origin": names[a], "destination": names[b], "miles": round(miles[a, b], 1),
            "transit_hours": round(miles[a, b] / speed + 0.5, 1), "capacity": own["packages"],
            "departure_usd": round((own["stop_usd"] + own["usd_per_mile"] * miles[a, b]) * factor, 2),
        }
        for (a, b, own), factor in zip(pairs, price, strict=True)
    ])  # fmt: skip


def shelves_table(
    rng: np.random.Generator, sites: pd.DataFrame, lines_per_day: float, skus: int, exponent: float
) -> pd.DataFrame:
    """Base-stock levels: the main DC carries nearly all SKUs, the others a part of them, popular or not."""
    fcs = sites.loc[sites["kind"] == "fc", "name"].to_numpy()
    popularity = np.arange(1, skus + 1) ** -exponent
    per_day = 1.1 * lines_per_day * popularity / popularity.sum()  # 1.1 units a line, the scenarios' default
    breadth = np.concatenate([[0.97], rng.uniform(0.15, 0.8, len(fcs) - 1)])
    carried = rng.random((skus, len(fcs))) < breadth
    carried[~carried.any(axis=1), 0] = True
    share = carried * rng.dirichlet(np.full(len(fcs), 3.0), skus)
    mean = _COVER_DAYS * per_day[:, None] * share / share.sum(axis=1, keepdims=True)
    units = np.maximum(np.ceil(mean + _SAFETY * np.sqrt(mean)), 1).astype(int)
    sku, fc = np.nonzero(carried)
    return pd.DataFrame({"sku": sku, "site": fcs[fc], "units": units[sku, fc]})


def _road_miles(sites: pd.DataFrame) -> np.ndarray:
    """Road miles between all sites: (sites, sites). Flat, which is enough for a table of invented places."""
    y = sites["latitude"].to_numpy() * _MILES_PER_DEGREE
    x = sites["longitude"].to_numpy() * _MILES_PER_DEGREE * np.cos(np.radians(sites["latitude"].mean()))
    return np.maximum(10.0, 1.25 * np.hypot(x[:, None] - x, y[:, None] - y))

"""Where sites stand: at the largest US metros, or where the user's table puts them.

Sites are numbered FCs first, then sort centers, then stations. Axes: N sites, F FCs, C sort centers, D stations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.scenario import DATA_DIR, CityNetwork, Scenario
from regional_dispatch.envs.world.tables import read_table
from regional_dispatch.envs.world.tables.everything import read_all, read_network

SITE_KINDS = ("fc", "sc", "station")  # in the order of their numbers
_SECOND_SITE_DEGREES = 0.15  # how far a second site of a metro stands from the first
_GOLDEN_TURN = 2.4  # radians between the directions of further sites of a metro


class SiteCounts(NamedTuple):
    """How many sites there are of each kind."""

    fcs: int
    scs: int
    stations: int

    @property
    def first_station(self) -> int:
        """Number of the first station."""
        return self.fcs + self.scs


def build_sites(scenario: Scenario) -> pd.DataFrame:
    """The sites of a scenario, by number.

    Returns:
        Columns name, kind, latitude, longitude, state, population; from a table also region and time_zone, empty where
        they are not given, and per_hour, trucks, opens, closes (hours of the day), weekdays and postal where the file
        has them.

    Raises:
        ScenarioError: the table is wrong.
    """
    if isinstance(scenario.network, CityNetwork):
        return _city_sites(scenario.network)
    return _table_sites(scenario)


def count_sites(sites: pd.DataFrame) -> SiteCounts:
    """How many sites of each kind a table of sites has."""
    return SiteCounts(*(int((sites["kind"] == kind).sum()) for kind in SITE_KINDS))


def air_miles(sites: pd.DataFrame) -> np.ndarray:
    """Great-circle distance between all sites, (N, N). Unit: miles."""
    lat, lon = sites["latitude"].to_numpy(float), sites["longitude"].to_numpy(float)
    return great_circle_miles(lat, lon, lat, lon)


def station_shares(sites: pd.DataFrame) -> np.ndarray:
    """Share of demand of each station, in proportion to population: (D,)."""
    population = sites["population"].to_numpy(float)[count_sites(sites).first_station :]
    return np.asarray(population / population.sum())


def fc_shares(counts: SiteCounts, air: np.ndarray, station_share: np.ndarray, serving: np.ndarray) -> np.ndarray:
    """Share of demand of the stations to which each FC is the nearest: (F,).

    Args:
        counts: sites of each kind.
        air: (N, N) great-circle miles.
        station_share: (D,) share of demand.
        serving: (F,) bool, FCs that some route starts from; the others have no share.
    """
    share = np.zeros(counts.fcs)
    miles = np.where(serving[:, None], air[: counts.fcs, counts.first_station :], np.inf)
    np.add.at(share, miles.argmin(axis=0), station_share)
    return share


# -------------------------------------------------------------------------------------------------------- metros


def _city_sites(config: CityNetwork) -> pd.DataFrame:
    """Stations at the largest metros; FCs and sort centers where they shorten the way to people most.

    With a `site_seed` both are drawn: stations in proportion to population, FCs and sort centers in proportion to what
    they save.
    """
    metros = read_table(
        DATA_DIR / "us_metros.csv",
        {
            "name": "text",
            "state": "text",
            "latitude": "number",
            "longitude": "number",
            "population": "positive",
            "time_zone": "text",
        },
    ).head(config.metros)
    rng = None if config.site_seed is None else np.random.default_rng(config.site_seed)
    frames = [
        _placed("FC", "fc", metros, _spread(metros, config.fulfillment_centers, rng)),
        _placed("SC", "sc", metros, _spread(metros, config.sort_centers, rng)),
        _placed("DS", "station", metros, _most_populous(metros, config.stations, rng)),
    ]
    return pd.concat(frames, ignore_index=True)


def _placed(prefix: str, kind: str, metros: pd.DataFrame, chosen: np.ndarray) -> pd.DataFrame:
    """Sites of one kind at the chosen metros; further sites of a metro stand a little apart from the first."""
    frame = metros.iloc[chosen].copy().reset_index(drop=True)
    turn = frame.groupby(["name", "state"]).cumcount().to_numpy()
    frame["latitude"] += _SECOND_SITE_DEGREES * turn * np.cos(_GOLDEN_TURN * turn)
    frame["longitude"] += _SECOND_SITE_DEGREES * turn * np.sin(_GOLDEN_TURN * turn)
    suffix = np.where(turn > 0, " " + (turn + 1).astype(str).astype(object), "")
    frame["name"] = prefix + " " + frame["name"] + " " + frame["state"] + suffix
    return frame.assign(kind=kind)


def _most_populous(metros: pd.DataFrame, count: int, rng: np.random.Generator | None) -> np.ndarray:
    """The largest metros, or some drawn in proportion to population; largest first."""
    if rng is None:
        return np.arange(count)
    people = metros["population"].to_numpy(float)
    return np.sort(rng.choice(len(metros), size=count, replace=False, p=people / people.sum()))


def _spread(metros: pd.DataFrame, count: int, rng: np.random.Generator | None) -> np.ndarray:
    """Greedy p-median: each site goes where it saves the most people-miles; after the last metro it starts again.

    With a generator each site is drawn in proportion to what it saves, as the greedy step of GRASP does (Feo & Resende
    1995).
    """
    miles = air_miles(metros)
    people = metros["population"].to_numpy(float)
    chosen: list[int] = []
    while len(chosen) < count:
        best = np.full(len(metros), miles.max() + 1.0)
        taken = np.zeros(len(metros), dtype=bool)
        while len(chosen) < count and not taken.all():
            saving = (people[:, None] * np.maximum(best[:, None] - miles, 0)).sum(axis=0)
            saving = np.where(taken, 0.0, saving)
            site = int(saving.argmax() if rng is None else rng.choice(len(saving), p=saving / saving.sum()))
            taken[site] = True
            best = np.minimum(best, miles[:, site])
            chosen.append(site)
    return np.array(chosen)


# --------------------------------------------------------------------------------------------------------- table


def _table_sites(scenario: Scenario) -> pd.DataFrame:
    """The user's sites by number. Everything that is wrong with any of the scenario's tables is one error."""
    findings = Findings()
    sites, _ = read_network(scenario, findings)
    if findings.errors:
        findings = Findings()
        read_all(scenario, findings)
    findings.settle()
    rank = sites["kind"].map({kind: i for i, kind in enumerate(SITE_KINDS)})
    return sites.iloc[np.argsort(rank.to_numpy(), kind="stable")].reset_index(drop=True)

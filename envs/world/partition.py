"""Which region each site belongs to.

A partition is one label per site: the same sites and lanes serve one nation or eight regions, and the labels can change
at any tick. Regions are numbered in the order of their sorted names.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.scenario import DATA_DIR, Boundary, Scenario, ScenarioError
from regional_dispatch.envs.world.tables.regions import read_regions, read_states


class Labels(NamedTuple):
    """Region names and the region of every site."""

    names: tuple[str, ...]
    of_site: np.ndarray  # (sites,) int16, index into names

    def of_names(self) -> list[str]:
        """The name of every site's region."""
        return [self.names[r] for r in self.of_site]


def one_nation(sites: pd.DataFrame) -> Labels:
    """All sites in one region."""
    return Labels(("National",), np.zeros(len(sites), dtype=np.int16))


def label_sites(scenario: Scenario, sites: pd.DataFrame, boundary: Boundary | None = None) -> Labels:
    """The region of every site.

    Args:
        scenario: paths are relative to its file.
        sites: columns name, kind, latitude, longitude, state, population; stations are the rows of kind `station`.
        boundary: the regions to use; default, the scenario's `partition`.

    Raises:
        ScenarioError: a site has no region, or there are more regions than stations.
    """
    boundary = boundary or scenario.partition
    if boundary.kind == "national":
        return one_nation(sites)
    if boundary.kind == "states":
        return _by_state(scenario, boundary, sites)
    if boundary.kind == "balanced":
        return _balanced(int(boundary.regions or 1), sites)
    return _from_file(scenario.resolve(str(boundary.path)), sites)


def _by_state(scenario: Scenario, boundary: Boundary, sites: pd.DataFrame) -> Labels:
    name = str(boundary.map)
    shipped = DATA_DIR / f"{name}_states.csv"
    path = shipped if shipped.exists() else scenario.resolve(name)
    findings = Findings()
    regions = read_states(path, sites, getattr(scenario.network, "sites", scenario.name), findings)
    findings.settle()
    return _numbered(regions)


def _from_file(path: Path, sites: pd.DataFrame) -> Labels:
    findings = Findings()
    region_of = read_regions(path, sites, findings)
    findings.settle()
    stations = np.flatnonzero(sites["kind"] == "station")
    home = stations[_nearest(sites, sites.iloc[stations])]
    return _numbered([region_of.get(site, region_of[near]) for site, near in enumerate(home)])


def _balanced(k: int, sites: pd.DataFrame) -> Labels:
    """k regions of about equal demand: recursive bisection of the stations along the longer axis."""
    stations = sites[sites["kind"] == "station"]
    if k > len(stations):
        raise ScenarioError(f"partition.regions = {k}: more regions than stations ({len(stations)}); lower it")
    of_station = np.zeros(len(stations), dtype=np.int64)
    _bisect(_flat(stations), stations["population"].to_numpy(float), np.arange(len(stations)), k, 0, of_station)
    return _numbered([f"Region {of_station[i] + 1:02d}" for i in _nearest(sites, stations)])


def _flat(sites: pd.DataFrame) -> np.ndarray:
    """Longitude and latitude in degrees of latitude, as at the US's middle latitude: (sites, 2)."""
    return sites[["longitude", "latitude"]].to_numpy(float) * np.array([0.77, 1.0])


def _nearest(sites: pd.DataFrame, stations: pd.DataFrame) -> np.ndarray:
    """The station nearest to each site: (sites,) index into stations."""
    return np.linalg.norm(_flat(sites)[:, None] - _flat(stations)[None], axis=2).argmin(axis=1)


def _bisect(points: np.ndarray, weight: np.ndarray, members: np.ndarray, k: int, first: int, out: np.ndarray) -> None:
    if k == 1:
        out[members] = first
        return
    low = k // 2
    axis = int(np.ptp(points[members], axis=0).argmax())
    ordered = members[np.argsort(points[members, axis], kind="stable")]
    cut = int(np.searchsorted(np.cumsum(weight[ordered]), weight[ordered].sum() * low / k)) + 1
    cut = min(max(cut, low), len(ordered) - (k - low))
    _bisect(points, weight, ordered[:cut], low, first, out)
    _bisect(points, weight, ordered[cut:], k - low, first + low, out)


def _numbered(regions: list[str]) -> Labels:
    names = tuple(sorted(set(regions)))
    index = {name: i for i, name in enumerate(names)}
    return Labels(names, np.array([index[r] for r in regions], dtype=np.int16))

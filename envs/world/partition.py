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
from regional_dispatch.envs.world.geography import nearest, unwrapped
from regional_dispatch.envs.world.scenario import Boundary, CityNetwork, Scenario, ScenarioError
from regional_dispatch.envs.world.tables.regions import map_of_states, read_regions, read_states

# Degrees of latitude per degree of longitude at the US's middle latitude. Generated networks, which are of the US, are
# divided on a plane with this aspect, as when they were first measured; networks from tables, on the globe.
_US_ASPECT = 0.77


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
        return _balanced(scenario, int(boundary.regions or 1), sites)
    return _from_file(scenario, scenario.resolve(str(boundary.path)), sites)


def _by_state(scenario: Scenario, boundary: Boundary, sites: pd.DataFrame) -> Labels:
    path, findings = map_of_states(scenario, str(boundary.map)), Findings()
    regions = read_states(path, sites, getattr(scenario.network, "sites", scenario.name), findings)
    findings.settle()
    return _numbered(regions)


def _from_file(scenario: Scenario, path: Path, sites: pd.DataFrame) -> Labels:
    findings = Findings()
    region_of = read_regions(path, sites, findings)
    findings.settle()
    stations = np.flatnonzero(sites["kind"] == "station")
    home = stations[_nearest(scenario, sites, sites.iloc[stations])]
    return _numbered([region_of.get(site, region_of[near]) for site, near in enumerate(home)])


def _balanced(scenario: Scenario, k: int, sites: pd.DataFrame) -> Labels:
    """k regions of about equal demand: recursive bisection of the stations along the longer axis."""
    stations = sites[sites["kind"] == "station"]
    if k > len(stations):
        raise ScenarioError(f"partition.regions = {k}: more regions than stations ({len(stations)}); lower it")
    aspect = _US_ASPECT if isinstance(scenario.network, CityNetwork) else None
    people, of_station = stations["population"].to_numpy(float), np.zeros(len(stations), dtype=np.int64)
    _bisect(_degrees(stations), aspect, people, np.arange(len(stations)), k, 0, of_station)
    return _numbered([f"Region {of_station[i] + 1:02d}" for i in _nearest(scenario, sites, stations)])


def _degrees(sites: pd.DataFrame) -> np.ndarray:
    """Longitude and latitude: (sites, 2)."""
    return sites[["longitude", "latitude"]].to_numpy(float)


def _nearest(scenario: Scenario, sites: pd.DataFrame, stations: pd.DataFrame) -> np.ndarray:
    """The station nearest to each site: (sites,) index into stations. A station is its own, wherever others stand."""
    places, to = _degrees(sites), _degrees(stations)
    if isinstance(scenario.network, CityNetwork):
        found = np.linalg.norm((places[:, None] - to[None]) * [_US_ASPECT, 1.0], axis=2).argmin(axis=1)
    else:
        found = nearest(places[:, 1], places[:, 0], to[:, 1], to[:, 0])
    found[(sites["kind"] == "station").to_numpy()] = np.arange(len(stations))
    return found


def _bisect(
    places: np.ndarray,
    aspect: float | None,
    weight: np.ndarray,
    members: np.ndarray,
    k: int,
    first: int,
    out: np.ndarray,
) -> None:
    """Cuts members along a meridian or a parallel, across what is longer, until there are k parts: written to `out`.

    Longitudes count from the widest gap between the members, so it makes no difference where the date line is, and a
    degree of longitude is as long as at the members' middle latitude.

    Args:
        places: (D, 2) longitude and latitude.
        aspect: degrees of latitude per degree of longitude; default, that of the middle latitude.
        weight: (D,).
        members: which of them to cut.
        k: parts.
        first: number of the first part.
        out: (D,).
    """
    if k == 1:
        out[members] = first
        return
    low = k // 2
    own = np.stack([unwrapped(places[members, 0]), places[members, 1]])
    wide, tall = np.ptp(own, axis=1)
    aspect_here = np.cos(np.radians((own[1].min() + own[1].max()) / 2)) if aspect is None else aspect
    along = own[int(tall > wide * aspect_here)]
    ordered = members[np.argsort(along, kind="stable")]
    cut = int(np.searchsorted(np.cumsum(weight[ordered]), weight[ordered].sum() * low / k)) + 1
    cut = min(max(cut, low), len(ordered) - (k - low))
    _bisect(places, aspect, weight, ordered[:cut], low, first, out)
    _bisect(places, aspect, weight, ordered[cut:], k - low, first + low, out)


def _numbered(regions: list[str]) -> Labels:
    names = tuple(sorted(set(regions)))
    index = {name: i for i, name in enumerate(names)}
    return Labels(names, np.array([index[r] for r in regions], dtype=np.int16))

"""Boundaries that divide stations into regions: how to draw, measure and write them.

A boundary is a region number per station, (D,) int64. FCs and sort centers follow the nearest station
(`envs.world.partition`), so only stations are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from regional_dispatch.envs.world.geography import EARTH_RADIUS_MILES
from regional_dispatch.envs.world.network import Network


class Stations(NamedTuple):
    """The stations that a boundary divides."""

    names: tuple[str, ...]
    places: np.ndarray  # (D, 3) float64, miles from the center of the earth
    demand: np.ndarray  # (D,) float64, shares of the nation's orders, sum 1
    fcs: np.ndarray  # (D,) int64, FCs that belong to its region


def stations_of(network: Network) -> Stations:
    """The stations of a network in which each is a region of its own."""
    home, count = network.net.region_of_site, network.net.stations
    fcs = np.bincount(home[: network.net.fcs], minlength=count)[home[-count:]]
    sites = network.sites.iloc[network.net.fcs + network.net.scs :]
    lat, lon = (np.radians(sites[name].to_numpy(float)) for name in ("latitude", "longitude"))
    places = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    return Stations(tuple(sites["name"]), EARTH_RADIUS_MILES * places, network.station_share, fcs)


def gabriel_graph(places: np.ndarray) -> np.ndarray:
    """Which stations are neighbours: no third station lies in the ball with the two at its ends.

    Gabriel & Sokal 1969 ("A New Statistical Approach to Geographic Variation Analysis", Systematic Zoology 18:259). It
    holds the shortest spanning tree, so it is connected, and leaves out a Delaunay triangulation's long edges along the
    coasts.

    Args:
        places: (D, any) points.

    Returns:
        (D, D) bool, symmetric, no station its own neighbour.
    """
    first, second = np.triu_indices(len(places), 1)
    radius = np.linalg.norm(places[first] - places[second], axis=1) / 2
    nearest = KDTree(places).query((places[first] + places[second]) / 2)[0]
    free = nearest >= radius * (1 - 1e-9)
    graph = np.zeros((len(places), len(places)), dtype=bool)
    graph[first[free], second[free]] = True
    return graph | graph.T


def pieces(graph: np.ndarray, members: np.ndarray) -> int:
    """Number of connected pieces that stations form; 1 is contiguous.

    Args:
        graph: (D, D) bool.
        members: (D,) bool, the stations that count.
    """
    return int(connected_components(csr_array(graph[np.ix_(members, members)]), directed=False)[0])


def loads(labels: np.ndarray, demand: np.ndarray) -> np.ndarray:
    """Each region's demand over the regions' mean: (R,), in the order of their numbers, gaps left out."""
    own = np.bincount(np.unique(labels, return_inverse=True)[1], demand)
    return own / own.mean()


def kmeans(stations: Stations, regions: int, seed: int, starts: int) -> np.ndarray:
    """Regions around k means, weighted by demand: the best of so many starts of Lloyd's algorithm, k-means++ each."""
    from sklearn.cluster import KMeans  # takes a second to load, so it is loaded only when used

    model = KMeans(regions, n_init=starts, random_state=seed)
    return np.asarray(model.fit(stations.places, sample_weight=stations.demand).labels_, dtype=np.int64)


def matched(labels: np.ndarray, reference: np.ndarray, demand: np.ndarray) -> np.ndarray:
    """The same boundary with region numbers matched to those of a reference.

    The numbers are those under which most demand keeps its region (an assignment problem). Regions that share no demand
    with the region of their number get numbers after the reference's.
    """
    own = np.unique(labels, return_inverse=True)[1]
    regions, known = int(own.max()) + 1, int(reference.max()) + 1
    shared = np.zeros((regions, known + regions))  # the columns beyond are free
    np.add.at(shared, (own, reference), demand)
    number = linear_sum_assignment(shared, maximize=True)[1]
    left = np.flatnonzero(shared[np.arange(regions), number] == 0)
    number[left] = known + np.arange(len(left))
    return np.asarray(number[own], dtype=np.int64)


def region_names(names: Sequence[str], count: int) -> tuple[str, ...]:
    """The reference's names, and numbered ones for regions beyond them."""
    return (*names, *(f"Region {r + 1:02d}" for r in range(len(names), count)))


def write_boundary(path: Path, sites: Iterable[str], regions: Iterable[str]) -> None:
    """A boundary as `partition: {kind: file, path: …}` reads it: CSV site,region."""
    pd.DataFrame({"site": list(sites), "region": list(regions)}).to_csv(path, index=False)

"""Balanced, contiguous, compact regions: the territory problem of sales districts.

Each region has a center among its stations. Given the centers, an integer program assigns stations to them with the
least demand-weighted miles, demand within a tolerance of the mean, and every region connected; then each center moves
to the station from which its region's miles are least, until nothing improves (Cooper 1963, "Location-allocation
problems", Operations Research 11:331). Connected: a station may belong to a center only together with a neighbour that
is nearer to it along the graph (Zoltners & Sinha 1983, "Sales territory alignment", Management Science 29:1237).
Imbalance beyond the tolerance is allowed at a price while centers move, as the first centers may allow nothing else; a
boundary is returned only without any.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.distance import cdist

from regional_dispatch.planning.regions.boundaries import Stations, loads
from regional_dispatch.solvers.milp import Milp

GAP = 1e-3  # of an assignment's miles, that counts as solved
MOST_SECONDS = 60.0  # of one assignment; those of the shipped networks take a second
_SHORTEST = 1.0  # miles of an edge, so that every station on a path is farther than the one before it
_PRICE = 10.0  # of imbalance, as a multiple of the longest distance
_ROUNDING = 1e-6  # of a region's mean demand, that a solver may be off


def territories(
    stations: Stations, graph: np.ndarray, tolerance: float, starts: Iterable[np.ndarray]
) -> np.ndarray | None:
    """Regions of about equal demand, each in one piece, with the least demand-weighted miles to their centers.

    A heuristic over centers around an assignment that is solved to optimality: other starts may find better boundaries,
    but balance and contiguity hold for every boundary that is returned.

    Args:
        stations: to assign.
        graph: (D, D) bool, neighbours; connected.
        tolerance: how far a region's demand may be from the mean, as a share of it.
        starts: boundaries whose regions' middles are the first centers; any boundary.

    Returns:
        (D,) labels; None if no start led to a boundary within the tolerance.
    """
    problem = _Problem(stations, graph, tolerance)
    found = [problem.improved(labels) for labels in starts]
    balanced = [one for one in found if problem.balanced(one[1])]
    return min(balanced, key=lambda one: one[0])[1] if balanced else None


class _Problem:
    def __init__(self, stations: Stations, graph: np.ndarray, tolerance: float) -> None:
        self.demand, self.tolerance, self.graph = stations.demand, tolerance, graph
        self.miles = cdist(stations.places, stations.places)
        self.along = dijkstra(csr_array(np.where(graph, np.maximum(self.miles, _SHORTEST), 0.0)))

    def balanced(self, labels: np.ndarray) -> bool:
        return bool(np.abs(loads(labels, self.demand) - 1).max() <= self.tolerance + _ROUNDING)

    def improved(self, labels: np.ndarray) -> tuple[float, np.ndarray]:
        """Assigns stations and moves centers in turn until nothing improves: cost and boundary."""
        best = (np.inf, labels)
        while (found := self._assigned(self._centers(best[1])))[0] < best[0] * (1 - GAP):
            best = found
        return best

    def _centers(self, labels: np.ndarray) -> list[int]:
        """Of each region the station with the least demand-weighted miles to the others."""
        groups = [np.flatnonzero(labels == r) for r in np.unique(labels)]
        return [int(own[(self.demand[own] @ self.miles[np.ix_(own, own)]).argmin()]) for own in groups]

    def _assigned(self, centers: list[int]) -> tuple[float, np.ndarray]:
        """The cheapest assignment of stations to centers."""
        milp, regions = Milp(), len(centers)
        takes = [
            [milp.column(self.demand[i] * self.miles[i, center], whole=True) for center in centers]
            for i in range(len(self.demand))
        ]
        for r, center in enumerate(centers):
            milp.row([(takes[center][r], 1.0)], lower=1.0)
            for i in np.delete(np.arange(len(takes)), center):
                nearer = np.flatnonzero(self.graph[i] & (self.along[center] < self.along[center, i]))
                milp.row([(takes[i][r], -1.0), *((takes[j][r], 1.0) for j in nearer)], lower=0.0)
            own = [(takes[i][r], float(self.demand[i])) for i in range(len(takes))]
            beyond = milp.column(_PRICE * self.miles.max())
            milp.row([*own, (beyond, -1.0)], upper=(1 + self.tolerance) / regions)
            milp.row([*own, (beyond, 1.0)], lower=(1 - self.tolerance) / regions)
        for row in takes:
            milp.row([(column, 1.0) for column in row], 1.0, 1.0)
        answer = milp.solve(MOST_SECONDS, GAP)
        if answer.values is None:
            return np.inf, np.zeros(len(takes), dtype=np.int64)
        return answer.objective, answer.values[np.array(takes)].argmax(axis=1)

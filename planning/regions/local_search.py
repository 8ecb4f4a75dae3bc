"""Local search for a better boundary: a station, or two neighbours, move to an adjacent region if that pays.

Whether a move pays is measured: the boundaries before and after it play the same orders, and it is taken if the mean
difference is below zero by more than its standard error. Moves are tried in random order, each once until the list is
exhausted; the search ends with its budget, or when no move is left that pays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from regional_dispatch.planning.regions.boundaries import Stations, pieces

Measure = Callable[[np.ndarray], np.ndarray]  # (D,) labels → (E,) objective per episode


class Search(BaseModel):
    """How long and how carefully to search."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    evaluations: int = Field(300, ge=1, description="Boundaries to play, each start included. Unit: boundaries.")
    episodes: int = Field(8, ge=2, description="Tuning episodes that each boundary plays. Unit: episodes.")
    balance: float = Field(
        1.5, ge=1, description="Most demand of a region that takes a station, as a multiple of the regions' mean."
    )


class Move(NamedTuple):
    """A move of a station, or of two neighbours that share a region."""

    stations: tuple[int, ...]
    origin: int  # region
    dest: int  # region


class Taken(NamedTuple):
    """A move that paid."""

    evaluation: int  # number of the evaluation in which it was tried; the start is 1
    move: Move
    change: np.ndarray  # (E,) objective less that before it
    values: np.ndarray  # (E,) objective after it


class Searched(NamedTuple):
    """What a search found."""

    labels: np.ndarray  # (D,)
    start: np.ndarray  # (E,) objective of the start
    taken: tuple[Taken, ...]
    evaluations: int  # played
    ended: bool  # True: no move is left that pays; False: the budget was spent

    @property
    def values(self) -> np.ndarray:
        """(E,) objective of what was found."""
        return self.taken[-1].values if self.taken else self.start


def moves(labels: np.ndarray, stations: Stations, graph: np.ndarray, balance: float) -> list[Move]:
    """All allowed moves of a station, or of two neighbours, to an adjacent region.

    No region loses its last station or its last FC, falls into more pieces than it has, or grows beyond the balance.

    Args:
        labels: (D,).
        stations: of the boundary.
        graph: (D, D) bool, neighbours.
        balance: most demand of a region that takes a station, as a multiple of the regions' mean.
    """
    demand, regions = stations.demand, np.unique(labels)
    own, most = np.bincount(labels, demand), balance * demand.sum() / len(regions)
    whole = {int(r): pieces(graph, labels == r) for r in regions}
    pairs = np.argwhere(np.triu(graph & (labels[:, None] == labels)))
    found = []
    for group in [*((i,) for i in range(len(labels))), *map(tuple, pairs.tolist())]:
        origin = int(labels[group[0]])
        beside = np.unique(labels[graph[list(group)].any(axis=0) & (labels != origin)])
        rest = labels == origin
        rest[list(group)] = False
        if len(beside) and _serves(stations, rest, labels == origin) and pieces(graph, rest) <= whole[origin]:
            demanded = demand[list(group)].sum()
            found += [Move(group, origin, int(r)) for r in beside if own[r] + demanded <= most]
    return found


def _serves(stations: Stations, rest: np.ndarray, own: np.ndarray) -> bool:
    """Whether a station is left, and an FC if there was one."""
    return bool(rest.any() and (stations.fcs[rest].any() or not stations.fcs[own].any()))


def search(
    start: np.ndarray, stations: Stations, graph: np.ndarray, plan: Search, seed: int, measure: Measure
) -> Searched:
    """Improves a boundary.

    Args:
        start: (D,) labels.
        stations: of the boundary.
        graph: (D, D) bool, neighbours.
        plan: budget and balance.
        seed: of the order of moves; the same gives the same search.
        measure: plays a boundary, always on the same orders.
    """
    rng = np.random.default_rng(seed)
    labels, first = start.copy(), measure(start)
    values, count = first, 1
    taken: list[Taken] = []
    tried: set[Move] = set()
    since = 0  # moves that were taken since the list was started again
    while count < plan.evaluations:
        untried = [move for move in moves(labels, stations, graph, plan.balance) if move not in tried]
        if not untried and not since:
            return Searched(labels, first, tuple(taken), count, True)
        if not untried:
            tried, since = set(), 0
            continue
        move = untried[int(rng.integers(len(untried)))]
        tried.add(move)
        after = labels.copy()
        after[list(move.stations)] = move.dest
        found, count = measure(after), count + 1
        if _pays(found - values):
            taken.append(Taken(count, move, found - values, found))
            labels, values, since = after, found, since + 1
            tried.add(Move(move.stations, move.dest, move.origin))  # the way back is known not to pay
    return Searched(labels, first, tuple(taken), count, False)


def _pays(change: np.ndarray) -> bool:
    return bool(change.mean() + change.std(ddof=1) / np.sqrt(len(change)) < 0)

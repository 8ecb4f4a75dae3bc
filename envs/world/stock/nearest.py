"""Which FC serves a station: the first that carries the SKU, of those in the order in which the station tries them.

Axes: F FCs, D stations.
"""

from __future__ import annotations

import numpy as np
from numba import njit


def ranks(near: np.ndarray, fcs: int) -> np.ndarray:
    """The place of each FC among those that a station tries: (F, D) int16, F where the station does not try it.

    Args:
        near: (D, F) FCs of each station in the order in which they are tried, −1 padded.
        fcs: F.
    """
    rank = np.full((fcs, len(near)), fcs, dtype=np.int16)
    station, position = np.nonzero(near >= 0)
    rank[near[station, position], station] = position
    return rank


@njit(cache=True)
def first_ranks(placed: np.ndarray, rank: np.ndarray, first: np.ndarray) -> None:
    """Writes the place of the first FC that carries a SKU into `first` (D,) int16, F where none does.

    A pass over the stations for each FC that carries it, which the compiler turns into a few wide instructions.

    Args:
        placed: (F,) bool, which FCs carry it.
        rank: (F, D) int16, see `ranks`.
        first: (D,) int16, out.
    """
    first[:] = len(rank)
    for f in range(len(placed)):
        if placed[f]:
            for d in range(len(first)):
                first[d] = min(first[d], rank[f, d])

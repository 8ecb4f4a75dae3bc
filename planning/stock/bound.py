"""The most demand that any placement of stock can cover, by a linear program.

A linear program decides shares x of (SKU, region) pairs. If a region covers a SKU, its FCs hold at least the
level of the region's own demand, and of the spill t they take on: √ is concave, so mean + factor × √mean of several FCs
is no less than that of one with all their demand, and √(own + t) is no less than its chord. Storage is counted by
region. All three only loosen, so no placement with these levels covers more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.planning.stock.market import Market

ROUNDING = 1e-9  # units, subtracted before a level is rounded up
_TOLERANCE = 1e-7  # of the solver, share of lines, added to the bound


class Bound(NamedTuple):
    """The result of the linear program."""

    lines: float  # no placement with the formula's levels covers a larger share of lines
    wanted: np.ndarray  # (S, R) bool, the pairs it takes


def coverage_bound(market: Market, storage: np.ndarray) -> Bound:
    """The most lines that any placement with the formula's levels can cover.

    Args:
        market: demand, distances and stock rules.
        storage: (F,) units an FC may hold.

    Raises:
        ScenarioError: not even one place of every SKU fits.
    """
    from scipy.optimize import linprog  # slow to load
    from scipy.sparse import block_array, csr_array, diags_array, eye_array, kron

    skus, regions = len(market.daily), market.regions
    pairs = skus * regions
    mean, demand, factor = market.mean[:, None], market.demand, market.stock.safety_factor
    own = mean * demand
    level = own + factor * np.sqrt(own)
    per_spill = mean + factor * mean / np.maximum(np.sqrt(mean) + np.sqrt(own), ROUNDING)  # for the whole SKU's demand
    # Columns: x, the pair is taken; t, share of the SKU's demand that spills to the region; u, units of the pair.
    share = np.tile(demand, skus)
    each, of_sku = eye_array(pairs), kron(eye_array(skus), np.ones((1, regions)))
    of_region = kron(np.ones((1, skus)), eye_array(regions))
    at_most = block_array(
        [
            [diags_array(share - 1), each, None],  # t ≤ (1 − share) x
            [diags_array(np.ceil(level - ROUNDING).ravel()), None, -each],  # u ≥ ⌈level⌉ x
            [diags_array(level.ravel()), diags_array(per_spill.ravel()), -each],  # u ≥ level x + per_spill t
            [None, None, of_region],  # Σ u ≤ storage
        ],
        format="csr",
    )
    none = csr_array((skus, pairs))
    everything = block_array([[of_sku @ diags_array(share), of_sku, none]], format="csr")  # Σ share x + t = 1
    found = linprog(
        -np.concatenate([(mean / mean.sum() * demand).ravel(), np.zeros(2 * pairs)]),
        at_most, np.concatenate([np.zeros(3 * pairs), np.bincount(market.region_of_fc, storage, regions)]),
        everything, np.ones(skus), np.repeat([[0.0, 1.0], [0.0, np.inf]], [pairs, 2 * pairs], axis=0),
        method="highs-ipm",
    )  # fmt: skip
    if found.x is None:
        raise ScenarioError(no_room(storage))
    x = found.x[:pairs].reshape(skus, regions)
    return Bound(min(1.0, -found.fun + _TOLERANCE), x >= np.minimum(0.5, x.max(axis=1, keepdims=True)))


def no_room(storage: np.ndarray) -> str:
    return f"storage of {storage.sum():,.0f} units: found no place for every SKU; give more storage or fewer stock.skus"

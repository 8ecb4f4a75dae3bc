"""Which FCs carry a SKU, without regard to regions: far apart, or wherever there is room."""

from __future__ import annotations

import numpy as np
from numba import njit

from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario


def velocity_classes(scenario: Scenario) -> np.ndarray:
    """0, 1 or 2 for fast, medium and slow movers (A, B, C): (S,)."""
    stock = scenario.stock
    shares = np.array(stock.breadth_shares) / sum(stock.breadth_shares)
    edges = np.round(shares.cumsum() * stock.skus).astype(int)
    return np.searchsorted(edges[:-1], np.arange(stock.skus), side="right")


def places_per_sku(scenario: Scenario, fcs: int) -> np.ndarray:
    """How many FCs carry each SKU: (S,)."""
    breadth = np.array(scenario.stock.breadth)[velocity_classes(scenario)]
    return np.maximum(1, np.round(breadth * fcs)).astype(int)


def spread(rng: np.random.Generator, places: np.ndarray, weights: np.ndarray, miles: np.ndarray) -> np.ndarray:
    """FCs far apart: (SKUs, F) bool.

    D² sampling (k-means++, Arthur & Vassilvitskii 2007): the next FC is drawn in proportion to the demand around it
    times its squared distance to the nearest FC that has the SKU already.

    Args:
        rng: of the draws.
        places: (SKUs,) FCs per SKU.
        weights: (F,) demand around each FC.
        miles: (F, F) between FCs.
    """
    return _far_apart(rng.random((int(places.max()), len(places))), places, weights, miles)


@njit(cache=True)
def _far_apart(draw: np.ndarray, places: np.ndarray, weights: np.ndarray, miles: np.ndarray) -> np.ndarray:
    """Chooses the FCs of `spread`: (SKUs, F) bool; `draw` (most places, SKUs) in 0…1, one for each place."""
    skus, fcs = len(places), len(weights)
    placed = np.zeros((skus, fcs), dtype=np.bool_)
    closest, chance = np.empty(fcs), np.empty(fcs)
    farthest = miles.max() + 1.0
    for s in range(skus):
        closest[:] = farthest
        for turn in range(places[s]):
            total = 0.0
            for f in range(fcs):
                if not placed[s, f]:
                    total += weights[f] * ((closest[f] + 1.0) * (closest[f] + 1.0))
                chance[f] = total
            drawn = min(np.searchsorted(chance, draw[turn, s] * total), fcs - 1)
            placed[s, drawn] = True
            for f in range(fcs):
                closest[f] = min(closest[f], miles[drawn, f])
    return placed


def scattered(rng: np.random.Generator, places: np.ndarray, size: np.ndarray) -> np.ndarray:
    """FCs drawn one after the other in proportion to their size: (SKUs, F) bool.

    The FCs with the smallest of exponential times at these rates: the same draws (Efraimidis & Spirakis 2006).

    Args:
        rng: of the draws.
        places: (SKUs,) FCs per SKU.
        size: (F,) of each building, above 0.
    """
    times = rng.exponential(size=(len(places), len(size))) / size
    return np.asarray(times.argsort(axis=1).argsort(axis=1) < places[:, None])


def miles_between(network: Network) -> np.ndarray:
    """Great-circle miles between FCs: (F, F)."""
    sites = network.sites.iloc[: network.net.fcs]
    lat, lon = sites["latitude"].to_numpy(float), sites["longitude"].to_numpy(float)
    return great_circle_miles(lat, lon, lat, lon)

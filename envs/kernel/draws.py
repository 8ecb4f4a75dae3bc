"""Random numbers of an episode, counter-based: each is a hash of what it is for.

A number is a hash of (episode key, tick, order, draw), so an order is the same whatever ran before it, in any row of a
batch and on any thread.
"""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.kernel.compiled import pasted

MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: splitmix64's increment

_SHIFT_30, _SHIFT_27, _SHIFT_31, _SHIFT_11 = (np.uint64(n) for n in (30, 27, 31, 11))
_FACTOR_1, _FACTOR_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-53
LARGEST_UNIFORM = 1.0 - _UNIT


@pasted
def mix(z: np.uint64) -> np.uint64:
    """splitmix64's finaliser (Steele, Lea & Flood 2014): 64 well-mixed bits from a counter."""
    z = np.uint64(z) + MIX
    z = (z ^ (z >> _SHIFT_30)) * _FACTOR_1
    z = (z ^ (z >> _SHIFT_27)) * _FACTOR_2
    return z ^ (z >> _SHIFT_31)


@pasted
def draw(key: np.uint64, j: int) -> float:
    """The j-th uniform of a key, in [0, 1)."""
    return float(mix(key + np.uint64(j) * MIX) >> _SHIFT_11) * _UNIT


@pasted
def draw_alias(alias: np.ndarray, keep: np.ndarray, u: float) -> int:
    """One draw from an alias table with a single uniform."""
    x = u * len(alias)
    i = int(x)
    return i if x - i < keep[i] else int(alias[i])


@pasted
def draw_cdf(cdf: np.ndarray, u: float) -> int:
    """First index whose cumulative share exceeds u."""
    i = 0
    while i < len(cdf) - 1 and u >= cdf[i]:
        i += 1
    return i

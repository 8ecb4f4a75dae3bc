"""A policy is two scorers: one for the candidates of a line, one for go against hold of a lane.

A rule is a linear scorer with named weights and steps; a trained policy is a small ReLU network. Both are the same
arrays, so both run inside the compiled kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from envs.compiled import inlined_fastmath
from envs.features import DISPATCH_FEATURES, SOURCE_FEATURES


class Scorer(NamedTuple):
    """score = bias + weight·x + step_weight·[x ≥ step_at] + w3·relu(w2ᵀ·relu(w1ᵀ·x + b1) + b2); all float32.

    Axis G: one set of weights for all regions (1), or one per region (R).
    """

    bias: np.ndarray  # (G,)
    weight: np.ndarray  # (G, features)
    step_weight: np.ndarray  # (G, features)
    step_at: np.ndarray  # (G, features)
    w1: np.ndarray  # (G, features, H)
    b1: np.ndarray  # (G, H)
    w2: np.ndarray  # (G, H, H)
    b2: np.ndarray  # (G, H)
    w3: np.ndarray  # (G, H)


class Scorers(NamedTuple):
    """What the kernel needs of a policy."""

    source: Scorer  # the highest-scored candidate serves the line
    dispatch: Scorer  # the truck leaves if the score is above zero


def linear(
    features: tuple[str, ...],
    bias: float = 0.0,
    weights: Mapping[str, float] | None = None,
    steps: Mapping[str, tuple[float, float]] | None = None,
) -> Scorer:
    """A rule.

    Args:
        features: SOURCE_FEATURES or DISPATCH_FEATURES.
        bias: constant.
        weights: feature → weight.
        steps: feature → (weight, threshold): the weight counts where the feature is at or above the threshold.

    Raises:
        KeyError: a name that is no feature.
    """
    index = {name: i for i, name in enumerate(features)}
    n = len(features)
    weight, step_weight, step_at = (np.zeros((1, n), np.float32) for _ in range(3))
    for name, value in (weights or {}).items():
        weight[0, index[name]] = value
    for name, (value, at) in (steps or {}).items():
        step_weight[0, index[name]], step_at[0, index[name]] = value, at
    layers = {name: np.zeros(shape, np.float32) for name, shape in scorer_shapes(1, n, 0).items()}
    return Scorer(**layers)._replace(
        bias=np.full(1, bias, np.float32), weight=weight, step_weight=step_weight, step_at=step_at
    )


def scorer_shapes(groups: int, features: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """Shape of every array of a `Scorer`."""
    flat, deep = (groups, features), (groups, hidden)
    return {
        "bias": (groups,),
        "weight": flat,
        "step_weight": flat,
        "step_at": flat,
        "w1": (groups, features, hidden),
        "b1": deep,
        "w2": (groups, hidden, hidden),
        "b2": deep,
        "w3": deep,
    }


@inlined_fastmath
def score(scorer: Scorer, g: int, x: np.ndarray, scratch: np.ndarray) -> float:
    """Score of one feature vector under weight set g; `scratch` is (2, at least H) float32."""
    total = scorer.bias[g]
    for i in range(len(x)):
        total += scorer.weight[g, i] * x[i]
        if x[i] >= scorer.step_at[g, i]:
            total += scorer.step_weight[g, i]
    hidden = scorer.b1.shape[1]
    if hidden == 0:
        return total
    h1, h2 = scratch[0], scratch[1]
    for j in range(hidden):
        h1[j] = scorer.b1[g, j]
        h2[j] = scorer.b2[g, j]
    for i in range(len(x)):
        xi = x[i]
        for j in range(hidden):
            h1[j] += xi * scorer.w1[g, i, j]
    for i in range(hidden):
        hi = h1[i]
        if hi > 0:
            for j in range(hidden):
                h2[j] += hi * scorer.w2[g, i, j]
    for j in range(hidden):
        total += max(h2[j], np.float32(0)) * scorer.w3[g, j]
    return total


# In-region first, then the nearest FC; hold until holding would make a package late. What other regions do in the
# single-region environment unless told otherwise.
NEAREST_IN_REGION = linear(SOURCE_FEATURES, weights={"in_region": 1000.0, "air_miles": -1.0})
LAST_SAFE_HOUR = linear(DISPATCH_FEATURES, bias=-0.5, weights={"late_if_held": 1.0})
DEFAULT_BACKGROUND = Scorers(NEAREST_IN_REGION, LAST_SAFE_HOUR)

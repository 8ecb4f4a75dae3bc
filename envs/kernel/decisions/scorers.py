"""A policy is two scorers: one for the candidates of a line, one for go against hold of a lane.

A rule is a linear scorer with named weights and steps; a trained policy is a small ReLU network. Both are the same
arrays, so both run inside the compiled kernel. A trained policy may bring a third scorer, which prices lanes
(`envs.kernel.decisions.lane_price`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.kernel.decisions.features import DISPATCH_FEATURES, SOURCE_FEATURES
from regional_dispatch.envs.kernel.decisions.lane_price import NO_PRICE
from regional_dispatch.envs.kernel.decisions.score import Scorer, scorer_shapes


class Scorers(NamedTuple):
    """What the kernel needs of a policy."""

    source: Scorer  # the highest-scored candidate serves the line
    dispatch: Scorer  # the truck leaves if the score is above zero
    price: Scorer = NO_PRICE  # USD a lane is expected to cost a package beyond the standard; plans count it


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


# In-region first, then the nearest FC; hold until holding would make a package late. What other regions do in the
# single-region environment unless another background policy is given.
NEAREST_IN_REGION = linear(SOURCE_FEATURES, weights={"in_region": 1000.0, "air_miles": -1.0})
LAST_SAFE_HOUR = linear(DISPATCH_FEATURES, bias=-0.5, weights={"late_if_held": 1.0})
DEFAULT_BACKGROUND = Scorers(NEAREST_IN_REGION, LAST_SAFE_HOUR)

"""The check of scorers that are handed in: compiled code reads their arrays as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT, SOURCE_COUNT
from regional_dispatch.envs.kernel.decisions.lane_price import LANE_PRICE_COUNT, MOST_HIDDEN
from regional_dispatch.envs.kernel.decisions.score import Scorer, scorer_shapes
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.world.errors import ScenarioError

_FEATURES = {"source": SOURCE_COUNT, "dispatch": DISPATCH_COUNT, "price": LANE_PRICE_COUNT}
_OPTIONAL = "price"  # may have no weight sets


def check_scorers(name: str, scorers: Any) -> Scorers:
    """The scorers, if compiled code can read them.

    Args:
        name: of the argument, for messages.
        scorers: what a caller handed in.

    Raises:
        ScenarioError: they are no scorers, or an array has another shape or type, or holds a number that is not finite.
    """
    if not isinstance(scorers, Scorers):
        raise ScenarioError(
            f"{name}: is of type {type(scorers).__name__}; must be the scorers of a policy, such as "
            'baseline("least_cost").scorers'
        )
    for kind in Scorers._fields:
        check_scorer(f"{name}.{kind}", getattr(scorers, kind), kind)
    return scorers


def check_scorer(name: str, scorer: Any, kind: str) -> Scorer:
    """One scorer of kind `source`, `dispatch` or `price`; see `check_scorers`."""
    if not isinstance(scorer, Scorer):
        raise ScenarioError(f"{name}: is of type {type(scorer).__name__}; must be a `Scorer`, as policies hold them")
    if not (isinstance(scorer.bias, np.ndarray) and isinstance(scorer.b1, np.ndarray) and scorer.b1.ndim == 2):
        raise ScenarioError(f"{name}: bias and b1 must be arrays, (sets,) and (sets, hidden)")
    sets, hidden = scorer.bias.size, scorer.b1.shape[1]
    if sets < 1 and kind != _OPTIONAL:
        raise ScenarioError(f"{name}: has no set of weights; give one, or one per region")
    if kind == _OPTIONAL and hidden > MOST_HIDDEN:
        raise ScenarioError(f"{name}: has layers of {hidden}; {MOST_HIDDEN} at most are possible")
    for field, shape in scorer_shapes(sets, _FEATURES[kind], hidden).items():
        _check_array(f"{name}.{field}", getattr(scorer, field), shape)
    return scorer


def _check_array(name: str, array: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != np.float32:
        given = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ScenarioError(f"{name}: is {given}; must be a float32 array {shape}")
    if not array.flags.c_contiguous:
        raise ScenarioError(f"{name}: is not contiguous; use numpy.ascontiguousarray")
    if not np.isfinite(array).all():
        at = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ScenarioError(f"{name} {at} = {array[tuple(at)]}: must be finite; use weights of an earlier checkpoint")

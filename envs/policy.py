"""The protocol of every policy, and the policy that two scorers make.

`predict` has stable-baselines3's signature, so `evaluate_policy` and any other tool of that ecosystem take these too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from regional_dispatch.envs.faces.scorers import check_scorers
from regional_dispatch.envs.kernel.decisions.features import (
    DISPATCH_COUNT,
    REGION_FEATURES,
    REGION_INDEX_SCALE,
    SOURCE_COUNT,
)
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import Scorers

Observation = Mapping[str, np.ndarray]


class Policy(Protocol):
    """Anything that decides: a trained policy, a rule, or your own."""

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
    ) -> tuple[np.ndarray, Any]:
        """The action for an observation (or a batch of them) and the next recurrent state."""
        ...


class Pricing(NamedTuple):
    """How a policy wants the units on the shelves priced."""

    every_hours: float = 24.0  # simulated hours between two solves
    scale: float = 1.0  # share of the LP's dual that is charged


class ScorerPolicy:
    """Decides by two scorers; the same decisions as the compiled kernel makes with them.

    Args:
        scorers: the two scorers.
        name: for tables.
        pricing: has units priced by a linear program (`baselines.shadow_price`); default, units have no price.
        seen: (stream, seed) of the episodes it was trained or tuned on; it is not to be evaluated on those.
        learned_on: facts of the world it was trained or tuned on: `scenario`, its name; `partition`; `world`, see
            `envs.world.facts`. Empty for rules.

    Raises:
        ScenarioError: an array of the scorers has another shape or type, or holds a number that is not finite.
    """

    def __init__(
        self,
        scorers: Scorers,
        name: str = "policy",
        pricing: Pricing | None = None,
        seen: frozenset[tuple[str, int]] = frozenset(),
        learned_on: Mapping[str, Any] | None = None,
    ) -> None:
        self.learned_on = learned_on or {}
        self.scorers = check_scorers("scorers", scorers)
        self.name = name
        self.pricing = pricing
        self.seen = seen

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
    ) -> tuple[np.ndarray, Any]:
        """Best candidate per line slot, then go (1) or hold (0) per lane slot: (…, M + L) int64."""
        order_mask = np.asarray(observation["order_mask"], dtype=bool)
        lane_mask = np.asarray(observation["lane_mask"], dtype=bool)
        orders = np.asarray(observation["orders"]).reshape(*order_mask.shape, SOURCE_COUNT)
        lanes = np.asarray(observation["lanes"]).reshape(*lane_mask.shape[:-1], DISPATCH_COUNT)
        region = region_index(observation)
        best = np.where(order_mask, scores(self.scorers.source, region, orders), -np.inf).argmax(axis=-1)
        go = (scores(self.scorers.dispatch, region, lanes) > 0) & lane_mask[..., 1]
        return np.concatenate([best, go.astype(np.int64)], axis=-1), state


def region_index(observation: Observation) -> np.ndarray:
    """Region number of each observation: (…) int64, from the `index` feature."""
    index = np.asarray(observation["region"])[..., REGION_FEATURES.index("index")]
    return np.rint(index * REGION_INDEX_SCALE).astype(np.int64)


def scores(scorer: Scorer, region: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Scores of feature vectors in plain numpy; see `envs.kernel.decisions.scorers.score`.

    Args:
        scorer: weights.
        region: (…) region of each observation.
        x: (…, rows, [K,] features).

    Returns:
        (…, rows, [K]) float.
    """
    out = np.empty(x.shape[:-1])
    group = np.minimum(region, len(scorer.bias) - 1)
    for g in np.unique(group):
        part = x[group == g]
        total = scorer.bias[g] + part @ scorer.weight[g] + (part >= scorer.step_at[g]) @ scorer.step_weight[g]
        if scorer.b1.shape[1]:
            hidden = np.maximum(part @ scorer.w1[g] + scorer.b1[g], 0)
            total = total + np.maximum(hidden @ scorer.w2[g] + scorer.b2[g], 0) @ scorer.w3[g]
        out[group == g] = total
    return out

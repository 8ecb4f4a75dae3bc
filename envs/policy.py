"""The protocol of everything that decides, and the policy that two scorers make.

`predict` has stable-baselines3's signature, so `evaluate_policy` and any other tool of that ecosystem take these too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from envs.features import DISPATCH_COUNT, SOURCE_COUNT
from envs.scorers import Scorer, Scorers

Observation = Mapping[str, np.ndarray]


class Policy(Protocol):
    """What decides: trained or not."""

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
    ) -> tuple[np.ndarray, Any]:
        """The action for an observation (or a batch of them) and the next recurrent state."""
        ...


class ScorerPolicy:
    """Decides by two scorers; the same decisions as the compiled kernel makes with them.

    Args:
        scorers: the two scorers.
        region: which set of weights to use where a scorer has one per region.
        name: for tables.
    """

    def __init__(self, scorers: Scorers, region: int = 0, name: str = "policy") -> None:
        self.scorers = scorers
        self.region = region
        self.name = name

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
        best = np.where(order_mask, scores(self.scorers.source, self.region, orders), -np.inf).argmax(axis=-1)
        go = (scores(self.scorers.dispatch, self.region, lanes) > 0) & lane_mask[..., 1]
        return np.concatenate([best, go.astype(np.int64)], axis=-1), state


def scores(scorer: Scorer, region: int, x: np.ndarray) -> np.ndarray:
    """Scores of feature vectors (…, features) → (…), in plain numpy; see `envs.scorers.score`."""
    g = min(region, len(scorer.bias) - 1)
    total = scorer.bias[g] + x @ scorer.weight[g] + (x >= scorer.step_at[g]) @ scorer.step_weight[g]
    if scorer.b1.shape[1]:
        hidden = np.maximum(x @ scorer.w1[g] + scorer.b1[g], 0)
        total = total + np.maximum(hidden @ scorer.w2[g] + scorer.b2[g], 0) @ scorer.w3[g]
    return total

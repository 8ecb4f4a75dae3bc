"""A policy of one's own in 30 lines: the least standard cost; a truck leaves half full, or when waiting makes one late.

Play it beside a rule, and submit it:

    python evaluate.py compare --scenario small --policies examples/my_policy.py:HalfFull,least_cost
    python evaluate.py submit examples/my_policy.py:HalfFull
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from regional_dispatch.envs.kernel.decisions.features import DISPATCH_FEATURES, SOURCE_FEATURES

COST = SOURCE_FEATURES.index("cost")
FILL, LATE = DISPATCH_FEATURES.index("fill"), DISPATCH_FEATURES.index("late_if_held")


class HalfFull:
    """Has no memory, so its state is None."""

    def predict(self, observation: Mapping[str, np.ndarray]) -> tuple[np.ndarray, None]:
        """A candidate for each of M line slots, then hold (0) or go (1) for each of L lane slots: (regions, M + L)."""
        legal = observation["order_mask"] > 0  # (regions, M, K)
        lines = observation["orders"].reshape(*legal.shape, -1)  # (regions, M, K, features)
        lanes = observation["lanes"].reshape(*observation["lane_mask"].shape[:2], -1)  # (regions, L, features)
        cheapest = np.where(legal, lines[..., COST], np.inf).argmin(axis=-1)
        go = (lanes[..., FILL] >= 0.5) | (lanes[..., LATE] > 0)
        return np.concatenate([cheapest, go], axis=1), None

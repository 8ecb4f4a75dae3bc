"""Lets the learner make the decisions around the one it learns from."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.callbacks import BaseCallback


class FollowLearner(BaseCallback):
    """Makes the learner's policy the background of `RegionalDecision-v0` with `credit="own"`, update by update.

    At first the background stays as it is: decisions around a policy that has learned nothing yet cost so much that
    single ones do not show.

    Args:
        after: decisions that are made before.
        every: decisions between two changes.
    """

    def __init__(self, after: int = 0, every: int = 50_000) -> None:
        super().__init__()
        self.after, self.every = after, every
        self._next = after

    def _on_step(self) -> bool:
        if self.num_timesteps >= self._next:
            self._next = self.num_timesteps + self.every
            policy: Any = self.model.policy
            self.training_env.set_attr("background", policy.scorers())
        return True

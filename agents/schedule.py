"""How a hyperparameter falls during training."""

from __future__ import annotations


def falling(start: float, end_share: float, progress_remaining: float) -> float:
    """Linear from `start` to `start × end_share`, by stable-baselines3's progress remaining, 1 → 0.

    It is below 0 in a last rollout that goes beyond the timesteps asked for, and is then taken as 0.
    """
    return start * (end_share + (1 - end_share) * max(0.0, progress_remaining))

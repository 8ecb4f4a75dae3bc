"""Collecting experience: how decisions are drawn, and how the clock moves between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.buffers import BaseBuffer

from regional_dispatch.agents.credit.lane_prices import PriceRecorder
from regional_dispatch.agents.credit.lanes import LaneRecorder
from regional_dispatch.agents.credit.lines import LineRecorder
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.policy import scores
from regional_dispatch.envs.vector_env import RegionRows


class NoBuffer(BaseBuffer):
    """Replaces SB3's buffer of padded observations; the recorders of `agents.credit` keep the decisions instead."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.full = True

    def reset(self) -> None:
        """Does nothing: no experience is kept here."""

    def _get_samples(self, batch_inds: np.ndarray, env: Any = None) -> Any:
        raise NotImplementedError("decisions are sampled in RegionalPPO.train")


def end_tick(rows: RegionRows, lines: LineRecorder, lanes: LaneRecorder, prices: PriceRecorder | None) -> None:
    """Moves every copy of a network to its next decisions; copies at their horizon start their next episode."""
    for copy in range(rows.sim.copies):
        if not lines.charges.settlement and rows.sim.tick(copy) + 1 == rows.sim.world.rules.horizon_tick:
            lines.close_finished(copy)  # what has arrived is charged; what is still under way will cost nothing
        if rows.sim.finish(copy):
            lines.end_episode(copy)
            lanes.end_episode(copy)
            if prices is not None:
                prices.collect(copy)
            rows.start(copy)
        else:
            rows.sim.begin(copy)


def sample(log_probs: torch.Tensor) -> torch.Tensor:
    """One candidate per row (Gumbel trick; several times faster than `multinomial` on many short rows)."""
    noise = -torch.log(-torch.log(torch.rand_like(log_probs).clamp(1e-9, 1 - 1e-7)))
    return (log_probs + noise).argmax(dim=-1)


def best(rule: Scorer, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The candidate that a rule scores highest, per row: (n,) int64."""
    value = scores(rule, np.zeros(1, int), x.numpy()[None])[0]
    return torch.as_tensor(np.where(mask.numpy(), value, -np.inf).argmax(axis=1))


def goes(rule: Scorer, x: torch.Tensor) -> torch.Tensor:
    """Whether a rule lets each lane's truck go: (n,) int64."""
    return torch.as_tensor(scores(rule, np.zeros(1, int), x.numpy()[None])[0] > 0).long()

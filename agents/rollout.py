"""Collecting experience: how rules decide, and how the clock moves between decisions."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.buffers import BaseBuffer

from regional_dispatch.agents.credit.lane_prices import PriceRecorder
from regional_dispatch.agents.credit.lanes import LaneRecorder
from regional_dispatch.agents.credit.lines import LineRecorder
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.policy import scores
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.vector_env import RegionRows


class NoBuffer(BaseBuffer):
    """Replaces SB3's buffer of padded observations; the recorders of `agents.credit` keep the decisions instead."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.full = True

    def reset(self) -> None:
        """Does nothing: no experience is kept here."""

    def _get_samples(self, batch_inds: np.ndarray, env: Any = None) -> Any:
        raise NotImplementedError("decisions are sampled in RegionalPPO.train")


def end_tick(
    rows: RegionRows, lines: LineRecorder, lanes: LaneRecorder, prices: PriceRecorder | None
) -> list[dict[str, float]]:
    """Moves every copy of a network to its next decisions; copies at their horizon start their next episode.

    Returns:
        `r`, the sum of rewards, and `l`, the number of ticks, of each region's episode that has ended; these are the
        names of stable-baselines3's `Monitor`.
    """
    ended = []
    for copy in range(rows.sim.copies):
        if not lines.charges.settlement and rows.sim.tick(copy) + 1 == rows.sim.world.rules.horizon_tick:
            lines.close_finished(copy)  # what has arrived is charged; what is still under way will cost nothing
        if rows.sim.finish(copy):
            lines.end_episode(copy)
            lanes.end_episode(copy)
            if prices is not None:
                prices.collect(copy)
            ended += _episodes(rows.sim, copy)
            rows.start(copy)
        else:
            rows.sim.begin(copy)
    return ended


def _episodes(sim: Simulator, copy: int) -> list[dict[str, float]]:
    """Sum of rewards and ticks of the episode that a copy has ended, per region."""
    usd = sim.state.accrual[copy].sum(axis=1)
    return [{"r": -x / sim.scenario.reward_scale_usd, "l": sim.world.rules.horizon_tick} for x in usd.tolist()]


def best(rule: Scorer, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The candidate that a rule scores highest, per row: (n,) int64."""
    value = scores(rule, np.zeros(1, int), x[None])[0]
    return np.where(mask, value, -np.inf).argmax(axis=1)


def goes(rule: Scorer, x: np.ndarray) -> np.ndarray:
    """Whether a rule lets each lane's truck go: (n,) int64."""
    return (scores(rule, np.zeros(1, int), x[None])[0] > 0).astype(np.int64)

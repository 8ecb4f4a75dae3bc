"""PPO with one stream: all decisions of a region and tick share its reward and one critic. The comparison for credit.

Reward, advantage and critic belong to a region, as an off-the-shelf algorithm would have it; actors, features, priors
and the decisions themselves are those of `RegionalPPO`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from regional_dispatch.agents.credit.batch import LaneBooks, LineBooks
from regional_dispatch.agents.credit.decisions import Lanes, Lines, join
from regional_dispatch.agents.networks import ScorerNet
from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.envs.kernel.features import REGION_COUNT, region_features

REWARD_USD = 100.0  # one unit of reward
CRITIC_HIDDEN = 64


class Tick(NamedTuple):
    """What every region saw and decided in a tick, and what it was booked after."""

    seen: np.ndarray  # (rows, REGION_COUNT) float32
    accrued: np.ndarray  # (rows,) float64, USD booked since the start of the episode, before the tick
    started: np.ndarray  # (rows,) bool, first tick of an episode
    lines: Lines
    line_row: np.ndarray  # (n,) row of each line
    lanes: Lanes
    lane_row: np.ndarray  # (n,)


class JointPPO(RegionalPPO):
    """`RegionalPPO` with a region's summed reward in place of the credit per decision; one network only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._ticks: list[Tick] = []
        self._critic: ScorerNet | None = None
        super().__init__(*args, **kwargs)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_ticks", "_critic", "_critic_optimizer"]

    def _decide(self, lines: LineBooks, lanes: LaneBooks) -> None:
        sim = lines.sims[0]
        seen = np.zeros((sim.copies * sim.regions, REGION_COUNT), np.float32)
        for row in range(len(seen)):
            region_features(sim.world, sim.state, row // sim.regions, row % sim.regions, seen[row])
        accrued = sim.state.accrual.sum(axis=2).ravel()
        started = np.repeat(sim.state.row["tick"] == 0, sim.regions)
        super()._decide(lines, lanes)
        line_book, lane_book = lines.books[0], lanes.books[0]
        decided, line_copy = line_book.latest()
        latest, lane_copy = lane_book.latest()
        self._ticks.append(
            Tick(seen, accrued, started, decided, line_copy * sim.regions + decided.region, latest,
                 lane_copy * sim.regions + latest.region)
        )  # fmt: skip

    def _credited(self, lines: LineBooks, lanes: LaneBooks) -> tuple[Lines, np.ndarray, Lanes, np.ndarray, np.ndarray]:
        lines.take()
        lanes.take(self.gamma, self.gae_lambda)
        ticks, self._ticks = self._ticks[:-1], self._ticks[-1:]
        if not ticks:
            return super()._credited(lines, lanes)
        advantage = self._advantages([*ticks, *self._ticks])
        own_lines = [t.lines._replace(reward=a[t.line_row]) for t, a in zip(ticks, advantage, strict=True)]
        own = join(own_lines)
        lane_advantage = np.concatenate([a[t.lane_row] for t, a in zip(ticks, advantage, strict=True)])
        return own, np.zeros_like(own.reward), join([t.lanes for t in ticks]), lane_advantage, lane_advantage

    def _advantages(self, ticks: list[Tick]) -> list[np.ndarray]:
        """Generalised advantages of every tick but the last, (rows,) float32 each; fits the critic to the returns."""
        seen = torch.as_tensor(np.stack([t.seen for t in ticks]))
        if self._critic is None:
            self._critic = ScorerNet(REGION_COUNT, CRITIC_HIDDEN)
            self._critic_optimizer = torch.optim.Adam(self._critic.parameters(), self.lr_schedule(1.0))
        with torch.no_grad():
            value = self._value(seen).numpy()
        advantage, after = np.zeros_like(value), np.zeros_like(value[0])
        for t in range(len(ticks) - 2, -1, -1):
            cut = ticks[t + 1].started  # the last tick of an episode: its dollars are those of a settlement; left out
            reward = np.where(cut, 0.0, ticks[t].accrued - ticks[t + 1].accrued) / REWARD_USD
            delta = reward + self.gamma * value[t + 1] - value[t]
            after = np.where(cut, 0.0, delta + self.gamma * self.gae_lambda * after).astype(np.float32)
            advantage[t] = after
        self._fit(seen[:-1], torch.as_tensor(advantage[:-1] + value[:-1]))
        return list(advantage[:-1])

    def _value(self, seen: torch.Tensor) -> torch.Tensor:
        assert self._critic is not None
        return self._critic(seen, torch.zeros(len(seen), dtype=torch.int64))

    def _fit(self, seen: torch.Tensor, returns: torch.Tensor) -> None:
        for _ in range(10 * self.n_epochs):
            loss = torch.nn.functional.mse_loss(self._value(seen), returns)
            self._critic_optimizer.zero_grad()
            loss.backward()
            self._critic_optimizer.step()

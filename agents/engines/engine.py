"""What a learner needs computed, from arrays to arrays; engines differ in how and where."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from stable_baselines3.common.utils import explained_variance

from regional_dispatch.agents.compiled.lanes import LaneData
from regional_dispatch.agents.compiled.lines import LineData, LineValues, LossStats
from regional_dispatch.agents.credit.lanes import Lanes
from regional_dispatch.agents.credit.lines import Lines
from regional_dispatch.agents.policy import DispatchPolicy

PRICE_MAX_GRAD_NORM = 5.0

Stats = dict[str, list[float]]  # name of a metric under `train/` → its values, minibatch by minibatch


class Settings(NamedTuple):
    """Settings of one update."""

    n_epochs: int  # passes over the decisions
    batch_size: int  # decisions of each kind in a minibatch
    clip: float  # of the ratio of probabilities
    entropy_weight: float  # of the entropy bonus
    vf_coef: float  # weight of the critics' losses
    max_grad_norm: float  # clip of the gradient's norm
    target_kl: float | None = None  # the update ends after a minibatch whose KL divergence exceeds 1.5 × this
    trains_source: bool = True  # False where a rule takes the sourcing decisions
    trains_dispatch: bool = True  # the same for dispatch decisions


class Engine(ABC):
    """Computes decisions, values and updates of a policy. All arguments and results are numpy arrays.

    Args:
        policy: its weights are read and changed in place, by its own optimizer.
    """

    def __init__(self, policy: DispatchPolicy) -> None:
        self.policy = policy

    @abstractmethod
    def choose_lines(self, x: np.ndarray, mask: np.ndarray, region: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Draws a candidate for each line.

        Args:
            x: (n, K, features) float32.
            mask: (n, K) bool.
            region: (n,) int64.

        Returns:
            The choices (n,) int64 and their log-probabilities (n,) float32.
        """

    @abstractmethod
    def decide_lanes(self, x: np.ndarray, region: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draws go (1) or hold (0) for each lane.

        Args:
            x: (n, features) float32.
            region: (n,) int64.

        Returns:
            The choices (n,) int64, their log-probabilities (n,) float32, and the lanes' values (n,) float32.
        """

    @abstractmethod
    def line_values(self, lines: Lines) -> LineValues:
        """What today's actor and critic make of the lines."""

    def learn(self, lines: LineData, lanes: LaneData, how: Settings) -> tuple[Stats, int]:
        """One PPO update. Returns its metrics, and the number of passes begun."""
        stats: Stats = {}
        self._begin(lines, lanes, how)
        for epoch in range(how.n_epochs):
            for of_lines, of_lanes in minibatches(len(lines.action), len(lanes.action), how.batch_size):
                losses = self._step(of_lines, of_lanes)
                _note(stats, losses)
                if how.target_kl is not None and max(loss.approx_kl for loss in losses.values()) > 1.5 * how.target_kl:
                    return stats, epoch + 1
        return stats, how.n_epochs

    @abstractmethod
    def _begin(self, lines: LineData, lanes: LaneData, how: Settings) -> None:
        """Takes over what the steps of an update learn from."""

    @abstractmethod
    def _step(self, of_lines: np.ndarray, of_lanes: np.ndarray) -> dict[str, LossStats]:
        """One step of the optimizer on the decisions at two indices; the losses of each kind that is trained."""

    def fit_lane_price(self, x: np.ndarray, usd: np.ndarray, n_epochs: int, batch_size: int) -> Stats:
        """Fits the price of lanes to what packages have cost them.

        Args:
            x: (n, LANE_PRICE_COUNT) float32, what lanes looked like to packages; n above 0.
            usd: (n,) float32, what they then cost, beyond the standard cost.
            n_epochs: passes over the samples.
            batch_size: samples in a minibatch.

        Returns:
            Metrics: explained variance before the fit, mean USD, number of samples.
        """
        before = self._begin_price(x, usd)
        for _ in range(n_epochs):
            for index in torch.randperm(len(usd)).split(batch_size):
                self._price_step(index.numpy())
        return {
            "price_explained_variance": [float(explained_variance(before, usd))],
            "price_mean_usd": [float(usd.mean())],
            "price_samples": [float(len(usd))],
        }

    @abstractmethod
    def _begin_price(self, x: np.ndarray, usd: np.ndarray) -> np.ndarray:
        """Takes over the samples; returns the prices before the fit (n,)."""

    @abstractmethod
    def _price_step(self, index: np.ndarray) -> None:
        """One step of the optimizer on the mean squared error of the samples at an index."""


def no_values(lines: Lines) -> LineValues:
    """Values of 0, for lines that a critic is not asked about."""
    zeros = np.zeros(len(lines.reward), np.float32)
    return LineValues(zeros, lines.mask, zeros)


def line_data(lines: Lines, values: LineValues) -> LineData:
    """Lines to learn from. One of which a single candidate is considered teaches the critic alone."""
    has_choice = values.considered.sum(axis=1) > 1
    advantage = np.where(has_choice, _normalised(lines.reward - values.value, has_choice), np.float32(0))
    log_prob = np.where(has_choice, lines.log_prob - values.log_share, np.float32(0))
    return LineData(lines.x, values.considered, lines.region, lines.action, log_prob, lines.reward, advantage)


def lane_data(lanes: Lanes, advantage: np.ndarray, returns: np.ndarray) -> LaneData:
    """Lanes to learn from, with their advantages and returns, both (n,) float32."""
    normalised = _normalised(advantage, np.ones(len(advantage), bool))
    return LaneData(lanes.x, lanes.region, lanes.action, lanes.log_prob, returns, normalised)


def minibatches(lines: int, lanes: int, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Shuffled indices of both kinds, as many parts of one as of the other, none of them empty."""
    parts = max(1, min(round(max(lines, lanes) / batch_size), lines, lanes))
    of_lines = np.array_split(np.random.permutation(lines), parts)
    of_lanes = np.array_split(np.random.permutation(lanes), parts)
    return zip(of_lines, of_lanes, strict=True)


def _note(stats: Stats, losses: dict[str, LossStats]) -> None:
    for kind, values in losses.items():
        for name, value in zip(LossStats._fields, values, strict=True):
            stats.setdefault(f"{kind}_{name}", []).append(value)


def _normalised(advantage: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Advantages with mean 0 and deviation 1 over the decisions where `of` is True; unchanged if fewer than two are."""
    chosen = advantage[of].astype(np.float64)
    if len(chosen) < 2:
        return advantage.astype(np.float32)
    return ((advantage - chosen.mean()) / (chosen.std(ddof=1) + 1e-8)).astype(np.float32)

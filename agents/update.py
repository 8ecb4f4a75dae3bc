"""One PPO update: clipped losses of both kinds of decision, minibatch by minibatch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from stable_baselines3.common.utils import explained_variance

from regional_dispatch.agents.credit.lanes import Lanes
from regional_dispatch.agents.credit.lines import Lines
from regional_dispatch.agents.policy import DispatchPolicy

PRICE_MAX_GRAD_NORM = 5.0

Stats = dict[str, list[float]]  # name of a metric under `train/` → its values, minibatch by minibatch


class SourceBatch(NamedTuple):
    """Sourcing decisions as tensors; lines with a single candidate teach the critic alone."""

    x: torch.Tensor  # (n, K, features)
    mask: torch.Tensor  # (n, K)
    region: torch.Tensor  # (n,)
    action: torch.Tensor  # (n,)
    log_prob: torch.Tensor  # (n,)
    reward: torch.Tensor  # (n,)
    advantage: torch.Tensor  # (n,), normalised over lines with a choice, 0 elsewhere

    @classmethod
    def of(cls, lines: Lines, value: np.ndarray) -> SourceBatch:
        """Lines, and their values under today's critic (n,)."""
        x, mask, region, action, log_prob, reward = (torch.as_tensor(array) for array in lines)
        has_choice = mask.sum(-1) > 1
        advantage = reward - torch.as_tensor(value)
        advantage = torch.where(has_choice, _normalised(advantage, has_choice), torch.zeros_like(advantage))
        return cls(x, mask, region, action, log_prob, reward, advantage)

    def at(self, index: np.ndarray) -> SourceBatch:
        """The decisions at an index."""
        return SourceBatch(*(array[index] for array in self))


class DispatchBatch(NamedTuple):
    """Dispatch decisions as tensors."""

    x: torch.Tensor  # (n, features)
    region: torch.Tensor  # (n,)
    action: torch.Tensor  # (n,)
    log_prob: torch.Tensor  # (n,)
    returns: torch.Tensor  # (n,)
    advantage: torch.Tensor  # (n,), normalised

    @classmethod
    def of(cls, lanes: Lanes, advantage: np.ndarray, returns: np.ndarray) -> DispatchBatch:
        """Lanes, with their advantages and returns, both (n,)."""
        every = torch.ones(len(advantage), dtype=torch.bool)
        normalised = _normalised(torch.as_tensor(advantage), every)
        x, region, action, log_prob = (
            torch.as_tensor(array) for array in (lanes.x, lanes.region, lanes.action, lanes.log_prob)
        )
        return cls(x, region, action, log_prob, torch.as_tensor(returns), normalised)

    def at(self, index: np.ndarray) -> DispatchBatch:
        """The decisions at an index."""
        return DispatchBatch(*(array[index] for array in self))


class Losses(NamedTuple):
    """Losses of one kind of decision in a minibatch."""

    policy: torch.Tensor
    value: torch.Tensor
    entropy: torch.Tensor
    kl: float  # approximate KL divergence from the policy that decided


@dataclass
class Update:
    """Steps of the optimizer with the settings of one update.

    Args:
        policy: learns.
        clip: clip of the ratio of probabilities.
        entropy_weight: weight of the entropy bonus.
        vf_coef: weight of the critics' losses.
        max_grad_norm: clip of the gradient's norm.
        trains_source: whether sourcing decisions are learned from; False where a rule takes them.
        trains_dispatch: the same for dispatch decisions.
        stats: filled with the metrics of every minibatch.
    """

    policy: DispatchPolicy
    clip: float
    entropy_weight: float
    vf_coef: float
    max_grad_norm: float
    trains_source: bool
    trains_dispatch: bool
    stats: Stats = field(default_factory=dict)

    def step(self, source: SourceBatch, dispatch: DispatchBatch) -> float:
        """One step on a minibatch of each kind; the larger of the two KL divergences."""
        of_lines, of_lanes = self._source_losses(source), self._dispatch_losses(dispatch)
        loss = self.trains_source * self._total(of_lines) + self.trains_dispatch * self._total(of_lanes)
        self.policy.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        self.policy.optimizer.step()
        return max(of_lines.kl, of_lanes.kl)

    def _total(self, losses: Losses) -> torch.Tensor:
        return losses.policy - self.entropy_weight * losses.entropy + self.vf_coef * losses.value

    def _source_losses(self, batch: SourceBatch) -> Losses:
        log_probs = self.policy.source_logits(batch.x, batch.mask, batch.region)
        chosen = batch.x[torch.arange(len(batch.x)), batch.action]  # costs are known of the chosen candidates alone
        q = self.policy.source_critic(chosen, batch.region * 0)
        log_prob = log_probs.gather(1, batch.action[:, None])[:, 0]
        entropy = -(log_probs.exp() * log_probs.clamp_min(-100)).sum(-1).mean()
        value_loss = torch.nn.functional.mse_loss(q, batch.reward)
        return self._losses("source", batch, log_prob, entropy, value_loss)

    def _dispatch_losses(self, batch: DispatchBatch) -> Losses:
        logit = self.policy.dispatch_logits(batch.x, batch.region)
        go = torch.sigmoid(logit)
        entropy = (torch.nn.functional.softplus(logit) - go * logit).mean()
        value_loss = torch.nn.functional.mse_loss(self.policy.dispatch_values(batch.x), batch.returns)
        return self._losses("dispatch", batch, go_log_prob(logit, batch.action), entropy, value_loss)

    def _losses(
        self,
        kind: str,
        batch: SourceBatch | DispatchBatch,
        log_prob: torch.Tensor,
        entropy: torch.Tensor,
        value_loss: torch.Tensor,
    ) -> Losses:
        """PPO's clipped loss of one kind of decision, beside the two given; notes all of them."""
        log_ratio = log_prob - batch.log_prob
        ratio = log_ratio.exp()
        clipped = batch.advantage * ratio.clamp(1 - self.clip, 1 + self.clip)
        policy_loss = -torch.min(batch.advantage * ratio, clipped).mean()
        with torch.no_grad():
            kl = float(((ratio - 1) - log_ratio).mean())
            clip_fraction = float(((ratio - 1).abs() > self.clip).float().mean())
        metrics = {
            "clip_fraction": clip_fraction, "approx_kl": kl, "policy_loss": float(policy_loss.detach()),
            "entropy": float(entropy.detach()), "value_loss": float(value_loss.detach()),
        }  # fmt: skip
        for name, value in metrics.items():
            self.stats.setdefault(f"{kind}_{name}", []).append(value)
        return Losses(policy_loss, value_loss, entropy, kl)


def go_log_prob(logit: torch.Tensor, go: torch.Tensor) -> torch.Tensor:
    """Log-probability of go (1) or hold (0) under a logit of go against hold: (n,)."""
    return -torch.nn.functional.softplus(torch.where(go == 1, -logit, logit))


def minibatches(lines: int, lanes: int, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Shuffled indices of both kinds, as many parts of one as of the other, none of them empty."""
    parts = max(1, min(round(max(lines, lanes) / batch_size), lines, lanes))
    of_lines = np.array_split(np.random.permutation(lines), parts)
    of_lanes = np.array_split(np.random.permutation(lanes), parts)
    return zip(of_lines, of_lanes, strict=True)


def fit_lane_price(policy: DispatchPolicy, x: torch.Tensor, usd: torch.Tensor, epochs: int, batch_size: int) -> Stats:
    """Fits the price of lanes to what packages have cost them.

    Args:
        policy: one that prices lanes.
        x: (n, LANE_PRICE_COUNT) what lanes looked like to packages; n above 0.
        usd: (n,) what they then cost, beyond the standard cost.
        epochs: passes over the samples.
        batch_size: samples in a minibatch.

    Returns:
        Metrics: explained variance before the fit, mean USD, number of samples.
    """
    assert policy.lane_price is not None
    region = torch.zeros(len(usd), dtype=torch.int64)
    with torch.no_grad():
        before = policy.lane_price(x, region)
    for _ in range(epochs):
        for index in torch.randperm(len(usd)).split(batch_size):
            loss = torch.nn.functional.mse_loss(policy.lane_price(x[index], region[index]), usd[index])
            policy.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.lane_price.parameters(), PRICE_MAX_GRAD_NORM)
            policy.optimizer.step()
    return {
        "price_explained_variance": [float(explained_variance(before.numpy(), usd.numpy()))],
        "price_mean_usd": [float(usd.mean())],
        "price_samples": [float(len(usd))],
    }


def _normalised(advantage: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
    """Advantages with mean 0 and deviation 1 over the decisions where `of` is True; unchanged if fewer than two are."""
    chosen = advantage[of]
    if len(chosen) < 2:
        return advantage
    return (advantage - chosen.mean()) / (chosen.std() + 1e-8)

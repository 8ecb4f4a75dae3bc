"""Dispatch decisions: choices, values, and the gradients of PPO's losses.

An index names the lanes and their order; where regions have weights of their own, lanes of a region must follow one
another.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from regional_dispatch.agents.compiled.lines import LossStats
from regional_dispatch.agents.compiled.network import Block, Net, backward, fit, forward, put, scores
from regional_dispatch.envs.kernel.compiled import compiled_with_memory


class LaneData(NamedTuple):
    """Dispatch decisions to learn from, one per row."""

    x: np.ndarray  # (n, features) float32
    region: np.ndarray  # (n,) int64
    action: np.ndarray  # (n,) int64, 1 for go and 0 for hold
    log_prob: np.ndarray  # (n,) float32, of the action under the policy that decided
    returns: np.ndarray  # (n,) float32
    advantage: np.ndarray  # (n,) float32, normalised


@compiled_with_memory
def decide_lanes(
    actor: Net, critic: Net, x: np.ndarray, region: np.ndarray, index: np.ndarray, draw: np.ndarray, block: Block,
    critic_block: Block, action: np.ndarray, log_prob: np.ndarray, value: np.ndarray,
) -> None:  # fmt: skip
    """Draws go or hold for each lane, by its probability under the actor, and values the lane.

    Args:
        actor: scores go against hold.
        critic: values lanes.
        x: (n, features) float32.
        region: (n,) int64.
        index: (n,) int64, all lanes; see the module.
        draw: (n,) float32, uniform in [0, 1).
        block: room.
        critic_block: room for the critic.
        action: (n,) int64, filled.
        log_prob: (n,) float32, filled.
        value: (n,) float32, filled.
    """
    low = 0
    while low < len(index):
        high = _gather(actor, x, region, index, low, block)
        forward(actor, region[index[low]] if len(actor.bias) > 1 else 0, block, high - low)
        for j in range(high - low):
            i, logit = index[low + j], block.score[j]
            action[i] = draw[i] < 1 / (1 + math.exp(-logit))
            log_prob[i] = -_softplus(-logit if action[i] else logit)
        low = high
    scores(critic, x, critic_block, value)


@compiled_with_memory
def learn_lanes(
    actor: Net, critic: Net, data: LaneData, index: np.ndarray, clip: float, entropy_weight: float,
    value_weight: float, block: Block, critic_block: Block, actor_gradient: Net, critic_gradient: Net,
) -> LossStats:  # fmt: skip
    """Adds the gradients of PPO's losses over the lanes of an index; arguments as for `lines.learn_lines`.

    With z the logit and q the probability of go: d log-probability / dz = action − q, d entropy / dz = −z·q·(1 − q).
    """
    clipped = kl = loss = entropies = 0.0
    n, low = len(index), 0
    while low < n:
        high = _gather(actor, data.x, data.region, index, low, block)
        g = data.region[index[low]] if len(actor.bias) > 1 else 0
        forward(actor, g, block, high - low)
        for j in range(high - low):
            i, logit = index[low + j], block.score[j]
            go = 1 / (1 + math.exp(-logit))
            log_ratio = -_softplus(-logit if data.action[i] else logit) - data.log_prob[i]
            ratio, advantage = math.exp(log_ratio), data.advantage[i]
            is_clipped = ratio > 1 + clip if advantage > 0 else ratio < 1 - clip
            by_log_prob = 0.0 if is_clipped else -advantage * ratio
            block.slope[j] = (by_log_prob * (data.action[i] - go) + entropy_weight * logit * go * (1 - go)) / n
            loss -= advantage * (min(ratio, 1 + clip) if advantage > 0 else max(ratio, 1 - clip))
            kl += ratio - 1 - log_ratio
            clipped += abs(ratio - 1) > clip
            entropies += _softplus(logit) - go * logit
        backward(actor, g, block, high - low, actor_gradient)
        low = high
    error = fit(critic, critic_gradient, data.x, data.returns, index, value_weight, critic_block)
    return LossStats(clipped / n, kl / n, loss / n, entropies / n, error)


@compiled_with_memory
def _gather(actor: Net, x: np.ndarray, region: np.ndarray, index: np.ndarray, low: int, block: Block) -> int:
    """Copies lanes from position `low` of the index into the block, as many as fit; returns the position behind the
    last. Lanes under other weights than the first wait for the next block.
    """
    at = low
    while at < len(index) and at - low < len(block.score):
        i = index[at]
        if len(actor.bias) > 1 and region[i] != region[index[low]]:
            break
        put(block, at - low, x, i)
        at += 1
    return at


@compiled_with_memory
def _softplus(x: float) -> float:
    """log(1 + exp(x)), without overflow."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))

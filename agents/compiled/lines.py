"""Sourcing decisions: choices, values, and the gradients of PPO's losses.

Lines go through the networks in blocks, candidates without padding, one row each. An index names the lines and their
order; where regions have weights of their own, lines of a region must follow one another.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from regional_dispatch.agents.compiled.network import Block, Net, backward, fit, forward, put
from regional_dispatch.envs.kernel.compiled import compiled_with_memory

LEAST_PROBABILITY = 1e-3  # of a candidate that is learned about


class LineData(NamedTuple):
    """Sourcing decisions to learn from, one per row."""

    x: np.ndarray  # (n, K, features) float32
    considered: np.ndarray  # (n, K) bool, candidates that are learned about; see `LineValues`
    region: np.ndarray  # (n,) int64
    action: np.ndarray  # (n,) int64
    log_prob: np.ndarray  # (n,) float32, of the action among those considered, under the policy that decided
    reward: np.ndarray  # (n,) float32
    advantage: np.ndarray  # (n,) float32, normalised


class LineValues(NamedTuple):
    """What today's actor and critic make of lines.

    Most candidates of most lines are out of the question after a few updates. Their probabilities, and with them what
    they contribute to a gradient, are next to nothing, so an update leaves them out.
    """

    value: np.ndarray  # (n,) float32, mean value of the considered candidates, weighted by their probabilities
    considered: (
        np.ndarray
    )  # (n, K) bool, candidates with a probability of LEAST_PROBABILITY or more, and the chosen one
    log_share: np.ndarray  # (n,) float32, logarithm of the sum of their probabilities


class LossStats(NamedTuple):
    """Means over a minibatch, under the names of the metrics."""

    clip_fraction: float
    approx_kl: float
    policy_loss: float
    entropy: float
    value_loss: float


@compiled_with_memory
def choose_lines(
    actor: Net, x: np.ndarray, mask: np.ndarray, region: np.ndarray, index: np.ndarray, draw: np.ndarray,
    block: Block, first: np.ndarray, action: np.ndarray, log_prob: np.ndarray,
) -> None:  # fmt: skip
    """Draws a candidate for each line, by its probability under the actor.

    Args:
        actor: scores candidates.
        x: (n, K, features) float32.
        mask: (n, K) bool.
        region: (n,) int64.
        index: (n,) int64, all lines; see the module.
        draw: (n,) float32, uniform in [0, 1).
        block: room for at least K rows.
        first: (rows + 1,) int64, room.
        action: (n,) int64, filled.
        log_prob: (n,) float32, filled.
    """
    low = 0
    while low < len(index):
        high = _gather(actor, x, mask, region, index, low, block, first)
        _log_softmax(actor, region[index[low]], block, first, high - low)
        for j in range(high - low):
            i = index[low + j]
            row = _drawn(block.p, first[j], first[j + 1], draw[i])
            action[i], log_prob[i] = _column(mask[i], row - first[j]), block.score[row]
        low = high


@compiled_with_memory
def line_values(
    actor: Net, critic: Net, x: np.ndarray, mask: np.ndarray, region: np.ndarray, action: np.ndarray,
    index: np.ndarray, block: Block, critic_block: Block, first: np.ndarray, out: LineValues,
) -> None:  # fmt: skip
    """Fills `out`, whose `considered` is False everywhere; arguments as for `choose_lines`, actions given."""
    low = 0
    while low < len(index):
        high = _gather(actor, x, mask, region, index, low, block, first)
        _log_softmax(actor, region[index[low]], block, first, high - low)
        rows = 0
        for j in range(high - low):
            i, row = index[low + j], first[j]
            for k in range(x.shape[1]):
                if mask[i, k]:
                    if block.p[row] >= LEAST_PROBABILITY or k == action[i]:
                        out.considered[i, k] = True
                        block.p[rows] = block.p[row]
                        put(critic_block, rows, block.x, row)
                        rows += 1
                    row += 1
        forward(critic, 0, critic_block, rows)
        row = 0
        for j in range(high - low):
            i, share, total = index[low + j], 0.0, 0.0
            for k in range(x.shape[1]):
                if out.considered[i, k]:
                    share += block.p[row]
                    total += block.p[row] * critic_block.score[row]
                    row += 1
            out.value[i], out.log_share[i] = total / share, math.log(share)
        low = high


@compiled_with_memory
def learn_lines(
    actor: Net, critic: Net, data: LineData, chosen: np.ndarray, index: np.ndarray, deciding: np.ndarray, clip: float,
    entropy_weight: float, value_weight: float, block: Block, critic_block: Block, first: np.ndarray,
    actor_gradient: Net, critic_gradient: Net,
) -> LossStats:  # fmt: skip
    """Adds the gradients of PPO's losses over the lines of an index.

    With s the scores of a line's candidates, p their probabilities, H the entropy and r the ratio of the choice c:
    d log p_c / d s_k = [k = c] − p_k, d H / d s_k = −p_k (log p_k + H), and the clipped loss has the gradient −A·r by
    log p_c where it is not clipped, and 0 where it is.

    Args:
        actor: scores candidates.
        critic: values candidates; its loss is of the chosen ones, whose costs are known.
        data: all lines of the update.
        chosen: (n, features) float32, the chosen candidates of the same lines.
        index: (m,) int64, the lines of the minibatch; m above 0.
        deciding: int64, those of them that have more than one candidate; see the module.
        clip: of the ratio.
        entropy_weight: weight of the entropy bonus.
        value_weight: weight of the critic's loss.
        block: room.
        critic_block: room for the critic.
        first: (rows + 1,) int64, room.
        actor_gradient: added to.
        critic_gradient: added to.
    """
    clipped = kl = loss = entropies = 0.0
    n, low = len(index), 0
    while low < len(deciding):
        high = _gather(actor, data.x, data.considered, data.region, deciding, low, block, first)
        g = _log_softmax(actor, data.region[deciding[low]], block, first, high - low)
        for j in range(high - low):
            i = deciding[low + j]
            begin, end = first[j], first[j + 1]
            row = begin + _place(data.considered[i], data.action[i])
            log_ratio = block.score[row] - data.log_prob[i]
            ratio, advantage = math.exp(log_ratio), data.advantage[i]
            is_clipped = ratio > 1 + clip if advantage > 0 else ratio < 1 - clip
            by_log_prob = 0.0 if is_clipped else -advantage * ratio
            entropy = 0.0
            for k in range(begin, end):
                entropy -= block.p[k] * block.score[k]
            of_choice, of_entropy = np.float32(by_log_prob / n), np.float32(entropy_weight / n)
            for k in range(begin, end):
                block.slope[k] = block.p[k] * (of_entropy * (block.score[k] + entropy) - of_choice)
            block.slope[row] += of_choice
            loss -= advantage * (min(ratio, 1 + clip) if advantage > 0 else max(ratio, 1 - clip))
            kl += ratio - 1 - log_ratio
            clipped += abs(ratio - 1) > clip
            entropies += entropy
        backward(actor, g, block, first[high - low], actor_gradient)
        low = high
    error = fit(critic, critic_gradient, chosen, data.reward, index, value_weight, critic_block)
    return LossStats(clipped / n, kl / n, loss / n, entropies / n, error)


@compiled_with_memory
def _gather(
    actor: Net, x: np.ndarray, mask: np.ndarray, region: np.ndarray, index: np.ndarray, low: int, block: Block,
    first: np.ndarray,
) -> int:  # fmt: skip
    """Copies the candidates of lines from position `low` of the index into the block, as many lines as fit.

    Fills `first`: the row of each line's first candidate, and behind the last line the number of rows. Returns the
    position behind the last line. Lines under other weights than the first wait for the next block.
    """
    rows, j, at = 0, 0, low
    candidates = x.shape[1]
    while at < len(index) and rows + candidates <= len(block.score):
        i = index[at]
        if len(actor.bias) > 1 and region[i] != region[index[low]]:
            break
        first[j] = rows
        for k in range(candidates):
            if mask[i, k]:
                put(block, rows, x[i], k)
                rows += 1
        at += 1
        j += 1
    first[j] = rows
    return at


@compiled_with_memory
def _log_softmax(actor: Net, region: int, block: Block, first: np.ndarray, lines: int) -> int:
    """Probabilities of the candidates in a block, and their logarithms, written over the scores; returns the set of
    weights used.
    """
    g = region if len(actor.bias) > 1 else 0
    forward(actor, g, block, first[lines])
    for j in range(lines):
        begin, end = first[j], first[j + 1]
        top = block.score[begin]
        for row in range(begin + 1, end):
            top = max(top, block.score[row])
        total = np.float32(0)
        for row in range(begin, end):
            block.p[row] = math.exp(block.score[row] - top)
            total += block.p[row]
        shift = top + np.float32(math.log(total))
        for row in range(begin, end):
            block.p[row] /= total
            block.score[row] -= shift
    return g


@compiled_with_memory
def _drawn(p: np.ndarray, begin: int, end: int, draw: float) -> int:
    """The row at which the sum of probabilities passes the draw."""
    total = np.float32(0)
    for row in range(begin, end - 1):
        total += p[row]
        if draw < total:
            return row
    return end - 1


@compiled_with_memory
def _place(mask: np.ndarray, column: int) -> int:
    """How many candidates come before a column."""
    before = 0
    for k in range(column):
        before += mask[k]
    return before


@compiled_with_memory
def _column(mask: np.ndarray, place: int) -> int:
    """The column of a candidate that so many come before."""
    for k in range(len(mask)):
        if mask[k]:
            if place == 0:
                return k
            place -= 1
    return 0

"""Passes of blocks of rows through a scorer network, forward and backward."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.kernel.compiled import compiled_with_memory
from regional_dispatch.envs.kernel.decisions.score import add_and_cut

BLOCK = 1024  # rows at once: they and their hidden layers stay in a processor's cache


class Net(NamedTuple):
    """Weights of an `agents.networks.ScorerNet`, or the gradients of a loss by them; all float32.

    Axis G: one set of weights for all regions (1), or one per region (R).
    """

    bias: np.ndarray  # (G,)
    weight: np.ndarray  # (G, features)
    w1: np.ndarray  # (G, features, H)
    b1: np.ndarray  # (G, H)
    w2: np.ndarray  # (G, H, H)
    b2: np.ndarray  # (G, H)
    w3: np.ndarray  # (G, H)


class Block(NamedTuple):
    """Room for rows on their way through a network, and for the gradients of a block; all float32."""

    x: np.ndarray  # (rows, features)
    h1: np.ndarray  # (rows, H), after its ReLU
    h2: np.ndarray  # (rows, H), after its ReLU
    score: np.ndarray  # (rows,)
    p: np.ndarray  # (rows,) probability of a candidate
    slope: np.ndarray  # (rows,) gradient of the loss by the score
    d1: np.ndarray  # (rows, H), the same by the first layer
    d2: np.ndarray  # (rows, H), the same by the second layer
    by_w1: np.ndarray  # (features, H)
    by_w2: np.ndarray  # (H, H)
    by_weight: np.ndarray  # (features,)


def block(features: int, hidden: int) -> Block:
    """Room for BLOCK rows; that is far more than a line has candidates."""
    row, wide = (BLOCK,), (BLOCK, hidden)
    shapes = (BLOCK, features), wide, wide, row, row, row, wide, wide, (features, hidden), (hidden, hidden), (features,)
    return Block(*(np.zeros(shape, np.float32) for shape in shapes))


@compiled_with_memory
def put(block: Block, row: int, x: np.ndarray, i: int) -> None:
    """Copies row i of x into a block. A loop: numba takes seconds to compile an assignment of slices."""
    for feature in range(x.shape[1]):
        block.x[row, feature] = x[i, feature]


@compiled_with_memory
def forward(net: Net, g: int, block: Block, rows: int) -> None:
    """Scores the first rows of `block.x` under weight set g."""
    x, h1, h2, score = block.x[:rows], block.h1[:rows], block.h2[:rows], block.score[:rows]
    np.dot(x, net.w1[g], h1)
    add_and_cut(h1, net.b1[g])
    np.dot(h1, net.w2[g], h2)
    add_and_cut(h2, net.b2[g])
    np.dot(h2, net.w3[g], score)
    skip = block.slope[:rows]
    np.dot(x, net.weight[g], skip)
    bias = net.bias[g]
    for i in range(rows):
        score[i] += skip[i] + bias


@compiled_with_memory
def backward(net: Net, g: int, block: Block, rows: int, gradient: Net) -> None:
    """Adds the gradient of a loss by weight set g, given its gradient `block.slope` by the scores of `forward`."""
    x, h1, h2, slope = block.x[:rows], block.h1[:rows], block.h2[:rows], block.slope[:rows]
    d1, d2 = block.d1[:rows], block.d2[:rows]
    for i in range(rows):
        gradient.bias[g] += slope[i]
    np.dot(x.T, slope, block.by_weight)
    _add(gradient.weight[g], block.by_weight)
    _behind_last_layer(h2, slope, net.w3[g], d2, gradient.w3[g], gradient.b2[g])
    np.dot(h1.T, d2, block.by_w2)
    _add(gradient.w2[g].ravel(), block.by_w2.ravel())
    np.dot(d2, net.w2[g].T, d1)
    _behind_first_layer(h1, d1, gradient.b1[g])
    np.dot(x.T, d1, block.by_w1)
    _add(gradient.w1[g].ravel(), block.by_w1.ravel())


@compiled_with_memory
def fit(
    net: Net, gradient: Net, x: np.ndarray, target: np.ndarray, index: np.ndarray, weight: float, block: Block
) -> float:
    """Adds the gradient of a weighted mean squared error over the rows of an index; returns the error, not weighted.

    Args:
        net: has one set of weights.
        gradient: added to.
        x: (n, features) float32.
        target: (n,) float32.
        index: (m,) int64, rows of both; m above 0.
        weight: of the error.
        block: room.
    """
    error, most = 0.0, len(block.score)
    scale = np.float32(2 * weight / len(index))
    for low in range(0, len(index), most):
        rows = min(most, len(index) - low)
        for i in range(rows):
            put(block, i, x, index[low + i])
        forward(net, 0, block, rows)
        for i in range(rows):
            miss = block.score[i] - target[index[low + i]]
            error += miss * miss
            block.slope[i] = scale * miss
        backward(net, 0, block, rows, gradient)
    return error / len(index)


@compiled_with_memory
def scores(net: Net, x: np.ndarray, block: Block, out: np.ndarray) -> None:
    """Scores of x (n, features) under the first set of weights, written to out (n,)."""
    most = len(block.score)
    for low in range(0, len(x), most):
        rows = min(most, len(x) - low)
        for i in range(rows):
            put(block, i, x, low + i)
        forward(net, 0, block, rows)
        out[low : low + rows] = block.score[:rows]


@compiled_with_memory
def _behind_last_layer(
    h: np.ndarray, slope: np.ndarray, weight: np.ndarray, d: np.ndarray, by_weight: np.ndarray, by_bias: np.ndarray
) -> None:
    """Gradients d (rows, H) by a hidden layer that has the weights (H,) of a score; adds those by weights and bias."""
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            by_weight[j] += slope[i] * h[i, j]
            d[i, j] = slope[i] * weight[j] if h[i, j] > 0 else np.float32(0)
            by_bias[j] += d[i, j]


@compiled_with_memory
def _behind_first_layer(h: np.ndarray, d: np.ndarray, by_bias: np.ndarray) -> None:
    """Takes out of d (rows, H) what the ReLU of h cuts; adds the gradient by the bias."""
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            if not h[i, j] > 0:
                d[i, j] = 0
            by_bias[j] += d[i, j]


@compiled_with_memory
def _add(total: np.ndarray, part: np.ndarray) -> None:
    for i in range(len(total)):
        total[i] += part[i]

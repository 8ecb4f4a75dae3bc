"""One score per feature vector, compiled: the arrays of a scorer and what they say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.kernel.compiled import compiled_fastmath, inlined, inlined_fastmath


class Scorer(NamedTuple):
    """score = bias + weight·x + step_weight·[x ≥ step_at] + w3·relu(w2ᵀ·relu(w1ᵀ·x + b1) + b2); all float32.

    Axis G: one set of weights for all regions (1), or one per region (R).
    """

    bias: np.ndarray  # (G,)
    weight: np.ndarray  # (G, features)
    step_weight: np.ndarray  # (G, features)
    step_at: np.ndarray  # (G, features)
    w1: np.ndarray  # (G, features, H)
    b1: np.ndarray  # (G, H)
    w2: np.ndarray  # (G, H, H)
    b2: np.ndarray  # (G, H)
    w3: np.ndarray  # (G, H)


def scorer_shapes(groups: int, features: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """Shape of every array of a `Scorer`."""
    flat, deep = (groups, features), (groups, hidden)
    return {
        "bias": (groups,),
        "weight": flat,
        "step_weight": flat,
        "step_at": flat,
        "w1": (groups, features, hidden),
        "b1": deep,
        "w2": (groups, hidden, hidden),
        "b2": deep,
        "w3": deep,
    }


def no_scorer(features: int) -> Scorer:
    """A scorer of no weight sets: what stands where a policy has none."""
    return Scorer(**{name: np.zeros(shape, np.float32) for name, shape in scorer_shapes(0, features, 0).items()})


@inlined
def weighed(scorer: Scorer, g: int, asked: np.ndarray, listed: np.ndarray) -> int:
    """Which features weight set g has a weight for.

    Args:
        scorer: the scorer.
        g: weight set.
        asked: (features,) uint8, filled: 1 for those it weighs.
        listed: (features,) int64, filled from the start: their numbers.

    Returns:
        How many they are.
    """
    count = 0
    for i in range(len(asked)):
        found = scorer.weight[g, i] != 0 or scorer.step_weight[g, i] != 0
        for j in range(scorer.b1.shape[1]):
            found = found or scorer.w1[g, i, j] != 0
        asked[i] = found
        if found:
            listed[count] = i
            count += 1
    return count


@compiled_fastmath
def score_rows(
    scorer: Scorer, g: int, x: np.ndarray, rows: int, listed: np.ndarray, count: int, hidden: np.ndarray,
    out: np.ndarray,
) -> None:  # fmt: skip
    """Scores of many feature vectors under weight set g.

    Args:
        scorer: the scorer.
        g: weight set.
        x: (at least rows, features) float32; those that the scorer does not weigh may hold any number.
        rows: vectors to score.
        listed, count: features that it weighs (`weighed`).
        hidden: (2, at least rows, H) float32, scratch.
        out: (at least rows,) float32, filled.
    """
    for k in range(rows):
        total = scorer.bias[g]
        for n in range(count):
            i = listed[n]
            total += scorer.weight[g, i] * x[k, i]
            if x[k, i] >= scorer.step_at[g, i]:
                total += scorer.step_weight[g, i]
        out[k] = total
    if scorer.b1.shape[1] > 0:
        h1, h2 = hidden[0, :rows], hidden[1, :rows]
        np.dot(x[:rows], scorer.w1[g], h1)  # BLAS: 8 × as fast as loops over one vector after the other
        add_and_cut(h1, scorer.b1[g])
        np.dot(h1, scorer.w2[g], h2)
        add_and_cut(h2, scorer.b2[g])
        for k in range(rows):
            total = out[k]
            for j in range(h2.shape[1]):
                total += h2[k, j] * scorer.w3[g, j]
            out[k] = total


@inlined_fastmath
def add_and_cut(h: np.ndarray, bias: np.ndarray) -> None:
    """Adds the bias to every row, and applies the ReLU."""
    for k in range(h.shape[0]):
        for j in range(h.shape[1]):
            h[k, j] = max(h[k, j] + bias[j], np.float32(0))


@inlined_fastmath
def score(scorer: Scorer, g: int, x: np.ndarray, scratch: np.ndarray) -> float:
    """Score of one feature vector under weight set g; `scratch` is (2, at least H) float32."""
    total = scorer.bias[g]
    for i in range(len(x)):
        total += scorer.weight[g, i] * x[i]
        if x[i] >= scorer.step_at[g, i]:
            total += scorer.step_weight[g, i]
    hidden = scorer.b1.shape[1]
    if hidden == 0:
        return total
    h1, h2 = scratch[0], scratch[1]
    for j in range(hidden):
        h1[j] = scorer.b1[g, j]
        h2[j] = scorer.b2[g, j]
    for i in range(len(x)):
        xi = x[i]
        for j in range(hidden):
            h1[j] += xi * scorer.w1[g, i, j]
    for i in range(hidden):
        hi = h1[i]
        if hi > 0:
            for j in range(hidden):
                h2[j] += hi * scorer.w2[g, i, j]
    for j in range(hidden):
        total += max(h2[j], np.float32(0)) * scorer.w3[g, j]
    return total

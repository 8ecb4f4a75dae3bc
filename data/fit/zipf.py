"""How skewed the popularity of SKUs is: Zipf's exponent by maximum likelihood, and how well the law fits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

MOST = 3.0  # of a scenario's `zipf_exponent`
_TOPS = (0.01, 0.1, 0.5)  # shares of SKUs whose share of lines is compared


class Zipf(NamedTuple):
    """A fitted law: the share of the SKU of rank i is ∝ i^−exponent."""

    exponent: float
    distance: float  # largest difference of cumulative shares (Kolmogorov–Smirnov), 0…1
    tops: tuple[tuple[float, float, float], ...]  # share of SKUs, share of lines observed, fitted


def fit_zipf(counts: np.ndarray) -> Zipf:
    """Fits Zipf's law to lines per SKU.

    The likelihood of n lines with rank counts c is Σ −a·c_i·log i − n·log Σ i^−a (Clauset, Shalizi & Newman 2009,
    section 3, on a finite number of ranks). Ranks are those of the counts themselves, which makes rare SKUs look a
    little more skewed than they are where counts are small.

    Args:
        counts: (S,) lines per SKU, one at least above 0; SKUs without a line are no ranks.
    """
    ranked = np.sort(counts[counts > 0])[::-1].astype(float)
    logs, total = np.log(np.arange(1, len(ranked) + 1)), ranked.sum()
    if len(ranked) == 1:
        return Zipf(0.0, 0.0, ((1.0, 1.0, 1.0),))
    weighed = float((ranked * logs).sum())
    found = minimize_scalar(
        lambda a: a * weighed + total * float(np.log(np.exp(-a * logs).sum())), bounds=(0.0, MOST), method="bounded"
    )
    law = np.exp(-found.x * logs)
    seen, said = ranked.cumsum() / total, law.cumsum() / law.sum()
    tops = []
    for share in _TOPS:
        last = max(1, round(share * len(ranked))) - 1
        tops.append((share, float(seen[last]), float(said[last])))
    return Zipf(float(found.x), float(np.abs(seen - said).max()), tuple(tops))

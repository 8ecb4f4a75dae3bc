"""How far policies are above the hindsight bound, and the share of the gap that each closes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from regional_dispatch.evaluation.kpis import EPISODE_COST
from regional_dispatch.evaluation.policy_kinds import cheapest
from regional_dispatch.evaluation.statistics import Interval, mean_interval, paired_difference, ratio_of_means

OPTIMUM, LOWER_BOUND = "optimum", "lower bound"


def gap_summary(frame: pd.DataFrame, bounds: pd.DataFrame, untuned: Sequence[str]) -> dict[str, Any]:
    """Gaps to the bound, with 95 % intervals over the episodes that have one.

    With U the untuned rule of the lowest mean cost, the share of the gap that a policy closes is (U − policy) /
    (U − bound), a ratio of means. All costs are USD per order of the whole episode, warm-up included, because a bound
    on the whole episode is what can be proven.

    Args:
        frame: one row per policy × episode; see `evaluation.rollouts.evaluate_policies`.
        bounds: one row per episode; see `evaluation.bounds.evaluate_bounds`.
        untuned: the rules with default parameters, among which U is chosen.

    Returns:
        `{"label", "kinds", "usd_per_order", "seconds", "episodes", "best_untuned", "policies"}`. The label is
        "optimum" if every bound is exact, else "lower bound"; `policies` has, by name, `cost_usd`, `gap_usd`,
        `gap_percent` (of the bound) and `share_closed` as intervals, and `gaps_usd` per episode. A ratio whose
        denominator is not positive is None.
    """
    bounds = bounds.sort_values("episode")
    covered = frame[frame["episode"].isin(bounds["episode"])].sort_values("episode", kind="stable")
    usd = bounds["bound_per_order_usd"].to_numpy(dtype=float)
    best = cheapest(covered, untuned, EPISODE_COST)
    base = None if best is None else _costs(covered, best)
    names = list(frame["policy"].unique())
    return {
        "label": OPTIMUM if (bounds["bound_kind"] == "exact").all() else LOWER_BOUND,
        "kinds": {str(kind): int(count) for kind, count in bounds["bound_kind"].value_counts(sort=False).items()},
        "usd_per_order": mean_interval(usd).facts(),
        "seconds": float(bounds["bound_seconds"].mean()),
        "episodes": [{column: _known(value) for column, value in row.items()} for row in bounds.to_dict("records")],
        "best_untuned": best,
        "policies": {name: _gap(_costs(covered, name), usd, base) for name in names},
    }


def _costs(frame: pd.DataFrame, name: str) -> np.ndarray:
    return frame.loc[frame["policy"] == name, EPISODE_COST].to_numpy(dtype=float)


def _gap(cost: np.ndarray, bound: np.ndarray, base: np.ndarray | None) -> dict[str, Any]:
    return {
        "cost_usd": mean_interval(cost).facts(),
        "gap_usd": paired_difference(cost, bound).facts(),
        "gap_percent": _dict(ratio_of_means(100 * (cost - bound), bound)),
        "share_closed": None if base is None else _dict(ratio_of_means(base - cost, base - bound)),
        "gaps_usd": [_known(gap) for gap in (cost - bound).tolist()],
    }


def _known(value: Any) -> Any:
    """None for NaN, which JSON does not have."""
    return None if value != value else value


def _dict(interval: Interval | None) -> dict[str, float | None] | None:
    return None if interval is None else interval.facts()

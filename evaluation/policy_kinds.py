"""Which of the compared policies are rules with default parameters, which are tuned, and which are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from regional_dispatch.baselines import BaselineError, baseline, baseline_names
from regional_dispatch.baselines.rules import full_name
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.evaluation.rollouts import Playable


def untuned_rules(policies: Mapping[str, Playable]) -> list[str]:
    """The policies that are rules with their default parameters."""
    return [
        name
        for name, policy in policies.items()
        if isinstance(policy, ScorerPolicy) and _is_rule(name) and _same(policy, baseline(name))
    ]


def tuned_rules(policies: Mapping[str, Playable]) -> list[str]:
    """The policies that are rules with other parameters; no trained policies, nor any that play by themselves."""
    from regional_dispatch.agents.export import FilePolicy  # only here

    scorers = {name: policy for name, policy in policies.items() if isinstance(policy, ScorerPolicy)}
    untuned = untuned_rules(scorers)
    return [name for name, policy in scorers.items() if name not in untuned and not isinstance(policy, FilePolicy)]


def cheapest(frame: pd.DataFrame, names: Sequence[str], kpi: str) -> str | None:
    """The named policy with the lowest mean of a cost; None if no policy is named, or none has a cost.

    Args:
        frame: one row per policy × episode; see `evaluation.rollouts.evaluate_policies`.
        names: the policies to choose from.
        kpi: the KPI that is the cost.
    """
    means = frame[frame["policy"].isin(list(names))].groupby("policy", sort=False)[kpi].mean().dropna()
    return None if means.empty else str(means.idxmin())


def _is_rule(name: str) -> bool:
    try:
        return full_name(name) in baseline_names()
    except BaselineError:
        return False


def _same(a: ScorerPolicy, b: ScorerPolicy) -> bool:
    """Compares weights: a training folder may have the name of a rule."""
    return a.pricing == b.pricing and all(
        np.array_equal(x, y) for x, y in zip(_arrays(a.scorers), _arrays(b.scorers), strict=True)
    )


def _arrays(scorers: Scorers) -> list[np.ndarray]:
    return [array for scorer in scorers for array in scorer]

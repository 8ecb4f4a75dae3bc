"""Policies that do not learn: linear scorers with named weights, behind the same `predict()` as those that do."""

from regional_dispatch.baselines.rules import DISPATCH_RULES, SOURCE_RULES, BaselineError, baseline, baseline_names

__all__ = ["DISPATCH_RULES", "SOURCE_RULES", "BaselineError", "baseline", "baseline_names"]

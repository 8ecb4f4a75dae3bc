"""Statistics of an experiment: a variant against its rivals, against the base variant, and by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regional_dispatch.agents.export import FilePolicy
from regional_dispatch.baselines.tuned import LINEAR
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.evaluation.bounds import join_bounds
from regional_dispatch.evaluation.cells import Rows
from regional_dispatch.evaluation.compare import Summary
from regional_dispatch.evaluation.doubts import one_trace, settlement
from regional_dispatch.evaluation.experiments.cells import Cells, label, run_folder
from regional_dispatch.evaluation.experiments.curves import Curves, Reference, read_curve, time_to_beat
from regional_dispatch.evaluation.experiments.trainings import Outcome
from regional_dispatch.evaluation.gaps import gap_summary
from regional_dispatch.evaluation.kpis import COST, ON_TIME
from regional_dispatch.evaluation.policy_kinds import cheapest, tuned_rules, untuned_rules
from regional_dispatch.evaluation.rollouts import Playable
from regional_dispatch.evaluation.statistics import crossed_mean, mean_interval
from regional_dispatch.evaluation.text import NOTHING

BETTER, WORSE, TIE = "cheaper", "more expensive", "tie"


def summarise_variant(
    cells: Cells, frame: pd.DataFrame, curves: Curves, outcomes: Mapping[Path, Outcome], out: Path,
    done: Mapping[str, Rows],
) -> Summary:  # fmt: skip
    """Summarises one variant.

    Returns:
        `kpis` (intervals over seeds and episodes), `rivals` (name → KPI → interval over episodes), `paired` (rival →
        `usd`, `percent`, `on_time_points`, `improvement`: the share of pairs of a seed and an episode where the policy
        is cheaper), `best_rival`, `best_untuned`, `verdict` against the best rival, `doubts`, `seeds` (cost, tuning
        cost, improvement and time of each; `learning_seconds` is None where there is no curve), `time_to_beat`, `gaps`
        if there are bounds, and what was trained.
    """
    ready, rivals = cells.ready, list(cells.rivals)
    paired = {name: _paired(frame, name) for name in rivals}
    best = cheapest(frame, rivals, COST)
    assert best is not None
    summary: Summary = {
        "scenario": ready.scenario.name, "tests": ready.scenario.tests, "algorithm": ready.variant.algorithm,
        "arguments": ready.arguments, "changes": {**ready.variant.set, **ready.variant.ppo_set},
        "all_seeds": list(ready.seeds),
        "kpis": {kpi: crossed_mean(_table(frame, kpi)).facts() for kpi in KPIS},
        "rivals": {name: _kpis(frame, name) for name in rivals},
        "paired": paired, "best_rival": best, "best_untuned": cheapest(frame, untuned_rules(ready.rivals), COST),
        "verdict": verdict(paired[best]["usd"]),
        "doubts": [*one_trace(ready.scenario), *settlement(ready.scenario, frame)],
        "seeds": {
            str(k): {
                **_seed_facts(cells, k, frame, best, outcomes[run_folder(out, ready.variant.name, k)]),
                "learning_seconds": float(curves.by_seed[k]["seconds"].iloc[-1]) if k in curves.by_seed else None,
            }
            for k in cells.trained
        },
        "levels": {reference.kind: reference._asdict() for reference in curves.references},
        "time_to_beat": [time_to_beat(curves, reference) for reference in curves.references] if curves.by_seed else [],
    }  # fmt: skip
    if cells.bounds:
        summary["gaps"] = _gaps(cells, frame, done)
    return summary


def compared_with_base(frame: pd.DataFrame, base: pd.DataFrame) -> dict[str, Any] | None:
    """A variant against the base, seed by seed and episode by episode, over the seeds both have; None if there is none.

    Policies of one seed share their initial weights and training orders, so the seeds are paired too.
    """
    common = [name for name in _seed_names(frame) if name in _seed_names(base)]
    if not common:
        return None
    ours, theirs = _table(frame, COST, common), _table(base, COST, common)
    points = 100 * (_table(frame, ON_TIME, common) - _table(base, ON_TIME, common))
    found = _difference(ours - theirs, float(theirs.mean()))
    on_time = crossed_mean(points).facts()
    return {**found, "on_time_points": on_time, "seeds": len(common), "verdict": verdict(found["usd"])}


def _seed_facts(cells: Cells, seed: int, frame: pd.DataFrame, rival: str, outcome: Outcome) -> dict[str, Any]:
    cost = frame.loc[frame["policy"] == label(seed), COST].to_numpy(dtype=float)
    other = frame.loc[frame["policy"] == rival, COST].to_numpy(dtype=float)
    policy = cells.trained[seed]
    about = _metadata(policy)
    return {
        "cost_usd": float(cost.mean()), "difference_usd": float((cost - other).mean()),
        "improvement": float((cost < other).mean()), "seconds": outcome.seconds,
        "tuning_cost_usd": float(about["tuning_cost_per_order_usd"]), "timesteps": int(about["timesteps"]),
    }  # fmt: skip


def _metadata(policy: ScorerPolicy) -> Mapping[str, Any]:
    assert isinstance(policy, FilePolicy)
    return policy.metadata


def _gaps(cells: Cells, frame: pd.DataFrame, done: Mapping[str, Rows]) -> Summary:
    """Gaps to the bound of the rivals, and of the trained policies by their mean over the seeds."""
    rows = [{"episode": episode, **done[cell.fingerprint][0]} for episode, cell in enumerate(cells.bounds)]
    bounds = pd.DataFrame(rows)
    join_bounds(frame, bounds)  # raises if a policy is below a bound
    seeds = _seed_names(frame)
    means = frame[frame["policy"].isin(seeds)].groupby("episode", as_index=False)[list(KPIS)].mean()
    name = cells.ready.variant.name
    together = pd.concat([means.assign(policy=name), frame[~frame["policy"].isin(seeds)]], ignore_index=True)
    return gap_summary(together, bounds, untuned_rules(cells.ready.rivals))


def _paired(frame: pd.DataFrame, rival: str) -> dict[str, Any]:
    """The trained policies against a rival on the same episodes, every interval over seeds and episodes."""
    of_rival = frame[frame["policy"] == rival]
    usd, mean = _table(frame, COST) - of_rival[COST].to_numpy(dtype=float), float(of_rival[COST].mean())
    points = 100 * (_table(frame, ON_TIME) - of_rival[ON_TIME].to_numpy(dtype=float))
    return {**_difference(usd, mean), "on_time_points": crossed_mean(points).facts()}


def _difference(usd: np.ndarray, base: float) -> dict[str, Any]:
    """Of (seeds, episodes) dollars; also in percent of a mean, which is treated as a constant."""
    found = crossed_mean(usd)
    percent = found.times(100 / base).facts() if base else None
    return {"usd": found.facts(), "percent": percent, "improvement": float((usd < 0).mean())}


def verdict(usd: Mapping[str, float | None]) -> str:
    """The verdict on the interval of a difference in cost; a dash where there is no interval."""
    low, high = usd["ci_low"], usd["ci_high"]
    if low is None or high is None:
        return NOTHING
    return BETTER if high < 0 else WORSE if low > 0 else TIE


def _kpis(frame: pd.DataFrame, name: str) -> dict[str, dict[str, float | None]]:
    rows = frame[frame["policy"] == name]
    return {kpi: mean_interval(rows[kpi].to_numpy(dtype=float)).facts() for kpi in KPIS}


def _table(frame: pd.DataFrame, kpi: str, names: Sequence[str] | None = None) -> np.ndarray:
    """A KPI of the trained policies (all, or those named): (seeds, episodes)."""
    names = _seed_names(frame) if names is None else names
    return np.array([frame.loc[frame["policy"] == name, kpi].to_numpy(dtype=float) for name in names])


def _seed_names(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame["policy"].unique() if name.startswith("seed ")]


def learning_curves(cells: Cells, out: Path, done: Mapping[str, Rows]) -> Curves:
    name = cells.ready.variant.name
    found = {seed: read_curve(run_folder(out, name, seed)) for seed in cells.trained}
    levels = {
        rival: {seed: _mean([row for cell in some for row in done[cell.fingerprint]]) for seed, some in by_seed.items()}
        for rival, by_seed in cells.levels.items()
    }
    by_seed = {seed: curve for seed, curve in found.items() if curve is not None and not curve.empty}
    return Curves(name, by_seed, _references(cells.ready.rivals, levels))


def _mean(rows: Rows) -> float:
    return float(np.mean([row[COST] for row in rows]))


def _references(rivals: Mapping[str, Playable], levels: Mapping[str, dict[int, float]]) -> list[Reference]:
    """The best untuned rule, and tuned linear (or else the best tuned one), by their mean on the tuning episodes."""

    def best(names: Sequence[str]) -> list[str]:
        return sorted(names, key=lambda name: float(np.mean(list(levels[name].values()))))[:1]

    tuned = tuned_rules(rivals)
    chosen = {
        "best untuned rule": best(untuned_rules(rivals)),
        "tuned rule": [LINEAR] if LINEAR in tuned else best(tuned),
    }
    return [Reference(kind, name, levels[name]) for kind, names in chosen.items() for name in names]

"""An experiment: many trainings, their policies and rivals on held-out orders, and what it all says."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.agents.export import POLICY_FILE, FilePolicy, load_policy
from regional_dispatch.agents.rivals.maskable import MaskablePolicy
from regional_dispatch.agents.training.run import tuning_worlds
from regional_dispatch.baselines.tuned import LINEAR
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.bounds import Bound, join_bounds
from regional_dispatch.evaluation.cells import Cell, Rows, Store, Worlds, bound_cell, fill, player_cell, policy_cell
from regional_dispatch.evaluation.cells import Progress as CellProgress
from regional_dispatch.evaluation.compare import Learned, Summary, check_unseen
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.experiments.curves import Curves, Reference, draw_curves, read_curve, time_to_beat
from regional_dispatch.evaluation.experiments.file import MASKABLE, Experiment, Ready
from regional_dispatch.evaluation.experiments.trainings import Outcome, Training, digest, sources
from regional_dispatch.evaluation.gaps import gap_summary
from regional_dispatch.evaluation.kpis import COST, ON_TIME
from regional_dispatch.evaluation.output import staged
from regional_dispatch.evaluation.policy_kinds import cheapest, tuned_rules, untuned_rules
from regional_dispatch.evaluation.provenance import provenance, versions
from regional_dispatch.evaluation.rollouts import evaluation_keys, results_frame
from regional_dispatch.evaluation.statistics import Interval, bootstrap_mean, crossed_mean

PROGRAM = [sys.executable, "-m", "regional_dispatch"]
CELLS, CURVES, PAGE = "cells", "curves.png", "experiment.md"
BETTER, WORSE, TIE = "cheaper", "dearer", "tie"

Trained = ScorerPolicy | MaskablePolicy


class Cells(NamedTuple):
    """What must be played for one variant."""

    ready: Ready
    trained: dict[int, Trained]  # by seed
    held_out: dict[int, Cell]
    rivals: dict[str, Cell]
    levels: dict[str, dict[int, list[Cell]]]  # the rivals on each seed's tuning episodes, world by world
    bounds: list[Cell]


class Result(NamedTuple):
    """What an experiment found."""

    frame: pd.DataFrame  # one row per variant × policy × episode; a trained policy is `seed <k>`
    summary: Summary  # `{"meta": …, "variants": {name: …}}`; see `summarise_variant`
    curves: list[Curves]


def run_folder(out: Path, variant: str, seed: int) -> Path:
    """Where a variant's seed is trained."""
    return out / variant / f"seed{seed}"


def trainings(variants: Sequence[Ready], out: Path, worlds: Worlds) -> list[Training]:
    """Every seed of every variant, seed by seed, so that an interrupted experiment has some of each."""
    most = max(len(ready.seeds) for ready in variants)
    turns = [(ready, ready.seeds[i]) for i in range(most) for ready in variants if i < len(ready.seeds)]
    return [_training(ready, seed, run_folder(out, ready.variant.name, seed), worlds) for ready, seed in turns]


def _training(ready: Ready, seed: int, folder: Path, worlds: Worlds) -> Training:
    tail = [*ready.arguments, "--seed", str(seed), "--out", str(folder)]
    title, maskable = f"{ready.variant.name}, seed {seed}", ready.variant.algorithm == MASKABLE
    parts = {
        "scenario": worlds.digest(ready.scenario), "PPO file": digest(ready.ppo.model_dump(mode="json")),
        "length": digest([maskable, ready.variant.seconds or ready.timesteps]), "seed": digest(seed),
        "sources": sources(maskable), "versions": digest(versions()),
    }  # fmt: skip
    if maskable:
        return Training(title, folder, [*PROGRAM, "evaluate", "train_maskable", *tail], None, parts, None)
    again = [*PROGRAM, "train", "--resume", str(folder), "--timesteps", str(ready.timesteps)]
    return Training(title, folder, [*PROGRAM, "train", *tail], again, parts, ready.timesteps)


def evaluate_experiment(
    experiment: Experiment, variants: Sequence[Ready], outcomes: Mapping[Path, Outcome], out: Path, workers: int,
    bound: Bound | None, command: str, progress: CellProgress | None = None,
) -> Result:  # fmt: skip
    """Plays the trained policies and their rivals, and summarises.

    Args:
        experiment: episodes, seed, base.
        variants: in the order of the tables.
        outcomes: how each training ended, by folder.
        out: folder of the results.
        workers: processes side by side; 0, in this process.
        bound: computes a lower bound on an episode's dollars; None, no bounds.
        command: that asked for it, noted in the summary.
        progress: told of every cell.

    Raises:
        InputError: a policy was trained or tuned on the held-out orders, or nothing was trained at all.
        BoundError: a bound cannot be computed.
        InvalidBoundError: a policy is below a bound.
    """
    worlds, keys = Worlds(), evaluation_keys(experiment.episodes, experiment.seed)
    planned = {
        ready.variant.name: _cells(ready, _trained(ready, outcomes, out), keys, experiment.seed, worlds, bound)
        for ready in variants
    }
    planned = {name: cells for name, cells in planned.items() if cells.trained}
    if not planned:
        raise InputError(
            f"{out}: no training is finished, so there is nothing to evaluate; train.log in its folders says why"
        )
    done, _ = fill(Store(out / CELLS), _in_order(planned.values()), workers, progress)
    frames = {name: _frame(cells, keys, done) for name, cells in planned.items()}
    curves = {name: _curves(cells, out, done) for name, cells in planned.items()}
    found = {
        name: summarise_variant(cells, frames[name], curves[name], outcomes, out, done, experiment.seed)
        for name, cells in planned.items()
    }
    if experiment.base in found:
        base = frames[experiment.base]
        for name in found:
            if name != experiment.base:
                found[name]["to_base"] = _to_base(frames[name], base, experiment.seed)
    meta = {
        "experiment": experiment.name, "about": experiment.about, "seed": experiment.seed,
        "episodes": experiment.episodes, "base": experiment.base, **provenance(command),
        "failed": {str(folder): outcome.error for folder, outcome in outcomes.items() if outcome.error},
    }  # fmt: skip
    frame = pd.concat([frame.assign(variant=name) for name, frame in frames.items()], ignore_index=True)
    frame.insert(0, "variant", frame.pop("variant"))
    return Result(frame, {"meta": meta, "variants": found}, [curve for curve in curves.values() if curve.by_seed])


# ------------------------------------------------------------------------------------------------------------ cells


def _trained(ready: Ready, outcomes: Mapping[Path, Outcome], out: Path) -> dict[int, Trained]:
    """The policies of the seeds whose training ended well."""
    found: dict[int, Trained] = {}
    for seed in ready.seeds:
        folder = run_folder(out, ready.variant.name, seed)
        if outcomes[folder].error is None:
            maskable = ready.variant.algorithm == MASKABLE
            found[seed] = MaskablePolicy(folder, label(seed)) if maskable else load_policy(folder / POLICY_FILE)
    return found


def label(seed: int) -> str:
    """A trained policy in the tables of episodes."""
    return f"seed {seed}"


def _cells(
    ready: Ready, trained: dict[int, Trained], keys: Sequence[int], seed: int, worlds: Worlds, bound: Bound | None
) -> Cells:
    name, judges = ready.variant.name, tuning_worlds(ready.scenario, ready.ppo)
    policies: dict[str, Learned] = {**{label(k): policy for k, policy in trained.items()}, **ready.rivals}
    check_unseen(policies, "evaluate", seed)

    def cell(policy: Trained, title: str, of: Sequence[int], world: Scenario = ready.scenario) -> Cell:
        if isinstance(policy, MaskablePolicy):
            return player_cell(worlds, f"{name}: {title}", world, policy, of)
        return policy_cell(worlds, f"{name}: {title}", world, policy, of, False)

    def tuning_cells(policy: ScorerPolicy, title: str, k: int) -> list[Cell]:
        of = tuning_keys(ready, k)
        return [cell(policy, title, of[i :: len(judges)], world) for i, world in enumerate(judges)]

    held_out = {k: cell(policy, label(k), keys) for k, policy in trained.items()}
    rivals = {rival: cell(policy, rival, keys) for rival, policy in ready.rivals.items()}
    levels = {
        rival: {k: tuning_cells(policy, f"{rival}, tuning episodes of seed {k}", k) for k in trained}
        for rival, policy in ready.rivals.items()
    }
    wanted = keys[: ready.variant.bound_episodes] if ready.variant.bound and bound is not None and trained else []
    bounds = [
        bound_cell(worlds, f"{name}: bound of episode {episode}", ready.scenario, key, bound)
        for episode, key in enumerate(wanted)
        if bound is not None
    ]
    return Cells(ready, trained, held_out, rivals, levels, bounds)


def tuning_keys(ready: Ready, seed: int) -> list[int]:
    """The episodes on which a seed's training chose its best policy."""
    return [episode_key("tune", seed, i) for i in range(ready.ppo.eval_episodes)]


def _in_order(planned: Iterable[Cells]) -> list[Cell]:
    """All cells; bounds go last, they take longest."""
    groups = list(planned)
    first = [cell for cells in groups for cell in (*cells.held_out.values(), *cells.rivals.values())]
    levels = [
        cell for cells in groups for by_seed in cells.levels.values() for some in by_seed.values() for cell in some
    ]
    return [*first, *levels, *(cell for cells in groups for cell in cells.bounds)]


def _frame(cells: Cells, keys: Sequence[int], done: Mapping[str, Rows]) -> pd.DataFrame:
    rows = {label(seed): done[cell.fingerprint] for seed, cell in cells.held_out.items()}
    return results_frame(rows | {name: done[cell.fingerprint] for name, cell in cells.rivals.items()}, keys)


def _curves(cells: Cells, out: Path, done: Mapping[str, Rows]) -> Curves:
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


def _references(rivals: Mapping[str, ScorerPolicy], levels: Mapping[str, dict[int, float]]) -> list[Reference]:
    """The best untuned rule, and tuned linear (or else the best tuned one), by their mean on the tuning episodes."""

    def best(names: Sequence[str]) -> list[str]:
        return sorted(names, key=lambda name: float(np.mean(list(levels[name].values()))))[:1]

    tuned = tuned_rules(rivals)
    chosen = {
        "best untuned rule": best(untuned_rules(rivals)),
        "tuned rule": [LINEAR] if LINEAR in tuned else best(tuned),
    }
    return [Reference(kind, name, levels[name]) for kind, names in chosen.items() for name in names]


# ------------------------------------------------------------------------------------------------------- statistics


def _table(frame: pd.DataFrame, kpi: str, names: Sequence[str] | None = None) -> np.ndarray:
    """A KPI of the trained policies (all, or those named): (seeds, episodes)."""
    names = _seed_names(frame) if names is None else names
    return np.array([frame.loc[frame["policy"] == name, kpi].to_numpy(dtype=float) for name in names])


def _seed_names(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame["policy"].unique() if name.startswith("seed ")]


def summarise_variant(
    cells: Cells, frame: pd.DataFrame, curves: Curves, outcomes: Mapping[Path, Outcome], out: Path,
    done: Mapping[str, Rows], seed: int,
) -> Summary:  # fmt: skip
    """What one variant's rows say.

    Returns:
        `kpis` (intervals over seeds and episodes), `rivals` (name → KPI → interval over episodes), `paired` (rival →
        `usd`, `percent`, `on_time_points`, `improvement`: the share of pairs of a seed and an episode where the policy
        is cheaper), `best_rival`, `best_untuned`, `verdict` against the best rival, `seeds` (cost, tuning cost,
        improvement and time of each; `learning_seconds` is None where there is no curve), `time_to_beat`, `gaps` if
        there are bounds, and what was trained.
    """
    ready, rivals = cells.ready, list(cells.rivals)
    paired = {name: _paired(frame, name, seed) for name in rivals}
    best = cheapest(frame, rivals, COST)
    assert best is not None
    summary: Summary = {
        "scenario": ready.scenario.name, "tests": ready.scenario.tests, "algorithm": ready.variant.algorithm,
        "arguments": ready.arguments, "changes": {**ready.variant.set, **ready.variant.ppo_set},
        "all_seeds": list(ready.seeds),
        "kpis": {kpi: crossed_mean(_table(frame, kpi), _rng(seed))._asdict() for kpi in KPIS},
        "rivals": {name: _kpis(frame, name, seed) for name in rivals},
        "paired": paired, "best_rival": best, "best_untuned": cheapest(frame, untuned_rules(ready.rivals), COST),
        "verdict": verdict(paired[best]["usd"]),
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
        summary["gaps"] = _gaps(cells, frame, done, seed)
    return summary


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _kpis(frame: pd.DataFrame, name: str, seed: int) -> dict[str, dict[str, float]]:
    rows = frame[frame["policy"] == name]
    return {kpi: bootstrap_mean(rows[kpi].to_numpy(dtype=float), _rng(seed))._asdict() for kpi in KPIS}


def _paired(frame: pd.DataFrame, rival: str, seed: int) -> dict[str, Any]:
    """The trained policies against a rival on the same episodes, every interval over seeds and episodes."""
    of_rival = frame[frame["policy"] == rival]
    usd, mean = _table(frame, COST) - of_rival[COST].to_numpy(dtype=float), float(of_rival[COST].mean())
    points = 100 * (_table(frame, ON_TIME) - of_rival[ON_TIME].to_numpy(dtype=float))
    return {**_difference(usd, mean, seed), "on_time_points": crossed_mean(points, _rng(seed))._asdict()}


def _difference(usd: np.ndarray, base: float, seed: int) -> dict[str, Any]:
    """Of (seeds, episodes) dollars, and in percent of a mean, taken as given."""
    found = crossed_mean(usd, _rng(seed))
    percent = Interval(*(100 * value / base for value in found))._asdict() if base else None
    return {"usd": found._asdict(), "percent": percent, "improvement": float((usd < 0).mean())}


def verdict(usd: Mapping[str, float]) -> str:
    """What an interval of a difference in cost says."""
    return BETTER if usd["ci_high"] < 0 else WORSE if usd["ci_low"] > 0 else TIE


def _to_base(frame: pd.DataFrame, base: pd.DataFrame, seed: int) -> dict[str, Any] | None:
    """A variant against the base, seed by seed and episode by episode, over the seeds both have; None if there is none.

    Policies of one seed share their initial weights and training orders, so the seeds are paired too.
    """
    common = [name for name in _seed_names(frame) if name in _seed_names(base)]
    if not common:
        return None
    ours, theirs = _table(frame, COST, common), _table(base, COST, common)
    points = 100 * (_table(frame, ON_TIME, common) - _table(base, ON_TIME, common))
    found = _difference(ours - theirs, float(theirs.mean()), seed)
    on_time = crossed_mean(points, _rng(seed))._asdict()
    return {**found, "on_time_points": on_time, "seeds": len(common), "verdict": verdict(found["usd"])}


def _seed_facts(cells: Cells, seed: int, frame: pd.DataFrame, rival: str, outcome: Outcome) -> dict[str, Any]:
    cost = frame.loc[frame["policy"] == label(seed), COST].to_numpy(dtype=float)
    other = frame.loc[frame["policy"] == rival, COST].to_numpy(dtype=float)
    policy = cells.trained[seed]
    about = policy.about if isinstance(policy, MaskablePolicy) else _metadata(policy)
    return {
        "cost_usd": float(cost.mean()), "difference_usd": float((cost - other).mean()),
        "improvement": float((cost < other).mean()), "seconds": outcome.seconds,
        "tuning_cost_usd": float(about["tuning_cost_per_order_usd"]), "timesteps": int(about["timesteps"]),
    }  # fmt: skip


def _metadata(policy: ScorerPolicy) -> Mapping[str, Any]:
    assert isinstance(policy, FilePolicy)
    return policy.metadata


def _gaps(cells: Cells, frame: pd.DataFrame, done: Mapping[str, Rows], seed: int) -> Summary:
    """Gaps to the bound of the rivals, and of the trained policies by their mean over the seeds."""
    rows = [{"episode": episode, **done[cell.fingerprint][0]} for episode, cell in enumerate(cells.bounds)]
    bounds = pd.DataFrame(rows)
    join_bounds(frame, bounds)  # finds a policy below a bound
    seeds = _seed_names(frame)
    means = frame[frame["policy"].isin(seeds)].groupby("episode", as_index=False)[list(KPIS)].mean()
    name = cells.ready.variant.name
    together = pd.concat([means.assign(policy=name), frame[~frame["policy"].isin(seeds)]], ignore_index=True)
    return gap_summary(together, bounds, untuned_rules(cells.ready.rivals), seed)


# ------------------------------------------------------------------------------------------------------------ files


def save_experiment(result: Result, page: str, folder: Path) -> None:
    """Writes experiment.md, summary.json, results.csv and, where there are curves, curves.png: all or none.

    Raises:
        InputError: the folder cannot be written to.
    """
    with staged(folder) as files:
        (files / PAGE).write_text(page, encoding="utf-8")
        text = json.dumps(result.summary, indent=1, allow_nan=False, ensure_ascii=False)
        (files / "summary.json").write_text(text + "\n", encoding="utf-8")
        result.frame.to_csv(files / "results.csv", index=False)
        if result.curves:
            draw_curves(result.curves, files / CURVES)

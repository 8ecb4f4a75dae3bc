"""A benchmark: the policies of a suite on its scenarios, from cells that are computed or kept from earlier runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from regional_dispatch.evaluation.benchmark.suite import Stage, Suite
from regional_dispatch.evaluation.bounds import Bound, join_bounds
from regional_dispatch.evaluation.cells import Cell, Progress, Rows, Store, Worlds, bound_cell, fill, playable_cell
from regional_dispatch.evaluation.compare import Summary, check_unseen, summarise
from regional_dispatch.evaluation.doubts import one_trace, settlement
from regional_dispatch.evaluation.execution.executor import Executor
from regional_dispatch.evaluation.gaps import gap_summary
from regional_dispatch.evaluation.known_world import foreign_worlds
from regional_dispatch.evaluation.kpis import COST
from regional_dispatch.evaluation.output import NOT_A_NUMBER, staged
from regional_dispatch.evaluation.policy_kinds import cheapest, tuned_rules, untuned_rules
from regional_dispatch.evaluation.provenance import provenance
from regional_dispatch.evaluation.rollouts import evaluation_keys, results_frame, seconds_per_decision

CELLS = "cells"  # folder of the cells, in the folder of the results


class Plan(NamedTuple):
    """The cells of one scenario."""

    stage: Stage
    policies: dict[str, Cell]
    bounds: list[Cell]  # of the first episodes


class Benchmark(NamedTuple):
    """The result of a benchmark."""

    frame: pd.DataFrame  # one row per scenario × policy × episode
    summary: Summary  # `{"meta": …, "scenarios": {name: …}}`; see `summarise_stage`
    reused: int  # cells kept by an earlier run
    cells: int


def run_suite(
    suite: Suite, stages: Sequence[Stage], folder: Path, executor: Executor, bound: Bound | None,
    command: str = "", progress: Progress | None = None,
) -> Benchmark:  # fmt: skip
    """Computes what is missing and summarises.

    Args:
        suite: episodes and seed.
        stages: its scenarios and policies; see `evaluation.benchmark.suite.stages`.
        folder: of the results, where the cells are kept.
        executor: computes the cells.
        bound: computes a lower bound on an episode's dollars; may be None if no stage has bounds.
        command: the command line, kept in the summary.
        progress: called after every cell.

    Raises:
        InputError: a policy was trained or tuned on these orders.
        BoundError: a bound cannot be computed.
        InvalidBoundError: a policy is below a bound.
        KeyboardInterrupt: on Ctrl-C; its text says how many cells are kept.
    """
    for stage in stages:
        check_unseen(stage.policies, "evaluate", suite.seed)
    keys = evaluation_keys(suite.episodes, suite.seed)
    worlds = Worlds()
    plans = [_plan(worlds, stage, keys, bound) for stage in stages]
    done, reused = _fill(plans, Store(folder / CELLS), executor, progress)
    frames = {plan.stage.name: _frames(plan, keys, done) for plan in plans}
    scenarios = {plan.stage.name: summarise_stage(plan.stage, *frames[plan.stage.name]) for plan in plans}
    meta = {"suite": suite.name, "seed": suite.seed, "episodes": suite.episodes, **provenance(command)}
    return Benchmark(_all_rows(frames), {"meta": meta, "scenarios": scenarios}, reused, len(done))


def _plan(worlds: Worlds, stage: Stage, keys: Sequence[int], bound: Bound | None) -> Plan:
    policies = {
        name: playable_cell(worlds, f"{stage.name}: {name}", stage.scenario, policy, keys, stage.reevaluate)
        for name, policy in stage.policies.items()
    }
    assert bound is not None or not stage.bound_episodes
    bounds = [
        bound_cell(worlds, f"{stage.name}: bound of episode {episode}", stage.scenario, key, bound)
        for episode, key in enumerate(keys[: stage.bound_episodes])
        if bound is not None
    ]
    return Plan(stage, policies, bounds)


def _fill(
    plans: list[Plan], store: Store, executor: Executor, progress: Progress | None
) -> tuple[dict[str, Rows], int]:
    """Rows by fingerprint, and how many cells were kept before. Bounds come last: they take longest."""
    policies = [cell for plan in plans for cell in plan.policies.values()]
    return fill(store, [*policies, *(cell for plan in plans for cell in plan.bounds)], executor, progress)


def _frames(plan: Plan, keys: Sequence[int], done: dict[str, Rows]) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The policies' rows of a scenario, and the bounds of its episodes."""
    frame = results_frame({name: done[cell.fingerprint] for name, cell in plan.policies.items()}, keys)
    if not plan.bounds:
        return frame, None
    rows = [{"episode": episode, **done[cell.fingerprint][0]} for episode, cell in enumerate(plan.bounds)]
    return frame, pd.DataFrame(rows)


def summarise_stage(stage: Stage, frame: pd.DataFrame, bounds: pd.DataFrame | None) -> dict[str, Any]:
    """Summarises one scenario.

    Returns:
        `policies` and `paired` as `evaluation.compare.summarise` has them, with the differences of every policy to the
        best untuned rule and to the best tuned one; the names `best`, `best_untuned` and `best_tuned` by mean cost per
        order (None where there is no such policy), `untuned` (all of them), `doubts` (policies played where they were
        not trained, a large settlement), `tests`, `reevaluate`, `generated`, `seconds_per_decision` of policies that
        play themselves; and
        `gaps` (`evaluation.gaps.gap_summary`) if there are bounds.

    Raises:
        InvalidBoundError: a policy is below a bound.
    """
    untuned = untuned_rules(stage.policies)
    best_untuned, best_tuned = (cheapest(frame, names, COST) for names in (untuned, tuned_rules(stage.policies)))
    pairs = [(name, rival) for rival in (best_untuned, best_tuned) if rival for name in stage.policies if name != rival]
    summary = {
        "tests": stage.scenario.tests, "reevaluate": stage.reevaluate, "generated": stage.generated,
        "best": cheapest(frame, list(stage.policies), COST), "best_untuned": best_untuned, "best_tuned": best_tuned,
        "untuned": untuned,
        "doubts": [
            *one_trace(stage.scenario), *foreign_worlds(stage.policies, stage.scenario, frame),
            *settlement(stage.scenario, frame),
        ],
        **summarise(frame, pairs),
    }  # fmt: skip
    if pace := seconds_per_decision(frame):
        summary["seconds_per_decision"] = pace
    if bounds is not None:
        join_bounds(frame, bounds)  # raises if a policy is below a bound
        summary["gaps"] = gap_summary(frame, bounds, untuned)
    return summary


def _all_rows(frames: dict[str, tuple[pd.DataFrame, pd.DataFrame | None]]) -> pd.DataFrame:
    none = pd.DataFrame({"episode": [], "bound_per_order_usd": [], "bound_kind": []})
    parts = []
    for name, (frame, bounds) in frames.items():
        joined = join_bounds(frame, none if bounds is None else bounds)
        joined.insert(0, "scenario", name)
        parts.append(joined)
    return pd.concat(parts, ignore_index=True)


def save_benchmark(benchmark: Benchmark, page: str, folder: Path) -> None:
    """Writes benchmark.md, summary.json and results.csv: all of them or none.

    Raises:
        InputError: the folder cannot be written to.
    """
    with staged(folder) as files:
        (files / "benchmark.md").write_text(page, encoding="utf-8")
        text = json.dumps(benchmark.summary, indent=1, allow_nan=False, ensure_ascii=False)
        (files / "summary.json").write_text(text + "\n", encoding="utf-8")
        benchmark.frame.to_csv(files / "results.csv", index=False, na_rep=NOT_A_NUMBER)

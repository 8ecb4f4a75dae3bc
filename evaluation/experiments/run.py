"""An experiment: many trainings, then their policies and rivals on the same held-out orders."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from regional_dispatch.agents.training.run import Run
from regional_dispatch.evaluation.bounds import Bound
from regional_dispatch.evaluation.cells import Progress as CellProgress
from regional_dispatch.evaluation.cells import Store, Worlds, fill
from regional_dispatch.evaluation.compare import Summary
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.execution.executor import Executor
from regional_dispatch.evaluation.experiments.cells import (
    Cells,
    in_order,
    results,
    run_folder,
    trained_policies,
    variant_cells,
)
from regional_dispatch.evaluation.experiments.curves import Curves, draw_curves
from regional_dispatch.evaluation.experiments.file import PPO, Experiment, Ready
from regional_dispatch.evaluation.experiments.ship import RESULTS, SUMMARY, checksum
from regional_dispatch.evaluation.experiments.summary import compared_with_base, learning_curves, summarise_variant
from regional_dispatch.evaluation.experiments.trainings import Outcome, Training, digest, sources
from regional_dispatch.evaluation.output import NOT_A_NUMBER, staged
from regional_dispatch.evaluation.provenance import provenance, versions
from regional_dispatch.evaluation.rollouts import evaluation_keys

PROGRAM = [sys.executable, "-m", "regional_dispatch"]
CELLS, CURVES, PAGE = "cells", "curves.png", "experiment.md"


class Result(NamedTuple):
    """The result of an experiment."""

    frame: pd.DataFrame  # one row per variant × policy × episode; a trained policy is `seed <k>`
    summary: Summary  # `{"meta": …, "variants": {name: …}}`; see `summarise_variant`
    curves: list[Curves]


def trainings(variants: Sequence[Ready], out: Path, worlds: Worlds) -> list[Training]:
    """Every seed of every variant, seed by seed, so that an interrupted experiment has some of each."""
    most = max(len(ready.seeds) for ready in variants)
    turns = [(ready, ready.seeds[i]) for i in range(most) for ready in variants if i < len(ready.seeds)]
    return [_training(ready, seed, run_folder(out, ready.variant.name, seed), worlds) for ready, seed in turns]


def _training(ready: Ready, seed: int, folder: Path, worlds: Worlds) -> Training:
    tail = [*ready.arguments, "--seed", str(seed), "--out", str(folder)]
    title, algorithm = f"{ready.variant.name}, seed {seed}", ready.variant.algorithm
    stock = algorithm != PPO
    parts = {
        "scenario": worlds.digest(ready.scenario), "PPO file": digest(ready.ppo.model_dump(mode="json")),
        "length": digest([algorithm, ready.variant.seconds or ready.timesteps]), "seed": digest(seed),
        "sources": sources(stock), "versions": digest(versions()),
    }  # fmt: skip
    name = ["evaluate", "train_stock", "--algorithm", algorithm] if stock else ["train"]
    timesteps = sys.maxsize if stock else ready.timesteps
    text = shlex.join(["python", *PROGRAM[1:], *name, *tail])  # as the process would write it down
    run = Run(ready.scenario, ready.ppo, timesteps, seed, folder, text)
    command = [*PROGRAM, *name, *tail]
    if stock:
        return Training(title, folder, command, None, parts, None, run, ready.variant.seconds, algorithm)
    again = [*PROGRAM, "train", "--resume", str(folder), "--timesteps", str(ready.timesteps)]
    return Training(title, folder, command, again, parts, ready.timesteps, run)


def evaluate_experiment(
    experiment: Experiment, variants: Sequence[Ready], outcomes: Mapping[Path, Outcome], out: Path, executor: Executor,
    bound: Bound | None, command: str, progress: CellProgress | None = None,
) -> Result:  # fmt: skip
    """Plays the trained policies and their rivals, and summarises.

    Args:
        experiment: episodes, seed, base.
        variants: in the order of the tables.
        outcomes: how each training ended, by folder.
        out: folder of the results.
        executor: computes the cells.
        bound: computes a lower bound on an episode's dollars; None, no bounds.
        command: the command line, kept in the summary.
        progress: called after every cell.

    Raises:
        InputError: a policy was trained or tuned on the held-out orders, or no training is finished.
        BoundError: a bound cannot be computed.
        InvalidBoundError: a policy is below a bound.
    """
    planned = _planned(experiment, variants, outcomes, out, bound)
    done, _ = fill(Store(out / CELLS), in_order(planned.values()), executor, progress)
    keys = evaluation_keys(experiment.episodes, experiment.seed)
    frames = {name: results(cells, keys, done) for name, cells in planned.items()}
    curves = {name: learning_curves(cells, out, done) for name, cells in planned.items()}
    found = {
        name: summarise_variant(cells, frames[name], curves[name], outcomes, out, done)
        for name, cells in planned.items()
    }
    if experiment.base in found:
        for name in found:
            if name != experiment.base:
                found[name]["to_base"] = compared_with_base(frames[name], frames[experiment.base])
    frame = pd.concat([frame.assign(variant=name) for name, frame in frames.items()], ignore_index=True)
    frame.insert(0, "variant", frame.pop("variant"))
    summary = {"meta": _meta(experiment, outcomes, command), "variants": found}
    return Result(frame, summary, [curve for curve in curves.values() if curve.by_seed])


def _planned(
    experiment: Experiment, variants: Sequence[Ready], outcomes: Mapping[Path, Outcome], out: Path, bound: Bound | None
) -> dict[str, Cells]:
    """The cells of every variant of which a training is finished."""
    worlds, keys = Worlds(), evaluation_keys(experiment.episodes, experiment.seed)
    planned = {}
    for ready in variants:
        trained = trained_policies(ready, outcomes, out)
        cells = variant_cells(ready, trained, keys, experiment.seed, worlds, bound)
        if trained:
            planned[ready.variant.name] = cells
    if not planned:
        raise InputError(
            f"{out}: no training is finished, so there is nothing to evaluate; train.log in its folders says why"
        )
    return planned


def _meta(experiment: Experiment, outcomes: Mapping[Path, Outcome], command: str) -> dict[str, Any]:
    """What was measured and how, and which trainings are left out."""
    return {
        "experiment": experiment.name, "about": experiment.about, "seed": experiment.seed,
        "episodes": experiment.episodes, "base": experiment.base, **provenance(command),
        "failed": {str(folder): outcome.error for folder, outcome in outcomes.items() if outcome.error},
    }  # fmt: skip


def save_experiment(result: Result, page: str, folder: Path) -> None:
    """Writes experiment.md, summary.json, results.csv and, where there are curves, curves.png: all or none.

    Raises:
        InputError: the folder cannot be written to.
    """
    with staged(folder) as files:
        (files / PAGE).write_text(page, encoding="utf-8")
        result.frame.to_csv(files / RESULTS, index=False, na_rep=NOT_A_NUMBER)
        summary = {**result.summary, "sha256": checksum(result.summary, files / RESULTS)}
        text = json.dumps(summary, indent=1, allow_nan=False, ensure_ascii=False)
        (files / SUMMARY).write_text(text + "\n", encoding="utf-8")
        if result.curves:
            draw_curves(result.curves, files / CURVES)

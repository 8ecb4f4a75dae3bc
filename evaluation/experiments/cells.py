"""What is played for each variant of an experiment: its trained policies and rivals on held-out and tuning orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from regional_dispatch.agents.export import load_policy
from regional_dispatch.agents.folder import POLICY_FILE
from regional_dispatch.agents.training.run import tuning_worlds
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario, part_of
from regional_dispatch.evaluation.bounds import Bound
from regional_dispatch.evaluation.cells import Cell, Rows, Worlds, bound_cell, playable_cell
from regional_dispatch.evaluation.compare import Learned, check_unseen
from regional_dispatch.evaluation.experiments.file import Ready
from regional_dispatch.evaluation.experiments.trainings import Outcome
from regional_dispatch.evaluation.rollouts import Playable, results_frame


class Cells(NamedTuple):
    """The cells of one variant."""

    ready: Ready
    trained: dict[int, ScorerPolicy]  # by seed
    held_out: dict[int, Cell]
    rivals: dict[str, Cell]
    levels: dict[str, dict[int, list[Cell]]]  # the rivals on each seed's tuning episodes, world by world
    bounds: list[Cell]


def run_folder(out: Path, variant: str, seed: int) -> Path:
    """The folder in which a variant's seed is trained."""
    return out / variant / f"seed{seed}"


def label(seed: int) -> str:
    """The name of a trained policy in results.csv."""
    return f"seed {seed}"


def trained_policies(ready: Ready, outcomes: Mapping[Path, Outcome], out: Path) -> dict[int, ScorerPolicy]:
    """The policies of the seeds whose training ended well."""
    found: dict[int, ScorerPolicy] = {}
    for seed in ready.seeds:
        folder = run_folder(out, ready.variant.name, seed)
        if outcomes[folder].error is None:
            found[seed] = load_policy(folder / POLICY_FILE)
    return found


def variant_cells(
    ready: Ready, trained: dict[int, ScorerPolicy], keys: Sequence[int], seed: int, worlds: Worlds, bound: Bound | None
) -> Cells:
    name, judges = ready.variant.name, tuning_worlds(ready.scenario, ready.ppo)
    policies: dict[str, Learned] = {**{label(k): policy for k, policy in trained.items()}, **ready.rivals}
    check_unseen(policies, "evaluate", seed)

    here = part_of(ready.scenario, "evaluate")

    def cell(policy: Playable, title: str, of: Sequence[int], world: Scenario = here) -> Cell:
        return playable_cell(worlds, f"{name}: {title}", world, policy, of, False)

    def tuning_cells(policy: Playable, title: str, k: int) -> list[Cell]:
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
        bound_cell(worlds, f"{name}: bound of episode {episode}", here, key, bound)
        for episode, key in enumerate(wanted)
        if bound is not None
    ]
    return Cells(ready, trained, held_out, rivals, levels, bounds)


def tuning_keys(ready: Ready, seed: int) -> list[int]:
    """The episodes on which a seed's training chose its best policy."""
    return [episode_key("tune", seed, i) for i in range(ready.ppo.eval_episodes)]


def in_order(planned: Iterable[Cells]) -> list[Cell]:
    """All cells; bounds come last, they take longest."""
    groups = list(planned)
    first = [cell for cells in groups for cell in (*cells.held_out.values(), *cells.rivals.values())]
    levels = [
        cell for cells in groups for by_seed in cells.levels.values() for some in by_seed.values() for cell in some
    ]
    return [*first, *levels, *(cell for cells in groups for cell in cells.bounds)]


def results(cells: Cells, keys: Sequence[int], done: Mapping[str, Rows]) -> pd.DataFrame:
    rows = {label(seed): done[cell.fingerprint] for seed, cell in cells.held_out.items()}
    return results_frame(rows | {name: done[cell.fingerprint] for name, cell in cells.rivals.items()}, keys)

"""The lab in which a study plays its worlds: every policy on the same orders, each cell stored and reused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.bounds import Bound, hindsight
from regional_dispatch.evaluation.cells import (
    Cell,
    Player,
    Progress,
    Rows,
    Store,
    Worlds,
    bound_cell,
    fill,
    player_cell,
    policy_cell,
)
from regional_dispatch.evaluation.compare import check_unseen
from regional_dispatch.evaluation.doubts import one_trace, settlement
from regional_dispatch.evaluation.execution.executor import HERE, Executor
from regional_dispatch.evaluation.intervals import few_samples
from regional_dispatch.evaluation.rollouts import evaluation_keys, results_frame
from regional_dispatch.evaluation.statistics import Interval, mean_interval

CELLS, WORLDS = "cells", "worlds"


class Played:
    """KPIs of worlds × policies × episodes.

    Args:
        frame: columns world, policy, episode and KPIs.
        seed: of what a study draws from the episodes.
    """

    def __init__(self, frame: pd.DataFrame, seed: int) -> None:
        self.frame = frame
        self.seed = seed
        self._values = {key: part.sort_values("episode") for key, part in frame.groupby(["world", "policy"])}

    def values(self, world: str, policy: str, kpi: str) -> np.ndarray:
        """One number per episode: (E,)."""
        return self._values[world, policy][kpi].to_numpy(float)

    def mean(self, world: str, policy: str, kpi: str) -> Interval:
        """The mean over episodes with its 95 % interval."""
        return mean_interval(self.values(world, policy, kpi))


class PolicyPlayer(Player, Protocol):
    """A player whose episodes are decided by a policy."""

    policy: ScorerPolicy


class Lab:
    """Plays worlds for a study.

    Args:
        folder: for the study's results; cells are stored in it.
        episodes: held-out ones of each policy and world.
        seed: of the orders.
        executor: computes cells. Default: this process.
        progress: called after every cell.
    """

    def __init__(
        self, folder: Path, episodes: int, seed: int, executor: Executor = HERE, progress: Progress | None = None
    ) -> None:
        self.folder = folder
        self.episodes = episodes
        self.seed = seed
        self.executor = executor
        self.progress = progress
        self.digests = Worlds()
        self.notes: list[str] = few_samples(episodes)  # what to know about the numbers, as sentences

    @property
    def worlds(self) -> Path:
        """The folder for files of worlds that a study makes."""
        folder = self.folder / WORLDS
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def play(
        self, worlds: Mapping[str, Scenario], policies: Mapping[str, ScorerPolicy], stream: str = "evaluate"
    ) -> Played:
        """Every policy in every world, on the same orders.

        Args:
            worlds: name → scenario.
            policies: name → policy.
            stream: of the orders; default, held-out ones.

        Raises:
            InputError: a policy was trained or tuned on these orders.
            ScenarioError: a world cannot be built.
            KeyboardInterrupt: Ctrl-C; its text says what is stored.
        """
        check_unseen(policies, stream, self.seed)
        keys = evaluation_keys(self.episodes, self.seed, stream)
        cells = {
            (world, name): policy_cell(self.digests, f"{world}: {name}", scenario, policy, keys, False)
            for world, scenario in worlds.items()
            for name, policy in policies.items()
        }
        frame = self._frame(cells, keys)
        for world, scenario in worlds.items():
            said = [*one_trace(scenario), *settlement(scenario, frame[frame["world"] == world])]
            self.notes += [f"{world}: {sentence}" for sentence in said]
        return Played(frame, self.seed)

    def play_players(
        self, scenario: Scenario, players: Mapping[str, PolicyPlayer], stream: str = "evaluate"
    ) -> dict[str, Rows]:
        """Every player on the same episodes, for rows that hold more than KPIs: name → one row per episode.

        Args:
            scenario: the world.
            players: by name.
            stream: of the orders; default, held-out ones.

        Raises:
            InputError: a policy was trained or tuned on these orders.
            KeyboardInterrupt: Ctrl-C; its text says what is stored.
        """
        check_unseen({name: player.policy for name, player in players.items()}, stream, self.seed)
        keys = evaluation_keys(self.episodes, self.seed, stream)
        cells = {
            name: [
                player_cell(self.digests, f"{name}: episode {i}", scenario, player, [key]) for i, key in enumerate(keys)
            ]
            for name, player in players.items()
        }
        done = self._done([cell for own in cells.values() for cell in own])
        return {name: [done[cell.fingerprint][0] for cell in own] for name, own in cells.items()}

    def bounds(self, scenario: Scenario, bound: Bound | None = None) -> pd.DataFrame:
        """The hindsight bound of every held-out episode, as `evaluation.bounds.evaluate_bounds` gives them.

        Args:
            scenario: the world.
            bound: a function of a module. Default: the project's, exact where it can be.

        Raises:
            BoundError: an episode has none.
            KeyboardInterrupt: Ctrl-C; its text says what is stored.
        """
        bound, keys = bound or hindsight(), evaluation_keys(self.episodes, self.seed)
        cells = [bound_cell(self.digests, f"bound: episode {i}", scenario, key, bound) for i, key in enumerate(keys)]
        done = self._done(cells)
        return pd.DataFrame([{"episode": i, **done[cell.fingerprint][0]} for i, cell in enumerate(cells)])

    def _done(self, cells: Sequence[Cell]) -> dict[str, Rows]:
        return fill(Store(self.folder / CELLS), cells, self.executor, self.progress)[0]

    def _frame(self, cells: Mapping[tuple[str, str], Cell], keys: Sequence[int]) -> pd.DataFrame:
        done = self._done(list(cells.values()))
        frames = [
            results_frame({name: done[cell.fingerprint]}, keys).assign(world=world)
            for (world, name), cell in cells.items()
        ]
        return pd.concat(frames, ignore_index=True)

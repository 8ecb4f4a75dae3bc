"""The environment with one decision a step, for thousands of decision streams at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from regional_dispatch.envs.decision_env import refuse_options
from regional_dispatch.envs.faces.arguments import scenario_of, whole_seed
from regional_dispatch.envs.faces.infos import kpi_columns
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.streams.choice import OWN, HasBackground, checked_actions, streams_of
from regional_dispatch.envs.streams.layout import LEGAL, decision_space
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError


class RegionalDecisionVectorEnv(HasBackground, gymnasium.vector.VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`RegionalDecision-v0` for many decision streams, without Python per decision.

    Spaces, rewards and arguments are those of `RegionalDecisionEnv`. With `credit="whole"` a stream is a network copy
    of its own. With `credit="own"` the streams share as few copies as there are decisions in a tick: on us8, 512
    streams share one. There every step ends every stream's episode, and the observation that comes with it is the next
    decision. A stream without a decision, as at night, sees one legal action, and `infos["idle"]` says so.

    Args:
        num_envs: streams, 1 or more.
        scenario, credit, background, base, follow_hours, tables, overrides, audit: see `RegionalDecisionEnv`.
        autoreset_mode: with `whole`, NEXT_STEP, the default, or SAME_STEP, in which `infos["final_obs"]` holds what
            came before. With `own` always SAME_STEP, and there is no `final_obs`: nothing follows an episode of one
            decision.

    Raises:
        ScenarioError: the scenario or an argument cannot be used.
    """

    def __init__(
        self,
        num_envs: int = 1,
        scenario: str | Path | Scenario = "us8",
        credit: str = "whole",
        background: Scorers | None = None,
        base: Scorers | None = None,
        follow_hours: float = 48.0,
        tables: bool = False,
        overrides: Mapping[str, str] | None = None,
        autoreset_mode: str | AutoresetMode | None = None,
        audit: bool | str | Path | None = None,
    ) -> None:
        if num_envs < 1:
            raise ScenarioError(f"num_envs = {num_envs}: must be 1 or more")
        self.num_envs = num_envs
        self.scenario = scenario_of(scenario, overrides)
        self.streams = streams_of(self.scenario, num_envs, credit, background, base, follow_hours, audit)
        self.tables = tables
        self._mode = _autoreset_mode(credit, autoreset_mode)
        self.metadata = {"autoreset_mode": self._mode}
        self.single_observation_space = decision_space(self.streams.actions, tables)
        self.single_action_space = spaces.Discrete(self.streams.actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._masks = np.zeros((num_envs, self.streams.actions), bool)
        self._begun = False
        self._ended = np.zeros(num_envs, bool)  # streams that are reset in the next step

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Starts an episode in every stream: with a seed the first ones, else the next ones.

        Args:
            seed: of all streams; of a list the first counts, since streams share one sequence of episodes.
            options: none are known.

        Raises:
            ScenarioError: an option is given.
        """
        first = whole_seed(seed[0] if isinstance(seed, list) and seed else seed)
        super().reset(seed=first)
        refuse_options(options)
        if first is not None or not self._begun:
            self.streams.start(int(self.np_random.integers(1 << 62)))
        else:
            for row in range(self.num_envs):
                self.streams.restart(row)
        self._begun = True
        self._ended[:] = False
        return self._observe(), self._infos()

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One decision of every stream.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
            gymnasium.error.InvalidAction: an action is no integer in the action space.
        """
        if not self._begun:
            raise ResetNeeded("step() before reset(); call reset() first")
        actions = checked_actions(actions, self.num_envs, self.streams.actions)
        for row in np.flatnonzero(self._ended):
            self.streams.restart(int(row))
        done = self.streams.step(actions, self._ended)
        self._ended = done.truncated.copy()
        infos = {"idle": done.idle, "_idle": np.ones(self.num_envs, bool)}
        if done.truncated.any():
            infos.update(self._end(done.truncated))
        observation = self._observe()
        reward = -done.usd / self.scenario.reward_scale_usd
        return observation, reward, done.terminated, done.truncated, {**self._infos(), **infos}

    def action_masks(self) -> np.ndarray:
        """Legal actions of every stream: (num_envs, K) bool."""
        return self._masks.copy()

    def _observe(self) -> np.ndarray:
        table = self.streams.observe()
        self._masks = table[:, :, LEGAL] > 0
        return table if self.tables else table.reshape(self.num_envs, -1)

    def _infos(self) -> dict[str, Any]:
        return {
            "action_mask": self.action_masks().astype(np.int8), "_action_mask": np.ones(self.num_envs, bool),
        }  # fmt: skip

    def _end(self, ended: np.ndarray) -> dict[str, Any]:
        """KPIs of streams at their horizon; with SAME_STEP their last observations, and their next episodes begin."""
        rows = np.flatnonzero(ended)
        columns = kpi_columns(self.streams.sim, np.arange(self.num_envs), None, ended)
        if self._mode != AutoresetMode.SAME_STEP:
            return {"kpis": columns, "_kpis": ended.copy()}
        last, final = self._observe(), np.full(self.num_envs, None, object)
        for row in rows:
            final[row] = last[row]
            self.streams.restart(int(row))
        self._ended[:] = False
        return {
            "final_obs": final, "_final_obs": ended.copy(),
            "final_info": {"kpis": columns, "_kpis": ended.copy()}, "_final_info": ended.copy(),
        }  # fmt: skip


def _autoreset_mode(credit: str, asked: str | AutoresetMode | None) -> AutoresetMode:
    """The mode asked for, or the default of the credit."""
    default = AutoresetMode.SAME_STEP if credit == OWN else AutoresetMode.NEXT_STEP
    try:
        mode = default if asked is None else AutoresetMode(asked)
    except ValueError:
        mode = AutoresetMode.DISABLED
    if mode == AutoresetMode.DISABLED or (credit == OWN and mode != default):
        raise ScenarioError(
            f"autoreset_mode = {asked!r}: with credit={credit!r} must be "
            + ("SameStep" if credit == OWN else "NextStep or SameStep")
        )
    return mode

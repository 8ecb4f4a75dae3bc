"""The Gymnasium environment with one decision a step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from regional_dispatch.envs.faces.action_space import as_array
from regional_dispatch.envs.faces.arguments import scenario_of, whole_seed
from regional_dispatch.envs.faces.infos import region_kpis
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.streams.choice import WHOLE, HasBackground, checked_actions, streams_of
from regional_dispatch.envs.streams.layout import LEGAL, decision_space
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError


class RegionalDecisionEnv(HasBackground, gymnasium.Env[np.ndarray, np.int64]):
    """Sourcing and dispatch of a whole fulfilment network, one decision a step.

    ## Description

    The world of `RegionalDispatch-v0` for learners that know one action at a time, such as stable-baselines3's DQN. A
    step decides one order line (which candidate serves it) or one lane (hold or go), for all regions. Decisions of a
    tick are seen as the tick begins, and are applied together when all of them are made. Training wants thousands of
    decisions at once: use the vector form, `gymnasium.make_vec("RegionalDecision-v0", num_envs=…)`.

    ## Action Space

    `Discrete(K)`: a candidate of a line; hold (0) or go (1) of a lane. `action_masks()` gives the legal ones, (K,)
    bool, as sb3-contrib expects them, and `info["action_mask"]` the same as int8, for `action_space.sample(mask)`. An
    action that is not legal stands for 0. With `base`, action 0 is what that rule would do, and the others follow in
    their own order.

    ## Observation Space

    `Box`, float32 in ±10: a table with a row per action and the columns of `envs/streams/layout.py`: `legal`, `lane`,
    `go`, `base`, the candidate's features, and the lane's. (K · 52,), or (K, 52) with `tables=True`.

    ## Rewards

    Minus dollars, divided by the scenario's `reward_scale_usd`. `credit` says which:

    - `whole`: the stream makes every decision. A decision is charged with what is known at once: the standard route
      cost of a line, the empty room of a truck that leaves, the lateness of one that stays. The last decision of a tick
      is charged with the rest of what the ledger has booked. So the rewards of an episode sum to its dollars.
    - `own`: every episode is one decision, drawn at random from those of a tick. `background` makes all the others and
      those of the next `follow_hours`, and the reward is all that the decision has cost
      (`envs/streams/sampled.py`). An ordinary return is then the decision's own. The background may be changed at any
      time, such as to what was learned so far.

    ## Starting State

    As in `RegionalDispatch-v0`. With `own` the network goes on from decision to decision.

    ## Episode End

    `whole`: truncated at the scenario's horizon, with the settlement in the last reward; the last observation is blank.
    `own`: terminated after every decision.

    ## Information

    `action_mask`: legal actions, (K,) int8; `tick`; at the end of an episode with `whole`, `kpis`.

    ## Arguments

    ```python
    gymnasium.make("RegionalDecision-v0", scenario="us8", credit="whole")
    ```

    Args:
        scenario: a `Scenario`, the path of a YAML file, or a shipped name.
        credit: `whole` or `own`, what a decision is charged with.
        background: with `own`, scorers that make the other decisions; default: nearest in region, last safe hour.
        base: scorers of the rule that action 0 stands for; default: none.
        follow_hours: with `own`, how long a decision is followed.
        tables: keep the observation as a table.
        overrides: dotted scenario field → YAML text.
        audit: checks every conservation law after every tick (`envs.audit`): True, or a folder for the files of
            violations. Default: none, which costs nothing.

    Raises:
        ScenarioError: the scenario or an argument cannot be used.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        scenario: str | Path | Scenario = "us8",
        credit: str = "whole",
        background: Scorers | None = None,
        base: Scorers | None = None,
        follow_hours: float = 48.0,
        tables: bool = False,
        overrides: Mapping[str, str] | None = None,
        audit: bool | str | Path | None = None,
    ) -> None:
        self.scenario = scenario_of(scenario, overrides)
        self.streams = streams_of(self.scenario, 1, credit, background, base, follow_hours, audit)
        self.tables = tables
        self.observation_space = decision_space(self.streams.actions, tables)
        self.action_space: spaces.Discrete = spaces.Discrete(self.streams.actions)  # type: ignore[assignment]
        self._masks = np.zeros(self.streams.actions, bool)
        self._begun = self._waits = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Starts an episode: with a seed the first one, else the next one. With `own` that is the next decision.

        Args:
            seed: of the orders of this episode and of the following ones.
            options: none are known.

        Raises:
            ScenarioError: an option is given.
        """
        super().reset(seed=whole_seed(seed))
        refuse_options(options)
        if seed is not None or not self._begun:
            self.streams.start(int(self.np_random.integers(1 << 62)))
        elif self.streams.credit == WHOLE or not self._waits:
            self.streams.restart(0)
        self._begun = self._waits = True
        return self._observe(), self._info()

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Makes one decision.

        Raises:
            gymnasium.error.ResetNeeded: the episode has not begun, or has ended.
            gymnasium.error.InvalidAction: the action is no integer in the action space.
        """
        if not self._waits:
            raise ResetNeeded("step() before reset(), or after the end of the episode; call reset() first")
        done = self.streams.step(checked_actions(as_array(action)[None], 1, self.streams.actions))
        terminated, truncated = bool(done.terminated[0]), bool(done.truncated[0])
        self._waits = not (terminated or truncated)
        observation, info = self._observe(), self._info()
        if truncated:
            info["kpis"] = region_kpis(self.streams.sim, 0, None)
        return observation, -float(done.usd[0]) / self.scenario.reward_scale_usd, terminated, truncated, info

    def action_masks(self) -> np.ndarray:
        """Legal actions, as sb3-contrib's MaskablePPO expects them: (K,) bool."""
        return self._masks.copy()

    def _observe(self) -> np.ndarray:
        table = self.streams.observe()[0]
        self._masks = table[:, LEGAL] > 0
        return table if self.tables else table.ravel()

    def _info(self) -> dict[str, Any]:
        return {"action_mask": self.action_masks().astype(np.int8), "tick": self.streams.sim.tick(0)}


def refuse_options(options: dict[str, Any] | None) -> None:
    """Raises ScenarioError if any option is given."""
    if options:
        raise ScenarioError(f"reset options {', '.join(map(repr, options))}: RegionalDecision-v0 knows none")

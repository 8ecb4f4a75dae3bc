"""The number of steps of an episode in the specification that Gymnasium gives a made environment."""

from __future__ import annotations

import copy

from gymnasium.envs.registration import EnvSpec

from regional_dispatch.envs.world.scenario import Scenario


class KnowsItsHorizon:
    """Fills in `spec.max_episode_steps`, which depends on the scenario and so is not in the registered one.

    The environment truncates by itself. A `TimeLimit` made from this number ends its episodes in the same step.
    """

    scenario: Scenario
    _spec: EnvSpec | None = None

    @property
    def spec(self) -> EnvSpec | None:
        """How the environment was made; None if not by Gymnasium."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = copy.copy(spec)
        if self._spec is not None:
            self._spec.max_episode_steps = self.scenario.horizon_ticks

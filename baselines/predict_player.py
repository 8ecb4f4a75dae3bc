"""Plays any object with a `predict()` of stable-baselines3's signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import InvalidAction

from regional_dispatch.baselines.tick_player import PlayerError, TickPlayer
from regional_dispatch.envs.observation import (
    apply_actions,
    empty_observation,
    fill_observation,
    flat,
    masks_of,
    observation_space,
)
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario

Load = Callable[[Scenario], Any]  # gives the object for a scenario; picklable, for other processes


class PredictPlayer(TickPlayer):
    """Asks `predict()` once a tick, for all regions together.

    The observation is a dict of arrays with a row per region, flat as `envs.observation.observation_space` has it; the
    answer is `(actions, state)` with actions (R, M + L), integers. `state`, `episode_start`, `deterministic` and
    `action_masks` (R, M·K + 2·L) are given where the signature has them.

    Args:
        load: gives the object for a scenario.
        name: for tables.
        digest: of everything that decides how it plays.
        seen: (stream, seed) of the episodes it was trained on.
        learned_on: facts of the world it was trained on.
    """

    def __init__(
        self,
        load: Load,
        name: str,
        digest: str,
        seen: frozenset[tuple[str, int]] = frozenset(),
        learned_on: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(name, digest, seen, learned_on)
        self._load = load
        self._loaded: tuple[Scenario, Any] | None = None
        self._state: Any = None

    def start(self, sim: Simulator) -> None:
        """Forgets the recurrent state; has lanes priced as the object asks for with `lane_price`.

        Raises:
            PlayerError: the object says that it was made for observations of other sizes.
        """
        self._state, policy = None, self._policy(sim.scenario)
        self._check_sizes(policy, sim)
        price = getattr(policy, "lane_price", None)
        if price is not None:
            sim.price_lanes(price)

    def decide(self, sim: Simulator) -> None:
        """Asks the object.

        Raises:
            PlayerError: its answer is no action.
        """
        seen = empty_observation(sim, sim.regions)
        fill_observation(sim, 0, seen)
        actions = self._actions(self._policy(sim.scenario), seen, sim.tick(0) == 0)
        try:
            if actions.shape[:1] != (sim.regions,):
                raise InvalidAction(
                    f"actions of shape {actions.shape}: must have a row for each of {sim.regions} regions"
                )
            apply_actions(sim, 0, actions)
        except InvalidAction as error:
            raise PlayerError(f"policy '{self.name}': predict() gave an {error}") from None

    def _check_sizes(self, policy: Any, sim: Simulator) -> None:
        """Models of stable-baselines3 say for which spaces they were made."""
        made_for = getattr(policy, "observation_space", None)
        if not isinstance(made_for, spaces.Dict):
            return
        for name, ours in observation_space(sim).items():
            if name in made_for.spaces and made_for[name].shape != ours.shape:
                raise PlayerError(
                    f"policy '{self.name}': was made for '{name}' of shape {made_for[name].shape}, and scenario "
                    f"'{sim.scenario.name}' has {ours.shape}; it can only play where sizes are those of its training"
                )

    def _policy(self, scenario: Scenario) -> Any:
        if self._loaded is None or self._loaded[0] is not scenario:
            self._loaded = (scenario, self._load(scenario))
        return self._loaded[1]

    def _actions(self, policy: Any, seen: dict[str, np.ndarray], first: bool) -> np.ndarray:
        rows = len(seen["orders"])
        known = {
            "state": self._state,
            "episode_start": np.full(rows, first),
            "deterministic": True,
            "action_masks": masks_of(seen).astype(bool),
        }
        try:
            answer = policy.predict(flat(seen), **{name: known[name] for name in _taken(policy.predict, known)})
        except Exception as error:
            error.add_note(f"in predict() of policy '{self.name}'")
            raise
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise PlayerError(
                f"policy '{self.name}': predict() gave a {type(answer).__name__}; it must return (actions, state), "
                "where state is None for a policy that remembers nothing"
            )
        self._state = answer[1]
        return np.asarray(answer[0])

    def __getstate__(self) -> dict[str, object]:
        """Pickled without the object, which another process loads by itself."""
        return {**self.__dict__, "_loaded": None, "_state": None}


def _taken(predict: Callable[..., Any], known: Mapping[str, Any]) -> list[str]:
    """The named arguments that a signature has."""
    parameters = inspect.signature(predict).parameters
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return [name for name in known if anything or name in parameters]

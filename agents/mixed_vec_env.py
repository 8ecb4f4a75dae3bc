"""Several networks side by side as one stable-baselines3 VecEnv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from regional_dispatch.agents.vec_env import BatchVecEnv, RegionalVecEnv
from regional_dispatch.envs.faces.action_space import checked_actions
from regional_dispatch.envs.policy import Pricing
from regional_dispatch.envs.simulator import part, prefixed
from regional_dispatch.envs.world.scenario import Scenario


class MixedVecEnv(BatchVecEnv):
    """The rows of several networks, network after network.

    Observations and actions have as many slots as the largest network; slots that a network lacks are empty.

    Args:
        parts: one per network, all with the same number of candidates per line.
    """

    def __init__(self, parts: Sequence[RegionalVecEnv]) -> None:
        self.parts = list(parts)
        self.render_mode = None
        self._actions = np.zeros(0, np.int64)
        self._ends = np.cumsum([network.num_envs for network in self.parts])[:-1]
        found: list[Any] = [network.observation_space for network in self.parts]
        largest = {name: max((space[name] for space in found), key=lambda one: one.shape[0]) for name in found[0]}
        (slots, candidates), (lanes, _) = largest["order_mask"].shape, largest["lane_mask"].shape
        self._slots, self._candidates, self._lanes = slots, candidates, lanes
        actions = spaces.MultiDiscrete([candidates] * slots + [2] * lanes)
        super().__init__(sum(network.num_envs for network in self.parts), spaces.Dict(largest), actions)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Sets the seed of the next `reset`."""
        return [given for network in self.parts for given in network.seed(seed)]

    def reset(self) -> dict[str, np.ndarray]:
        """Starts every copy of every network from its first episode."""
        return self._joined([network.reset() for network in self.parts])

    def observe(self) -> dict[str, np.ndarray]:
        """What every row sees: (rows, …)."""
        return self._joined([network.observe() for network in self.parts])

    def snapshot(self) -> dict[str, np.ndarray]:
        """Everything that changes, network by network; see `RegionalVecEnv.snapshot`."""
        return prefixed({f"{i}.": network.snapshot() for i, network in enumerate(self.parts)})

    def restore(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Continues from a snapshot of the same networks; returns what every row then sees.

        Raises:
            KeyError: an array is missing.
            ValueError: the snapshot is of other networks or another number of copies.
        """
        return self._joined([network.restore(part(arrays, f"{i}.")) for i, network in enumerate(self.parts)])

    def step_async(self, actions: np.ndarray) -> None:
        """Keeps the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Runs one tick in every row; copies at their horizon start their next episode.

        Raises:
            gymnasium.error.ResetNeeded: the first episodes have not begun.
            gymnasium.error.InvalidAction: an action is not in the action space; nothing has changed.
        """
        checked = checked_actions(self._actions, self.num_envs, self._slots, self._candidates, self._lanes)
        for network, actions in zip(self.parts, np.split(checked, self._ends), strict=True):
            slots, lanes = (network.observation_space[name].shape[0] for name in ("order_mask", "lane_mask"))  # type: ignore[index]
            own = np.concatenate([actions[:, :slots], actions[:, self._slots : self._slots + lanes]], axis=1)
            network.step_async(own)
        seen, rewards, ended, infos = zip(*(network.step_wait() for network in self.parts), strict=True)
        every = [info for rows in infos for info in rows]
        for info in every:
            if "terminal_observation" in info:
                rows = self._padded({name: array[None] for name, array in info["terminal_observation"].items()})
                info["terminal_observation"] = {name: array[0] for name, array in rows.items()}
        return self._joined(list(seen)), np.concatenate(rewards), np.concatenate(ended), every

    def _joined(self, seen: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        padded = [self._padded(rows) for rows in seen]
        return {name: np.concatenate([rows[name] for rows in padded]) for name in padded[0]}

    def _padded(self, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Rows of one network with the slots of the largest."""
        out = {}
        for name, array in rows.items():
            missing = self.observation_space[name].shape[0] - array.shape[1]  # type: ignore[index]
            out[name] = np.pad(array, [(0, 0), (0, missing), *[(0, 0)] * (array.ndim - 2)])
            if name.endswith("_mask"):
                out[name][:, array.shape[1] :, 0] = 1  # the one legal value of an empty slot
        return out


def vec_env(scenarios: Sequence[Scenario], copies: int, seed: int = 0, pricing: Pricing | None = None) -> BatchVecEnv:
    """The training environment for one network or several.

    Args:
        scenarios: the networks.
        copies: copies of all networks together, the same number of each; a multiple of the number of networks.
        seed: of the training stream.
        pricing: has an LP price the units on the shelves so often; None for no prices.
    """
    each = copies // len(scenarios)
    parts = [
        RegionalVecEnv(scenario, each, seed, pricing, among=(first, copies))
        for scenario, first in zip(scenarios, range(0, copies, each), strict=True)
    ]
    return parts[0] if len(parts) == 1 else MixedVecEnv(parts)

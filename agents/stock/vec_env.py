"""`RegionalDecision-v0` as a stable-baselines3 VecEnv."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from regional_dispatch.envs.decision_vector_env import RegionalDecisionVectorEnv
from regional_dispatch.envs.kernel.decisions.scorers import Scorers


class DecisionVecEnv(VecEnv):
    """All decision streams as one VecEnv, without Python per stream.

    Args:
        num_envs: streams.
        arguments: of `RegionalDecisionVectorEnv`, but its `autoreset_mode`.
    """

    def __init__(self, num_envs: int, **arguments: Any) -> None:
        self.env = RegionalDecisionVectorEnv(num_envs, autoreset_mode="SameStep", **arguments)
        self.render_mode = None
        self._actions = np.zeros(num_envs, np.int64)
        self._no_infos: list[dict[str, Any]] = [{}] * num_envs
        super().__init__(num_envs, self.env.single_observation_space, self.env.single_action_space)

    @property
    def background(self) -> Scorers | None:
        """See `RegionalDecisionVectorEnv`."""
        return self.env.background

    @background.setter
    def background(self, scorers: Scorers) -> None:
        self.env.background = scorers

    def action_masks(self) -> np.ndarray:
        """Legal actions of every stream: (num_envs, K) bool."""
        return self.env.action_masks()

    def reset(self) -> np.ndarray:
        """Starts every stream, under the seed of `seed()` if there is a new one."""
        observation, _ = self.env.reset(seed=self._seeds[0])
        self._reset_seeds()
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        """Keeps the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """One decision of every stream."""
        observation, reward, terminated, truncated, found = self.env.step(self._actions)
        infos = self._no_infos
        if truncated.any():
            infos = [{} for _ in range(self.num_envs)]
            for row in np.flatnonzero(truncated):
                infos[row] = {"terminal_observation": found["final_obs"][row], "TimeLimit.truncated": True}
        return observation, reward.astype(np.float32), terminated | truncated, infos

    def close(self) -> None:
        """Nothing to release."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The attribute, once per stream asked for."""
        return [getattr(self, attr_name)] * len(self._asked(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Sets an attribute of all streams; single ones have no attributes."""
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Calls a method of all streams; returns its result stream by stream."""
        result = getattr(self, method_name)(*args, **kwargs)
        return list(result) if indices is None else [result[i] for i in self._asked(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Streams are never wrapped."""
        return [False] * len(self._asked(indices))

    def _asked(self, indices: Any) -> Sequence[int]:
        return list(self._get_indices(indices))

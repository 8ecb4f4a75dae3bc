"""An environment that does nothing, for the time that a learner takes by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env.base_vec_env import VecEnv


class NullVecEnv(VecEnv):
    """Rows that observe zeros, earn nothing and never end.

    Args:
        num_envs: rows.
        observation_space: of a row: a Box, or a Dict of spaces with a shape.
        action_space: of a row.
    """

    def __init__(self, num_envs: int, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> None:
        self.render_mode = None
        super().__init__(num_envs, observation_space, action_space)
        self._seen = _zeros(num_envs, observation_space)

    def reset(self) -> Any:
        """Zeros."""
        return self._seen

    def step_async(self, actions: np.ndarray) -> None:
        """Ignores the actions."""

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """The same zeros."""
        return self._seen, np.zeros(self.num_envs, np.float32), np.zeros(self.num_envs, bool), [{}] * self.num_envs

    def close(self) -> None:
        """Nothing to release."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The attribute of the batch, once per row asked for."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Sets an attribute of the batch."""
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Rows have no methods of their own."""
        raise NotImplementedError(method_name)

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Rows are never wrapped."""
        return [False] * len(list(self._get_indices(indices)))


def _zeros(rows: int, space: spaces.Space[Any]) -> np.ndarray | Mapping[str, np.ndarray]:
    if isinstance(space, spaces.Dict):
        return {name: np.zeros((rows, *part.shape), part.dtype) for name, part in space.items()}  # type: ignore[misc]
    assert space.shape is not None
    return np.zeros((rows, *space.shape), space.dtype)

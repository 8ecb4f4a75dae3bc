"""The batched environment as a stable-baselines3 VecEnv: rows are network copies × regions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from regional_dispatch.agents.credit.checked import checked
from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.observation import action_space, flat, masks_of, observation_space
from regional_dispatch.envs.policy import Pricing
from regional_dispatch.envs.simulator import Simulator, part
from regional_dispatch.envs.vector_env import RegionRows
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError


class BatchVecEnv(VecEnv):
    """A VecEnv whose rows are stepped together in compiled code; base of `RegionalVecEnv` and `MixedVecEnv`."""

    parts: list[RegionalVecEnv]  # one per network

    @abstractmethod
    def observe(self) -> dict[str, np.ndarray]:
        """What every row sees: (rows, …)."""

    @abstractmethod
    def snapshot(self) -> dict[str, np.ndarray]:
        """Everything that changes during training, as arrays."""

    @abstractmethod
    def restore(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Continues from a snapshot; returns what every row then sees."""

    def action_masks(self) -> np.ndarray:
        """Legal values of every row's slots: (rows, M·K + 2·L) bool."""
        return masks_of(self.observe()).astype(bool)

    def set_options(self, options: list[dict[str, Any]] | dict[str, Any] | None = None) -> None:
        """Rows share networks, so there is nothing that `reset` could be told row by row.

        Raises:
            ScenarioError: there are options.
        """
        if options and (isinstance(options, dict) or any(options)):
            raise ScenarioError(
                f"options = {options!r}: this VecEnv takes none; gymnasium.make_vec has key and week_tick"
            )

    def close(self) -> None:
        """Nothing to release."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The attribute, once per row asked for."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Sets an attribute of the whole batch; single rows have no attributes."""
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Calls a method of the batch; returns its result row by row."""
        result = getattr(self, method_name)(*args, **kwargs)
        return [result[i] for i in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Rows are never wrapped."""
        return [False] * len(list(self._get_indices(indices)))


class RegionalVecEnv(BatchVecEnv):
    """SB3 VecEnv on the compiled kernel; it needs no subprocesses and runs no Python per row.

    Args:
        scenario: the network, its demand and its costs.
        copies: network copies; rows = copies × regions.
        seed: of the training stream.
        pricing: has an LP price the units on the shelves so often; None for no prices.
        among: number of the first copy, and number of all copies, if this is one of several networks side by side.
    """

    def __init__(
        self,
        scenario: Scenario,
        copies: int,
        seed: int = 0,
        pricing: Pricing | None = None,
        among: tuple[int, int] | None = None,
    ) -> None:
        self.parts = [self]
        self.scenario = scenario
        self.region_rows = RegionRows(simulator_for(scenario, pricing, copies), seed, among)
        self.sim = self.region_rows.sim
        self._actions = np.zeros(0, np.int64)
        self.render_mode = None
        super().__init__(self.region_rows.rows, observation_space(self.sim), action_space(self.sim))

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Sets the seed of the next `reset`."""
        if seed is not None:
            self.region_rows.seed = seed
        return [seed] * self.num_envs

    def reset(self) -> dict[str, np.ndarray]:
        """Starts every copy from its first episode."""
        self.region_rows.restart()
        return self.observe()

    def observe(self) -> dict[str, np.ndarray]:
        """What every row sees: (rows, …)."""
        return flat(self.region_rows.observe())

    def snapshot(self) -> dict[str, np.ndarray]:
        """Everything that changes: the copies' state, and the number of episodes each has started."""
        return {**self.sim.snapshot(), "episodes": self.region_rows.episodes}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Continues from a snapshot of the same scenario; returns what every row then sees.

        Raises:
            KeyError: an array is missing.
            ValueError: the snapshot is of another network or number of copies, or out of bounds.
        """
        episodes = self.region_rows.episodes
        found = checked("episodes", arrays["episodes"], episodes.dtype.type, episodes.shape, low=0)
        _check_pricer(part(arrays, "pricer."), self.sim)
        self.sim.restore(arrays)
        episodes[:] = found
        return self.observe()

    def step_async(self, actions: np.ndarray) -> None:
        """Keeps the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Runs one tick in every row; copies at their horizon start their next episode."""
        booked, ended = self.region_rows.step(self._actions)
        infos: list[dict[str, Any]] = [{"costs": dict(zip(COMPONENTS, usd.tolist(), strict=True))} for usd in booked]
        if ended.any():
            last, regions = self.observe(), self.sim.regions
            for row in np.flatnonzero(ended):
                infos[row]["terminal_observation"] = {name: array[row] for name, array in last.items()}
                infos[row]["TimeLimit.truncated"] = True
                infos[row]["kpis"] = self.sim.kpis(int(row) // regions, [int(row) % regions])
            for copy in np.unique(np.flatnonzero(ended) // regions):
                self.region_rows.start(int(copy))
        rewards = (-booked.sum(axis=1) / self.scenario.reward_scale_usd).astype(np.float32)
        return self.observe(), rewards, ended, infos


def _check_pricer(arrays: Mapping[str, np.ndarray], sim: Simulator) -> None:
    """Checks what a pricer carries; see `LinearProgramPricer.snapshot`."""
    if not arrays:
        return
    n, fcs = len(arrays["row"]), sim.world.net.fcs
    checked("pricer.row", arrays["row"], np.int64, (n,), 0, sim.copies)
    checked("pricer.key", arrays["key"], np.uint64, (n,))
    checked("pricer.tick", arrays["tick"], np.int64, (n,), 0)
    checked("pricer.pick_usd", arrays["pick_usd"], np.float64, (n, fcs) if n else (0,))

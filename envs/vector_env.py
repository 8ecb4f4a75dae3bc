"""The batched environment: rows are network copies × regions, all on one compiled kernel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import InvalidAction
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.observation import (
    action_space,
    apply_actions,
    empty_observation,
    fill_observation,
    flat,
    observation_space,
)
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.clocks.clock import first_calendar_tick
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario, TraceDemand, load_scenario


class RegionRows:
    """Row i = copy i // R, region i % R. Copies start at staggered hours of the week.

    If all rows saw the same hour at once, updates would swing with the hour of the day.

    Args:
        sim: the copies.
        seed: of the training stream; copy c's e-th episode has key (seed, c + e · copies).
        among: number of the first copy, and of all copies, where several networks stand side by side.
    """

    def __init__(self, sim: Simulator, seed: int = 0, among: tuple[int, int] | None = None) -> None:
        self.sim = sim
        self.seed = seed
        self.first, self.copies = among or (0, sim.copies)
        self.rows = sim.copies * sim.regions
        self.episodes = np.zeros(sim.copies, dtype=np.int64)  # started so far by each copy

    def start(self, copy: int) -> None:
        """The copy's next episode, up to its first decisions."""
        number = self.first + copy + int(self.episodes[copy]) * self.copies
        self.episodes[copy] += 1
        self.sim.reset(copy, episode_key("train", self.seed, number), self.week_tick(copy))
        self.sim.begin(copy)

    def week_tick(self, copy: int) -> int:
        """Calendar tick at which the copy's episodes start: spread evenly over a week. A trace has its own time."""
        scenario = self.sim.scenario
        first = first_calendar_tick(scenario)
        if isinstance(scenario.demand, TraceDemand):
            return first
        week = scenario.ticks_per_week
        return (first + (self.first + copy) * week // self.copies) % week

    def restart(self, seed: int | None = None) -> None:
        """All copies from their first episode, under a new seed if one is given."""
        self.seed = self.seed if seed is None else seed
        self.episodes[:] = 0
        for copy in range(self.sim.copies):
            self.start(copy)

    def observe(self) -> dict[str, np.ndarray]:
        """What every row sees, as fresh tables: (rows, …)."""
        out = empty_observation(self.sim, self.rows)
        fill_observation(self.sim, 0, out)
        return out

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One tick everywhere; copies at their horizon are settled and wait for `start`.

        Args:
            actions: (rows, M + L).

        Returns:
            USD accrued per row and component (rows, components), and which rows are at their horizon (rows,) bool.

        Raises:
            gymnasium.error.ResetNeeded, gymnasium.error.InvalidAction: see `envs.observation.apply_actions`.
        """
        if len(actions) != self.rows:
            raise InvalidAction(f"{len(actions)} actions: must be {self.rows}, one per region of each copy")
        before = self.sim.state.accrual.copy()
        ended = np.zeros(self.sim.copies, dtype=bool)
        apply_actions(self.sim, 0, actions)
        for copy in range(self.sim.copies):
            ended[copy] = self.sim.finish(copy)
            if not ended[copy]:
                self.sim.begin(copy)
        booked = (self.sim.state.accrual - before).reshape(self.rows, len(COMPONENTS))
        return booked, np.repeat(ended, self.sim.regions)


class RegionalDispatchVectorEnv(gymnasium.vector.VectorEnv[dict[str, np.ndarray], np.ndarray, np.ndarray]):
    """`RegionalDispatch-v0` for all regions of several network copies at once, as a Gymnasium vector environment.

    Every region is a row with its own action and reward; no region follows a background policy. Spaces, rewards and
    information are those of `RegionalDispatchEnv`. Copies reset in the step that ends them (`AutoresetMode.SAME_STEP`);
    `infos["final_obs"]` and `infos["final_info"]` hold what came before.

    Args:
        num_envs: rows; a multiple of the number of regions. Default: one copy.
        scenario: a `Scenario`, the path of a YAML file, or a shipped name.
        tables: keep `orders` and `lanes` as tables.
        overrides: dotted scenario field → YAML text.

    Raises:
        ScenarioError: the scenario cannot be used.
        ValueError: num_envs is no multiple of the number of regions.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int | None = None,
        scenario: str | Path | Scenario = "us8",
        tables: bool = False,
        overrides: Mapping[str, str] | None = None,
    ) -> None:
        loaded = load_scenario(scenario, dict(overrides or {}))
        probe = Simulator(loaded)
        num_envs = probe.regions if num_envs is None else num_envs
        if num_envs < 1 or num_envs % probe.regions:
            raise ValueError(f"num_envs = {num_envs}: must be a multiple of the scenario's {probe.regions} regions")
        self.num_envs = num_envs
        self.scenario = loaded
        self.tables = tables
        self.region_rows = RegionRows(Simulator(loaded, num_envs // probe.regions))
        self.single_observation_space = observation_space(probe, tables)
        self.single_action_space = action_space(probe)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Starts an episode in every copy; without a seed, each copy's next one.

        Of a list of seeds the first counts, since rows of a copy share its orders.
        """
        first = seed[0] if isinstance(seed, list) else seed
        super().reset(seed=first)
        if first is None and self.region_rows.episodes.any():
            for copy in range(self.region_rows.sim.copies):
                self.region_rows.start(copy)
        else:
            self.region_rows.restart(first)
        return self._observe(), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One tick of every row."""
        booked, ended = self.region_rows.step(actions)
        infos: dict[str, Any] = {
            "costs": {name: booked[:, i] for i, name in enumerate(COMPONENTS)},
            "_costs": np.ones(self.num_envs, dtype=bool),
        }
        if ended.any():
            infos.update(self._final(ended))
            for copy in np.unique(np.flatnonzero(ended) // self.region_rows.sim.regions):
                self.region_rows.start(int(copy))
        reward = -booked.sum(axis=1) / self.scenario.reward_scale_usd
        return self._observe(), reward, np.zeros(self.num_envs, dtype=bool), ended, infos

    def action_masks(self) -> np.ndarray:
        """Legal values of every row's slots: (rows, M·K + 2·L) bool."""
        out = self.region_rows.observe()
        parts = [out[name].reshape(self.num_envs, -1) for name in ("order_mask", "lane_mask")]
        return np.concatenate(parts, axis=1).astype(bool)

    def _observe(self) -> dict[str, np.ndarray]:
        out = self.region_rows.observe()
        return out if self.tables else flat(out)

    def _final(self, ended: np.ndarray) -> dict[str, Any]:
        """Last observations and KPIs of the rows that end in this step."""
        out, sim = self._observe(), self.region_rows.sim
        final_obs = np.full(self.num_envs, None, dtype=object)
        kpis = {}
        for row in np.flatnonzero(ended):
            final_obs[row] = {name: array[row] for name, array in out.items()}
            kpis[int(row)] = sim.kpis(int(row) // sim.regions, [int(row) % sim.regions])
        columns = {
            name: np.array([kpis[row][name] if row in kpis else 0.0 for row in range(self.num_envs)])
            for name in next(iter(kpis.values()))
        }
        return {
            "final_obs": final_obs, "_final_obs": ended.copy(),
            "final_info": {"kpis": columns, "_kpis": ended.copy()}, "_final_info": ended.copy(),
        }  # fmt: skip

"""The network as a PettingZoo `ParallelEnv`: one agent a region. Needs the extra `[multiagent]`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.error import DependencyNotInstalled, InvalidAction, ResetNeeded
from gymnasium.spaces import Box, Dict
from gymnasium.utils.seeding import np_random

from regional_dispatch.envs.faces.action_space import MaskedMultiDiscrete, checked_actions
from regional_dispatch.envs.faces.arguments import (
    RESET_OPTIONS,
    check_render_mode,
    map_viewer,
    price_lanes,
    reset_options,
    scenario_of,
    whole_seed,
)
from regional_dispatch.envs.faces.infos import region_kpis, usd_by_component
from regional_dispatch.envs.faces.rows import RegionRows
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT, LIMIT, REGION_COUNT
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.observation import action_sizes, action_space, flat, masks_of, observation_space
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario

try:
    from pettingzoo import ParallelEnv
except ModuleNotFoundError as error:
    raise DependencyNotInstalled(
        f"the multi-agent environment needs the package '{error.name}'; install it with: "
        "pip install 'regional-dispatch[multiagent]'"
    ) from error

if TYPE_CHECKING:
    from regional_dispatch.envs.render.map import MapViewer

Observation = dict[str, np.ndarray]
Infos = dict[str, dict[str, Any]]


class RegionalDispatchParallelEnv(ParallelEnv[str, Observation, np.ndarray]):
    """`RegionalDispatch-v0` for all regions of one network at once, as a PettingZoo parallel environment.

    ## Agents

    One per region, by the regions' names; all act in every tick. Regions share stock, sites and lanes: what one decides
    changes what others see and pay.

    ## Action and Observation Space

    Those of `RegionalDispatchEnv`, the same for every agent. `infos[agent]["action_mask"]` has the legal values as
    `action_space(agent).sample(mask)` takes them, (M·K + 2·L,) int8. The observation holds them too, as `order_mask`
    and `lane_mask`.

    ## Rewards

    Own: minus the dollars booked to the agent's region since the last step (accrual view of the ledger), divided by the
    scenario's `reward_scale_usd`. With `shared_reward=True`, every agent gets the mean of these over all regions.

    ## Episode End

    Never terminated. All agents are truncated at the scenario's horizon, and `agents` is then empty. Work under way is
    settled at standard cost in the last reward.

    ## Information

    For each agent: `costs`, USD accrued in this step by component, the agent's own also where rewards are shared;
    `tick`; `action_mask`; in the last step `kpis`, all KPIs of the region since the warm-up, None where there is
    nothing to measure.

    ## State

    `state()` is what all regions and all their lanes look like, (R·(9 + L·24),) float32. The candidates of waiting
    lines are left out: they are 19 numbers out of 20, and the region's features say how many lines wait.

    Args:
        scenario: a `Scenario`, the path of a YAML file, or a shipped name.
        shared_reward: gives every agent the mean reward of all regions in place of its own.
        lane_price: prices the lanes in the observation: `scorers.price` of a trained policy that will decide here.
        render_mode: None or `rgb_array`, the map.
        tables: keep `orders` and `lanes` as tables. The default is flat vectors.
        overrides: dotted scenario field → value, or YAML text, such as `{"demand.orders_per_day": "9000"}`.

    Raises:
        ScenarioError: the scenario or another argument cannot be used.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "name": "regional_dispatch_v0", "render_modes": ["rgb_array"], "render_fps": 8, "is_parallelizable": True,
    }  # fmt: skip

    def __init__(
        self,
        scenario: str | Path | Scenario = "us8",
        shared_reward: bool = False,
        lane_price: Scorer | None = None,
        render_mode: str | None = None,
        tables: bool = False,
        overrides: Mapping[str, Any] | None = None,
        audit: bool | str | Path | None = None,
    ) -> None:
        self.render_mode = check_render_mode(render_mode)
        self.scenario = scenario_of(scenario, overrides)
        self.shared_reward = shared_reward
        self.tables = tables
        self.sim = Simulator(self.scenario, audit=audit)
        price_lanes(self.sim, lane_price)
        self.region_rows = RegionRows(self.sim)
        self.possible_agents = list(self.sim.network.region_names)
        self.agents: list[str] = []
        self._seeded = False
        self._spaces = {name: (observation_space(self.sim, tables), action_space(self.sim))
                        for name in self.possible_agents}  # fmt: skip
        lanes = self.sim.world.net.slot_lane.shape[1]
        self.state_space = Box(-LIMIT, LIMIT, (self.sim.regions * (REGION_COUNT + lanes * DISPATCH_COUNT),), np.float32)
        self._viewer: MapViewer | None = None

    def observation_space(self, agent: str) -> Dict:
        """What the agent sees; the same object every time."""
        return self._spaces[agent][0]

    def action_space(self, agent: str) -> MaskedMultiDiscrete:
        """What the agent may do; the same object every time, so that it keeps its seed."""
        return self._spaces[agent][1]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], Infos]:
        """Starts an episode.

        Args:
            seed: of the orders of this episode and the following ones; ≥ 0, any size. Default: the next episode; at
                the first call, a random seed.
            options: `key`: an episode key of `envs.world.demand.episode_key`, for the same orders as in an evaluation;
                `week_tick`: tick of the week to start at. Others are left unread, with a warning.

        Raises:
            ScenarioError: the seed or an option cannot be used; nothing has changed.
        """
        chosen, seed = reset_options(_known(options), self.scenario), whole_seed(seed)
        if seed is not None or not self._seeded:
            self.region_rows.seed = np_random(seed)[1]
            self.region_rows.episodes[:] = 0
        self._seeded = True
        self.region_rows.start(0, **chosen)
        self.agents = self.possible_agents[:]
        seen = self.region_rows.observe()
        return self._by_agent(seen), self._infos(seen, np.zeros((self.sim.regions, len(COMPONENTS))), ended=False)

    def step(
        self, actions: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Applies the decisions of all regions, and moves to the next tick.

        Args:
            actions: one per agent.

        Raises:
            gymnasium.error.ResetNeeded: the episode has not begun, or has ended.
            gymnasium.error.InvalidAction: an agent has no action or one that is not in its space, or is unknown.
        """
        if not self.agents:
            raise ResetNeeded("step() before reset(), or after the end of the episode; call reset() first")
        booked, ends = self.region_rows.step(self._stacked(actions))
        ended = bool(ends.all())
        rewards = -booked.sum(axis=1) / self.scenario.reward_scale_usd
        if self.shared_reward:
            rewards[:] = rewards.mean()
        seen = self.region_rows.observe()
        infos = self._infos(seen, booked, ended)
        if ended:
            self.agents = []
        names = self.possible_agents
        return (
            self._by_agent(seen),
            dict(zip(names, rewards.tolist(), strict=True)),
            dict.fromkeys(names, False),
            dict.fromkeys(names, ended),
            infos,
        )

    def state(self) -> np.ndarray:
        """All regions and their lanes, one region after the other: (R·(9 + L·24),) float32."""
        seen = self.region_rows.observe()
        return np.concatenate([seen["region"], seen["lanes"].reshape(self.sim.regions, -1)], axis=1).ravel()

    def render(self) -> np.ndarray | None:
        """The map, (height, width, 3) uint8; None without `render_mode="rgb_array"`."""
        if self.render_mode is None:
            gymnasium.logger.warn('render() needs render_mode="rgb_array"; nothing is drawn')
            return None
        if self._viewer is None:
            self._viewer = map_viewer(self.sim)
        return self._viewer.frame(0)

    def close(self) -> None:
        """Frees the viewer."""
        self._viewer = None

    def _by_agent(self, seen: Observation) -> dict[str, Observation]:
        shown = seen if self.tables else flat(seen)
        return {
            agent: {name: array[r] for name, array in shown.items()} for r, agent in enumerate(self.possible_agents)
        }

    def _infos(self, seen: Observation, booked: np.ndarray, ended: bool) -> Infos:
        infos: Infos = {}
        masks = masks_of(seen)
        for r, agent in enumerate(self.possible_agents):
            infos[agent] = {
                "costs": usd_by_component(booked[r]), "tick": self.sim.tick(0), "action_mask": masks[r],
            }  # fmt: skip
            if ended:
                infos[agent]["kpis"] = region_kpis(self.sim, 0, r)
        return infos

    def _stacked(self, actions: Mapping[str, np.ndarray]) -> np.ndarray:
        """The agents' actions in the order of regions: (R, M + L)."""
        if not isinstance(actions, Mapping):
            raise InvalidAction(f"actions of type {type(actions).__name__}: must be a dictionary, agent → action")
        wrong = sorted(map(str, set(self.agents) ^ set(actions)))
        if wrong:
            raise InvalidAction(f"actions of {', '.join(map(str, actions)) or 'no agent'}: must be one per agent of "
                                f"{', '.join(self.agents)}; missing or unknown: {', '.join(wrong)}")  # fmt: skip
        return np.concatenate([self._row(agent, actions[agent]) for agent in self.agents])

    def _row(self, agent: str, action: Any) -> np.ndarray:
        """An agent's action as a row: (1, M + L) int64."""
        try:
            return checked_actions([action], 1, *action_sizes(self.sim))
        except InvalidAction as error:
            raise InvalidAction(f"agent '{agent}': {error}") from None


parallel_env = RegionalDispatchParallelEnv
"""The same under the name that PettingZoo's environments have: `parallel_env(scenario="us8")`."""


def _known(options: Any) -> Any:
    """The options without those that `reset` does not read: PettingZoo's own test of an environment passes one."""
    if not isinstance(options, Mapping):
        return options
    for name in options:
        if name not in RESET_OPTIONS:
            gymnasium.logger.warn(f"reset: option {name!r} is not read; there are: {', '.join(RESET_OPTIONS)}")
    return {name: value for name, value in options.items() if name in RESET_OPTIONS}

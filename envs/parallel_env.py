"""The network as a PettingZoo `ParallelEnv`: one agent a region. Needs the extra `[multiagent]`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.error import DependencyNotInstalled, InvalidAction, ResetNeeded
from gymnasium.spaces import Box, Dict, MultiDiscrete
from gymnasium.utils.seeding import np_random

from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT, LIMIT, REGION_COUNT
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.observation import action_space, flat, observation_space
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.vector_env import RegionRows
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, load_scenario

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
OPTIONS = {"key": 1 << 64, "week_tick": 1 << 31}  # of `reset`: name → first number that is too large


class RegionalDispatchParallelEnv(ParallelEnv[str, Observation, np.ndarray]):
    """`RegionalDispatch-v0` for all regions of one network at once, as a PettingZoo parallel environment.

    ## Agents

    One per region, by the regions' names; all act in every tick. Regions share stock, sites and lanes: what one decides
    changes what others see and pay.

    ## Action and Observation Space

    Those of `RegionalDispatchEnv`, the same for every agent. `infos[agent]["action_mask"]` has the legal values as
    `action_space(agent).sample(mask)` takes them: a tuple of one int8 array per slot. The observation holds them too,
    as `order_mask` and `lane_mask`.

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
        overrides: dotted scenario field → YAML text, such as `{"demand.orders_per_day": "9000"}`.

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
        overrides: Mapping[str, str] | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ScenarioError(f"render_mode = {render_mode!r}: must be None or 'rgb_array'")
        self.render_mode = render_mode
        self.scenario = load_scenario(scenario, dict(overrides or {}))
        self.shared_reward = shared_reward
        self.tables = tables
        self.sim = Simulator(self.scenario)
        if lane_price is not None:
            self.sim.price_lanes(lane_price)
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

    def action_space(self, agent: str) -> MultiDiscrete:
        """What the agent may do; the same object every time, so that it keeps its seed."""
        return self._spaces[agent][1]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], Infos]:
        """Starts an episode.

        Args:
            seed: of the orders of this episode and the following ones, ≥ 0. Default: the next episode; at the first
                call, a random seed.
            options: `key`: an episode key of `envs.world.demand.episode_key`, for the same orders as in an evaluation;
                `week_tick`: tick of the week to start at. Others are left unread, with a warning.

        Raises:
            gymnasium.error.Error: the seed or an option is not a whole number in its range.
        """
        chosen = _checked(options)
        if seed is not None or not self._seeded:
            self.region_rows.restart(np_random(int(seed) if isinstance(seed, np.integer) else seed)[1])
        else:
            self.region_rows.start(0)
        self._seeded = True
        if chosen:
            self.sim.reset(0, chosen.get("key", int(self.sim.state.row["key"][0])), chosen.get("week_tick"))
            self.sim.begin(0)
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
            self._viewer = _viewer(self.sim)
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
        for r, agent in enumerate(self.possible_agents):
            infos[agent] = {
                "costs": dict(zip(COMPONENTS, booked[r].tolist(), strict=True)),
                "tick": self.sim.tick(0),
                "action_mask": (*seen["order_mask"][r], *seen["lane_mask"][r]),
            }
            if ended:
                kpis = self.sim.kpis(0, [r])
                infos[agent]["kpis"] = {name: None if math.isnan(value) else value for name, value in kpis.items()}
        return infos

    def _stacked(self, actions: Mapping[str, np.ndarray]) -> np.ndarray:
        """The agents' actions in the order of regions: (R, M + L)."""
        if not isinstance(actions, Mapping):
            raise InvalidAction(f"actions of type {type(actions).__name__}: must be a dictionary, agent → action")
        wrong = sorted(map(str, set(self.agents) ^ set(actions)))
        if wrong:
            raise InvalidAction(f"actions of {', '.join(map(str, actions)) or 'no agent'}: must be one per agent of "
                                f"{', '.join(self.agents)}; missing or unknown: {', '.join(wrong)}")  # fmt: skip
        return np.stack([self._one(agent, actions[agent]) for agent in self.agents])

    def _one(self, agent: str, action: Any) -> np.ndarray:
        """An action as whole numbers in the ranges of the action space."""
        space = self.action_space(agent)
        try:
            array = np.asarray(action)
        except ValueError:
            raise InvalidAction(f"action of agent '{agent}': ragged; must be {space.shape} whole numbers") from None
        if array.shape != space.shape or array.dtype.kind not in "iub":
            raise InvalidAction(
                f"action of agent '{agent}': shape {array.shape}, dtype {array.dtype}; must be {space.shape} whole "
                "numbers"
            )
        outside = np.flatnonzero((array < 0) | (array >= space.nvec))
        if len(outside):
            at = int(outside[0])
            raise InvalidAction(f"action of agent '{agent}': [{at}] = {array[at]}: must be 0…{space.nvec[at] - 1}")
        return array.astype(np.int64)


parallel_env = RegionalDispatchParallelEnv
"""The same under the name that PettingZoo's environments have: `parallel_env(scenario="us8")`."""


def _checked(options: Mapping[str, Any] | None) -> dict[str, int]:
    """The options that `reset` reads."""
    found = {}
    for name, value in (options or {}).items():
        if name not in OPTIONS:  # not refused: PettingZoo's own test of an environment passes one
            gymnasium.logger.warn(f"reset: option {name!r} is not read; there are: {', '.join(OPTIONS)}")
        elif isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < OPTIONS[name]:
            raise gymnasium.error.Error(
                f"reset: option {name} = {value!r}: must be a whole number from 0, below {OPTIONS[name]}"
            )
        else:
            found[name] = int(value)
    return found


def _viewer(sim: Simulator) -> MapViewer:
    try:
        from regional_dispatch.envs.render.map import MapViewer  # slow to load, and training never draws
    except ModuleNotFoundError as error:
        raise DependencyNotInstalled(
            f"render() needs the package '{error.name}'; install it with: pip install 'regional-dispatch[train]'"
        ) from error
    return MapViewer(sim)

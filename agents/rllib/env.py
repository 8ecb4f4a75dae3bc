"""The PettingZoo environment as RLlib steps it."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.wrappers.utils import RunningMeanStd
from ray.rllib.env.multi_agent_env import MultiAgentEnv

from regional_dispatch.envs.parallel_env import RegionalDispatchParallelEnv
from regional_dispatch.envs.world.clocks.clock import first_calendar_tick
from regional_dispatch.envs.world.scenario import Scenario, TraceDemand

ALL = "__all__"


class NetworkEnv(MultiAgentEnv):
    """All regions of one network copy; every episode starts at a random tick of the week.

    If all copies saw the same hour at once, updates would swing with the hour of the day. Rewards are divided by the
    running standard deviation of their discounted sums, as Gymnasium's `NormalizeReward` does for one agent: a region
    of us8_spread spends hundreds of dollars in a tick, and a critic that starts at 0 would take thousands of steps to
    get there.

    Agents are the numbers of regions. RLlib keeps agents in sets, so that with names a seed would not fix their order.

    Args:
        scenario: the network. A trace has its own time.
        shared_reward: see `RegionalDispatchParallelEnv`.
        gamma: discount per tick.
    """

    def __init__(self, scenario: Scenario, shared_reward: bool, gamma: float) -> None:
        super().__init__()
        self.par_env = RegionalDispatchParallelEnv(scenario, shared_reward, tables=True)
        self.names = dict(enumerate(self.par_env.possible_agents))
        self.agents = self.possible_agents = list(self.names)
        self.observation_spaces = {agent: self.par_env.observation_space(name) for agent, name in self.names.items()}
        self.action_spaces = {agent: self.par_env.action_space(name) for agent, name in self.names.items()}
        self.actions = self.decisions = 0  # joint actions so far, and their decisions with more than one legal value
        self._rng = np.random.default_rng()
        self._gamma = gamma
        self._returns = np.zeros(len(self.agents))
        self._spread = RunningMeanStd()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[int, Any], dict[int, Any]]:
        """Starts an episode; a seed fixes this one and those that follow."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        scenario = self.par_env.scenario
        if not isinstance(scenario.demand, TraceDemand):
            week = scenario.ticks_per_week
            options = {"week_tick": (first_calendar_tick(scenario) + int(self._rng.integers(week))) % week}
        observations = self._numbered(self.par_env.reset(seed, options)[0])
        self._open = _decisions(observations)
        self._returns[:] = 0
        return observations, {}

    def step(self, action_dict: dict[int, np.ndarray]) -> tuple[dict[int, Any], ...]:
        """One tick. What `info` says is left out: RLlib would keep it for every step, and the observation has masks."""
        *by_name, _ = self.par_env.step({self.names[agent]: action for agent, action in action_dict.items()})
        observations, rewards, *ended = (self._numbered(part) for part in by_name)
        self.actions += len(action_dict)
        self.decisions += self._open
        self._open = _decisions(observations)
        terminated, truncated = ({**part, ALL: all(part.values())} for part in ended)
        return observations, self._scaled(rewards), terminated, truncated, {}

    def _numbered(self, by_name: Any) -> dict[int, Any]:
        return {agent: by_name[name] for agent, name in self.names.items()}

    def _scaled(self, rewards: dict[int, float]) -> dict[int, float]:
        self._returns = self._gamma * self._returns + list(rewards.values())
        self._spread.update(self._returns)
        scale = float(np.sqrt(self._spread.var + 1e-8))
        return {agent: reward / scale for agent, reward in rewards.items()}


def _decisions(observations: dict[int, Any]) -> int:
    """Slots of all agents with more than one legal value."""
    return sum(int((seen[name].sum(axis=-1) > 1).sum()) for seen in observations.values()
               for name in ("order_mask", "lane_mask"))  # fmt: skip

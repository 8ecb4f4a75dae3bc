"""The Gymnasium environment: one region, one tick per step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from regional_dispatch.envs.faces.action_space import as_array
from regional_dispatch.envs.faces.arguments import (
    background_of,
    check_render_mode,
    find_region,
    map_viewer,
    price_lanes,
    reset_options,
    scenario_of,
    whole_seed,
)
from regional_dispatch.envs.faces.horizon import KnowsItsHorizon
from regional_dispatch.envs.faces.infos import region_kpis, usd_by_component
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.observation import (
    action_space,
    apply_actions,
    empty_observation,
    fill_observation,
    flat,
    masks_of,
    observation_space,
)
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import STREAMS
from regional_dispatch.envs.world.scenario import Scenario

if TYPE_CHECKING:
    from regional_dispatch.envs.render.map import MapViewer


class RegionalDispatchEnv(KnowsItsHorizon, gymnasium.Env[dict[str, np.ndarray], np.ndarray]):
    """Sourcing and dispatch of one region of an e-commerce fulfilment network.

    ## Description

    Customers of a region order from stations. Every tick the agent says which fulfillment center serves each waiting
    order line, over which route, and which trucks of its region leave now. The other regions follow a background
    policy: regions depend on each other, so all of them are simulated to serve one. To learn on all of them at that
    price, use `gymnasium.make_vec` (`RegionalDispatchVectorEnv`). Every field of the world, with its unit and source,
    is in `envs/world/scenario/`; the transitions are in `envs/kernel/tick.py`.

    A scenario may hold `events`, hours in which part of the network is out of order:

    - A site with less capacity picks or sorts less, first in, first out; a site that is down does nothing, and packages
      wait there. Packages that it has already picked or sorted may leave.
    - A closed lane sends no truck, not even a full one. Trucks on the road arrive and return.
    - A route is cut while one of its lanes is closed or one of its sites is down. Cut routes are candidates only of a
      line that no other route can serve: it is not lost, but waits on its way until the event ends.
    - Packages that have their route keep it. Lateness is booked as it becomes inevitable: hour by hour on a lane, and
      when the work is done at a site, since the length of an event is not known in advance.

    Events show in backlogs, candidates and masks; there is no feature of their own.

    ## Action Space

    `MultiDiscrete([K] * M + [2] * L)`: the candidate (0…K−1) of each of M line slots, then hold (0) or go (1) for
    each of L lane slots. Lines fill slots in order of arrival; a lane always has the same slot. `action_masks()`
    gives the legal values as sb3-contrib expects them, (M·K + 2·L,) bool; `action_space.sample(mask=…)` takes them. A
    slot without a decision has one legal value, 0. An illegal choice of candidate is served by the next feasible one
    (`replanned_share`); an illegal go does nothing. An action that is not in the space (shape, range, NaN, floats) is
    refused with `gymnasium.error.InvalidAction`, and nothing changes.

    ## Observation Space

    `Dict`, float32 in ±10 with fixed normalisation (`envs/kernel/decisions/features.py` has every entry and its unit):

    | key | shape | meaning |
    | --- | --- | --- |
    | `orders` | (M·K·24,) | candidates of each waiting line; (M, K, 24) with `tables=True` |
    | `lanes` | (L·24,) | lanes with packages waiting; (L, 24) with `tables=True` |
    | `region` | (9,) | hour, weekday, load |
    | `order_mask` | (M, K) int8 | 1 for each candidate |
    | `lane_mask` | (L, 2) int8 | 1 if the lane may hold, 1 if it may go |

    ## Rewards

    Minus the dollars booked to the region since the last step in the accrual view of the ledger
    (`envs/kernel/ledger.py`), divided by the scenario's `reward_scale_usd`. `info["costs"]` has the parts.

    ## Starting State

    Full shelves, idle trucks, no packages, at the scenario's `start_hour`. KPIs leave out the scenario's warm-up.

    ## Episode End

    Never terminated. Truncated at the scenario's horizon, `spec.max_episode_steps` steps after the start; work under
    way is then settled at standard cost in the last reward, and the last observation is that of the emptied network.

    ## Information

    `costs`: USD accrued by component; `cash`: USD paid by component, both of this step and region; `tick`;
    `action_mask`: as `action_masks()`, int8; in the last step of an episode, `kpis`: all KPIs of the region since the
    warm-up, None where there is nothing to measure. They take a fifth of a step, so they are in every step only with
    `kpis=True`; `env.unwrapped.kpis()` has them at any time.

    ## Arguments

    ```python
    gymnasium.make("RegionalDispatch-v0", scenario="us8", region="Northeast", render_mode="rgb_array")
    ```

    Args:
        scenario: a `Scenario`, the path of a YAML file, or a shipped name.
        region: name or number of the region to run.
        background: scorers that decide for the other regions; default: nearest in region, last safe hour.
        lane_price: prices the lanes in the observation: pass `scorers.price` of a trained policy that will decide here,
            so that it sees the plans it was trained on. Default: lanes have no price.
        render_mode: None or `rgb_array`, the map.
        tables: keep `orders` and `lanes` as tables. The default is flat vectors, which stable-baselines3 asks for.
        overrides: dotted scenario field → value, or YAML text, such as `{"demand.orders_per_day": "9000"}`.
        kpis: adds `info["kpis"]` in every step.
        audit: checks every conservation law after every tick (`envs.audit`): True, or a folder for the files of
            violations. Default: none, which costs nothing.

    Raises:
        ScenarioError: the scenario or another argument cannot be used.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 8}  # noqa: RUF012

    def __init__(
        self,
        scenario: str | Path | Scenario = "us8",
        region: str | int = 0,
        background: Scorers | None = None,
        lane_price: Scorer | None = None,
        render_mode: str | None = None,
        tables: bool = False,
        overrides: Mapping[str, Any] | None = None,
        kpis: bool = False,
        audit: bool | str | Path | None = None,
    ) -> None:
        self.render_mode = check_render_mode(render_mode)
        self.scenario = scenario_of(scenario, overrides)
        self.sim = Simulator(self.scenario, audit=audit)
        price_lanes(self.sim, lane_price)
        self.region = find_region(self.sim, region)
        self.background = background_of(background)
        self.tables = tables
        self.kpis_every_step = kpis
        self.observation_space = observation_space(self.sim, tables)  # type: ignore[assignment]
        self.action_space = action_space(self.sim)
        self._masks = masks_of(empty_observation(self.sim, 1))[0]
        self._viewer: MapViewer | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: of the orders of this episode and, unless another seed is given, of the following ones; ≥ 0, any size.
            options: `key`: an episode key of `envs.world.demand.episode_key`, for the same orders as in an evaluation;
                `week_tick`: tick of the week to start at.

        Raises:
            ScenarioError: the seed or an option cannot be used; nothing has changed.
        """
        chosen, seed = reset_options(options, self.scenario), whole_seed(seed)
        super().reset(seed=seed)
        key = chosen.get("key", (STREAMS["train"] << 62) | int(self.np_random.integers(1 << 62)))
        self.sim.reset(0, key, chosen.get("week_tick"))
        self.sim.begin(0)
        nothing = np.zeros((2, len(COMPONENTS)))
        return self._observe(), self._info(nothing, self.kpis_every_step)

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Applies the region's decisions, lets the others decide, and moves to the next tick.

        Raises:
            gymnasium.error.ResetNeeded: the episode has not begun, or has ended.
            gymnasium.error.InvalidAction: the action is not in the action space.
        """
        before = self._booked()
        apply_actions(self.sim, self.region, as_array(action)[None])
        self.sim.decide(0, self.background, skip=self.region)
        truncated = self.sim.finish(0)
        if not truncated:
            self.sim.begin(0)
        booked = self._booked() - before
        reward = -float(booked[0].sum()) / self.scenario.reward_scale_usd
        return self._observe(), reward, False, truncated, self._info(booked, truncated or self.kpis_every_step)

    def kpis(self) -> dict[str, float | None]:
        """All KPIs of the region since the warm-up, None where there is nothing to measure yet."""
        return region_kpis(self.sim, 0, self.region)

    def action_masks(self) -> np.ndarray:
        """Legal values of every slot, as sb3-contrib's MaskablePPO expects them: (M·K + 2·L,) bool."""
        return self._masks.astype(bool)

    def render(self) -> np.ndarray | None:  # type: ignore[override]
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

    def _booked(self) -> np.ndarray:
        state = self.sim.state
        return np.stack([state.accrual[0, self.region], state.cash[0, self.region]])

    def _observe(self) -> dict[str, np.ndarray]:
        out = empty_observation(self.sim, 1)
        fill_observation(self.sim, self.region, out)
        self._masks = masks_of(out)[0]
        shown = out if self.tables else flat(out)
        return {name: array[0] for name, array in shown.items()}

    def _info(self, booked: np.ndarray, with_kpis: bool) -> dict[str, Any]:
        info = {
            "costs": usd_by_component(booked[0]),
            "cash": usd_by_component(booked[1]),
            "tick": self.sim.tick(0),
            "action_mask": self._masks.copy(),
        }
        return {**info, "kpis": self.kpis()} if with_kpis else info

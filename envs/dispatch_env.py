"""The Gymnasium environment: one region, one tick per step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND, Scorers
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
from regional_dispatch.envs.world.demand import STREAMS
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, load_scenario

if TYPE_CHECKING:
    from regional_dispatch.envs.render.map import MapViewer


class RegionalDispatchEnv(gymnasium.Env[dict[str, np.ndarray], np.ndarray]):
    """Sourcing and dispatch of one region of an e-commerce fulfilment network.

    ## Description

    Customers of a region order from stations. Every tick the agent says which fulfillment center serves each waiting
    order line, over which route, and which trucks of its region leave now. The other regions follow a background
    policy. Every field of the world, with its unit and source, is in `envs/world/scenario/`; the transitions are in
    `envs/kernel/tick.py`.

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
    gives the legal values as sb3-contrib expects them, (M·K + 2·L,) bool. A slot without a decision has one legal
    value, 0. An illegal choice of candidate is served by the next feasible one (`replanned_share`); an illegal go
    does nothing.

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

    Never terminated. Truncated at the scenario's horizon; work under way is then settled at standard cost in the last
    reward, and the last observation is that of the emptied network.

    ## Information

    `costs`: USD accrued by component; `cash`: USD paid by component, both of this step and region; `kpis`: all KPIs
    of the region since the warm-up, None where there is nothing to measure yet; `tick`; `action_mask`: as
    `action_masks()`, int8.

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
        overrides: dotted scenario field → YAML text, such as `{"demand.orders_per_day": "9000"}`.

    Raises:
        ScenarioError: the scenario cannot be used, or has no such region.
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
        overrides: Mapping[str, str] | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ScenarioError(f"render_mode = {render_mode!r}: must be None or 'rgb_array'")
        self.render_mode = render_mode
        self.scenario = load_scenario(scenario, dict(overrides or {}))
        self.sim = Simulator(self.scenario)
        if lane_price is not None:
            self.sim.price_lanes(lane_price)
        self.region = find_region(self.sim, region)
        self.background = background or DEFAULT_BACKGROUND
        self.tables = tables
        self.observation_space = observation_space(self.sim, tables)  # type: ignore[assignment]
        self.action_space = action_space(self.sim)
        self._masks = _masks(empty_observation(self.sim, 1))
        self._viewer: MapViewer | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: of the orders of this episode and, unless another seed is given, of the following ones.
            options: `key`: an episode key of `envs.world.demand.episode_key`, for the same orders as in an evaluation;
                `week_tick`: tick of the week to start at.
        """
        super().reset(seed=seed)
        options = options or {}
        key = options.get("key", (STREAMS["train"] << 62) | int(self.np_random.integers(1 << 62)))
        self.sim.reset(0, key, options.get("week_tick"))
        self.sim.begin(0)
        nothing = np.zeros((2, len(COMPONENTS)))
        return self._observe(), self._info(nothing)

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Applies the region's decisions, lets the others decide, and moves to the next tick.

        Raises:
            gymnasium.error.ResetNeeded: the episode has not begun, or has ended.
            gymnasium.error.InvalidAction: the action is not in the action space.
        """
        before = self._booked()
        apply_actions(self.sim, self.region, np.asarray(action)[None])
        self.sim.decide(0, self.background, skip=self.region)
        truncated = self.sim.finish(0)
        if not truncated:
            self.sim.begin(0)
        booked = self._booked() - before
        reward = -float(booked[0].sum()) / self.scenario.reward_scale_usd
        return self._observe(), reward, False, truncated, self._info(booked)

    def action_masks(self) -> np.ndarray:
        """Legal values of every slot, as sb3-contrib's MaskablePPO expects them: (M·K + 2·L,) bool."""
        return self._masks.copy()

    def render(self) -> np.ndarray | None:  # type: ignore[override]
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

    def _booked(self) -> np.ndarray:
        state = self.sim.state
        return np.stack([state.accrual[0, self.region], state.cash[0, self.region]])

    def _observe(self) -> dict[str, np.ndarray]:
        out = empty_observation(self.sim, 1)
        fill_observation(self.sim, self.region, out)
        self._masks = _masks(out)
        shown = out if self.tables else flat(out)
        return {name: array[0] for name, array in shown.items()}

    def _info(self, booked: np.ndarray) -> dict[str, Any]:
        return {
            "costs": dict(zip(COMPONENTS, booked[0].tolist(), strict=True)),
            "cash": dict(zip(COMPONENTS, booked[1].tolist(), strict=True)),
            "kpis": {name: None if math.isnan(x) else x for name, x in self.sim.kpis(0, [self.region]).items()},
            "tick": self.sim.tick(0),
            "action_mask": self.action_masks().astype(np.int8),
        }


def _viewer(sim: Simulator) -> MapViewer:
    try:
        from regional_dispatch.envs.render.map import MapViewer  # slow to load, and training never draws
    except ModuleNotFoundError as error:
        raise gymnasium.error.DependencyNotInstalled(
            f"render() needs the package '{error.name}'; install it with: pip install 'regional-dispatch[train]'"
        ) from error
    return MapViewer(sim)


def find_region(sim: Simulator, region: str | int) -> int:
    """Number of a region given by name or number.

    Raises:
        ScenarioError: there is no such region.
    """
    names = sim.network.region_names
    if isinstance(region, str) and region in names:
        return names.index(region)
    if isinstance(region, int | np.integer) and 0 <= region < len(names):
        return int(region)
    raise ScenarioError(f"region = {region!r}: must be one of {', '.join(names)}, or 0…{len(names) - 1}")


def _masks(out: dict[str, np.ndarray]) -> np.ndarray:
    """The legal values of the one row of an observation: (M·K + 2·L,) bool."""
    return np.concatenate([out["order_mask"].ravel(), out["lane_mask"].ravel()]).astype(bool)

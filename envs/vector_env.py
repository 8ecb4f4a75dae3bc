"""The batched environment: rows are network copies × regions, all on one compiled kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from regional_dispatch.envs.faces.action_space import checked_actions
from regional_dispatch.envs.faces.arguments import (
    background_of,
    check_render_mode,
    find_region,
    map_viewer,
    options_by_copy,
    price_lanes,
    scenario_of,
    whole_seed,
)
from regional_dispatch.envs.faces.horizon import KnowsItsHorizon
from regional_dispatch.envs.faces.infos import kpi_columns, usd_by_component
from regional_dispatch.envs.faces.rows import RegionRows, Stream
from regional_dispatch.envs.faces.vector_row import Row, common_background, set_on_rows
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.observation import (
    action_sizes,
    action_space,
    empty_observation,
    flat,
    masks_of,
    observation_space,
)
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError

if TYPE_CHECKING:
    from regional_dispatch.envs.render.map import MapViewer


class RegionalDispatchVectorEnv(
    KnowsItsHorizon, gymnasium.vector.VectorEnv[dict[str, np.ndarray], np.ndarray, np.ndarray]
):
    """`RegionalDispatch-v0` for many regions at once, as a Gymnasium vector environment.

    ```python
    envs = gymnasium.make_vec("RegionalDispatch-v0", num_envs=16, scenario="us8")  # all eight regions of two networks
    envs = gymnasium.make_vec("RegionalDispatch-v0", num_envs=4, scenario="us8", region="Northeast")  # of four networks
    ```

    Regions depend on each other, so a network is always simulated as a whole: the single environment simulates all R
    regions to serve one. Here rows share networks: row i is region i % R of copy i // R, with its own action and
    reward, so a row costs about 1/R of a step of the single environment. If `num_envs` is no multiple of R, the
    remaining regions of the last copy follow the background. With `region`, every row is that region in a copy of its
    own and the others follow the background, which costs as much as `num_envs` single environments.

    Spaces, rewards and information are those of `RegionalDispatchEnv`. `action_space.sample(mask=envs.action_masks())`
    samples legal actions of all rows.

    ## Episodes

    Copies start at staggered hours of the week, spread evenly from the scenario's `start_hour`, so that the rows of a
    batch do not all see the same hour. Rows of a copy share its orders, and end together. What happens then:

    - `NEXT_STEP`: the next `step` ignores the actions, resets and returns reward 0. The default, as in Gymnasium.
    - `SAME_STEP`: the step that ends an episode returns the first observation of the next; `infos["final_obs"]` and
      `infos["final_info"]` hold what came before.
    - `DISABLED`: `reset` is called by the user, for some copies with `options={"reset_mask": mask}`.

    Args:
        num_envs: rows, ≥ 1. Default: the regions of one copy; with `region`, one.
        scenario: a `Scenario`, the path of a YAML file, or a shipped name; the same for all copies.
        region: name or number of the region of all rows. Default: all regions share the copies.
        background: scorers that decide for regions without a row; default: nearest in region, last safe hour.
        lane_price: prices the lanes in the observation, as in `RegionalDispatchEnv`.
        render_mode: None or `rgb_array`, the map.
        tables: keep `orders` and `lanes` as tables.
        overrides: dotted scenario field → value, or YAML text.
        kpis: adds `infos["kpis"]` in every step, not only in the last of an episode.
        autoreset_mode: an `AutoresetMode` or its value, `NextStep`, `SameStep` or `Disabled`.
        audit: checks every conservation law after every tick (`envs.audit`): True, or a folder for the files of
            violations. Default: none, which costs nothing.
        max_episode_steps: accepted if it is the scenario's horizon, as in the specification of a made environment.

    Raises:
        ScenarioError: the scenario or another argument cannot be used.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": ["rgb_array"], "render_fps": 8, "autoreset_mode": AutoresetMode.NEXT_STEP,
    }  # fmt: skip

    def __init__(
        self,
        num_envs: int | None = None,
        scenario: str | Path | Scenario = "us8",
        region: str | int | None = None,
        background: Scorers | None = None,
        lane_price: Scorer | None = None,
        render_mode: str | None = None,
        tables: bool = False,
        overrides: Mapping[str, Any] | None = None,
        kpis: bool = False,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        audit: bool | str | Path | None = None,
    ) -> None:
        self.render_mode = check_render_mode(render_mode)
        self.autoreset_mode = _autoreset_mode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.scenario = scenario_of(scenario, overrides)
        self._check_horizon(max_episode_steps)
        one = Simulator(self.scenario, audit=audit)
        number = None if region is None else find_region(one, region)
        self.num_envs = _row_count(num_envs, 1 if region is not None else one.regions)
        copies = self.num_envs if region is not None else -(-self.num_envs // one.regions)
        self.sim = one if copies == 1 else Simulator(self.scenario, copies, audit=audit)
        price_lanes(self.sim, lane_price)
        rows = None if region is not None else self.num_envs
        self.region_rows = RegionRows(self.sim, rows=rows, region=number, background=background_of(background))
        self.tables = tables
        self.kpis_every_step = kpis
        self.single_observation_space = observation_space(self.sim, tables)
        self.single_action_space = action_space(self.sim)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = action_space(self.sim, self.num_envs)
        self.rows = [Row(self, row) for row in range(self.num_envs)]
        self._ended = ~self._all  # in the step before
        self._masks = masks_of(empty_observation(self.sim, self.num_envs))  # of the latest observation
        self._viewer: MapViewer | None = None

    @property
    def background(self) -> Scorers:
        """Decides for regions without a row."""
        return self.region_rows.background

    @background.setter
    def background(self, scorers: Scorers) -> None:
        self.region_rows.background = background_of(scorers)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Starts an episode in every copy, or in those of a mask.

        Args:
            seed: None: each copy's next episode, at the first call of random seeds. A whole number: the first episodes
                under this seed; every copy has orders of its own. A list with one per row: rows of a copy share its
                orders, which then depend on the seeds of all of them, and on nothing else; where all are None, the copy
                goes on.
            options: `key`: an episode key of `envs.world.demand.episode_key`, for the same orders as in an evaluation;
                `week_tick`: tick of the week to start at; each one value, or a list with one per copy. `reset_mask`,
                with `AutoresetMode.DISABLED`: (num_envs,) bool, which rows start; those of one copy start together.

        Raises:
            ScenarioError: the seed or an option cannot be used; nothing has changed.
        """
        mask, options = self._reset_mask(options)
        chosen = options_by_copy(options, self.scenario, self.sim.copies)
        streams = self._streams(seed)
        for copy in self._copies(mask):
            if copy in streams:
                self.region_rows.follow(copy, streams[copy])
            self.region_rows.start(copy, **chosen[copy])
        self._ended[mask] = False
        return self._first(mask)

    def step(
        self, actions: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One tick of every row.

        Raises:
            gymnasium.error.ResetNeeded: an episode has not begun, or has ended with autoreset disabled.
            gymnasium.error.InvalidAction: an action is not in the action space; nothing has changed.
        """
        if self.autoreset_mode is AutoresetMode.NEXT_STEP and self._ended.any():
            return self._next_episodes(actions)
        paid = self.region_rows.cash()
        booked, ended = self.region_rows.step(actions)
        paid = self.region_rows.cash() - paid
        reward = -booked.sum(axis=1) / self.scenario.reward_scale_usd
        seen = self.region_rows.observe()
        infos = self._infos(seen, booked, paid)
        if self.kpis_every_step or ended.any():
            infos |= self._kpis(self._all if self.kpis_every_step else ended)
        shown, self._ended = self._shown(seen), ended.copy()
        if self.autoreset_mode is AutoresetMode.SAME_STEP and ended.any():
            shown, infos = self._same_step(shown, infos)
        return shown, reward, ~self._all, ended, infos

    def action_masks(self) -> np.ndarray:
        """Legal values of every row's slots: (rows, M·K + 2·L) bool."""
        return self._masks.astype(bool)

    def render(self) -> tuple[np.ndarray, ...] | None:  # type: ignore[override]
        """The map of every row's copy, (height, width, 3) uint8 each; None without `render_mode="rgb_array"`."""
        if self.render_mode is None:
            gymnasium.logger.warn('render() needs render_mode="rgb_array"; nothing is drawn')
            return None
        if self._viewer is None:
            self._viewer = map_viewer(self.sim)
        frames = [self._viewer.frame(copy) for copy in range(self.sim.copies)]
        return tuple(frames[copy] for copy in self.region_rows.copy_of)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Calls a method of every row, or reads an attribute: those of `RegionalDispatchEnv` without reset and step."""
        if name == "action_masks":
            return tuple(self.action_masks())
        if name == "render":
            return self.render() or (None,) * self.num_envs
        found = [getattr(row, name) for row in self.rows]
        return tuple(one(*args, **kwargs) if callable(one) else one for one in found)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of every row."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Sets an attribute of every row, the background of all, or one of the user's own.

        Args:
            name: of the attribute.
            values: a list or tuple with one value per row, or one value for all.

        Raises:
            AttributeError: the attribute is part of the world.
            ValueError: the list has another length, or backgrounds differ.
        """
        if name == "background":
            self.background = common_background(values)
        else:
            set_on_rows(self.rows, name, values)

    def close_extras(self, **kwargs: Any) -> None:
        """Frees the viewer."""
        self._viewer = None

    def _next_episodes(
        self, actions: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Starts all copies, which end together, in a step of its own."""
        checked_actions(actions, self.num_envs, *action_sizes(self.sim))
        self._start_all()
        shown, infos = self._first(self._all)
        return shown, np.zeros(self.num_envs), ~self._all, ~self._all, infos

    def _same_step(
        self, last: dict[str, np.ndarray], last_infos: dict[str, Any]
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Starts all copies, which end together; what came before is kept in the information."""
        final = np.empty(self.num_envs, dtype=object)
        for row in range(self.num_envs):
            final[row] = {name: array[row] for name, array in last.items()}
        self._start_all()
        shown, infos = self._first(self._all)
        kept = {"final_obs": final, "_final_obs": self._all, "final_info": last_infos, "_final_info": self._all}
        return shown, {**infos, **kept}

    def _start_all(self) -> None:
        for copy in range(self.sim.copies):
            self.region_rows.start(copy)
        self._ended[:] = False

    def _first(self, started: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """What rows see and are told when an episode starts; those that do not start are told nothing."""
        nothing = np.zeros((self.num_envs, len(COMPONENTS)))
        seen = self.region_rows.observe()
        infos = self._infos(seen, nothing, nothing, started)
        if self.kpis_every_step:
            infos |= self._kpis(started)
        return self._shown(seen), infos

    def _shown(self, seen: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What is returned of what was seen."""
        return seen if self.tables else flat(seen)

    def _infos(
        self, seen: dict[str, np.ndarray], booked: np.ndarray, paid: np.ndarray, which: np.ndarray | None = None
    ) -> dict[str, Any]:
        self._masks = masks_of(seen)
        infos = {
            "costs": usd_by_component(booked),
            "cash": usd_by_component(paid),
            "tick": self.sim.state.row["tick"][self.region_rows.copy_of],
            "action_mask": self._masks.copy(),
        }
        return infos | dict.fromkeys((f"_{name}" for name in infos), self._all if which is None else which)

    def _kpis(self, which: np.ndarray) -> dict[str, Any]:
        rows = self.region_rows
        return {"kpis": kpi_columns(self.sim, rows.copy_of, rows.region_of, which), "_kpis": which}

    def _copies(self, mask: np.ndarray) -> list[int]:
        """Copies that have one of these rows."""
        return np.unique(self.region_rows.copy_of[mask]).tolist()

    @property
    def _all(self) -> np.ndarray:
        """Every row, as a fresh mask: (rows,) bool."""
        return np.ones(self.num_envs, dtype=bool)

    def _streams(self, seed: Any) -> dict[int, Stream]:
        """The streams that copies follow from now on, by copy."""
        if isinstance(seed, Sequence | np.ndarray):
            return self._streams_of_list([whole_seed(one) for one in seed])
        whole = whole_seed(seed)
        if whole is None and self.region_rows.episodes.any():
            return {}
        if whole is None:
            whole = int(self.np_random.integers(1 << 62))
        else:
            super().reset(seed=whole)
        return {copy: Stream(whole, copy, self.sim.copies) for copy in range(self.sim.copies)}

    def _streams_of_list(self, seeds: list[int | None]) -> dict[int, Stream]:
        if len(seeds) != self.num_envs:
            raise ScenarioError(f"seed: {len(seeds)} seeds for {self.num_envs} rows; give one per row, or a single one")
        streams = {}
        for copy in range(self.sim.copies):
            given = [seed for seed, of in zip(seeds, self.region_rows.copy_of, strict=True) if of == copy]
            named = [seed for seed in given if seed is not None]
            if named:
                streams[copy] = Stream(named[0] if len(set(named)) == 1 else _mixed(named))
        return streams

    def _reset_mask(self, options: Any) -> tuple[np.ndarray, Any]:
        """Which rows start, (rows,) bool, and the other options."""
        if not isinstance(options, Mapping) or "reset_mask" not in options:
            return self._all, options
        mask = options["reset_mask"]
        if self.autoreset_mode is not AutoresetMode.DISABLED:
            raise ScenarioError('options: reset_mask needs autoreset_mode="Disabled"; copies end and start together')
        if not isinstance(mask, np.ndarray) or mask.dtype != bool or mask.shape != (self.num_envs,) or not mask.any():
            raise ScenarioError(f"options: reset_mask = {mask!r}: must be a bool array ({self.num_envs},), one True")
        whole = np.isin(self.region_rows.copy_of, self._copies(mask))
        if (whole != mask).any():
            row = int(np.flatnonzero(whole != mask)[0])
            raise ScenarioError(f"options: reset_mask leaves out row {row}; rows of one copy start together")
        return mask.copy(), {name: value for name, value in options.items() if name != "reset_mask"}

    def _check_horizon(self, max_episode_steps: int | None) -> None:
        horizon = self.scenario.horizon_ticks
        if max_episode_steps not in (None, horizon):
            raise ScenarioError(
                f"max_episode_steps = {max_episode_steps!r}: episodes end at the scenario's horizon, {horizon} steps; "
                'change that: overrides={"horizon_hours": …}'
            )


def _mixed(seeds: list[int]) -> int:
    """One seed that depends on all of these."""
    words = np.random.SeedSequence(seeds).generate_state(2, np.uint64)
    return int(words[0]) << 64 | int(words[1])


def _row_count(num_envs: Any, default: int) -> int:
    if num_envs is None:
        return default
    if isinstance(num_envs, bool) or not isinstance(num_envs, int | np.integer) or num_envs < 1:
        raise ScenarioError(f"num_envs = {num_envs!r}: must be a whole number ≥ 1")
    return int(num_envs)


def _autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError:
        known = ", ".join(repr(one.value) for one in AutoresetMode)
        raise ScenarioError(f"autoreset_mode = {mode!r}: must be one of {known}, or an AutoresetMode") from None

"""Checks of what users hand to the environments: the constructor's arguments, seeds, and the options of `reset`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from regional_dispatch.envs.faces.scorers import check_scorers
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND, Scorers
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.clocks.clock import first_calendar_tick
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, TraceDemand, load_scenario

if TYPE_CHECKING:
    from regional_dispatch.envs.render.map import MapViewer

RESET_OPTIONS = ("key", "week_tick")


def scenario_of(scenario: str | Path | Scenario, overrides: Mapping[str, Any] | None) -> Scenario:
    """The scenario of an environment, with the fields that its user replaces.

    Args:
        scenario: a `Scenario`, the path of a YAML file, or a shipped name.
        overrides: dotted scenario field → value, or YAML text.

    Raises:
        ScenarioError: the scenario or an override cannot be used.
    """
    if not overrides:
        return load_scenario(scenario)
    if not isinstance(overrides, Mapping):
        raise ScenarioError(
            f"overrides = {overrides!r}: must be one dictionary, dotted field → value, such as "
            '{"demand.orders_per_day": "9000"}; all copies play the same scenario'
        )
    if isinstance(scenario, Scenario):
        raise ScenarioError("overrides: a Scenario object is used as it is; give its file or name, or another object")
    return load_scenario(scenario, {_field(name): _yaml_text(name, value) for name, value in overrides.items()})


def _field(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise ScenarioError(f"overrides: {name!r} is no field; name one, such as demand.orders_per_day")
    return name


def _yaml_text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except TypeError:
        raise ScenarioError(f"overrides: {name} = {value!r}: must be YAML text or a plain value") from None


def find_region(sim: Simulator, region: str | int) -> int:
    """Number of a region given by name or number.

    Raises:
        ScenarioError: there is no such region.
    """
    names = sim.network.region_names
    if isinstance(region, str) and region in names:
        return names.index(region)
    if isinstance(region, int | np.integer) and not isinstance(region, bool) and 0 <= region < len(names):
        return int(region)
    raise ScenarioError(f"region = {region!r}: must be one of {', '.join(names)}, or 0…{len(names) - 1}")


def background_of(background: Scorers | None) -> Scorers:
    """The scorers that decide for regions whose user does not; default: nearest in region, last safe hour.

    Raises:
        ScenarioError: they are no scorers.
    """
    if background is None:
        return DEFAULT_BACKGROUND
    return check_scorers("background", background)


def price_lanes(sim: Simulator, lane_price: Scorer | None) -> None:
    """Has lanes priced in what is observed, if a scorer is given.

    Raises:
        ScenarioError: it is no scorer.
    """
    if lane_price is not None:
        sim.price_lanes(lane_price)


def check_render_mode(render_mode: str | None) -> str | None:
    """The render mode, or ScenarioError."""
    if render_mode not in (None, "rgb_array"):
        raise ScenarioError(f"render_mode = {render_mode!r}: must be None or 'rgb_array'")
    return render_mode


def map_viewer(sim: Simulator) -> MapViewer:
    """Draws the copies of a simulator.

    Raises:
        gymnasium.error.DependencyNotInstalled: the packages it needs are missing.
    """
    try:
        from regional_dispatch.envs.render.map import MapViewer  # slow to load, and training never draws
    except ModuleNotFoundError as error:
        raise gymnasium.error.DependencyNotInstalled(
            f"render() needs the package '{error.name}'; install it with: pip install 'regional-dispatch[train]'"
        ) from error
    return MapViewer(sim)


def whole_seed(seed: Any) -> int | None:
    """A seed of any size as Gymnasium takes it; None stays None.

    Raises:
        ScenarioError: it is no whole number ≥ 0.
    """
    if seed is None:
        return None
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ScenarioError(f"seed = {seed!r}: must be a whole number ≥ 0, or None")
    return int(seed)


def reset_options(
    options: Mapping[str, Any] | None, scenario: Scenario, known: Collection[str] = RESET_OPTIONS
) -> dict[str, Any]:
    """The options of `reset` for one copy: `key`, of its orders, and `week_tick`, of its start; as whole numbers.

    Args:
        options: what the user gave.
        scenario: the world.
        known: names that are taken; those that are not checked here are handed on.

    Raises:
        ScenarioError: an option is unknown or out of its range.
    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise ScenarioError(f"options = {options!r}: must be a dictionary with some of {', '.join(known)}")
    for name in options:
        if name not in known:
            raise ScenarioError(f"options: {name!r} is unknown; there are {', '.join(known)}")
    found = dict(options)
    for name, below in (("key", 1 << 64), ("week_tick", scenario.ticks_per_week)):
        value = found.get(name)
        if value is None:
            found.pop(name, None)
            continue
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < below:
            raise ScenarioError(f"options: {name} = {value!r}: must be a whole number, 0…{below - 1}")
        found[name] = int(value)
    first = first_calendar_tick(scenario)
    if isinstance(scenario.demand, TraceDemand) and found.get("week_tick", first) != first:
        raise ScenarioError(f"options: week_tick = {found['week_tick']}: a trace has its own time; leave it out")
    return found


def options_by_copy(options: Mapping[str, Any] | None, scenario: Scenario, copies: int) -> list[dict[str, Any]]:
    """`reset_options` of every copy; each option is one value for all copies, or a list with one per copy.

    Raises:
        ScenarioError: an option is unknown, out of its range, or a list of another length.
    """
    reset_options(dict.fromkeys(options, None) if isinstance(options, Mapping) else options, scenario)
    columns = {name: _by_copy(name, value, copies) for name, value in (options or {}).items()}
    return [reset_options({name: column[copy] for name, column in columns.items()}, scenario) for copy in range(copies)]


def _by_copy(name: str, value: Any, copies: int) -> list[Any]:
    if not isinstance(value, list | tuple | np.ndarray):
        return [value] * copies
    if len(value) != copies:
        raise ScenarioError(f"options: {name} has {len(value)} values: must be one, or one per copy, {copies}")
    return list(value)

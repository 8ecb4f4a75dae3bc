"""What memory and time a scenario needs, estimated from its numbers before anything of that size is made.

The parts are those that grow with a scenario; what every process has (`_PROCESS_GIB`) is left out. Sizes of routes are
those of the usual case, a route or two for each pair of FC and station. Seconds are fitted to one core of an AMD EPYC,
and are right within a factor of three for networks that take more than a second (`tests/envs/world/test_needs.py`).

Axes: N sites, F FCs, C sort centers, D stations, S SKUs, G settings of the levers, M order slots, K candidates.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.linehaul.routes import ROUTE
from regional_dispatch.envs.world.machine import memory_left
from regional_dispatch.envs.world.order_size import mean_lines_per_order
from regional_dispatch.envs.world.scenario import CityNetwork, GeneratedDemand, Scenario
from regional_dispatch.envs.world.settings import settings_of
from regional_dispatch.envs.world.sites import SiteCounts

_UNIT, _NUMBER, _INDEX = 2, 8, 4  # bytes of a level of stock, of a float64, and of an int32
_GIB = 2**30
_PROCESS_GIB = 0.3  # what every process has: Python, libraries, compiled code


class Part(NamedTuple):
    """One part of what is needed."""

    name: str  # for messages
    bytes: float
    mend: str  # which fields make it smaller


def world_parts(scenario: Scenario, counts: SiteCounts) -> list[Part]:
    """What building the network and the world takes at its peak, and what the shelves of one copy take.

    Args:
        scenario: filled in by its trace, if it has one.
        counts: sites of each kind.
    """
    sites, pairs = sum(counts), counts.fcs * counts.stations
    settings = len(settings_of(scenario))
    shelf = scenario.stock.skus * counts.fcs * _UNIT
    stocks = len({setting.stock for setting in settings_of(scenario)})
    fewer_sites = "network.fulfillment_centers, network.sort_centers or network.stations"
    if not isinstance(scenario.network, CityNetwork):
        fewer_sites = "the rows of network.sites"
    fewer_skus = "stock.skus" if isinstance(scenario.demand, GeneratedDemand) else "the SKUs of demand.path"
    return [
        Part("distances between sites", 4 * sites**2 * _NUMBER, f"lower {fewer_sites}"),
        Part("routes", settings * pairs * (3 * ROUTE.itemsize + 16 * _NUMBER), f"lower {fewer_sites}"),
        Part("base stock", stocks * shelf, f"lower {fewer_skus}, or {fewer_sites}"),
        Part("shelves", (2 + outstanding(scenario)) * shelf, f"lower {fewer_skus}, or {fewer_sites}"),
    ]


def build_seconds(scenario: Scenario, counts: SiteCounts) -> float:
    """CPU seconds that building the network and the world takes."""
    settings = settings_of(scenario)
    fcs, scs, stations = counts
    placing = 4e-9 * (fcs + scs) * scenario.network.metros**2 if isinstance(scenario.network, CityNetwork) else 0.0
    chains = 8e-9 * (len(settings) + 1) * fcs * scs * (2 * scs + 4 * stations)
    routes = 6e-6 * (len(settings) + 1) * fcs * stations
    stocks = 1.2e-7 * len({setting.stock for setting in settings}) * scenario.stock.skus * fcs
    return placing + chains + routes + stocks


def episode_seconds(scenario: Scenario, counts: SiteCounts) -> float:
    """CPU seconds that an episode takes under a rule."""
    lines = float(scenario.demand.orders_per_day or 0) * scenario.horizon_hours / 24 * mean_lines_per_order(scenario)
    return 2e-6 * lines + 2e-7 * scenario.horizon_ticks * sum(counts)


def needs_text(scenario: Scenario, counts: SiteCounts) -> str:
    """Memory and time in one line."""
    memory = sum(part.bytes for part in world_parts(scenario, counts)) / _GIB
    build, episode = build_seconds(scenario, counts), episode_seconds(scenario, counts)
    return (
        f"needs about {memory + _PROCESS_GIB:.1f} GiB; {max(build, 1):.0f} s to build and {max(episode, 1):.0f} s an "
        "episode under a rule, on one core"
    )


def outstanding(scenario: Scenario) -> int:
    """Orders of one SKU from its supplier that are under way at a time, at most."""
    lead, review = (
        round(hours / scenario.tick_hours) for hours in (scenario.stock.lead_time_hours, scenario.stock.review_hours)
    )
    return lead // max(1, review) + 1


def state_parts(arrays: dict[str, np.ndarray], copies: int) -> list[Part]:
    """What the state of some copies takes.

    Args:
        arrays: those of a state, of no copy at all: (0, …) each.
        copies: B.
    """
    size = {
        name: float(copies) * array.itemsize * np.prod(array.shape[1:], dtype=float) for name, array in arrays.items()
    }
    groups = {
        "shelves": (("stock", "pipeline", "ordered", "moved", "road", "price"), "stock.skus"),
        "order lines": (("line", "candidate", "surcharge", "plan"), "slots.orders, slots.candidates"),
        "packages": (("package", "tag", "item", "note"), "demand.orders_per_day"),
        "promises": (("urgent",), "demand.promise_hours"),
        "trucks on the road": (("trucks_back", "arriving"), "the hours of the longest lane (network.speed_mph)"),
    }
    named = {name for names, _ in groups.values() for name in names}
    fewer = " or the number of copies" if copies > 1 else ""
    parts = [
        Part(name, sum(size[array] for array in names), f"lower {fields}{fewer}")
        for name, (names, fields) in groups.items()
    ]
    rest = sum(own for array, own in size.items() if array not in named)
    return [*parts, Part("lanes, sites and books", rest, f"lower the number of sites{fewer}")]


def observation_parts(rows: int, slots: int, candidates: int, features: int) -> list[Part]:
    """What the padded tables of order lines take, for `rows` regions: as they are filled, and as they are returned."""
    size = 2.0 * rows * slots * candidates * (features * 4 + 1)
    return [Part("tables of order lines", size, "lower slots.orders or slots.candidates")]


def growing_parts(arrays: Iterable[np.ndarray]) -> list[Part]:
    """What larger copies of pools take while the old ones are still there."""
    mend = "lower demand.orders_per_day, or give more trucks or capacity, so that less waits"
    return [Part("packages and order lines", 2.0 * sum(array.nbytes for array in arrays), mend)]


def learning_parts(packages: int, numbers: int) -> list[Part]:
    """What a learner's notes on packages take, so many numbers of each."""
    return [
        Part("notes on packages", 4.0 * packages * numbers, "set the PPO field lane_price_hidden: 0, or lower copies")
    ]


def check_memory(parts: Iterable[Part], scenario: Scenario, what: str) -> None:
    """Checks that this machine has the memory.

    Args:
        parts: of what is needed.
        scenario: for the message.
        what: needs it, for the message.

    Raises:
        ScenarioError: it has not; the text names the largest part, and the fields that make it smaller.
    """
    parts = list(parts)
    need, left = sum(part.bytes for part in parts), memory_left()
    if need <= left:
        return
    largest = max(parts, key=lambda part: part.bytes)
    raise ScenarioError(
        f"{scenario.source_file or scenario.name}: {what} would take about {need / _GIB:,.1f} GiB of memory, and this "
        f"process can have {left / _GIB:,.1f}; {largest.name} are {largest.bytes / _GIB:,.1f} of it: {largest.mend}"
    )


_said: set[str] = set()
_LONG_SECONDS = 20.0


def say_if_long(what: str, seconds: float) -> None:
    """Says on the standard error, once in this process, that something takes long."""
    if seconds >= _LONG_SECONDS and what not in _said:
        _said.add(what)
        print(f"{what}: about {seconds / 60:.1f} minutes", file=sys.stderr)

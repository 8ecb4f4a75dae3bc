"""The positions of the three levers over an episode: which setting is in force from which tick.

Axes: G settings, in the order in which they come into force.
"""

from __future__ import annotations

from typing import NamedTuple

from regional_dispatch.envs.world.levers import Boundary, Layout, RunningLanes
from regional_dispatch.envs.world.scenario import Scenario


class Setting(NamedTuple):
    """One position of the levers."""

    first_tick: int  # from which it is in force; the first is 0
    partition: Boundary
    stock: Layout
    lanes: RunningLanes


def settings_of(scenario: Scenario) -> tuple[Setting, ...]:
    """The settings of a scenario: that of its fields, then one from each hour at which levers change: (G,)."""
    stock = scenario.stock
    found = [Setting(0, scenario.partition, Layout(layout=stock.layout, placement=stock.placement), scenario.lanes)]
    for change in sorted(scenario.changes, key=lambda change: change.hour):
        tick = round(change.hour / scenario.tick_hours)
        pulled = {lever: value for lever in ("partition", "stock", "lanes") if (value := getattr(change, lever))}
        latest = found.pop() if found[-1].first_tick == tick else found[-1]
        found.append(latest._replace(first_tick=tick, **pulled))
    return tuple(found)

"""What an answer rests on, as sentences that stand beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.stock import nearest_fcs
from regional_dispatch.evaluation.text import number

if TYPE_CHECKING:
    from regional_dispatch.envs.world.what_if.stock import Moved
    from regional_dispatch.evaluation.whatif.answer import Side


def assumptions(was: Side, now: Side, moved: Sequence[Moved]) -> list[str]:
    """Everything that the answer takes for granted."""
    change = now.scenario.what_if
    assert change is not None
    said = ["Demand stays: the same orders, from the same stations, in both networks."]
    said.append("Every other site keeps its capacity, its trucks and its lanes.")
    said += _other_sizes(was, now) + _new_sites(now)
    gone, new = _lanes_that_differ(was.network, now.network)
    if gone or new:
        said.append(
            f"{gone} lanes go, {new} come; new ones follow the distance rule and run at the scenario's price per mile."
        )
    if change.move:
        said.append("A moved site keeps its lanes; miles, transit and cost follow the new distance.")
    said += _stock(now, moved)
    if change.trucks_before:
        fields = ", ".join(
            f"{name} {old:g} → {getattr(now.scenario.trucks, name):g}" for name, old in change.trucks_before.items()
        )
        said.append(f"Trucks: {fields}. Each site has as many of them as before.")
    said.append("What it costs to open, close or move a building is not counted.")
    return said


def _other_sizes(was: Side, now: Side) -> list[str]:
    """Capacities and fleets that the question changes."""
    change, said = now.scenario.what_if, []
    assert change is not None
    at = [{name: i for i, name in enumerate(side.network.sites["name"])} for side in (was, now)]
    for field, word in (("capacity", "an hour"), ("fleet", "trucks")):
        for name in getattr(change, field):
            if name not in at[0]:
                continue
            sizes = [_size(side, field, index[name]) for side, index in zip((was, now), at, strict=True)]
            said.append(f"{name}: {number(sizes[0], 0)} → {number(sizes[1], 0)} {word}.")
    return said


def _size(side: Side, field: str, site: int) -> float:
    net = side.network.net
    return float(net.fleet[site] if field == "fleet" else net.site_capacity[site] / side.scenario.tick_hours)


def _new_sites(now: Side) -> list[str]:
    change, network = now.scenario.what_if, now.network
    assert change is not None
    said, names = [], network.sites["name"].tolist()
    nearest = {names[fc] for fc in np.unique(nearest_fcs(network)[:, 0]) if fc >= 0}
    for site in change.add:
        at = names.index(site.name)
        rate = network.net.site_capacity[at] / now.scenario.tick_hours
        verb = "picks" if site.kind == "fc" else "sorts"
        sized = "as given" if site.per_hour is not None else "sized by the scenario's headroom"
        said.append(f"{site.name} {verb} {number(rate, 0)} an hour ({sized}) and has {network.net.fleet[at]} trucks.")
        if site.kind == "fc" and site.name not in nearest:
            said.append(f"{site.name} is the nearest FC of no station: it has no stock but what --stock gives it.")
    return said


def _stock(now: Side, moved: Sequence[Moved]) -> list[str]:
    lost = sum(move.units for move in moved if not move.destination)
    went = [move for move in moved if move.destination]
    said = [f"{number(lost, 0)} units of closed FCs are lost: the network has fewer."] if lost else []
    if went:
        units, usd = sum(move.units for move in went), sum(move.usd for move in went)
        said.append(
            f"{number(units, 0)} units stand elsewhere from the start, and stay so by replenishment; moving them once "
            f"costs {number(usd, 0)} {now.scenario.money} in full trucks, handling included, which no KPI holds."
        )
    elif not lost:
        said.append("Stock stays where it is.")
    return said


def _lanes_that_differ(was: Network, now: Network) -> tuple[int, int]:
    """How many lanes there are no more, and how many are new."""
    sets = []
    for network in (was, now):
        names, lanes = network.sites["name"].to_numpy(), network.net.lanes
        ends = zip(names[lanes["origin"]], names[lanes["dest"]], network.lane_modes, strict=True)
        sets.append(set(ends))
    return len(sets[0] - sets[1]), len(sets[1] - sets[0])

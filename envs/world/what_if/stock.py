"""Stock after a what-if: the levels of before, with those of closed and added FCs elsewhere.

Axes: S SKUs, F FCs, D stations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.levers import Layout
from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.envs.world.stock.levels import nearest_fcs
from regional_dispatch.envs.world.stock.placement import place_stock
from regional_dispatch.envs.world.stock.table import stock_on_hand
from regional_dispatch.envs.world.what_if.sites import before


class Moved(NamedTuple):
    """Units that a what-if has standing elsewhere. They go once; no KPI holds what that costs."""

    origin: str
    destination: str  # empty: lost
    units: int
    miles: float  # by road, at the ratio of road to air of generated networks
    usd: float  # in full trucks, handling included


def stock_after(scenario: Scenario, network: Network, layout: Layout | None = None) -> np.ndarray:
    """Base-stock levels after the what-if: (S, F) int16; see `what_if` for which units move.

    Args:
        scenario: has a `what_if`.
        network: after it.
        layout: where stock stands before; default, the scenario's.
    """
    old = build_network(before(scenario))
    return _counted(scenario, _moved_units(scenario, network, old, place_stock(before(scenario), old, layout))[0])


def on_hand_after(scenario: Scenario, network: Network) -> np.ndarray:
    """Units on the shelves when an episode starts, after the what-if: (S, F) int16; those of the snapshot, moved alike.

    Args:
        scenario: has a `what_if` and a snapshot of stock.
        network: after it.
    """
    old = build_network(before(scenario))
    return _counted(scenario, _moved_units(scenario, network, old, stock_on_hand(before(scenario), old))[0])


def _counted(scenario: Scenario, units: np.ndarray) -> np.ndarray:
    """Units as the kernel counts them: (S, F) int16.

    Raises:
        ScenarioError: more units of a SKU come together in one FC than it can count.
    """
    if units.max(initial=0) > np.iinfo(np.int16).max:
        raise ScenarioError(
            f"{scenario.source_file or scenario.name}: what_if: {units.max():,} units of a SKU come together in one "
            f"FC, where {np.iinfo(np.int16).max:,} can be counted; leave another FC open, or move less stock"
        )
    return units.astype(np.int16)


def stock_moves(scenario: Scenario, network: Network) -> list[Moved]:
    """From where to where units go, most units first: those on the shelves at the start."""
    old, was = build_network(before(scenario)), before(scenario)
    units = place_stock(was, old) if scenario.stock.snapshot is None else stock_on_hand(was, old)
    _, flow = _moved_units(scenario, network, old, units)
    names = [*network.sites["name"][: network.net.fcs], ""]
    place = {**_places(old), **_places(network)}
    found = []
    for (origin, i), count in np.ndenumerate(flow):
        if count:
            found.append(_moved(scenario, place, str(old.sites["name"][origin]), str(names[i]), int(count)))
    return sorted(found, key=lambda move: (-move.units, move.origin, move.destination))


def _places(network: Network) -> dict[str, np.ndarray]:
    sites = network.sites
    return dict(zip(sites["name"], sites[["latitude", "longitude"]].to_numpy(float), strict=True))


def _moved(scenario: Scenario, place: dict[str, np.ndarray], origin: str, destination: str, units: int) -> Moved:
    if not destination:
        return Moved(origin, "", units, 0.0, 0.0)
    (a, b), trucks = (place[origin], place[destination]), scenario.transfers
    miles = 1.2 * float(great_circle_miles(*a[None].T, *b[None].T)[0, 0])
    per_truck = trucks.usd_per_mile * miles + trucks.dock_usd
    return Moved(origin, destination, units, miles, units * (trucks.handling_usd + per_truck / trucks.units_per_truck))


def _moved_units(
    scenario: Scenario, network: Network, old: Network, units: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Units (S, F before) after the what-if, (S, F) int64, and how many go from each FC of before to each of after or,
    last, are lost."""
    change, base = scenario.what_if, units.astype(np.int64)
    assert change is not None
    names_old, names = (net.sites["name"][: net.net.fcs].tolist() for net in (old, network))
    at = {name: i for i, name in enumerate(names)}
    out, flow = np.zeros((len(base), len(names)), np.int64), np.zeros((len(names_old), len(names) + 1), np.int64)
    shares = _shares(network, old, names, names_old, change.stock_of_added == "taken")
    for origin, name in enumerate(names_old):
        own = base[:, origin]
        if name not in at and change.stock_of_closed == "lost":
            flow[origin, -1] = own.sum()
            continue
        split = _whole(own, shares[origin])
        out += split
        flow[origin, :-1] = split.sum(axis=0)
        if name in at:
            flow[origin, at[name]] = 0
    for move in change.stock:
        a, b = at[move.origin], at[move.destination]
        going = np.floor(out[:, a] * move.share + 0.5).astype(np.int64)
        out[:, a] -= going
        out[:, b] += going
        if move.origin in names_old:
            flow[names_old.index(move.origin), b] += going.sum()
    return out, flow


def _shares(network: Network, old: Network, names: list[str], names_old: list[str], taken: bool) -> np.ndarray:
    """Where the units of each FC of before stand after, (F before, F after): with the stations it was nearest to.

    A station counts for an FC if it still is nearest to it, or if the FC that now is nearest was added, or if its own
    was closed; a closed FC that was nearest to no station leaves its units to the FC nearest to itself.
    """
    at, share = {name: i for i, name in enumerate(names)}, network.station_share
    was, now = nearest_fcs(old)[:, 0], nearest_fcs(network)[:, 0]
    out = np.zeros((len(names_old), len(names)))
    for origin, name in enumerate(names_old):
        closed, own = name not in at, was == origin
        for d in np.flatnonzero(own):
            gained = closed or (taken and names[now[d]] not in names_old)
            if not closed and not gained:
                out[origin, at[name]] += share[d]
                continue
            out[origin, now[d]] += share[d]
        if out[origin].sum() == 0:
            out[origin, _nearest(network, old, origin) if closed else at[name]] = 1.0
    return out / out.sum(axis=1, keepdims=True)


def _nearest(network: Network, old: Network, origin: int) -> int:
    """The FC of after that is nearest to one of before."""
    a = old.sites[["latitude", "longitude"]].to_numpy(float)[origin]
    b = network.sites[["latitude", "longitude"]].to_numpy(float)[: network.net.fcs]
    return int(great_circle_miles(*a[None].T, *b.T).argmin())


def _whole(units: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Units of each SKU (S,) split by shares (F,), in whole units by largest remainder: (S, F)."""
    exact = units[:, None] * shares
    out = np.floor(exact + 1e-9).astype(np.int64)
    rank = np.argsort(np.argsort(-(exact - out), axis=1, kind="stable"), axis=1, kind="stable")
    return out + (rank < (units - out.sum(axis=1))[:, None])

"""Alternatives to the decisions of a tick."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.kernel.phases.dispatch import can_send
from regional_dispatch.envs.simulator import Simulator

SOURCE, SEND, HOLD = KINDS = ("source", "send", "hold")  # SEND of trucks that are held, HOLD of ones that are sent


class Change(NamedTuple):
    """Another decision than the base policy's, for one line or one lane of row 0."""

    kind: str  # of KINDS
    place: tuple[int, ...]  # of the line, or of the lane, in the state
    candidate: int  # of the line; −1 for a lane
    region: int  # that decides
    regions: frozenset[int]  # whose dollars it changes
    promise: float  # the lower, the likelier it is to be worth it; comparable within a kind

    def apply(self, sim: Simulator) -> None:
        """Changes the decision in row 0."""
        if self.kind == SOURCE:
            sim.state.line["choice"][self.place] = self.candidate
        else:
            sim.state.go[self.place] = self.kind == SEND


def alternatives(sim: Simulator) -> list[Change]:
    """Every alternative to every decision that row 0 has made and not applied yet; `sim` is after `decide`."""
    return [*_of_lines(sim), *_of_lanes(sim)]


def most_promising(found: Sequence[Change], lanes: int, lines: int) -> list[Change]:
    """Some of the alternatives, the most promising first, trucks before lines.

    Args:
        found: all of them.
        lanes: held trucks per region, the fullest first, and as many sent ones, the emptiest first.
        lines: other candidates per region, those nearest in standard route cost first.
    """
    limits = {SEND: lanes, HOLD: lanes, SOURCE: lines}
    return [change for kind, limit in limits.items() for change in _first(found, kind, limit)]


def _first(found: Sequence[Change], kind: str, limit: int) -> Iterator[Change]:
    """The most promising changes of a kind, as many as allowed of each region."""
    taken: dict[int, int] = {}
    for change in sorted((change for change in found if change.kind == kind), key=lambda change: change.promise):
        taken[change.region] = taken.get(change.region, 0) + 1
        if taken[change.region] <= limit:
            yield change


def _of_lanes(sim: Simulator) -> Iterator[Change]:
    net, state = sim.world.net, sim.state
    for lane in state.active[0, : state.row["active"][0]].tolist():
        if can_send(sim.world, state, 0, lane):
            record, sent = net.lanes[lane], state.go[0, lane] == 1
            fill = min(1.0, state.lane["count"][0, lane] / record["room"])
            kind, promise = (HOLD, fill) if sent else (SEND, -fill)
            yield Change(kind, (0, lane), -1, int(record["region"]), _regions_of_lane(sim, lane), promise)


def _regions_of_lane(sim: Simulator, lane: int) -> frozenset[int]:
    """Regions of a lane's ends, and of the customers whose packages wait on it, which pay for the rest of the way."""
    net, state, home = sim.world.net, sim.state, sim.world.net.region_of_site
    found = {int(home[net.lanes["origin"][lane]]), int(home[net.lanes["dest"][lane]])}
    package = state.lane["head"][0, lane]
    while package >= 0:
        station = net.routes["station"][state.package["route"][0, package]]
        found.add(int(home[net.fcs + net.scs + station]))
        package = state.package["next"][0, package]
    return frozenset(found)


def _of_lines(sim: Simulator) -> Iterator[Change]:
    net, state = sim.world.net, sim.state
    ring, usd = state.line.shape[2], net.routes["rest_cost"][:, 0]
    for region in range(net.regions):
        for slot in range(state.slots[0, region]):
            place = (0, region, int(state.line_first[0, region] + slot) % ring)
            routes = state.candidate[0, region, slot]
            routes = routes[: int((routes >= 0).sum())]
            taken = int(state.line["choice"][place])
            for k in np.flatnonzero(np.arange(len(routes)) != taken).tolist():
                gap = float(usd[routes[k]] - usd[routes[taken]])
                yield Change(SOURCE, place, k, region, _regions(sim, routes[[k, taken]]) | {region}, gap)


def _regions(sim: Simulator, routes: np.ndarray) -> frozenset[int]:
    """Regions that send trucks on any of the routes."""
    lanes = sim.world.net.routes["lanes"][routes]
    return frozenset(sim.world.net.lanes["region"][lanes[lanes >= 0]].tolist())

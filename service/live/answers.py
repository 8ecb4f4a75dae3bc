"""What the service answers, in the scenario's names, dollars and real times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from regional_dispatch.envs.kernel.decisions.features import D
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.service.bridge.orders import USD_PARTS
from regional_dispatch.service.live.calendar import Calendar
from regional_dispatch.service.live.names import NetworkNames
from regional_dispatch.service.messages import Order

if TYPE_CHECKING:
    from regional_dispatch.service.live.network import Sourced

_CENTS = 4  # decimals of dollars


class Answers:
    """Writes answers.

    Args:
        sim: the network and its state.
        names: of sites, SKUs and lanes.
        calendar: real time of ticks.
    """

    def __init__(self, sim: Simulator, names: NetworkNames, calendar: Calendar) -> None:
        self._sim, self._names, self._calendar = sim, names, calendar
        self._routes: dict[int, dict[str, Any]] = {}
        lanes = sim.world.net.routes["lanes"].tolist()
        self._number = {tuple(lane for lane in legs if lane >= 0): path for path, legs in enumerate(lanes)}

    def route(self, path: int) -> dict[str, Any]:
        """A route: where it stops, and by which mode it goes on."""
        known = self._routes.get(path)
        if known is None:
            net = self._sim.world.net
            lanes = [int(lane) for lane in net.routes[path]["lanes"] if lane >= 0]
            stops = [int(net.lanes[lanes[0]]["origin"]), *(int(net.lanes[lane]["dest"]) for lane in lanes)]
            known = {
                "stops": [self._names.sites[site] for site in stops],
                "modes": [self._names.modes[lane] for lane in lanes],
            }
            self._routes[path] = known
        return known

    def route_number(self, route: Mapping[str, Any] | None) -> int:
        """The number of a route that was answered; −1 for none."""
        if route is None:
            return -1
        stops, modes = route["stops"], route["modes"]
        lanes = (self._names.lane(a, b, mode, "") for a, b, mode in zip(stops, stops[1:], modes, strict=False))
        return self._number[tuple(lanes)]

    def lane(self, number: int) -> dict[str, str]:
        """A lane by its sites and mode."""
        lane = self._sim.world.net.lanes[number]
        return {
            "origin": self._names.sites[lane["origin"]],
            "destination": self._names.sites[lane["dest"]],
            "mode": self._names.modes[number],
        }

    def order(
        self, order: Order, time: datetime, sourced: Sourced, packages: Mapping[int, str], rows: range
    ) -> dict[str, Any]:
        """The decision on an order, whose lines are these rows of `sourced`."""
        lines = [self._line(sourced, packages, i, order.lines[n].sku) for n, i in enumerate(rows)]
        return {
            "order": order.order,
            "station": order.station,
            "time": time.isoformat(),
            "packages": list(dict.fromkeys(line["package"] for line in lines if line["package"] is not None)),
            "lines": lines,
        }

    def _line(self, sourced: Sourced, packages: Mapping[int, str], i: int, sku: str) -> dict[str, Any]:
        served, offers = int(sourced.served[i]), sourced.offer[i].tolist()
        usd, ticks = sourced.offer_usd[i].tolist(), sourced.offer_tick[i].tolist()
        arrivals = dict(zip(offers, ticks, strict=True))
        lost = served < 0
        return {
            "sku": sku,
            "lost": lost,
            "fc": None if lost else self.route(served)["stops"][0],
            "route": None if lost else self.route(served),
            "package": None if lost else packages[int(sourced.package[i])],
            "arrival": None if lost else self._calendar.time(arrivals.get(served, self._arrival(served))).isoformat(),
            "candidates": [
                self._candidate(path, parts, tick, path == served)
                for path, parts, tick in zip(offers, usd, ticks, strict=True)
                if path >= 0
            ],
        }

    def _candidate(self, path: int, parts: list[float], tick: int, chosen: bool) -> dict[str, Any]:
        return {
            "route": self.route(path),
            "chosen": chosen,
            "arrival": self._calendar.time(tick).isoformat(),
            "expected_usd": round(sum(parts), _CENTS),
            **{f"{name}_usd": round(part, _CENTS) for name, part in zip(USD_PARTS, parts, strict=True)},
        }

    def _arrival(self, path: int) -> int:
        """The earliest arrival of a package made now on a route that was not offered, timetables left aside."""
        return self._sim.tick(0) + 1 + int(self._sim.world.net.routes[path]["rest"][0])

    def lanes(self, lane: np.ndarray, go: np.ndarray, sendable: np.ndarray, x: np.ndarray) -> list[dict[str, Any]]:
        """Decisions for lanes with packages.

        Trucks of a site go to its lanes in order of their numbers, as in the simulation, full loads first.
        """
        state, rules, net = self._sim.state, self._sim.world.rules, self._sim.world.net
        room = net.lanes["room"][lane]
        trucks = state.trucks_home[0].tolist()
        waiting = state.lane["count"][0][lane]
        answer: dict[int, tuple[bool, str]] = {}
        for i in np.argsort(waiting < room, kind="stable").tolist():
            site, full = int(net.lanes["origin"][lane[i]]), waiting[i] >= room[i]
            if not sendable[i]:
                answer[i] = False, self._why_not(int(lane[i]), trucks[site])
            elif not (full or go[i]):
                answer[i] = False, f"the policy waits for more: {_facts(x[i])}"
            elif trucks[site] == 0 and not rules.spot_allowed:
                answer[i] = False, "the site's last truck goes to another lane"
            else:
                hired = ", on a hired truck" if trucks[site] == 0 else ""
                trucks[site] = max(0, trucks[site] - 1)
                reason = "a full load always leaves" if full else f"the policy sends it: {_facts(x[i])}"
                answer[i] = True, reason + hired
        return [
            {
                **self.lane(int(number)),
                "packages": int(waiting[i]),
                "decision": "go" if answer[i][0] else "hold",
                "why": answer[i][1],
            }
            for i, number in enumerate(lane)
        ]

    def _why_not(self, lane: int, trucks: int) -> str:
        """Why no truck can leave on a lane whose site has so many trucks left."""
        if self._sim.state.shut[0, lane] == 1:
            return "the lane is closed"
        if trucks == 0 and not self._sim.world.rules.spot_allowed:
            return "no truck is at the site, and none may be hired"
        return "its timetable has no departure now"


def _facts(x: np.ndarray) -> str:
    """What a policy sees first of a lane."""
    late = "holding makes packages late" if x[D.late_if_held] else f"{24 * x[D.slack]:.0f} h until the next is late"
    return (
        f"{x[D.fill]:.0%} of a truckload, the oldest has waited {24 * x[D.age]:.0f} h, {late}, "
        f"{x[D.inflow_3h]:.0%} of a truckload expected in 3 h, {5 * x[D.cost_per_package]:.2f} USD a package now"
    )

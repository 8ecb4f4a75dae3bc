"""The live network: orders are sourced and lanes decided by the kernel, on a state that only events change.

What a simulation makes up, a service is told: no order is drawn, nothing arrives, is picked or driven by itself. Two
things happen by the clock alone, as in the simulation: packages that wait become late, and the scenario's dated changes
of regions, stock levels and lanes come into force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT
from regional_dispatch.envs.kernel.state import State, grow_packages
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import LONGEST_HORIZON_HOURS, Scenario
from regional_dispatch.envs.world.trace import sku_names
from regional_dispatch.service.bridge import lanes as lane_bridge
from regional_dispatch.service.bridge import moves
from regional_dispatch.service.bridge import orders as order_bridge
from regional_dispatch.service.errors import RefusedError
from regional_dispatch.service.live.answers import Answers
from regional_dispatch.service.live.calendar import Calendar
from regional_dispatch.service.live.names import NetworkNames
from regional_dispatch.service.live.packages import PICKING, Facts, Package, Whereabouts
from regional_dispatch.service.messages import MOST_LINES, Line, Order

LONGEST_PROMISE_HOURS = 24 * 14
# What events change in the kernel's state. The rest is scratch, or belongs to what a simulation makes up by itself.
_KEPT = (
    "row", "stock", "package", "tag", "recent", "lane", "urgent", "onward", "active", "queue", "site_capacity", "shut",
    "cut", "trucks_home", "cash", "accrual", "count",
)  # fmt: skip
ROW = 0  # the state has one copy of the network


class Sourced(NamedTuple):
    """What the kernel says about the m lines of some orders."""

    offer: np.ndarray  # (m, K) candidate routes, −1 padded
    offer_usd: np.ndarray  # (m, K, USD_PARTS)
    offer_tick: np.ndarray  # (m, K) earliest arrival
    choice: np.ndarray  # (m,) the candidate chosen
    served: np.ndarray  # (m,) route, −1 if lost
    package: np.ndarray  # (m,) number in the state, −1 if lost


class LiveNetwork:
    """One network as it is now.

    Args:
        scenario: sites, lanes, levels and costs. Its `events` are left out: real ones are sent.
        policy: decides.
        calendar: real time of ticks.
    """

    def __init__(self, scenario: Scenario, policy: ScorerPolicy, calendar: Calendar) -> None:
        self.scenario, self.policy, self.calendar = scenario, policy, calendar
        self.sim = _simulator(scenario, policy, calendar.start)
        self.names = NetworkNames(self.sim.network, _sku_names(self.sim))
        self.answers = Answers(self.sim, self.names, calendar)
        self.where = Whereabouts()
        self.priced_at: int | None = None  # tick of the units' prices, where the policy wants any

    @property
    def state(self) -> State:
        """The kernel's state, as the policy plans in it."""
        return self.sim.state._replace(lane_price=self.policy.scorers.price)

    @property
    def tick(self) -> int:
        """Now."""
        return self.sim.tick(ROW)

    def pass_time(self, time: datetime) -> None:
        """Moves the clock; a time before it changes nothing."""
        tick = self.calendar.tick(time)
        if tick > self.tick:
            moves.pass_ticks(self.sim.world, self.sim.state, ROW, tick)

    # ------------------------------------------------------------------------------------------------------ orders

    def source(self, orders: Sequence[Order], times: Sequence[datetime]) -> list[dict[str, Any]]:
        """Decides on orders together, applies the decisions, and answers each.

        Args:
            orders: to be decided on.
            times: of each, on the service's clock.

        Raises:
            RefusedError: an order cannot be; nothing has changed.
        """
        table, lines = self._tables(orders, times)
        self._make_room(len(lines))
        sourced = self._empty(len(lines))
        order_bridge.source_orders(
            self.sim.world, self.state, ROW, self.policy.scorers, table, lines, sourced.offer, sourced.offer_usd,
            sourced.offer_tick, sourced.choice, sourced.served, sourced.package,
        )  # fmt: skip
        names = self._keep(orders, table, lines, sourced)
        return [
            self.answers.order(order, time, sourced, names, range(table[n, 1], table[n + 1, 1]))
            for n, (order, time) in enumerate(zip(orders, times, strict=True))
        ]

    def source_again(self, order: Order, time: datetime, answer: dict[str, Any]) -> None:
        """Applies what was answered before a restart; nothing is decided again."""
        table, lines = self._tables([order], [time])
        self._make_room(len(lines))
        sourced = self._empty(len(lines))
        route = np.array([self.answers.route_number(line["route"]) for line in answer["lines"]], dtype=np.int64)
        order_bridge.apply_orders(
            self.sim.world, self.state, ROW, table, lines, route, sourced.served, sourced.package
        )  # fmt: skip
        self._keep([order], table, lines, sourced)

    def _tables(self, orders: Sequence[Order], times: Sequence[datetime]) -> tuple[np.ndarray, np.ndarray]:
        """Orders and lines as `bridge.orders` takes them."""
        several, table = len(orders) > 1, list[tuple[int, int]]()
        lines = list[tuple[int, int, int]]()
        for n, (order, time) in enumerate(zip(orders, times, strict=True)):
            try:
                table.append(
                    (self.names.station.number(order.station, "station") - self.names.station.first, len(lines))
                )
                lines.extend(self._line(order, time, i, line) for i, line in enumerate(order.lines))
            except RefusedError as error:
                raise (error.within(f"orders.{n}") if several else error) from None
        if len(lines) > MOST_LINES:
            raise RefusedError("orders", len(lines), "too many lines", f"send {MOST_LINES} lines a request at most")
        table.append((0, len(lines)))
        return np.array(table, dtype=np.int64), np.array(lines, dtype=np.int64).reshape(-1, 3)

    def _line(self, order: Order, time: datetime, i: int, line: Line) -> tuple[int, int, int]:
        """SKU, units, and ticks to the promise."""
        sku = self.names.sku.number(line.sku, f"lines.{i}.sku")
        own = line.promise_hours is not None or line.promised_by is not None
        said, path = (line, f"lines.{i}.") if own else (order, "")
        value: float | str
        if said.promise_hours is not None:
            due, field, value = time + timedelta(hours=said.promise_hours), "promise_hours", said.promise_hours
        elif said.promised_by is not None:
            due, field, value = said.promised_by, "promised_by", said.promised_by.isoformat()
        else:
            raise RefusedError(
                f"lines.{i}.promise_hours", None, "no promise", "give the order promise_hours or promised_by"
            )
        if due <= time:
            raise RefusedError(path + field, value, f"the order is of {time.isoformat()}", "promise a later time")
        longest = self.sim.state.urgent.shape[2] - 1
        ticks = self.calendar.tick(due) - self.tick
        if ticks > longest:
            most = longest * self.scenario.tick_hours
            raise RefusedError(path + field, value, "too far ahead", f"promise {most:g} hours at most")
        return sku, line.units, ticks

    def _make_room(self, packages: int) -> None:
        row = self.sim.state.row[ROW]
        if int(row["packages"]) + packages > self.sim.state.package.shape[1]:
            self.sim.state = grow_packages(self.sim.state, packages)

    def _empty(self, lines: int) -> Sourced:
        candidates = self.sim.world.rules.candidates
        return Sourced(
            np.full((lines, candidates), -1, np.int64),
            np.zeros((lines, candidates, len(order_bridge.USD_PARTS))),
            np.zeros((lines, candidates), np.int64),
            *(np.zeros(lines, np.int64) for _ in range(3)),
        )

    def _keep(self, orders: Sequence[Order], table: np.ndarray, lines: np.ndarray, sourced: Sourced) -> dict[int, str]:
        """Notes the new packages; returns their names by number."""
        names: dict[int, str] = {}
        for n, order in enumerate(orders):
            made = 0
            for i in range(table[n, 1], table[n + 1, 1]):
                number, line = int(sourced.package[i]), (int(lines[i, 0]), int(lines[i, 1]))
                if number < 0:
                    continue
                if number in names:
                    package = self.where.packages[names[number]]
                    self.where.put(package._replace(lines=(*package.lines, line)))
                    continue
                made += 1
                names[number] = f"{order.order}/{made}"
                route = int(sourced.served[i])
                self.where.add(Package(names[number], number, order.order, route, 0, PICKING, (line,)))
        return names

    # ------------------------------------------------------------------------------------------------------- lanes

    def decide_lanes(self) -> list[dict[str, Any]]:
        """Go or hold for every lane with packages, and why."""
        lanes = self.sim.state.lane.shape[1]
        lane, x = np.zeros(lanes, np.int64), np.zeros((lanes, DISPATCH_COUNT), np.float32)
        go, sendable = np.zeros(lanes, np.int8), np.zeros(lanes, np.int8)
        count = lane_bridge.decide_departures(
            self.sim.world, self.state, ROW, self.policy.scorers, lane, go, sendable, x
        )  # fmt: skip
        return self.answers.lanes(lane[:count], go[:count] == 1, sendable[:count] == 1, x[:count])

    # ---------------------------------------------------------------------------------------------------- snapshots

    def arrays(self) -> dict[str, np.ndarray]:
        """Copies of the state's arrays that events change."""
        return {name: getattr(self.sim.state, name).copy() for name in _KEPT}

    def restore(self, arrays: Mapping[str, np.ndarray], facts: Facts) -> None:
        """Goes on from `arrays` and the whereabouts' facts.

        Raises:
            KeyError, ValueError: they are of another network.
        """
        ours, where = self.sim.snapshot(), Whereabouts.from_facts(facts)
        self.sim.restore({**ours, **{f"state.{name}": arrays[name] for name in _KEPT}}, some_elsewhere=True)
        self.where = where


def _simulator(scenario: Scenario, policy: ScorerPolicy, start: datetime) -> Simulator:
    """One copy of the network with full shelves, room for the largest orders and for long promises."""
    sim = simulator_for(_live_scenario(scenario, start), policy.pricing)
    sim.reset(ROW, key=0)
    ticks = round(LONGEST_PROMISE_HOURS / scenario.tick_hours)
    shape = sim.state.urgent.shape
    if shape[2] <= ticks:
        sim.state = sim.state._replace(urgent=np.zeros((*shape[:2], ticks + 1), np.int32))
    return sim


def _live_scenario(scenario: Scenario, start: datetime) -> Scenario:
    """The scenario with real dates, without made-up events, and with room for orders of any size."""
    changes: dict[str, Any] = {"events": (), "slots": scenario.slots.model_copy(update={"orders": MOST_LINES})}
    if scenario.calendar is not None:
        local = start.astimezone(ZoneInfo(scenario.calendar.time_zone)).replace(tzinfo=None)
        changes["calendar"] = scenario.calendar.model_copy(update={"start": local})
        changes["horizon_hours"] = float(LONGEST_HORIZON_HOURS)
    return scenario.model_copy(update=changes)


def _sku_names(sim: Simulator) -> Sequence[str]:
    """The SKUs' names, in the order of their numbers."""
    return sku_names(sim.scenario) or [str(sku) for sku in range(sim.state.stock.shape[1])]

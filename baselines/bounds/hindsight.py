"""The hindsight optimum: the least cost of an episode with all its orders known in advance.

A mixed-integer program (`baselines.bounds.time_expanded`) is solved with HiGHS. It is a relaxation of the simulator, so
its bound holds for every policy; its plan is then replayed through the kernel. If the replay costs the same, the
relaxation made no difference, and the plan is proven optimal in the simulator.

If the replay costs more, the plan treats a queue in a way that the kernel does not allow: it lets a full load wait, for
example. The lanes where it does so are then made strict and the program is solved again. The queue's rules are added
only where they are broken, because everywhere they would slow the search.

Events of the scenario (`envs.world.events`) only remove capacity and departures, so a program without them is still a
relaxation. With events, lanes are never made strict: a closed lane keeps its full loads.

The bound is for policies that decide when an order arrives. A policy that moves packages between FCs while they wait
to be picked (`envs.kernel.phases.reevaluation`) is covered if picking never binds, because then no package waits.
"""

from __future__ import annotations

import time

import numpy as np

from regional_dispatch.baselines.bounds.bound import BoundError, HindsightBound
from regional_dispatch.baselines.bounds.known_orders import Orders, all_orders
from regional_dispatch.baselines.bounds.relaxation import relaxed_bound
from regional_dispatch.baselines.bounds.time_expanded import Plan, TimeExpanded
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.trace import orders_per_day
from regional_dispatch.solvers.milp import Answer

SMALL_SIZE = 100_000  # order × route × tick that HiGHS solves in minutes
LARGEST_SIZE = 10 * SMALL_SIZE
MIP_GAP = 1e-6  # relative, counts as closed
EXACT_GAP = 1e-3  # relative, of the replay to the bound
CENT_USD = 0.005


def hindsight_bound(scenario: Scenario, key: int, time_limit_s: float = 600.0) -> HindsightBound:
    """The optimum where the episode is small enough for it, else a relaxation's lower bound.

    Args:
        scenario: the world.
        key: of the episode (`envs.world.demand.episode_key`).
        time_limit_s: of the search. Unit: seconds. A bound is valid whenever its search ends.

    Raises:
        BoundError: no bound can be computed; the text says what to change.
    """
    return (exact_bound if is_small(scenario) else relaxed_bound)(scenario, key, time_limit_s)


def is_small(scenario: Scenario) -> bool:
    """Can `exact_bound` be expected to find the optimum in minutes?"""
    return _size(scenario) <= SMALL_SIZE


def _size(scenario: Scenario) -> float:
    """Expected orders × routes of a station × ticks: about twice the columns of the program."""
    net = build_network(scenario).net
    orders = orders_per_day(scenario) * scenario.horizon_hours / 24
    return orders * len(net.routes) / net.stations * scenario.horizon_ticks


def exact_bound(scenario: Scenario, key: int, time_limit_s: float = 600.0) -> HindsightBound:
    """The optimum of an episode with all its orders known in advance.

    Args:
        scenario: a small world; see `is_small`.
        key: of the episode (`envs.world.demand.episode_key`).
        time_limit_s: seconds for the solver, all rounds together.

    Returns:
        A bound of kind "exact" if the search was finished and the replay of the plan costs no more than 0.1 % above it;
        "time limit" if it was not finished; else "relaxation". `details` has `objective_usd` of the last round,
        `replay_usd` of the cheapest plan, `difference_usd` (replay − bound), `mip_gap`, `rounds`, `strict_lanes`,
        `columns`, `rows`, `status`.

    Raises:
        BoundError: the world is too large, lines wait for slots, or the time is too short for any bound.
    """
    began = time.perf_counter()
    if _size(scenario) > LARGEST_SIZE:
        raise BoundError(
            f"{scenario.name}: too large for the optimum (orders × routes per station × ticks = "
            f"{_size(scenario):,.0f}, at most {LARGEST_SIZE:,}); lower horizon_hours, demand.orders_per_day or sites"
        )
    sim, orders = Simulator(scenario), all_orders(scenario, key)
    _check_slots(scenario, sim, orders)
    search = _Search(scenario, key, sim, orders)
    solving = time.perf_counter()  # the limit is the solver's: the kernel may have been compiled until here
    while search.is_unfinished():
        search.solve(time_limit_s - (time.perf_counter() - solving))
    return search.result(time.perf_counter() - began)


def _check_slots(scenario: Scenario, sim: Simulator, orders: Orders) -> None:
    """Checks that every line is sourced in the tick it arrives in, as the program assumes."""
    net, slots = sim.world.net, sim.world.rules.order_slots
    region = net.region_of_site[net.fcs + net.scs + orders.station]
    lines = np.zeros((scenario.horizon_ticks, net.regions), dtype=np.int64)
    np.add.at(lines, (orders.tick, region), np.diff(orders.first))
    if lines.max(initial=0) > slots:
        raise BoundError(
            f"{scenario.name}: slots.orders = {slots}: {lines.max()} lines arrive in one tick of a region, and lines "
            f"that wait for a slot have no optimum here; set it to {lines.max()} or more"
        )


def _queues_are_certain(sim: Simulator, orders: Orders) -> bool:
    """Are trucks never missing, and do picking, sorting and closed lanes never bind? Only then may lanes be strict."""
    net, lines = sim.world.net, np.diff(orders.first)
    busiest = np.bincount(orders.tick, lines).max(initial=0)
    picks, sorts = net.site_capacity[: net.fcs], net.site_capacity[net.fcs : net.fcs + net.scs]
    enough = picks.min() >= busiest and sorts.min(initial=np.iinfo(np.int32).max) >= lines.sum()
    return bool(sim.world.rules.spot_allowed and enough and len(sim.world.events.first) == 1)


class _Search:
    """Rounds of solving and replaying, until a plan costs its bound or no lane is left to make strict."""

    def __init__(self, scenario: Scenario, key: int, sim: Simulator, orders: Orders) -> None:
        self.scenario, self.key, self.sim, self.orders = scenario, key, sim, orders
        self.strict: frozenset[int] = frozenset()
        self.broken: frozenset[int] = frozenset()  # lanes on which the last plan broke the kernel's rules
        self.rounds = 0
        self.answer: Answer | None = None
        self.bound = -np.inf
        self.replay_usd = np.inf
        self.plan: Plan | None = None

    def is_unfinished(self) -> bool:
        """True before the first round; then if it was finished and the rules it broke may explain the difference."""
        if self.answer is None:
            return True
        strict_helps = bool(self.broken - self.strict) and _queues_are_certain(self.sim, self.orders)
        return self.answer.closed and strict_helps and self.replay_usd - self.bound > CENT_USD

    def solve(self, seconds: float) -> None:
        """One round."""
        self.strict |= self.broken
        program = TimeExpanded(self.sim.world, self.orders, self.strict)
        answer = program.milp.solve(seconds, MIP_GAP)
        self.answer, self.rounds = answer, self.rounds + 1
        self.columns, self.rows = len(program.milp.cost), program.milp.rows
        self.bound = max(self.bound, answer.bound)
        if not np.isfinite(self.bound):
            raise BoundError(
                f"{self.scenario.name}: no bound within the time limit (HiGHS: {answer.status}); "
                "raise the limit (--bound-seconds, time_limit_s), or lower horizon_hours or demand.orders_per_day"
            )
        if answer.values is not None:
            self.broken = program.broken_queues(answer.values)
            self._keep_if_cheaper(program.plan(answer.values))

    def _keep_if_cheaper(self, plan: Plan) -> None:
        usd = sum(replay(self.scenario, self.key, plan).cash(0).values())
        if usd < self.replay_usd:
            self.replay_usd, self.plan = usd, plan

    def result(self, seconds: float) -> HindsightBound:
        assert self.answer is not None
        difference = self.replay_usd - self.bound
        kind = "time limit" if not self.answer.closed else "relaxation"
        if self.answer.closed and difference <= EXACT_GAP * self.replay_usd + CENT_USD:
            kind = "exact"
        details: dict[str, float | str] = {
            "status": self.answer.status,
            "objective_usd": self.answer.objective,
            "replay_usd": self.replay_usd,
            "difference_usd": difference,
            "mip_gap": (self.answer.objective - self.answer.bound) / max(abs(self.answer.objective), 1e-9),
            "rounds": self.rounds,
            "strict_lanes": len(self.strict),
            "columns": self.columns,
            "rows": self.rows,
        }
        return HindsightBound(self.bound, len(self.orders.tick), kind, seconds, details, self.plan)


def replay(scenario: Scenario, key: int, plan: Plan) -> Simulator:
    """Plays a plan in the kernel.

    Returns:
        The simulator at the horizon, after settlement; the dollars are `sum(sim.cash(0).values())`.
    """
    sim = Simulator(scenario)
    sim.reset(0, key)
    done, lines = False, 0
    while not done:
        tick = sim.tick(0)
        sim.begin(0)
        sim.decide(0, DEFAULT_BACKGROUND)  # finds the candidates; its decisions are overwritten
        lines += _choose(sim, plan.route[lines:])
        sim.state.go[0] = plan.departures[tick]
        done = sim.finish(0)
    return sim


def _choose(sim: Simulator, routes: np.ndarray) -> int:
    """Chooses the planned routes of the lines up for decision, in order of arrival; returns how many lines."""
    s = sim.state
    size = s.line.shape[2]
    up = [(r, j, (s.line_first[0, r] + j) % size) for r in range(sim.regions) for j in range(s.slots[0, r])]
    up.sort(key=lambda line: s.line["order"][0, line[0], line[2]])  # stable: lines of an order stay in theirs
    for (r, j, place), route in zip(up, routes.tolist(), strict=False):
        found = np.flatnonzero(s.candidate[0, r, j] == route)
        if route >= 0 and len(found):
            s.line["choice"][0, r, place] = found[0]
    return len(up)

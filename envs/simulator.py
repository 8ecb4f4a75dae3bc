"""A batch of network copies: the one Python handle on world, state and kernel.

Environments, training and evaluation all go through it; it makes room when the kernel asks, and reads KPIs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from gymnasium.error import ResetNeeded

from regional_dispatch.envs.audit.auditor import Auditor, audit_folder
from regional_dispatch.envs.audit.ranges import check_state
from regional_dispatch.envs.faces.scorers import check_scorer, check_scorers
from regional_dispatch.envs.kernel import tick as kernel
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.kernel.metrics import Totals, compute_kpis
from regional_dispatch.envs.kernel.state import (
    JOURNEY,
    SCRATCH,
    State,
    clear_row,
    empty_state,
    grow_items,
    grow_lines,
    grow_packages,
)
from regional_dispatch.envs.threads import run_on_threads
from regional_dispatch.envs.transfers import Moves, arrive, next_arrival, send, transfer_lanes
from regional_dispatch.envs.world.clocks.clock import first_calendar_tick
from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.needs import check_memory, growing_parts, learning_parts, state_parts
from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.trace import fitted
from regional_dispatch.envs.world.world import World, build_world


class Pricer(Protocol):
    """What a unit is worth at each FC, computed on a schedule; policies see it as `shadow_price`."""

    every_hours: float

    def __call__(self, sim: Simulator, row: int) -> np.ndarray:
        """Prices of one row as it stands between two ticks: (S, F), USD per unit."""
        ...

    def snapshot(self) -> dict[str, np.ndarray]:
        """What it carries from one call to the next."""
        ...

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from a snapshot."""
        ...


class TransferRule(Protocol):
    """Says which units go from FC to FC, on a schedule. It keeps nothing from one call to the next."""

    @property
    def every_hours(self) -> float:
        """From one call to the next."""
        ...

    @property
    def hour(self) -> float:
        """After Monday midnight, of one call; the others are whole `every_hours` from it."""
        ...

    def __call__(self, sim: Simulator, row: int) -> Moves:
        """What shall leave now, of one row as it stands between two ticks."""
        ...


_NOT_BEGUN, _NOT_OPENED = -2, -1  # of a row's episode, of its tick


class Simulator:
    """B copies of one network, each with its own episode.

    Args:
        scenario: the world.
        copies: B.
        pricer: prices units at FCs; default, none, and `shadow_price` is a newsvendor's estimate.
        reevaluate: merge the unpicked packages of split orders once an hour (`envs.kernel.phases.reevaluation`).
        transfers: moves stock from FC to FC (`envs.transfers`); default, it stays where it is.
        audit: checks every conservation law after every tick (`envs.audit`): True, or a folder for the files of
            violations. Default: what the environment variable REGIONAL_DISPATCH_AUDIT says, else no audit, which costs
            nothing.
    """

    def __init__(
        self,
        scenario: Scenario,
        copies: int = 1,
        pricer: Pricer | None = None,
        reevaluate: bool = False,
        transfers: TransferRule | None = None,
        audit: bool | str | Path | None = None,
    ) -> None:
        self.scenario = scenario = fitted(scenario)
        self.copies = copies
        self.pricer = pricer
        self.reevaluate = reevaluate
        self.transfers = transfers
        self.learning = self.marginal_truck_charge = False
        self.network: Network = build_network(scenario)
        self.transfer_lanes = transfer_lanes(scenario, self.network)
        self.world: World = build_world(scenario, self.network)
        self._check_memory()
        self.state: State = empty_state(self.world, copies)
        self._opened = [_NOT_BEGUN] * copies  # tick whose beginning `advance` has prepared
        self._checked: Scorers | None = None  # the latest scorers that were found to be usable
        folder = audit_folder(audit)
        self.auditor = None if folder is None else Auditor(self, folder)
        if pricer is not None:
            self.price_with(pricer)

    def _check_memory(self) -> None:
        """Memory of an array is taken when it is first used: without a check, in the middle of an episode."""
        none = {
            name: array for name, array in empty_state(self.world, 0)._asdict().items() if isinstance(array, np.ndarray)
        }
        check_memory(
            state_parts(none, self.copies),
            self.scenario,
            "the network" if self.copies == 1 else f"{self.copies:,} copies of the network",
        )

    def price_with(self, pricer: Pricer) -> None:
        """Has units priced by `pricer` from the next reset on."""
        self.pricer = pricer
        self.state = self.state._replace(price=np.zeros((self.copies, *self.world.base_stock.shape[1:]), np.float32))

    @property
    def regions(self) -> int:
        return len(self.network.region_names)

    def setting(self, row: int) -> int:
        """Which setting of the levers is in force in a row, at the tick it has begun or begins next."""
        return int(np.searchsorted(self.world.net.first_tick, self.tick(row), side="right")) - 1

    def hour_of_week(self, row: int) -> float:
        """Hours since a Monday's midnight on the scenario's own clock, at the row's tick."""
        now = self.tick(row) + int(self.state.row["week_tick"][row])
        shift = self.world.clock.shift[0]
        return now * self.scenario.tick_hours + float(shift[now % len(shift)])

    def tick(self, row: int) -> int:
        """Ticks since the start of the row's episode."""
        return int(self.state.row["tick"][row])

    def reset(self, row: int, key: int, week_tick: int | None = None) -> None:
        """Starts an episode in a row.

        Args:
            row: network copy.
            key: of the random stream (`envs.world.demand.episode_key`); the same key gives the same orders bit for bit.
            week_tick: calendar tick at the start (`envs.world.clocks.clock`), without a calendar the tick of the week;
                default, the scenario's.

        Raises:
            ScenarioError: no such row, key or tick.
        """
        if week_tick is None:
            week_tick = first_calendar_tick(self.scenario)
        _check_whole("row", row, self.copies)
        _check_whole("key", key, 1 << 64)
        _check_whole("week_tick", week_tick, 1 << 31)
        clear_row(self.world, self.state, row, key, week_tick)
        self._opened[row] = _NOT_OPENED
        if self.auditor is not None:
            self.auditor.forget(row)
        self.state.row["reevaluate"][row] = self.reevaluate
        self.state.row["learning"][row] = self.learning
        self.state.row["marginal_truck_charge"][row] = self.marginal_truck_charge

    def has_episode(self, row: int) -> bool:
        """Whether an episode was begun in a row; it may have ended."""
        return self._opened[row] != _NOT_BEGUN

    def begin(self, row: int) -> None:
        """Steps 1–3 of a tick: everything up to the decisions.

        Raises:
            gymnasium.error.ResetNeeded: the row's episode has not begun, or has ended, or its tick has begun already.
            ScenarioError: there is no such row.
            AuditError: with an audit, a law does not hold.
        """
        self._need_episode(row)
        if self.state.row["waiting_for_decisions"][row]:
            raise ResetNeeded(f"row {row}: begin() after begin(); call finish() first")
        self._before_tick(row)
        if self.auditor is not None:
            self.auditor.before(row)
        with self._watching(row):
            while (need := kernel.begin_tick(self.world, self.state, row)) != kernel.READY:
                self.make_room(need)

    def finish(self, row: int) -> bool:
        """Steps 5–7: applies the decisions. True if the horizon is reached; its books are then closed.

        Raises:
            gymnasium.error.ResetNeeded: the row's tick has not begun.
            ScenarioError: there is no such row.
            AuditError: with an audit, a law does not hold.
        """
        self._need_episode(row)
        if not self.state.row["waiting_for_decisions"][row]:
            raise ResetNeeded(f"row {row}: finish() before begin(); call begin() first")
        if self.auditor is not None:
            self.auditor.decided(row)
        with self._watching(row):
            kernel.finish_tick(self.world, self.state, row)
        if self.auditor is not None:
            self.auditor.after(row)
        if self.tick(row) < self.world.rules.horizon_tick:
            return False
        kernel.settle(self.world, self.state, row)
        if self.auditor is not None:
            self.auditor.settled(row)
        return True

    def decide(self, row: int, scorers: Scorers, only: int = -1, skip: int = -1) -> None:
        """Lets scorers decide for one region, for all, or for all but one (−1 stands for none named).

        Raises:
            gymnasium.error.ResetNeeded: the row's episode has not begun, or has ended.
            ScenarioError: the scorers cannot be used, or there is no such row or region.
        """
        self._need_episode(row)
        for name, region in (("only", only), ("skip", skip)):
            if region != -1:
                _check_whole(name, region, self.regions)
        state = self._priced_by(scorers)
        with self._watching(row, scorers):
            kernel.decide(self.world, state, row, scorers, only, skip)

    def _need_episode(self, row: int) -> None:
        """Raises ResetNeeded unless a row's episode has begun and not ended."""
        _check_whole("row", row, self.copies)
        if not self.has_episode(row) or self.state.row["settled"][row]:
            raise ResetNeeded(f"row {row}: no episode has begun, or it has ended; call reset() first")

    def _watching(self, row: int, scorers: Scorers | None = None) -> AbstractContextManager[None]:
        return nullcontext() if self.auditor is None else self.auditor.watching(row, scorers)

    def run(self, scorers: Scorers, until: int | None = None, threads: int = 1) -> None:
        """Runs every row with compiled scorers, up to a tick or the horizon.

        Args:
            scorers: the policy of all regions.
            until: tick. Default: the horizon.
            threads: on which rows run side by side, or where there is one row, its regions decide. The result is the
                same for any number. Worth it for many rows, or for networks with thousands of order lines a tick. Where
                stock is moved from FC to FC, and under an audit, one thread does all.

        Raises:
            gymnasium.error.ResetNeeded: a row's episode has not begun.
            ScenarioError: the scorers cannot be used.
            AuditError: with an audit, a law does not hold.
        """
        until = self.world.rules.horizon_tick if until is None else until
        if threads > 1 and self.transfers is None and self.auditor is None:
            run_on_threads(self, scorers, until, threads)
            return
        for row in range(self.copies):
            while (need := self.advance(row, scorers, until)) != kernel.READY:
                self.make_room(need)

    def advance(self, row: int, scorers: Scorers, until: int) -> int:
        """Runs a row up to a tick or the horizon, or until it needs room: `kernel.READY`, or what `make_room` takes."""
        if not self.has_episode(row):
            self._need_episode(row)
        if self.auditor is not None:
            return self._advance_audited(row, scorers, until)
        while self.tick(row) < until and not self.state.row["settled"][row]:
            if self._opened[row] != self.tick(row):  # else the kernel asked for room in this very tick
                self._before_tick(row)
                self._opened[row] = self.tick(row)
            stop = min(until, self._next_stop(row))
            need = kernel.run(self.world, self._priced_by(scorers), scorers, row, row + 1, stop)
            if need != kernel.READY:
                return need
        return kernel.READY

    def _advance_audited(self, row: int, scorers: Scorers, until: int) -> int:
        """The same tick by tick."""
        while self.tick(row) < until and not self.state.row["settled"][row]:
            self.begin(row)
            self.decide(row, scorers)
            self.finish(row)
        return kernel.READY

    def _priced_by(self, scorers: Scorers) -> State:
        """The state as a policy plans in it: with its own prices of lanes."""
        if scorers is None or scorers is not self._checked:
            self._checked = check_scorers("scorers", scorers)
        return self.state._replace(lane_price=scorers.price)

    def price_lanes(self, price: Scorer) -> None:
        """Has lanes priced by a policy's `price` scorer in what is observed, for those who decide from outside."""
        self.state = self.state._replace(lane_price=check_scorer("lane_price", price, "price"))

    def charge_trucks(self, marginal: bool) -> None:
        """Charges a truck that leaves less than full to the packages that made it leave, or to all of them alike.

        See `envs.kernel.credit.truck_shares`.
        """
        self.marginal_truck_charge = marginal
        self.state.row["marginal_truck_charge"] = marginal

    def sample_lanes(self, room: int) -> None:
        """Takes samples of what packages made from now on cost their lanes; see `envs.kernel.credit`.

        Args:
            room: samples kept per row; when there are more, the oldest go.

        Raises:
            ScenarioError: the machine has too little memory for them.
        """
        shape, packages = self.state.note.shape, self.state.package.shape[1]
        check_memory(
            learning_parts(self.copies * packages, int(np.prod(shape[2:]))),
            self.scenario,
            "learning the prices of lanes",
        )
        self.learning = True
        self.state.row["learning"] = 1
        self.state = self.state._replace(
            note=np.zeros((shape[0], packages, *shape[2:]), np.float32),
            sample=np.zeros((shape[0], room, shape[3]), np.float32),
            sample_usd=np.zeros((shape[0], room), np.float32),
        )
        self.state.tag["noted"] = 0

    def move(self, row: int, moves: Moves) -> None:
        """Sends units from FC to FC between two ticks.

        Raises:
            ValueError: moves that cannot be, such as more units than are on hand.
        """
        self.state = send(self.world, self.state, row, self.transfer_lanes, moves)

    def _before_tick(self, row: int) -> None:
        """What happens between two ticks: stock arrives and leaves, and is priced."""
        arrive(self.state, row)
        if self.transfers is not None and self._ticks_to_transfers(row) == 0:
            self.move(row, self.transfers(self, row))
        self._price(row)

    def _next_stop(self, row: int) -> int:
        """The next tick, after the present one, that the kernel does not start by itself; the horizon if none."""
        stop = min(self._next_pricing(row), next_arrival(self.state, row, self.world.rules.horizon_tick))
        if self.transfers is None:
            return stop
        return min(stop, self.tick(row) + (self._ticks_to_transfers(row) or self._ticks(self.transfers.every_hours)))

    def _ticks_to_transfers(self, row: int) -> int:
        """Ticks until stock may leave next, 0 if it may now."""
        assert self.transfers is not None
        now = round(self.hour_of_week(row) / self.scenario.tick_hours)
        return (round(self.transfers.hour / self.scenario.tick_hours) - now) % self._ticks(self.transfers.every_hours)

    def _ticks(self, hours: float) -> int:
        return max(1, round(hours / self.scenario.tick_hours))

    def _pricing_ticks(self) -> int:
        """Ticks between two pricings."""
        return self._ticks(self.pricer.every_hours) if self.pricer else 0

    def _next_pricing(self, row: int) -> int:
        """The next tick, after the present one, that starts with a pricing; the horizon if there is no pricer."""
        every = self._pricing_ticks()
        return (self.tick(row) // every + 1) * every if every else self.world.rules.horizon_tick

    def _price(self, row: int) -> None:
        """Has the row priced if this tick starts with that."""
        if self.pricer is None or self.tick(row) % self._pricing_ticks():
            return
        self.state.price[row] = self.pricer(self, row)
        self.state.row["priced"][row] = 1

    def make_room(self, need: int) -> None:
        """Makes room in every row for what the kernel asked for: GROW_LINES, GROW_ITEMS or GROW_PACKAGES.

        Raises:
            ScenarioError: the machine has too little memory for them.
        """
        room = self.regions * self.world.rules.order_slots
        arrays = self._arrays()
        grown = [name for name in _GROWN[need] if name in arrays]
        check_memory(growing_parts([arrays[name] for name in grown]), self.scenario, f"what waits by {self._when()}")
        if need == kernel.GROW_LINES:
            self.state = grow_lines(self.state)
        elif need == kernel.GROW_ITEMS:
            self.state = grow_items(self.state, room)
        else:
            self.state = grow_packages(self.state, room)

    def _when(self) -> str:
        return f"tick {int(self.state.row['tick'].max()):,}"

    def keep_journeys(self, room: int) -> None:
        """Makes room for a learner's `room` open sourcing decisions per row; those there are stay."""
        journey = np.zeros((self.copies, room), JOURNEY)
        kept = self.state.journey[:, :room]
        journey[:, : kept.shape[1]] = kept
        self.state = self.state._replace(journey=journey)

    def snapshot(self) -> dict[str, np.ndarray]:
        """Everything that changes: the state's arrays and what the pricer carries. Views; copy what shall stay."""
        carried = self.pricer.snapshot() if self.pricer is not None else {}
        return {
            **{f"state.{name}": array for name, array in self._arrays().items()},
            **{f"pricer.{name}": array for name, array in carried.items()},
        }

    def restore(self, arrays: Mapping[str, np.ndarray], some_elsewhere: bool = False) -> None:
        """Goes on from a snapshot of the same scenario and number of copies.

        Args:
            arrays: of `snapshot`.
            some_elsewhere: see `envs.audit.ranges.check_state`.

        Raises:
            KeyError: an array is missing.
            ValueError: an array is of another kind or size than this network's.
            ScenarioError: an array holds what compiled code cannot read (`envs.audit.ranges`). Nothing has changed.
        """
        fitted = {name: _fit(name, array, arrays[f"state.{name}"]) for name, array in self._arrays().items()}
        restored = self.state._replace(**fitted)  # type: ignore[arg-type]  # lane_price is none of them
        check_state(self.world, restored, some_elsewhere)
        if self.pricer is not None:
            self.pricer.restore(part(arrays, "pricer."))
        self.state = restored
        self._goes_on_from_elsewhere(self.copies)

    def _goes_on_from_elsewhere(self, rows: int) -> None:
        """The first rows hold an episode that was begun by others."""
        self._opened = [_NOT_OPENED] * rows + self._opened[rows:]
        for row in range(rows if self.auditor is not None else 0):
            self.auditor.forget(row)  # type: ignore[union-attr]

    def copy_from(self, other: Simulator, rows: int) -> None:
        """Continues, in each of the first rows, the episode that another simulator of this scenario has in its row 0.

        Faster than `restore`, for those who try decisions in copies. What a pricer carries is not copied.
        """
        for name, array in other._arrays().items():
            own = getattr(self.state, name)
            if own.shape[1:] == array.shape[1:]:
                own[:rows] = array[:1]
            elif GROWING.get(name) == 1 and own.shape[1] > array.shape[1]:
                own[:rows, : array.shape[1]] = array[:1]
            else:
                own = _fit(name, own, np.repeat(array[:1], self.copies, axis=0))
                self.state = self.state._replace(**{name: own})  # type: ignore[arg-type]
        self._goes_on_from_elsewhere(rows)

    def _arrays(self) -> dict[str, np.ndarray]:
        """The state without scratch space and the policy's price of lanes."""
        kept = {name: array for name, array in self.state._asdict().items() if name not in SCRATCH}
        return {name: array for name, array in kept.items() if isinstance(array, np.ndarray)}

    def totals(self, row: int, regions: Sequence[int] | None = None) -> Totals:
        """KPI counters and dollars after the warm-up, of the whole network or of some regions."""
        s = self.state
        usd = s.cash[row].copy()
        if not s.row["settled"][row]:
            kernel.value_work_under_way(self.world, s, row, usd)
        if self.tick(row) < self.world.rules.warmup_tick:
            usd[:] = 0.0
        part = slice(None) if regions is None else list(regions)
        return Totals(
            s.count[row][part].sum(axis=0),
            (usd - s.opening[row])[part].sum(axis=0),
            self.world.rules.co2_kg_per_truck_mile,
            max(0, self.tick(row) - self.world.rules.warmup_tick) * self.scenario.tick_hours / 24,
            self._episode_usd(row, part),
            float(s.settled[row][part].sum()),
        )

    def _episode_usd(self, row: int, part: slice | list[int]) -> float:
        """Dollars since the start of the episode, with what work under way will still be paid at standard cost."""
        usd = self.state.cash[row].copy()
        if not self.state.row["settled"][row]:
            kernel.value_work_under_way(self.world, self.state, row, usd)
        return float(usd[part].sum())

    def kpis(self, row: int, regions: Sequence[int] | None = None) -> dict[str, float]:
        """All KPIs of `envs.kernel.metrics` by name."""
        return compute_kpis(self.totals(row, regions))

    def cash(self, row: int) -> dict[str, float]:
        """Dollars paid so far by component, warm-up included."""
        return dict(zip(COMPONENTS, self.state.cash[row].sum(axis=0).tolist(), strict=True))

    def accrual(self, row: int) -> dict[str, float]:
        """Dollars accrued so far by component, warm-up included."""
        return dict(zip(COMPONENTS, self.state.accrual[row].sum(axis=0).tolist(), strict=True))

    def packages_under_way(self, row: int) -> int:
        """Packages made and not yet delivered or settled."""
        return int(self.state.row["packages"][row])


def _check_whole(name: str, value: Any, below: int) -> None:
    """Raises ScenarioError unless a value is a whole number, 0…below − 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < below:
        raise ScenarioError(f"{name} = {value!r}: must be a whole number, 0…{below - 1}")


# What the kernel asks for → the arrays that get longer with it.
_GROWN = {
    kernel.GROW_LINES: ("line",), kernel.GROW_ITEMS: ("item",), kernel.GROW_PACKAGES: ("package", "tag", "note"),
}  # fmt: skip
# Arrays of the state that get longer when an episode needs it, and along which axis.
GROWING = {"package": 1, "tag": 1, "item": 1, "line": 2, "journey": 1, "note": 1, "shipment": 1}


def part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names start with a prefix, without it."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def prefixed(parts: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """All arrays in one, the name of each behind the prefix of its group; the reverse of `part`."""
    return {prefix + name: array for prefix, arrays in parts.items() for name, array in arrays.items()}


def _fit(name: str, ours: np.ndarray, saved: np.ndarray) -> np.ndarray:
    """A copy of `saved` laid out as our own array, which the compiled kernel insists on."""
    fixed = [axis for axis in range(ours.ndim) if axis != GROWING.get(name)]
    same = saved.ndim == ours.ndim and all(saved.shape[axis] == ours.shape[axis] for axis in fixed)
    if not same or saved.dtype != ours.dtype:
        raise ValueError(f"state.{name} {saved.dtype} {saved.shape} does not fit this network's {ours.shape}")
    fitted = np.empty(saved.shape, ours.dtype)
    fitted[...] = saved
    return fitted


def order_lines(sim: Simulator) -> int:
    """Order lines placed so far in all rows."""
    return int(np.sum(sim.state.row["lines"]))

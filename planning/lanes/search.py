"""Which path each flow takes, so that trucks and sorting cost least: slope scaling, and local search.

A lane's trucks grow more slowly than its packages (`trucks`), so it pays to send flows together. Slope scaling
(Crainic, Gendron & Hernu 2004) sends every flow the way that is cheapest at the lanes' average cost per package, and
repeats with the averages that follow. Local search moves single flows at their true marginal cost, closes lanes and
opens others, the neighbourhoods of Greening, Dahan & Erera (2023), until nothing saves money.

Axes: N flows, K options (a path of one flow), L lanes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from regional_dispatch.planning.lanes.trucks import trucks_per_tick

_LEAST_SAVING = 1e-9  # USD a tick
_NO_LANE = -2  # is on no path
_NO_RATE = 1e-12  # packages a tick; less is what rounding leaves
_SLOPE_ROUNDS = 30
_SWEEPS = 40
_LEAST_GAIN = 1e-4  # of the cost; a sweep that gains less is the last


class Options(NamedTuple):
    """Flows and the paths that each may take; rates are per tick."""

    rate: np.ndarray  # (N,) packages a tick
    first: np.ndarray  # (N + 1,) first option of each flow
    lanes: np.ndarray  # (K, MAX_LEGS) int32, −1 padded
    wait: np.ndarray  # (K, MAX_LEGS) ticks that a package can wait at each lane of the path
    handling_usd: np.ndarray  # (K,) per package: sorting, and hours late beyond the unavoidable
    lane_usd: np.ndarray  # (L,) per truck
    capacity: int  # packages of a truck
    waits: int  # longest wait + 1


class Choice(NamedTuple):
    """What flows do, and what that costs."""

    option: np.ndarray  # (N,) index into options
    rates: np.ndarray  # (L, waits) packages a tick
    trucks: np.ndarray  # (L,) a tick
    usd: float  # a tick


def evaluate(options: Options, option: np.ndarray) -> Choice:
    """Rates, trucks and cost of a choice of paths."""
    rates = np.zeros((len(options.lane_usd), options.waits))
    trucks = np.zeros(len(rates))
    _load(options, option, rates, trucks)
    sorting = float((options.rate * options.handling_usd[option]).sum())
    return Choice(option, rates, trucks, float(trucks @ options.lane_usd) + sorting)


def slope_scaling(options: Options) -> Choice:
    """The cheapest of the choices that average costs lead to, full trucks first."""
    best, usd = None, options.lane_usd / options.capacity
    for _ in range(_SLOPE_ROUNDS):
        found = evaluate(options, _cheapest_options(options, usd))
        if best is not None and found.usd >= best.usd:
            break
        best = found
        packages = found.rates.sum(axis=1)
        used = packages > 0
        usd = np.where(used, options.lane_usd * found.trucks / np.where(used, packages, 1.0), usd)
    assert best is not None
    return best


def improve(options: Options, start: Choice) -> Choice:
    """Local search until no move saves money."""
    option = start.option.copy()
    usd = start.usd
    first, entries = _options_of_lanes(options)
    for _ in range(_SWEEPS):
        now = evaluate(options, option)
        rates, trucks = now.rates.copy(), now.trucks.copy()
        _relocate(options, option, rates, trucks)
        _close(options, option, rates, trucks)
        _open(options, option, rates, trucks, first, entries)
        found = evaluate(options, option)
        if found.usd > usd * (1 - _LEAST_GAIN):
            break
        usd = found.usd
    return evaluate(options, option)


def flow_of_option(options: Options) -> np.ndarray:
    """(K,)."""
    return np.repeat(np.arange(len(options.rate)), np.diff(options.first))


def _options_of_lanes(options: Options) -> tuple[np.ndarray, np.ndarray]:
    """Options that use each lane: first (L + 1,), and option (entries,)."""
    k, leg = np.nonzero(options.lanes >= 0)
    lane = options.lanes[k, leg]
    counts = np.bincount(lane, minlength=len(options.lane_usd))
    return np.concatenate([[0], counts.cumsum()]), k[np.argsort(lane, kind="stable")]


def _cheapest_options(options: Options, slopes: np.ndarray) -> np.ndarray:
    """The cheapest option of each flow at USD per package of lanes, (L,): (N,)."""
    usd = np.where(options.lanes >= 0, slopes[options.lanes], 0.0).sum(axis=1) + options.handling_usd
    return first_minimum(options.first, usd)


# -------------------------------------------------------------------------------------------------------- compiled


@njit(cache=True)
def first_minimum(first: np.ndarray, usd: np.ndarray) -> np.ndarray:
    """The option with the least value of each flow, the first if there are several: (N,)."""
    out = np.zeros(len(first) - 1, dtype=np.int64)
    for n in range(len(out)):
        best = first[n]
        for k in range(first[n] + 1, first[n + 1]):
            if usd[k] < usd[best] - 1e-12:
                best = k
        out[n] = best
    return out


@njit(cache=True)
def _load(options: Options, option: np.ndarray, rates: np.ndarray, trucks: np.ndarray) -> None:
    for n in range(len(option)):
        k = option[n]
        for lane, wait in zip(options.lanes[k], options.wait[k]):  # noqa: B905 (numba's zip takes no `strict`)
            if lane >= 0:
                rates[lane, wait] += options.rate[n]
    for lane in range(len(trucks)):
        trucks[lane] = trucks_per_tick(rates[lane], options.capacity)


@njit(cache=True)
def _shift(options: Options, k: int, rate: float, rates: np.ndarray, trucks: np.ndarray) -> float:
    """Adds a rate to an option, or takes it away if negative; returns the change of USD a tick."""
    usd = options.handling_usd[k] * rate
    for lane, wait in zip(options.lanes[k], options.wait[k]):  # noqa: B905 (numba's zip takes no `strict`)
        if lane >= 0:
            before = trucks[lane]
            after = rates[lane, wait] + rate
            rates[lane, wait] = after if after > _NO_RATE else 0.0
            trucks[lane] = trucks_per_tick(rates[lane], options.capacity)
            usd += (trucks[lane] - before) * options.lane_usd[lane]
    return usd


@njit(cache=True)
def _added_usd(options: Options, k: int, rate: float, rates: np.ndarray, trucks: np.ndarray, most: float) -> float:
    """USD a tick that a rate adds on an option; stops counting above `most`."""
    usd = options.handling_usd[k] * rate
    for lane, wait in zip(options.lanes[k], options.wait[k]):  # noqa: B905 (numba's zip takes no `strict`)
        if lane >= 0 and usd < most:
            usd += _added_on_lane(options, lane, wait, rate, rates, trucks)
    return usd


@njit(cache=True)
def _added_on_lane(options: Options, lane: int, wait: int, rate: float, rates: np.ndarray, trucks: np.ndarray) -> float:
    """USD a tick that a rate adds on one lane."""
    before = rates[lane, wait]
    rates[lane, wait] = before + rate
    added = trucks_per_tick(rates[lane], options.capacity) - trucks[lane]
    rates[lane, wait] = before
    return added * options.lane_usd[lane]


@njit(cache=True)
def _uses(options: Options, k: int, lane: int) -> bool:
    used = False
    for other in options.lanes[k]:
        used = used or other == lane
    return used


@njit(cache=True)
def _insert(options: Options, n: int, old: int, shut: int, rates: np.ndarray, trucks: np.ndarray) -> int:
    """The option that adds least for flow n without lane `shut`, the old one if others do not save; −1 if none."""
    best, best_usd = -1, np.inf
    if not _uses(options, old, shut):
        best, best_usd = old, _added_usd(options, old, options.rate[n], rates, trucks, np.inf)
    for k in range(options.first[n], options.first[n + 1]):
        if k == old or _uses(options, k, shut):
            continue
        usd = _added_usd(options, k, options.rate[n], rates, trucks, best_usd)
        if usd < best_usd - _LEAST_SAVING:
            best, best_usd = k, usd
    return best


@njit(cache=True)
def _relocate_flow(options: Options, n: int, option: np.ndarray, rates: np.ndarray, trucks: np.ndarray) -> float:
    """Moves one flow to its cheapest option; returns the change of USD a tick."""
    usd = _shift(options, option[n], -options.rate[n], rates, trucks)
    option[n] = _insert(options, n, option[n], _NO_LANE, rates, trucks)
    return usd + _shift(options, option[n], options.rate[n], rates, trucks)


@njit(cache=True)
def _relocate(options: Options, option: np.ndarray, rates: np.ndarray, trucks: np.ndarray) -> None:
    """Moves single flows to their cheapest options, largest flow first, until that saves little."""
    order = np.argsort(-options.rate)
    total = (trucks * options.lane_usd).sum()
    for _ in range(10):
        saved = 0.0
        for n in order:
            if options.first[n + 1] - options.first[n] > 1:
                saved -= _relocate_flow(options, n, option, rates, trucks)
        if saved < _LEAST_GAIN * total:
            return


@njit(cache=True)
def _undo(
    options: Options, moved: np.ndarray, old: np.ndarray, option: np.ndarray, rates: np.ndarray, trucks: np.ndarray
) -> None:
    for i in range(len(moved)):
        n = moved[i]
        if option[n] != old[i]:
            _shift(options, option[n], -options.rate[n], rates, trucks)
            _shift(options, old[i], options.rate[n], rates, trucks)
            option[n] = old[i]


@njit(cache=True)
def _close(options: Options, option: np.ndarray, rates: np.ndarray, trucks: np.ndarray) -> None:
    """Closes lanes from which all flows can go elsewhere for less, emptiest trucks first."""
    packages = rates.sum(axis=1)
    fill = packages / np.maximum(trucks * options.capacity, 1e-12)
    order = np.argsort(fill)
    users = _users(options, option)
    for lane in order:
        if trucks[lane] <= 0:
            continue
        moved = np.unique(np.array([n for n in users[lane] if _uses(options, option[n], lane)], dtype=np.int64))
        old = option[moved].copy()
        usd = 0.0
        for n in moved:
            usd += _shift(options, option[n], -options.rate[n], rates, trucks)
        possible = True
        for i in range(len(moved)):
            n = moved[i]
            new = _insert(options, n, old[i], lane, rates, trucks)
            if new < 0:
                new, possible = old[i], False
            usd += _shift(options, new, options.rate[n], rates, trucks)
            option[n] = new
            if new != old[i]:
                for other in options.lanes[new]:
                    if other >= 0:
                        users[other].append(n)
        if not possible or usd > -_LEAST_SAVING:
            _undo(options, moved, old, option, rates, trucks)


@njit(cache=True)
def _users(options: Options, option: np.ndarray) -> list:  # type: ignore[type-arg]
    """Flows on each lane."""
    users = [list(range(0)) for _ in range(len(options.lane_usd))]
    for n in range(len(option)):
        for lane in options.lanes[option[n]]:
            if lane >= 0:
                users[lane].append(n)
    return users


@njit(cache=True)
def _open(
    options: Options, option: np.ndarray, rates: np.ndarray, trucks: np.ndarray, first: np.ndarray, entries: np.ndarray
) -> None:
    """Moves flows together to lanes that none of them would open alone, where that saves money."""
    flow = np.zeros(len(options.lanes), dtype=np.int64)
    for n in range(len(options.rate)):
        flow[options.first[n] : options.first[n + 1]] = n
    mark = np.full(len(options.rate), -1, dtype=np.int64)
    for lane in range(len(options.lane_usd)):
        own = entries[first[lane] : first[lane + 1]]
        moved = np.zeros(len(own), dtype=np.int64)
        old = np.zeros(len(own), dtype=np.int64)
        count, usd = 0, 0.0
        full = options.lane_usd[lane] / options.capacity
        for k in own:
            n = flow[k]
            if mark[n] == lane or _uses(options, option[n], lane):
                continue
            rate = options.rate[n]
            off = _shift(options, option[n], -rate, rates, trucks)
            others = _added_usd(options, k, rate, rates, trucks, np.inf)
            own_usd = 0.0
            for other, wait in zip(options.lanes[k], options.wait[k]):  # noqa: B905
                if other == lane:
                    own_usd = _added_on_lane(options, lane, wait, rate, rates, trucks)
            if off + others - own_usd + full * rate < -_LEAST_SAVING:
                moved[count], old[count] = n, option[n]
                count += 1
                mark[n] = lane
                option[n] = k
                usd += off + _shift(options, k, rate, rates, trucks)
            else:
                _shift(options, option[n], rate, rates, trucks)
        for i in range(count):
            usd += _relocate_flow(options, moved[i], option, rates, trucks)
        if usd > -_LEAST_SAVING:
            _undo(options, moved[:count], old[:count], option, rates, trucks)

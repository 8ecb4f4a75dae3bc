"""A bound that no choice of paths falls below, and a start for the search: what each lane charges each flow.

Every flow goes one way as a whole, and the trucks of a lane are a function f of the set of flows on it. If no set of
flows is charged more than its trucks, and every flow goes its own cheapest way at these charges, the sum is a bound.

Good charges are found by fictitious play (Brown 1951): flows answer the mean charges so far, and each lane charges
every flow what it adds to those before it, those first that have used it most; or by packages over capacity, where that
is more. If f were submodular these would be valid (Edmonds 1970). It nearly is: urgent flows can add more to others
than alone. So a second play has charges that are valid for sure, in each round the best of

- the mean charges of up to FEW flows of the lane, none for the others, and all less in proportion until no set of these
  flows is charged too much: every set is tried;
- what flows that can wait w ticks at most add to those before them, if all could wait w. They need no more trucks than
  f, and a number that is concave in packages, so these charges are valid;
- packages over capacity.

Axes: N flows, K options, E elements (a flow on a lane), L lanes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from regional_dispatch.planning.lanes.search import Choice, Options, first_minimum, flow_of_option
from regional_dispatch.planning.lanes.trucks import trucks_per_tick

_FEW = 14
_LEVELS = 8  # waits w that are tried
_ROUNDS = (30, 150)  # fewest and most
_MOST_CHARGES = 30_000_000  # in all rounds; larger networks play fewer


class _Elements(NamedTuple):
    """Every flow on every lane it may use, sorted by lane."""

    first: np.ndarray  # (L + 1,) first element of each lane
    rate: np.ndarray  # (E,) packages a tick
    wait: np.ndarray  # (E,) longest wait that any of the flow's options allows there
    of_option: np.ndarray  # (K, MAX_LEGS) element of each leg, −1 padded


class Played(NamedTuple):
    """What fictitious play has found."""

    bound_usd: float  # a tick; no choice of paths costs less
    option: np.ndarray  # (N,) for each flow the option whose lanes it has used most: a good start of a search


def play(options: Options, start: Choice) -> Played:
    """Charges flows for lanes until neither gains much.

    Args:
        options: flows and their paths.
        start: the first answer of the flows; a good one saves rounds.
    """
    elements = _elements(options)
    lanes = (elements.first, elements.rate, elements.wait)
    price = (options.lane_usd, options.capacity)
    use, mean = _rounds(options, elements, _use(elements, start.option), lambda use: _charges(*lanes, use, *price))
    of_sets = _set_charges(*lanes, mean, *price)
    _, valid = _rounds(options, elements, use, lambda use: _valid(*lanes, use, of_sets, *price))
    _, bound = _cheapest(options.first, elements.of_option, options.rate, options.handling_usd, valid)
    least_used = np.where(elements.of_option >= 0, use[elements.of_option], np.inf).min(axis=1)
    return Played(bound, first_minimum(options.first, -least_used))


def _rounds(
    options: Options, elements: _Elements, use: np.ndarray, respond: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean use and mean charges of a number of rounds, in each of which both answer the means so far: (E,) each."""
    count = int(np.clip(_MOST_CHARGES / len(use), *_ROUNDS))
    mean = np.zeros(len(use))
    for played in range(1, count + 1):
        mean += (respond(use) - mean) / played
        option, _ = _cheapest(options.first, elements.of_option, options.rate, options.handling_usd, mean)
        use = use + (_use(elements, option) - use) / (played + 1)
    return use, mean


def _elements(options: Options) -> _Elements:
    k, leg = np.nonzero(options.lanes >= 0)
    flow, lane = flow_of_option(options)[k], options.lanes[k, leg].astype(np.int64)
    keys, element = np.unique(lane * len(options.rate) + flow, return_inverse=True)
    wait = np.zeros(len(keys), dtype=np.int64)
    np.maximum.at(wait, element, options.wait[k, leg])
    of_option = np.full(options.lanes.shape, -1, dtype=np.int64)
    of_option[k, leg] = element
    own, of = np.divmod(keys, len(options.rate))
    first = np.searchsorted(own, np.arange(len(options.lane_usd) + 1))
    return _Elements(first, options.rate[of], wait, of_option)


def _use(elements: _Elements, option: np.ndarray) -> np.ndarray:
    """1 for the elements of the chosen options: (E,)."""
    use = np.zeros(len(elements.rate))
    taken = elements.of_option[option]
    use[taken[taken >= 0]] = 1.0
    return use


@njit(cache=True)
def _cheapest(
    first: np.ndarray, of_option: np.ndarray, rate: np.ndarray, handling_usd: np.ndarray, charges: np.ndarray
) -> tuple[np.ndarray, float]:
    """The cheapest option of each flow at these charges, and their sum."""
    option, total = np.zeros(len(rate), dtype=np.int64), 0.0
    for n in range(len(rate)):
        least = np.inf
        for k in range(first[n], first[n + 1]):
            usd = handling_usd[k] * rate[n]
            for e in of_option[k]:
                if e >= 0:
                    usd += charges[e]
            if usd < least:
                least, option[n] = usd, k
        total += least
    return option, total


@njit(cache=True)
def _charges(
    first: np.ndarray, rate: np.ndarray, wait: np.ndarray, use: np.ndarray, lane_usd: np.ndarray, capacity: int
) -> np.ndarray:
    """What each element is charged, USD a tick, so that lanes charge most for what is used: (E,)."""
    charges = np.zeros(len(rate))
    rates = np.zeros(wait.max() + 1)
    for lane in range(len(lane_usd)):
        own = np.arange(first[lane], first[lane + 1])
        order = own[np.argsort(-use[own], kind="mergesort")]
        rates[:] = 0
        before, urgent, full = 0.0, 0.0, 0.0
        for e in order:
            rates[wait[e]] += rate[e]
            trucks = _fewest_trucks(rates)
            charges[e] = (trucks - before) * lane_usd[lane]
            urgent += use[e] * charges[e]
            full += use[e] * rate[e] / capacity * lane_usd[lane]
            before = trucks
        if full > urgent:
            charges[own] = rate[own] / capacity * lane_usd[lane]
    return charges


@njit(cache=True)
def _fewest_trucks(rates: np.ndarray) -> float:
    """Trucks a tick if no truck were ever full: one over Σ exp(−Σ λᵢ (t − Wᵢ)⁺)."""
    ticks, none_urgent, urgent, this_tick = 0.0, 1.0, 0.0, 1.0
    for t in range(len(rates)):
        ticks += none_urgent
        if rates[t] > 0:
            urgent += rates[t]
            this_tick = math.exp(-urgent)
        none_urgent *= this_tick
    return 1.0 / (ticks + none_urgent / -math.expm1(-urgent))


@njit(cache=True)
def _set_charges(
    first: np.ndarray, rate: np.ndarray, wait: np.ndarray, mean: np.ndarray, lane_usd: np.ndarray, capacity: int
) -> np.ndarray:
    """The mean charges of few flows of each lane, made valid, USD a tick: (E,)."""
    charges = np.zeros(len(rate))
    for lane in range(len(lane_usd)):
        low, high = first[lane], first[lane + 1]
        if low < high and lane_usd[lane] > 0:
            own = _of_sets(mean[low:high] / lane_usd[lane], rate[low:high], wait[low:high], capacity)
            charges[low:high] = own * lane_usd[lane]
    return charges


@njit(cache=True)
def _valid(
    first: np.ndarray,
    rate: np.ndarray,
    wait: np.ndarray,
    use: np.ndarray,
    of_sets: np.ndarray,
    lane_usd: np.ndarray,
    capacity: int,
) -> np.ndarray:
    """The valid charges of each lane that charge most for its use, USD a tick: (E,)."""
    charges = np.zeros(len(rate))
    for lane in range(len(lane_usd)):
        own = slice(first[lane], first[lane + 1])
        if first[lane] == first[lane + 1]:
            continue
        order = np.argsort(-use[own], kind="mergesort")
        full = rate[own] / capacity * lane_usd[lane]
        levels = _of_levels(order, rate[own], wait[own], use[own]) * lane_usd[lane]
        best, most = of_sets[own], (use[own] * of_sets[own]).sum()
        for other in (full, levels):
            charged = (use[own] * other).sum()
            if charged > most:
                best, most = other, charged
        charges[own] = best
    return charges


@njit(cache=True)
def _of_sets(mean: np.ndarray, rate: np.ndarray, wait: np.ndarray, capacity: int) -> np.ndarray:
    """The largest charges in trucks a tick, less in proportion until no set of them is charged more than its trucks."""
    few = np.argsort(-mean, kind="mergesort")[:_FEW]
    rates = np.zeros(wait.max() + 1)
    share = 1.0
    for chosen in range(1, 1 << len(few)):
        rates[:] = 0
        total = 0.0
        for i in range(len(few)):
            if chosen >> i & 1:
                rates[wait[few[i]]] += rate[few[i]]
                total += mean[few[i]]
        trucks = trucks_per_tick(rates, capacity)
        if total * share > trucks:
            share = trucks / total
    charges = np.zeros(len(mean))
    charges[few] = mean[few] * share
    return charges


@njit(cache=True)
def _of_levels(order: np.ndarray, rate: np.ndarray, wait: np.ndarray, use: np.ndarray) -> np.ndarray:
    """What each element adds to those before it among those that wait w ticks at most; 0 for others. The w that charges
    most for what is used is taken."""
    levels = np.unique(wait)
    best, best_value = np.zeros(len(order)), -1.0
    for j in range(min(_LEVELS, len(levels))):
        level = levels[len(levels) - 1 - j * len(levels) // min(_LEVELS, len(levels))]
        charges, packages, before, value = np.zeros(len(order)), 0.0, 0.0, 0.0
        for i in order:
            if wait[i] <= level:
                packages += rate[i]
                trucks = 1 / (level + 1 + 1 / math.expm1(packages))
                charges[i] = trucks - before
                value += use[i] * charges[i]
                before = trucks
        if value > best_value:
            best, best_value = charges, value
    return best

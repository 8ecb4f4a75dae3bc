"""A bound: no choice of paths costs less.

The trucks of a lane are a function f of the set of flows on it, each of which goes one way as a whole. Where packages
could fill trucks as they like, it takes the trucks of `trucks` without their capacity, which are fewer; that f is
submodular: a flow adds fewer trucks to more flows. In any order of the flows, let each be charged what it adds to those
before it; no set of flows is charged more than its trucks (Edmonds 1970). With such charges, or averages of them, in
place of trucks, every flow goes its own cheapest way, and the sum is a bound. Packages over capacity are another charge
that trucks never fall below. The charges that give the best bound are found by fictitious play (Brown 1951): flows
answer the mean charges so far, and each lane charges first the flows that have used it most.

Axes: N flows, K options, E elements (a flow on a lane), L lanes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from regional_dispatch.planning.lanes.search import Choice, Options, flow_of_option

_ROUNDS = 150
_MOST_ELEMENTS = 20_000_000  # elements × rounds; larger networks play fewer rounds


class _Elements(NamedTuple):
    """Every flow on every lane it may use, sorted by lane."""

    first: np.ndarray  # (L + 1,) first element of each lane
    rate: np.ndarray  # (E,) packages a tick
    wait: np.ndarray  # (E,) longest wait that any of the flow's options allows there
    of_option: np.ndarray  # (K, MAX_LEGS) element of each leg, −1 padded


def bound_usd(options: Options, start: Choice) -> float:
    """USD a tick that no choice of paths falls below.

    Args:
        options: flows and their paths.
        start: a good choice; charges start from it.
    """
    if not len(options.rate):
        return 0.0
    elements = _elements(options)
    rounds = int(np.clip(_MOST_ELEMENTS / max(len(elements.rate), 1), 20, _ROUNDS))
    use = _use(elements, start.option)
    mean = np.zeros(len(elements.rate))
    best = 0.0
    for played in range(1, rounds + 1):
        charges = _charges(elements.first, elements.rate, elements.wait, use, options.lane_usd, options.capacity)
        mean += (charges - mean) / played
        option, usd = _cheapest(options.first, elements.of_option, options.rate, options.sort_usd, mean)
        best = max(best, usd)
        use += (_use(elements, option) - use) / (played + 1)
    return best


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
    first: np.ndarray, of_option: np.ndarray, rate: np.ndarray, sort_usd: np.ndarray, charges: np.ndarray
) -> tuple[np.ndarray, float]:
    """The cheapest option of each flow at these charges, and their sum."""
    option, total = np.zeros(len(rate), dtype=np.int64), 0.0
    for n in range(len(rate)):
        least = np.inf
        for k in range(first[n], first[n + 1]):
            usd = sort_usd[k] * rate[n]
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
    ticks, exponent, urgent = 0.0, 0.0, 0.0
    for t in range(len(rates)):
        ticks += math.exp(-exponent)
        urgent += rates[t]
        exponent += urgent
    return 1.0 / (ticks + math.exp(-exponent) / -math.expm1(-urgent))

"""How many trucks a day a lane needs, for packages that can each wait only so long.

A truck leaves when it is full, or when the most urgent package would otherwise be late. If packages of class i join
a lane as a Poisson stream of λᵢ per tick and can wait Wᵢ ticks, then t ticks after a departure no other has followed
with probability

    S(t) = exp(−Σ λᵢ (t − Wᵢ)⁺) · P(Poisson(Σ λᵢ min(t, Wᵢ)) < capacity):

no package has come that could not wait until t, and those that could do not fill a truck. The mean time between
departures is Σ S(t) over whole ticks t ≥ 0, by the renewal theorem (Ross, Stochastic Processes, 1996, chapter 3). One
class without capacity gives W + 1 + 1 / (exp λ − 1) ticks, about W + ½ + 1/λ. Fewer departures than packages over
capacity are not possible. Thin lanes so cost more per package than busy ones, and urgent packages more than others.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_NEGLIGIBLE = 1e-9  # chance that no truck has left yet
_SURE = 5.5  # standard deviations of room at which a truck is not full for sure


def trucks_per_day(packages_per_day: np.ndarray, capacity_packages: int, tick_hours: float) -> np.ndarray:
    """Trucks a day of each lane: (L,).

    Args:
        packages_per_day: (L, waits) by how many whole ticks they can wait: 0, 1, 2, ….
        capacity_packages: of a truck.
        tick_hours: length of a tick.
    """
    per_tick = np.ascontiguousarray(packages_per_day, dtype=float) * tick_hours / 24
    return np.array([trucks_per_tick(lane, capacity_packages) for lane in per_tick]) * 24 / tick_hours


@njit(cache=True)
def trucks_per_tick(rates: np.ndarray, capacity: int) -> float:
    """Trucks a tick of one lane; `rates` are packages a tick by how long they can wait, (waits,)."""
    total = rates.sum()
    if total <= 0:
        return 0.0
    mean_ticks, none_urgent, waiting = 0.0, 1.0, 0.0
    urgent, patient, this_tick = 0.0, total, 1.0
    for t in range(len(rates)):
        chance = none_urgent * _not_full(waiting, capacity)
        mean_ticks += chance
        if chance < _NEGLIGIBLE:
            return max(1.0 / mean_ticks, total / capacity)
        if rates[t] > 0:
            urgent += rates[t]
            patient = max(patient - rates[t], 0.0)
            this_tick = math.exp(-urgent)
        none_urgent *= this_tick
        waiting += patient
    # Beyond the longest wait every package is urgent, and the chance falls by the same factor each tick.
    mean_ticks += none_urgent * _not_full(waiting, capacity) / -math.expm1(-total)
    return max(1.0 / mean_ticks, total / capacity)


@njit(cache=True)
def _not_full(waiting: float, capacity: int) -> float:
    """Chance that fewer packages wait than a truck holds: the Poisson distribution, replaced by the normal one."""
    room = capacity - 0.5 - waiting
    if room > 0 and room * room > _SURE * _SURE * waiting:
        return 1.0
    return 0.5 * math.erfc(-room / math.sqrt(2 * waiting))

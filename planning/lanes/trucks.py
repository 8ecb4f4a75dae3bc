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
    mean_ticks, exponent, waiting = 0.0, 0.0, 0.0
    urgent, patient = 0.0, total
    for t in range(len(rates)):
        chance = _still_here(exponent, waiting, capacity)
        mean_ticks += chance
        if chance < _NEGLIGIBLE:
            return max(1.0 / mean_ticks, total / capacity)
        urgent += rates[t]
        patient = max(patient - rates[t], 0.0)
        exponent += urgent
        waiting += patient
    # Beyond the longest wait every package is urgent, and the chance falls by the same factor each tick.
    mean_ticks += _still_here(exponent, waiting, capacity) / -math.expm1(-total)
    return max(1.0 / mean_ticks, total / capacity)


@njit(cache=True)
def _still_here(urgent: float, waiting: float, capacity: int) -> float:
    """S(t) by the two sums of its formula; the Poisson distribution is replaced by the normal one."""
    chance = math.exp(-urgent)
    if waiting > 0:
        chance *= 0.5 * math.erfc((waiting - capacity + 0.5) / math.sqrt(2 * waiting))
    return chance

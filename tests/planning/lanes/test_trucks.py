"""Trucks of a lane: the renewal formula against a queue that is played."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from regional_dispatch.planning.lanes.charges import _set_charges, _valid
from regional_dispatch.planning.lanes.fleet import loss_probability
from regional_dispatch.planning.lanes.trucks import trucks_per_day, trucks_per_tick


def rates_of(**packages: float) -> np.ndarray:
    """Packages a tick by wait: `w3=0.5` is half a package a tick that can wait 3 ticks."""
    rates = np.zeros(30)
    for wait, rate in packages.items():
        rates[int(wait[1:])] = rate
    return rates


def played(rates: np.ndarray, capacity: int, ticks: int = 40_000) -> float:
    """Trucks a tick of a lane whose trucks leave when full, or when the most urgent package has to."""
    arrivals = np.random.default_rng(0).poisson(rates, (ticks, len(rates)))
    due: list[int] = []
    trucks = 0
    for tick in range(ticks):
        for wait in np.flatnonzero(arrivals[tick]):
            due += [tick + int(wait)] * int(arrivals[tick, wait])
        while len(due) >= capacity:
            trucks, due = trucks + 1, due[capacity:]
        if due and min(due) <= tick:
            trucks, due = trucks + 1, []
    return trucks / ticks


@pytest.mark.parametrize(
    "rates",
    [
        rates_of(w10=0.05),
        rates_of(w10=0.3),
        rates_of(w8=1.0),
        rates_of(w24=1.0),
        rates_of(w3=0.1, w10=0.3, w25=0.4),
        rates_of(w2=0.3, w10=1.0, w20=1.0),
    ],
    ids=["thin", "medium", "busy", "full trucks", "three classes", "three busy classes"],
)
def test_the_formula_meets_a_played_lane(rates: np.ndarray) -> None:
    assert trucks_per_tick(rates, 12) == pytest.approx(played(rates, 12), rel=0.04)


def test_one_class_on_a_thin_lane_is_the_renewal_theorem() -> None:
    cycle = 6 + 1 + 1 / np.expm1(0.02)
    assert trucks_per_tick(rates_of(w6=0.02), 1000) == pytest.approx(1 / cycle)


def test_trucks_are_never_more_than_full() -> None:
    rng = np.random.default_rng(1)
    packages = rng.random((200, 30)) * rng.choice([0.01, 1.0, 100.0], size=(200, 1))
    trucks = trucks_per_day(packages, 12, 1.0)
    assert (packages.sum(axis=1) <= 12 * trucks * (1 + 1e-9)).all()
    assert trucks_per_day(np.zeros((1, 30)), 12, 1.0)[0] == 0


def test_thin_lanes_and_urgent_packages_cost_more_per_package() -> None:
    per_package = [trucks_per_tick(rates_of(w5=rate), 12) / rate for rate in (0.01, 0.1, 0.5, 2.0)]
    assert per_package == sorted(per_package, reverse=True)
    assert trucks_per_tick(rates_of(w2=0.2, w9=0.2), 12) > trucks_per_tick(rates_of(w9=0.4), 12)


def test_no_set_of_flows_is_charged_more_than_its_trucks() -> None:
    """The bound rests on it."""
    rng = np.random.default_rng(2)
    for _ in range(40):
        count = int(rng.integers(2, 9))
        rate, wait = rng.choice([0.01, 0.1, 1.0]) * rng.random(count), rng.integers(0, 25, count)
        first, usd = np.array([0, count]), np.array([2.0])
        of_sets = _set_charges(first, rate, wait, rng.random(count), usd, 12)
        for charges in (of_sets, _valid(first, rate, wait, rng.random(count), 0 * of_sets, usd, 12)):
            for chosen in product((False, True), repeat=count):
                own = np.array(chosen)
                rates = np.bincount(wait[own], rate[own], 25).astype(float)
                assert charges[own].sum() <= 2.0 * trucks_per_tick(rates, 12) + 1e-9


def test_hired_trucks_follow_erlangs_loss_formula() -> None:
    assert loss_probability(np.array([0, 1, 2]), np.array([3.0, 1.0, 1.0])) == pytest.approx([1.0, 0.5, 0.2])

"""Every number of a scenario has a range, and at its ends, alone and together, the kernel's laws hold.

Sizes (sites, SKUs, slots) have limits of memory of their own, and stay small here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import annotated_types
import numpy as np
import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.scenario import (
    AddedSite,
    CapacityEvent,
    Change,
    CityNetwork,
    GeneratedDemand,
    Holiday,
    LaneEvent,
    RegionEvent,
    Scenario,
    StockMove,
    Surge,
    TableNetwork,
    TraceDemand,
    TraceWeeks,
)
from tests.envs.kernel.test_conservation import assert_books_agree, assert_laws, run_under_the_laws
from tests.worlds import small

GROUPS = ("network", "demand", "stock", "capacity", "trucks", "transfers", "costs", "slots")
SIZES = {
    "network.fulfillment_centers", "network.sort_centers", "network.stations", "network.metros", "stock.skus",
    "slots.orders", "horizon_hours",
}  # fmt: skip
OTHERS = (
    AddedSite, CapacityEvent, Change, Holiday, LaneEvent, RegionEvent, StockMove, Surge, TableNetwork, TraceDemand,
    TraceWeeks,
)  # fmt: skip
MODELS: dict[str, type[BaseModel]] = (
    {"": Scenario, "network": CityNetwork, "demand": GeneratedDemand}
    | {
        name: Scenario.model_fields[name].annotation  # type: ignore[misc]
        for name in GROUPS[2:]
    }
)


def is_number(kind: Any) -> bool:
    """Of an annotation such as `float | None`; a tuple of numbers is checked by its model."""
    inner = () if get_origin(kind) is tuple else get_args(kind)
    return kind in (int, float) or (bool(inner) and all(k in (int, float, type(None)) for k in inner))


def bounds(field: FieldInfo) -> tuple[float, float]:
    low = [getattr(m, k) for m in field.metadata for k in ("ge", "gt") if getattr(m, k, None) is not None]
    high = [getattr(m, k) for m in field.metadata for k in ("le", "lt") if getattr(m, k, None) is not None]
    return max(low, default=-math.inf), min(high, default=math.inf)


def numbers() -> Iterator[tuple[str, FieldInfo]]:
    for group, model in MODELS.items():
        for name, field in model.model_fields.items():
            if is_number(field.annotation):
                yield f"{group}.{name}".removeprefix("."), field


NUMBERS = dict(numbers())


def ends(path: str) -> list[float]:
    """Legal values at the ends of a field's range."""
    field, (low, high) = NUMBERS[path], bounds(NUMBERS[path])
    whole = float not in (field.annotation, *get_args(field.annotation))
    if any(isinstance(m, annotated_types.Gt) for m in field.metadata):
        low = low + 1 if whole else max(5e-324, math.nextafter(low, math.inf))
    return [int(low), int(high)] if whole else [low, high, -0.0 if low == 0 else low]


def world(changes: dict[str, Any]) -> Scenario:
    """A small day with some fields set, by dotted name."""
    data: dict[str, Any] = {"horizon_hours": 24, "warmup_hours": 0}
    for path, value in changes.items():
        group, _, name = path.rpartition(".")
        if group:
            data.setdefault(group, {})[name] = value
        else:
            data[name] = value
    return small(**data)


def play(changes: dict[str, Any]) -> str:
    """Plays a world by its laws; says `refused` where it is, with the field."""
    try:
        scenario = world(changes)
        with np.errstate(all="raise", under="ignore"):
            sim = run_under_the_laws(scenario, 10**6, 1)
    except (ValidationError, ScenarioError) as error:
        assert any(path.rpartition(".")[2] in str(error) for path in changes), str(error)
        return "refused"
    assert_laws(sim, 0)
    assert np.isfinite(sim.state.cash).all() and np.isfinite(sim.state.accrual).all()
    if abs(sim.state.cash).sum() < 1e10:
        assert_books_agree(sim, 0)
    return "ran"


@pytest.mark.parametrize("path", NUMBERS)
def test_every_number_of_a_scenario_has_a_finite_range(path: str) -> None:
    low, high = bounds(NUMBERS[path])
    assert math.isfinite(low) and math.isfinite(high)
    for value in (
        math.nextafter(low, -math.inf),
        math.nextafter(high, math.inf),
        math.inf,
        -math.inf,
        math.nan,
        10**40,
    ):
        with pytest.raises(ValidationError):
            world({path: value})


@pytest.mark.parametrize("model", OTHERS)
def test_every_number_of_the_other_groups_has_a_finite_range(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        if is_number(field.annotation):
            assert all(math.isfinite(end) for end in bounds(field)), name


@pytest.mark.parametrize("path", sorted(NUMBERS.keys() - SIZES))
def test_the_laws_hold_at_the_ends_of_a_range(path: str) -> None:
    for value in ends(path):
        play({path: value})


def test_the_laws_hold_at_the_ends_of_several_ranges() -> None:
    rng, paths = np.random.default_rng(19), sorted(NUMBERS.keys() - SIZES - {"demand.orders_per_day"})
    found = []
    for _ in range(60):
        chosen = rng.choice(len(paths), size=4, replace=False)
        found.append(play({paths[i]: ends(paths[i])[int(rng.integers(2))] for i in chosen}))
    assert found.count("ran") > 15


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"demand.promise_hours": (1e12, 1, 2)}, "promise_hours must lie above 0 and up to 8,760"),
        ({"demand.promise_hours": (2147483640, 1, 2)}, "promise_hours must lie above 0 and up to 8,760"),
        ({"demand.promise_hours": (-0.0, 1, 2)}, "promise_hours must lie above 0"),
        ({"demand.surges": [{"start_hour": 0, "end_hour": 24, "factor": 20}] * 8}, "they multiply demand by 2.56"),
        ({"demand.hourly_shares": (1e308,) * 24}, "hourly_shares must be non-negative with a sum of"),
        ({"demand.lines_per_order": (5e-324,)}, "lines_per_order must be non-negative with a sum of"),
        ({"demand.orders_per_day": 50e6, "horizon_hours": 19_200}, "orders; 2,000,000,000 can be counted"),
        ({"stock.breadth_shares": (1e308, 1e308, 1e308)}, "breadth_shares must be 0 or more"),
        ({"trucks.standard_fill": 1e-9}, "standard_fill"),
        ({"trucks.scheduled_hours": (2**63,)}, "scheduled_hours must lie in 0…23"),
        ({"tick_hours": 1e-9}, "tick_hours"),
        ({"network.site_seed": 2**63}, "site_seed"),
        ({"what_if": {"capacity": {"x": "×1e300"}}}, "must be 0 or more, and at most 10,000"),
        ({"what_if": {"fleet": {"x": 1e18}}}, "fleet"),
        ({"what_if": {"move": {"x": (91, 0)}}}, "move"),
        ({"what_if": {"trucks_before": {"capacity_packages": 0}}}, "trucks_before.capacity_packages = 0"),
        ({"calendar": {"start": "0001-01-01"}}, "must lie in the years 1900 to 2200"),
        ({"calendar": {"start": "9999-12-31"}}, "must lie in the years 1900 to 2200"),
    ],
)  # fmt: skip
def test_a_number_beyond_its_range_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        world(changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"demand.surges": [{"start_hour": h, "end_hour": 24, "factor": 4.6} for h in range(3)]},
        {"demand.hourly_shares": (1e5, *(0.0,) * 23), "demand.orders_per_day": 400},
        {"demand.promise_hours": (8760, 5e-324, 1)},
        {"demand.lines_per_order": (0,) * 15 + (1,), "demand.units_per_line": (0,) * 15 + (1,)},
        {"trucks.capacity_packages": 30_000, "trucks.real_capacity_packages": 1, "trucks.usd_per_mile": 1e8},
    ],
)
def test_groups_of_numbers_play_at_the_ends_of_their_ranges(changes: dict[str, Any]) -> None:
    assert play(changes) == "ran"


def test_a_fleet_that_cannot_be_counted_is_refused() -> None:
    many = {
        "demand.orders_per_day": 3e6, "stock.skus": 2000, "network.speed_mph": 1, "trucks.fleet_headroom": 1000,
        "trucks.capacity_packages": 1, "trucks.standard_fill": 0.01,
    }  # fmt: skip
    with pytest.raises(ScenarioError, match=r"trucks.fleet_headroom = 1000: gives '.*' [\d,]+ trucks"):
        run_under_the_laws(world(many), 1, 1)

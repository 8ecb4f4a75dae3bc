"""A fit recovers what a trace was drawn from, and says what it cannot hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.data.fit.clock import clock_of
from regional_dispatch.data.fit.model import fields, fit_demand, unusual_days, weekly_trend
from regional_dispatch.data.fit.observed import observe
from regional_dispatch.data.fit.page import cannot_hold, fit_page
from regional_dispatch.data.fit.trace import Fitted, day_table, fit_trace
from regional_dispatch.data.fit.zipf import fit_zipf
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import HOURLY_SHARES, WEEKDAY_SHARES, GeneratedDemand, Scenario
from regional_dispatch.envs.world.tables.orders import read_orders
from regional_dispatch.evaluation.errors import InputError
from tests.traces import drawn_orders, written


def fitted(scenario: Scenario, **options: Any) -> Fitted:
    network = build_network(scenario)
    return fit_trace(scenario, network, read_orders(scenario, network.sites), **options)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """Twelve weeks of a trace with known parameters."""
    path = tmp_path_factory.mktemp("fit") / "orders.csv"
    return fitted(written(path, drawn_orders(days=84, per_day=150, exponent=0.7)))


def test_a_known_process_is_recovered(known: Fitted) -> None:
    fit = known.fit
    assert fit.orders_per_day == pytest.approx(150, rel=0.03)
    assert fit.hourly_shares == pytest.approx(np.array(HOURLY_SHARES) / sum(HOURLY_SHARES), abs=0.006)
    assert fit.weekday_shares == pytest.approx(np.array(WEEKDAY_SHARES) / sum(WEEKDAY_SHARES), abs=0.01)
    assert fit.station_shares == pytest.approx([0.4, 0.2, 0.1, 0.1, 0.1, 0.1], abs=0.02)
    assert fit.zipf.exponent == pytest.approx(0.7, abs=0.03)
    assert fit.lines_per_order == pytest.approx([0.6, 0.3, 0.1], abs=0.02)
    assert fit.units_per_line == pytest.approx([0.9, 0.1], abs=0.01)
    assert fit.promise_hours.tolist() == [12, 30, 60]
    assert fit.promise_shares == pytest.approx([0.2, 0.5, 0.3], abs=0.02)
    assert fit.dispersion["day"] == pytest.approx(1, abs=0.45)
    assert fit.dispersion["hour"] == pytest.approx(1, abs=0.15)


def test_intervals_hold_the_truth_and_narrow_with_more_days(known: Fitted, tmp_path: Path) -> None:
    for name, truth in {"orders_per_day": 150, "mean_lines": 1.5, "mean_units": 1.1}.items():
        assert known.fit.intervals[name].ci_low < truth < known.fit.intervals[name].ci_high
    few = fitted(written(tmp_path / "few.csv", drawn_orders(days=14, per_day=150)), weeks=0).fit.intervals
    wide, narrow = few["mean_lines"], known.fit.intervals["mean_lines"]
    assert wide.ci_high - wide.ci_low > narrow.ci_high - narrow.ci_low


def test_the_last_quarter_is_later_and_not_fitted_on(known: Fitted) -> None:
    assert known.later is not None
    assert len(known.later.days) == 21
    assert known.seen.days.max() < known.later.days.min()
    table = day_table(known)
    assert table["use"].value_counts().to_dict() == {"fitted_on": 63, "held_out": 21}
    assert table["orders"].sum() == len(known.orders.hours)


def test_the_fit_is_a_demand_that_can_be_played(known: Fitted) -> None:
    demand = GeneratedDemand.model_validate(fields(known.fit))
    assert demand.orders_per_day == pytest.approx(known.fit.orders_per_day, abs=0.001)
    assert sum(demand.hourly_shares) == pytest.approx(1, abs=1e-4)


def test_a_sale_is_an_unusual_day_and_leaves_the_rest_as_it_was(tmp_path: Path) -> None:
    plain, sale = (
        fitted(written(tmp_path / f"{name}.csv", drawn_orders(days=28, busy=busy)), weeks=0)
        for name, busy in (("plain", {}), ("sale", {11: 4.0, 19: 0.1}))
    )
    assert [day for day, _, _ in sale.unusual] == [11, 19]
    assert not plain.unusual
    assert sale.fit.orders_per_day == pytest.approx(plain.fit.orders_per_day, rel=0.03)
    assert "2024-11-15 | Friday" in fit_page(sale, "")


def test_bursts_show_as_overdispersion(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    busy = dict(enumerate(rng.gamma(4, 0.25, 28).tolist()))  # days vary by half of their mean
    found = fitted(written(tmp_path / "orders.csv", drawn_orders(days=28, busy=busy)), weeks=0)
    assert found.fit.dispersion["day"] > 5
    assert "orders come in bursts" in fit_page(found, "")


def test_growth_is_said(tmp_path: Path) -> None:
    busy = {day: 1.1 ** (day // 7) for day in range(56)}
    found = fitted(written(tmp_path / "orders.csv", drawn_orders(days=56, busy=busy)), weeks=0)
    trend = weekly_trend(found.seen)
    assert trend is not None
    assert trend.ci_low < 0.1 < trend.ci_high
    assert any("demand is not level" in sentence for sentence in cannot_hold(found.fit, found.seen))


def test_orders_of_hundreds_of_lines_are_said_to_be_cut(tmp_path: Path) -> None:
    table = drawn_orders(days=14, per_day=20)
    large = table.iloc[[0] * 300].assign(order="large", units=1)
    scenario = written(tmp_path / "orders.csv", pd.concat([table, large]))
    found = fitted(scenario, weeks=0)
    assert any("(the most: 300)" in sentence for sentence in cannot_hold(found.fit, found.seen))
    assert found.fit.cut["lines_per_order.fitted_mean"] < found.fit.cut["lines_per_order.mean"]


def test_many_promises_become_classes_with_the_same_mean(tmp_path: Path) -> None:
    table = drawn_orders(days=14)
    rng = np.random.default_rng(0)
    by_order = dict(zip(table["order"].unique(), rng.uniform(6, 90, table["order"].nunique()), strict=True))
    table["promise_hours"] = table["order"].map(by_order)
    fit = fitted(written(tmp_path / "orders.csv", table), weeks=0).fit
    assert len(fit.promise_hours) == 8
    assert fit.promise_shares @ fit.promise_hours == pytest.approx(np.mean(list(by_order.values())), rel=0.01)


def test_without_promises_the_default_ones_stay(tmp_path: Path) -> None:
    table = drawn_orders(days=14, per_day=30).drop(columns="promise_hours")
    found = fitted(written(tmp_path / "orders.csv", table), weeks=0)
    assert "promise_hours" not in fields(found.fit)
    assert any("no promises" in sentence for sentence in cannot_hold(found.fit, found.seen))


def test_a_trace_without_a_whole_day_is_refused(tmp_path: Path) -> None:
    table = drawn_orders(days=1)
    scenario = written(tmp_path / "orders.csv", table[table["time"] < "2024-11-04 18:00"])
    with pytest.raises(InputError, match="0 whole days"):
        fitted(scenario)


# -------------------------------------------------------------------------------------------------------------- clocks


def test_hours_are_those_of_the_stations_clocks(tmp_path: Path) -> None:
    """Orders at noon everywhere: on one clock they would be spread over the zones."""
    network = build_network(written(tmp_path / "any.csv", drawn_orders(days=1)))
    zones = ["America/New_York", "America/Los_Angeles", "Europe/Berlin", "Asia/Tokyo", "UTC", "Australia/Sydney"]
    sites = network.sites.assign(time_zone="")
    sites.loc[sites["kind"] == "station", "time_zone"] = zones
    names = sites.loc[sites["kind"] == "station", "name"].tolist()
    noon = [
        (name, pd.Timestamp(f"2024-10-{day:02d} 12:30", tz=zone))
        for day in range(22, 31)
        for name, zone in zip(names, zones, strict=True)
    ]
    table = pd.DataFrame({
        "order": [f"{i}" for i in range(len(noon))], "time": [time.isoformat() for _, time in noon],
        "station": [name for name, _ in noon], "sku": "a", "units": 1, "promise_hours": 30,
    })  # fmt: skip
    table.to_csv(tmp_path / "noon.csv", index=False)
    scenario = written(tmp_path / "any.csv", drawn_orders(days=1)).model_copy(
        update={"calendar": calendar("2024-10-21"), "horizon_hours": 400.0}
    )
    demand = scenario.demand.model_copy(update={"path": str(tmp_path / "noon.csv")})
    scenario = scenario.model_copy(update={"demand": demand})
    orders = read_orders(scenario, sites)
    clock = clock_of(scenario, sites, orders)
    assert set(clock.hour.tolist()) == {12}  # Berlin and Sydney change their clocks in between
    seen = observe(orders, clock, 6, np.arange(len(clock.dates)))
    assert set(seen.daily.tolist()) <= {0, 6}


def calendar(start: str) -> Any:
    from regional_dispatch.envs.world.scenario import Calendar

    return Calendar.model_validate({"start": start, "time_zone": "UTC"})


def test_a_first_day_that_is_cut_off_is_left_out(tmp_path: Path) -> None:
    table = drawn_orders(days=8)
    scenario = written(tmp_path / "orders.csv", table, calendar={"start": "2024-11-04T10:00", "time_zone": "UTC"})
    clock = clock_of(scenario, build_network(scenario).sites, read_orders(scenario, build_network(scenario).sites))
    assert str(clock.dates[0]) == "2024-11-05"
    assert (clock.day == -1).any()


# ---------------------------------------------------------------------------------------------------------------- Zipf


@pytest.mark.parametrize("exponent", [0.0, 0.5, 0.9, 1.4])
def test_an_exact_law_is_found(exponent: float) -> None:
    counts = np.round(1e6 * np.arange(1, 501, dtype=float) ** -exponent)
    found = fit_zipf(np.random.default_rng(0).permutation(counts))
    assert found.exponent == pytest.approx(exponent, abs=0.01)
    assert found.distance < 0.01


def test_another_law_is_said_not_to_fit() -> None:
    counts = np.r_[np.full(50, 1000), np.full(950, 1)]
    found = fit_zipf(counts)
    assert found.distance > 0.1


def test_no_day_is_unusual_of_a_weekday_seen_twice(tmp_path: Path) -> None:
    scenario = written(tmp_path / "orders.csv", drawn_orders(days=14, busy={3: 5.0}))
    network = build_network(scenario)
    orders = read_orders(scenario, network.sites)
    clock = clock_of(scenario, network.sites, orders)
    seen = observe(orders, clock, network.net.stations, np.arange(14))
    assert unusual_days(seen) == []
    assert fit_demand(seen).dispersion["day"] > 5

"""A trace split by time, fitted on its first weeks, and written with everything that shows how well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.data.fit.clock import Clock, clock_of
from regional_dispatch.data.fit.model import Fit, fields, fit_demand, unusual_days
from regional_dispatch.data.fit.observed import Observed, observe
from regional_dispatch.data.fit.write import write_scenario
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.envs.world.tables.orders import Orders
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.provenance import made_by


class Fitted(NamedTuple):
    """A trace and the demand that resembles it."""

    scenario: Scenario  # of the trace
    network: Network
    orders: Orders
    clock: Clock
    seen: Observed  # what it is fitted on
    later: Observed | None  # held out
    unusual: list[tuple[int, int, float]]  # days left out of both; see `unusual_days`
    fit: Fit


def fit_trace(scenario: Scenario, network: Network, orders: Orders, weeks: int | None = None, seed: int = 0) -> Fitted:
    """Fits the first weeks of a trace.

    Args:
        scenario: of the trace.
        network: its network.
        orders: its orders.
        weeks: last ones that the fit does not see. Default: a quarter of them, and one of two or three.
        seed: of the resampled days.

    Raises:
        InputError: no whole day, or no order, is left to fit on.
    """
    clock, stations = clock_of(scenario, network.sites, orders), network.net.stations
    cut, days = _first_held_out(scenario, len(clock.dates), weeks), np.arange(len(clock.dates))
    seen = observe(orders, clock, stations, days[:cut])
    unusual = unusual_days(seen)
    seen = observe(orders, clock, stations, np.setdiff1d(days[:cut], [day for day, _, _ in unusual]))
    if not seen.daily.sum():
        raise InputError(f"{_name(scenario)}: no order lies on the days to fit on; lower --hold-out-weeks")
    later = observe(orders, clock, stations, days[cut:]) if cut < len(days) else None
    return Fitted(scenario, network, orders, clock, seen, later, unusual, fit_demand(seen, seed))


def _first_held_out(scenario: Scenario, days: int, weeks: int | None) -> int:
    held = (days // 7) // 4 + (days // 7 in (2, 3)) if weeks is None else weeks
    if days - 7 * held < 1:
        raise InputError(
            f"{_name(scenario)}: the trace has {days} whole days, and --hold-out-weeks {held} leaves none to fit on; "
            "lower it, or give more days"
        )
    return days - 7 * held


def _name(scenario: Scenario) -> str:
    return scenario.source_file or scenario.name


def save_fit(fitted: Fitted, folder: Path, home: Path, meta: dict[str, Any]) -> None:
    """Writes the scenario with its tables, the page with its picture, and the numbers behind them.

    Args:
        fitted: to write.
        folder: to write to.
        home: where the files come to lie.
        meta: see `evaluation.provenance.provenance`.
    """
    from regional_dispatch.data.fit.figure import fit_figure  # pulls in matplotlib
    from regional_dispatch.data.fit.page import cannot_hold, fit_page

    fit, seen = fitted.fit, fitted.seen
    write_scenario(fitted.scenario, fitted.network, fit, seen, folder, home, meta["command"])
    load_scenario(folder / "scenario.yaml")  # it can be read, or nothing is written
    (folder / "fit.png").write_bytes(fit_figure(fitted))
    (folder / "fit.md").write_text(fit_page(fitted, made_by(meta)), encoding="utf-8")
    day_table(fitted).to_csv(folder / "days.csv", index=False)
    skus = pd.DataFrame({"sku": fitted.orders.sku_names, "lines": seen.sku_lines()})
    skus.to_csv(folder / "skus.csv", index=False)
    facts = {
        "demand": fields(fit), "dispersion": fit.dispersion, "cannot_hold": cannot_hold(fit, seen),
        "unusual_days": [fitted.clock.name(day) for day, _, _ in fitted.unusual],
        "left_out": fitted.orders.left_out, "meta": meta,
    }  # fmt: skip
    (folder / "fit.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def day_table(fitted: Fitted) -> pd.DataFrame:
    """Every whole day: orders, orders expected, and whether the fit was made on it."""
    used = {"fitted_on": fitted.seen, "held_out": fitted.later}
    unusual = {day: count for day, count, _ in fitted.unusual}
    rows = [
        {"day": fitted.clock.name(int(day)), "orders": int(count), "use": use}
        for use, part in used.items()
        if part is not None
        for day, count in zip(part.days, part.daily, strict=True)
    ]
    rows += [{"day": fitted.clock.name(day), "orders": count, "use": "unusual"} for day, count in unusual.items()]
    number = {fitted.clock.name(day): day for day in range(len(fitted.clock.dates))}
    table = pd.DataFrame(rows).sort_values("day", key=lambda names: names.map(number), ignore_index=True)
    weekday = fitted.clock.weekday[table["day"].map(number).to_numpy()]
    return table.assign(fitted=fitted.fit.daily_mean(weekday).round(2))[["day", "orders", "fitted", "use"]]

"""A mid-size retailer's network, written as a user's would be: tables of sites, lanes and shelves, and a scenario file.

It is another make than `envs.world.generator`, and shares nothing with it: towns of an invented country, not US metros;
few buildings; demand of towns with a long tail; prices of lanes from a tariff with deviations, not from miles alone;
shelves as they have grown. Volumes, promises and vehicles differ by orders of magnitude, where the first make keeps
them near us8. A policy that does well on both has learned more than one generator.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.demand import STREAMS
from regional_dispatch.envs.world.generators.retailer_tables import Country, lanes_table, shelves_table, sites_table
from regional_dispatch.envs.world.replacing import replacing
from regional_dispatch.envs.world.scenario import Scenario, load_scenario, scenario_yaml

ORDERS_PER_DAY = (15.0, 20_000.0)  # drawn evenly on a logarithmic scale
FCS, SORT_CENTERS, STATIONS = (1, 6), (0, 4), (10, 80)
COUNTRY_MILES = (150.0, 900.0)  # width; the height is drawn from half of it to all of it
LINES_PER_SKU_DAY = (0.3, 12.0)
SKUS = (30, 800)


class Service(NamedTuple):
    """What a retailer promises, and how finely its days are planned."""

    promise_hours: tuple[float, float, float]
    tick_hours: float


SERVICES = (  # from same day to three weeks
    Service((8.0, 14.0, 26.0), 0.5),
    Service((10.0, 28.0, 60.0), 1.0),
    Service((30.0, 54.0, 78.0), 1.0),
    Service((54.0, 102.0, 150.0), 1.0),
    Service((72.0, 168.0, 336.0), 2.0),
    Service((168.0, 336.0, 504.0), 2.0),
)


class Vehicle(NamedTuple):
    """A vehicle and its tariff. Figures are ours, of the order of US rates; the trailer's are those of a scenario."""

    packages: int
    stop_usd: float
    usd_per_mile: float


VEHICLES = (  # a carrier's pick-up of a few parcels, van, box truck, trailer
    Vehicle(4, 7.0, 0.02), Vehicle(40, 30.0, 0.4), Vehicle(250, 70.0, 1.1), Vehicle(2000, 100.0, 2.26),
)  # fmt: skip
# The largest vehicle that a station's orders fill so often is used; below the first value nothing is filled in a week.
LOADS_PER_STATION_DAY = (0.05, 2.0)
# Steps of a sequence that covers a square evenly (Roberts 2018): ten seeds in a row cover volumes and promises.
_STEPS = (0.7548776662466927, 0.5698402909980532)


def write_retailer(path: Path, seed: int, stream: str = "evaluate") -> Scenario:
    """Draws a retailer's network and writes it.

    Args:
        path: the scenario file, `NAME.yaml`; the tables go to the folder `NAME` beside it. Existing ones are replaced.
        seed: ≥ 0; the same seed gives the same files.
        stream: `evaluate`, networks to measure policies on; `train` and `tune`, networks to learn from. A seed means
            another network in each stream.

    Returns:
        The scenario as it is read from the file.

    Raises:
        ValueError: unknown stream, or a negative seed.
        OSError: the files cannot be written.
    """
    if stream not in STREAMS or seed < 0:
        raise ValueError(f"stream must be one of {', '.join(STREAMS)} and seed 0 or more, not '{stream}' and {seed}")
    rng = np.random.default_rng((STREAMS[stream], seed, 1))
    scenario, tables = _drawn(rng, f"retailer_{stream}_{seed}", path.stem, _spread(STREAMS[stream], seed))
    folder = path.parent / path.stem
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with replacing(folder / f"{name}.csv") as file:
            table.to_csv(file, index=False, lineterminator="\n")
    with replacing(path) as file:
        file.write_text(f"# {scenario.tests}\n{scenario_yaml(scenario)}", encoding="utf-8")
    return load_scenario(path)


def _spread(stream: int, seed: int) -> tuple[float, float]:
    """Two shares in 0…1; those of seeds in a row lie evenly over the square."""
    first, second = ((0.5 + 0.29 * stream + step * (seed + 1)) % 1 for step in _STEPS)
    return first, second


def _drawn(
    rng: np.random.Generator, name: str, folder: str, spread: tuple[float, float]
) -> tuple[Scenario, dict[str, pd.DataFrame]]:
    orders = round(float(np.exp(np.interp(spread[0], (0, 1), np.log(ORDERS_PER_DAY)))))
    service = SERVICES[min(int(spread[1] * len(SERVICES)), len(SERVICES) - 1)]
    fcs, sort_centers, stations = (
        int(rng.integers(*bounds, endpoint=True)) for bounds in (FCS, SORT_CENTERS, STATIONS)
    )
    country = Country(float(np.exp(rng.uniform(*np.log(COUNTRY_MILES)))), fcs, sort_centers, stations)
    last, trunk = _vehicles(rng, orders / stations)
    sites = sites_table(rng, country)
    lines = orders * 1.6  # of an order in the mean, the scenarios' default
    skus = int(np.clip(lines / np.exp(rng.uniform(*np.log(LINES_PER_SKU_DAY))), *SKUS))
    exponent, longest = round(rng.uniform(0.5, 1.4), 2), max(service.promise_hours)
    shares = np.round(rng.dirichlet((2.0, 4.0, 3.0)), 2)
    warmup = 24.0 * np.ceil(max(48.0, longest / 2) / 24)
    data: dict[str, Any] = {
        "name": name,
        "tests": f"A retailer: {fcs} FCs, {sort_centers} sort centers, {stations} stations, {orders:,} orders a day, "
        f"{skus} SKUs, vehicles of {last.packages}, promises of {service.promise_hours[0]:g} to {longest:g} hours.",
        "tick_hours": service.tick_hours,
        "warmup_hours": warmup,
        "horizon_hours": warmup + max(168.0, 24.0 * np.ceil(2 * longest / 24)),
        "partition": _partition(rng, fcs),
        "network": {"kind": "tables", "sites": f"{folder}/sites.csv", "lanes": f"{folder}/lanes.csv"},
        "demand": {
            "orders_per_day": orders, "zipf_exponent": exponent, "promise_hours": service.promise_hours,
            "promise_shares": (shares[0], shares[1], round(1 - shares[0] - shares[1], 2)),
        },
        "stock": {"skus": skus, "placement": f"{folder}/placement.csv"},
        "trucks": {"capacity_packages": last.packages, "real_capacity_packages": last.packages,
                   "usd_per_mile": last.usd_per_mile, "dock_usd": last.stop_usd},
        "costs": {"pick_pack_usd": round(rng.uniform(1.5, 4.0), 2), "late_usd": round(rng.uniform(2.0, 8.0), 1)},
    }  # fmt: skip
    tables = {
        "sites": sites,
        "lanes": lanes_table(rng, sites, last._asdict(), trunk._asdict()),
        "placement": shelves_table(rng, sites, lines, skus, exponent),
    }
    return Scenario.model_validate(data), tables


def _vehicles(rng: np.random.Generator, station_orders: float) -> tuple[Vehicle, Vehicle]:
    """Those of the lanes to stations and of the lanes to sort centers, which are the next size where there is one."""
    often = float(np.exp(rng.uniform(*np.log(LOADS_PER_STATION_DAY))))
    size = max([0, *(i for i, one in enumerate(VEHICLES) if station_orders / one.packages >= often)])
    return VEHICLES[size], VEHICLES[min(size + 1, len(VEHICLES) - 1)]


def _partition(rng: np.random.Generator, fcs: int) -> dict[str, Any]:
    regions = int(rng.integers(1, min(fcs, 4), endpoint=True))
    return {"kind": "national"} if regions == 1 else {"kind": "balanced", "regions": regions}

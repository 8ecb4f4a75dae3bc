"""The page of the textbook picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.render.map import draw_map
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.rollouts import evaluation_keys, play
from regional_dispatch.evaluation.text import number
from regional_dispatch.studies.framework.lab import Played
from regional_dispatch.studies.report.charts import picture
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Section, Table
from regional_dispatch.studies.ten_by_hundred.worlds import (
    DUE_HOUR,
    EACH,
    FCS,
    HORIZON_HOURS,
    ITEMS,
    LOCATIONS,
    ORDER_HOURS,
    PARCELS,
)

_WHY = (
    "Trucks fall as one over the number of regions: k regions of 10 / k FCs that share the items send 1,000 / k "
    "trucks. The stock is the same 10,000 units throughout; only the place of each item changes, and with it which "
    "FC serves which location."
)
_METHOD = (
    f"{FCS} FCs and {LOCATIONS} locations stand at US metros, every FC has a lane to every location, and each "
    f"location orders {EACH} of each of {ITEMS} items over {ORDER_HOURS} hours. A truck leaves when it is full, or at "
    f"the last hour that keeps the promise of hour {DUE_HOUR}. Locations are assigned to FCs ten each with the least "
    "miles in all, and every FC stands at the center of its ten (balanced k-medoids); regions of several FCs join "
    "neighbours from west to east.\n\n"
    "Trucks cost and emit as real ones of 100 parcels: 2.26 USD a mile, 100 USD at the dock, 1.55 kg CO₂ a mile. The "
    "scenario files of every world are in worlds/, ready for `evaluate.py compare`."
)


class Counted(NamedTuple):
    """Trucks of one world and what follows from them."""

    world: str
    trucks: float
    fill: float
    miles: float
    usd: float
    co2_kg: float
    hours: float
    on_time: float


def count(played: Played, world: str, policy: str) -> Counted:
    def kpi(name: str) -> float:
        return float(played.values(world, policy, name)[0])

    return Counted(
        world, round(kpi("trucks") * HORIZON_HOURS / 24, 6), kpi("truck_fill"), kpi("miles_per_package"),
        kpi("truck_per_order_usd"), kpi("co2_kg_per_package"), kpi("click_to_delivery_hours"), kpi("on_time_share"),
    )  # fmt: skip


def findings_of(
    counted: Sequence[Counted], worlds: Mapping[str, Scenario], policy: ScorerPolicy, seed: int
) -> Findings:
    """The page, with a map of the first and of the last world.

    Args:
        counted: one per world, in the order of the table.
        worlds: title → scenario.
        policy: decides on the maps.
        seed: of the orders.
    """
    first, last = counted[0], counted[-1]
    maps = tuple(
        Figure(
            f"map_{i}", row.world.capitalize(), f"Every truck's lane, {number(row.trucks, 0)} trucks.",
            _map(worlds[row.world], policy, seed),
        )
        for i, row in enumerate((first, last))
    )  # fmt: skip
    answer = (
        f"{first.world.capitalize()} sends {number(first.trucks, 0)} trucks, {number(100 * first.fill, 0)} % full; "
        f"{last.world} send {number(last.trucks, 0)}, {number(100 * last.fill, 0)} % full, for the same "
        f"{PARCELS:,} parcels."
    )
    sections = (
        Section("By number of regions", _WHY, (_table(counted),)),
        Section("Maps", "Lanes are as wide as the parcels they carry.", maps),
    )
    return Findings(answer, _headlines(first, last), sections, _METHOD)


def _headlines(first: Counted, last: Counted) -> tuple[Headline, ...]:
    return (
        Headline(f"{number(first.trucks, 0)} → {number(last.trucks, 0)}", "trucks"),
        Headline(f"{number(100 * first.fill, 0)} → {number(100 * last.fill, 0)} %", "truck fill"),
        Headline(f"{number(first.miles, 0)} → {number(last.miles, 0)}", "road miles a parcel travels"),
        Headline(f"${number(first.usd, 0)} → ${number(last.usd, 0)}", "trucks' cost per parcel"),
        Headline(f"{number(first.co2_kg, 0)} → {number(last.co2_kg, 1)} kg", "CO₂ per parcel"),
    )


def _table(counted: Sequence[Counted]) -> Table:
    header = (
        "", "trucks", "fill, %", "miles per parcel", "USD of trucks per parcel", "kg CO₂ per parcel",
        "hours to delivery", "on time, %",
    )  # fmt: skip
    rows = tuple(
        (row.world, number(row.trucks, 0), number(100 * row.fill, 0), number(row.miles, 0), number(row.usd, 2),
         number(row.co2_kg, 2), number(row.hours, 1), number(100 * row.on_time, 0))
        for row in counted
    )  # fmt: skip
    return Table("by_regions", "Trucks and what follows", header, rows, pd.DataFrame(counted))


def _map(scenario: Scenario, policy: ScorerPolicy, seed: int) -> bytes:
    """Lanes with what they carried, when everything has arrived."""
    sim = play(scenario, policy, evaluation_keys(1, seed)[0], until=HORIZON_HOURS - 1)
    return picture(draw_map(sim, title=scenario.name))

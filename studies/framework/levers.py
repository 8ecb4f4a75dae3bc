"""The three levers between one nation and its finished regions, and the worlds that a study makes with them.

Each lever is in one of two positions. `regions`: one nation, or the regions in force. `stock`: laid out as the nation
had it, or for the regions. `lanes`: those planned for the nation with its stock, or for the finished regions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, pairwise, permutations
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, Field

from regional_dispatch.envs.world.levers import Layout, RunningLanes
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL, CutStudy
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.planned import on_planned_lanes


class Levers(NamedTuple):
    """Positions of the levers: False, as in the nation; True, as in the finished regions."""

    regions: bool = False
    stock: bool = False
    lanes: bool = False

    @property
    def name(self) -> str:
        """The levers that are pulled, as tables name them."""
        return " + ".join(lever for lever in LEVERS if getattr(self, lever)) or "nation"


LEVERS = Levers._fields
NATION, FINISHED = Levers(), Levers(True, True, True)
POSITIONS = tuple(
    Levers(*(lever in pulled for lever in LEVERS)) for n in range(4) for pulled in combinations(LEVERS, n)
)
SIDES = {NATIONAL: NATION, REGIONAL: FINISHED}  # what studies compare
_FIELD = {"regions": "partition", "stock": "stock", "lanes": "lanes"}  # of a scenario's change


def steps(order: Sequence[str] = LEVERS) -> tuple[Levers, ...]:
    """The nation, and its levers pulled one after the other in an order: (levers + 1,)."""
    return tuple(Levers(*(lever in order[:n] for lever in LEVERS)) for n in range(len(order) + 1))


def possible_orders(positions: Collection[Levers]) -> list[tuple[str, ...]]:
    """The orders in which levers can be pulled so that every position on the way is among these."""
    return [order for order in permutations(LEVERS) if all(position in positions for position in steps(order))]


def shares_of_levers(values: Mapping[Levers, np.ndarray]) -> dict[str, np.ndarray]:
    """What each lever brings, averaged over the orders in which levers can be pulled: lever → (E,).

    With all positions this is the value of Shapley 1953 ("A Value for n-Person Games"). The shares add up to the
    finished regions less the nation.

    Args:
        values: (E,) in the positions that are possible; one order at least can be pulled in.
    """
    shares = dict.fromkeys(LEVERS, np.zeros_like(values[NATION]))
    orders = possible_orders(values)
    for order in orders:
        for lever, (before, after) in zip(order, pairwise(steps(order)), strict=True):
            shares[lever] = shares[lever] + (values[after] - values[before]) / len(orders)
    return shares


def _named(layout: Any) -> Any:
    return {"layout": layout} if isinstance(layout, str) else layout


NamedLayout = Annotated[Layout, BeforeValidator(_named)]  # a file may give its name alone


class LeverStudy(CutStudy):
    """A study of the nation and its finished regions, in which stock and lanes follow the partition."""

    nation_layout: NamedLayout = Field(
        Layout(layout="scattered"), description="Where the nation's stock stands: a layout's name, or `layout` and "
        "`placement` as in a scenario's `stock`.",
    )  # fmt: skip
    regions_layout: NamedLayout = Field(
        Layout(layout="regional"), description="Where the finished regions' stock stands, in the same form."
    )


class LeverBoard:
    """Scenarios of a study with the levers in given positions. Lanes of both positions are planned by the constructor.

    Args:
        study: regions, and layouts of stock.
        lab: keeps the plans' tables.

    Raises:
        ScenarioError: regions, layouts or network cannot be used.
    """

    def __init__(self, study: LeverStudy, lab: Lab) -> None:
        self.study = study
        self.boundary = study.regions.model_dump(mode="json", exclude_none=True)
        self._layouts = (study.nation_layout, study.regions_layout)
        self._lanes = tuple(
            on_planned_lanes(lab, study.world(self._partition(side) | self._stock(side))).lanes
            for side in (NATION, FINISHED)
        )

    def world(
        self, levers: Levers, days: int, changes: Mapping[str, Any] | None = None,
        then: Sequence[tuple[int, Levers]] = (),
    ) -> Scenario:  # fmt: skip
        """The world with its levers in a position, and in others from later midnights on.

        Args:
            levers: at the beginning.
            days: length of an episode, warm-up included. Unit: days.
            changes: more fields to set, dotted.
            then: days, ascending, and the position from the midnight that starts each; days count from 0.

        Raises:
            ScenarioError: the world cannot be used.
        """
        return self.study.world_for(
            days, {**(changes or {}), **self.fields(levers), **self._changes((0, levers), *then)}
        )

    def base_stock(self, levers: Levers) -> np.ndarray:
        """Base-stock levels with the levers in a position: (S, F) units."""
        world = self.study.world(self.fields(levers))
        return place_stock(world, build_network(world))

    def running_lanes(self, levers: Levers) -> int:
        """How many lanes run with the levers in a position."""
        return len(pd.read_csv(str(self._lanes[levers.lanes].path)))

    def fields(self, levers: Levers) -> dict[str, Any]:
        """Dotted fields of a scenario with the levers in a position."""
        return {**self._partition(levers), **self._stock(levers), "lanes": _fields_of(self._lanes[levers.lanes])}

    def _changes(self, *positions: tuple[int, Levers]) -> dict[str, Any]:
        """The scenario's `changes`: at each midnight, the levers that move."""
        changes = [
            {"hour": 24 * day, **self._moves(before, after)} for (_, before), (day, after) in pairwise(positions)
        ]
        return {"changes": changes} if changes else {}

    def _moves(self, before: Levers, after: Levers) -> dict[str, Any]:
        values = {
            "regions": self.boundary if after.regions else {"kind": "national"},
            "stock": _fields_of(self._layouts[after.stock]),
            "lanes": _fields_of(self._lanes[after.lanes]),
        }
        return {_FIELD[lever]: values[lever] for lever in LEVERS if getattr(before, lever) != getattr(after, lever)}

    def _partition(self, levers: Levers) -> dict[str, Any]:
        counted = {"kind": "national", "counted_by": self.boundary}
        return {"partition": self.boundary if levers.regions else counted}

    def _stock(self, levers: Levers) -> dict[str, Any]:
        return {f"stock.{name}": value for name, value in self._layouts[levers.stock].model_dump(mode="json").items()}


def _fields_of(part: Layout | RunningLanes) -> dict[str, Any]:
    return part.model_dump(mode="json", exclude_none=True)

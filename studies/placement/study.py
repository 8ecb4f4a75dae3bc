"""Breadth by velocity class, and new placements of stock for the regions in the same storage."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.envs.world.stock import place_stock, stock_table, velocity_classes
from regional_dispatch.planning.stock.market import build_market
from regional_dispatch.planning.stock.placements import fastest_everywhere, in_proportion, optimise
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL, CutStudy
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.placement.layout import (
    BASE,
    CLASSES,
    FASTEST,
    OPTIMISED,
    PROPORTION,
    Laid,
    breadth_world,
    reach,
    world_of,
)
from regional_dispatch.studies.placement.page import Page
from regional_dispatch.studies.report.findings import Findings, Place, file_stem


def _ascending(values: tuple[float, ...]) -> tuple[float, ...]:
    if list(values) != sorted(set(values)) or min(values, default=1.0) <= 0:
        raise ValueError("must be above 0, ascending, without repeats")
    return values


def _shares(breadths: dict[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    if any(share > 1 for values in breadths.values() for share in values):
        raise ValueError("must be shares of FCs, 1 at most")
    return breadths


Ascending = Annotated[tuple[float, ...], AfterValidator(_ascending)]


class Placement(CutStudy):
    """Sweeps breadth class by class, makes new placements, and plays both."""

    days: int = Field(14, ge=1, description="Days that are counted. Unit: days.")
    breadths: Annotated[dict[Literal["A", "B", "C"], Ascending], AfterValidator(_shares)] = Field(
        {}, description="Breadths to try for a velocity class, with the other classes at the scenario's."
    )
    storage: Ascending = Field(
        (0.8, 0.9, 1.0, 1.1, 1.2), min_length=2,
        description="Storage of every FC for the curve of coverage, as a multiple of what the scenario's stock takes.",
    )  # fmt: skip

    def run(self, lab: Lab) -> Findings:
        """Places stock, writes each placement's table, and plays all worlds."""
        laid = self._lay_out(self._world(REGIONAL))
        worlds = {world_of(BASE, partition): self._world(partition) for partition in (REGIONAL, NATIONAL)}
        for placement, levels in laid.placements.items():
            path = lab.worlds / f"{file_stem(placement).replace(' ', '_')}.csv"
            stock_table(laid.network, levels).to_csv(path, index=False)
            if placement != BASE:
                changes = {"stock.placement": str(path.resolve())}
                worlds |= {
                    world_of(placement, partition): self._world(partition, changes)
                    for partition in (REGIONAL, NATIONAL)
                }
        worlds |= {breadth_world(*key): self._broadened(*key) for key in laid.swept}
        titles = {BASE: "Stock as it is", OPTIMISED: "Stock placed for the regions"}
        places = {
            name.replace(" ", "_"): Place(title, worlds[world_of(name, REGIONAL)]) for name, title in titles.items()
        }
        return Page(self, laid, lab.play(worlds, self.players()), places).findings()

    def _world(self, partition: str, changes: dict[str, Any] | None = None) -> Scenario:
        return self.divided(partition, self.warmup_days + self.days, changes)

    def _broadened(self, velocity: str, share: float) -> Scenario:
        breadth = list(self.base().stock.breadth)
        breadth[CLASSES.index(velocity)] = share
        return self._world(REGIONAL, {"stock.breadth": breadth})

    def _lay_out(self, scenario: Scenario) -> Laid:
        """All placements, before anything is played."""
        if self.breadths and scenario.stock.placement is not None:
            raise ScenarioError(
                "breadths: stock.placement says which FC carries what, and breadth is ignored; leave one of the two out"
            )
        network = build_network(scenario)
        market, base = build_market(scenario, network), place_stock(scenario, network)
        storage = base.sum(axis=0, dtype=np.int64)
        best = optimise(market, storage)
        placements = {
            BASE: base,
            OPTIMISED: best.base,
            FASTEST: fastest_everywhere(market, storage),
            PROPORTION: in_proportion(market, storage, base),
        }
        keys = [(velocity, share) for velocity in CLASSES for share in self.breadths.get(velocity, ())]  # type: ignore[call-overload]
        swept = {key: place_stock(self._broadened(*key), network) for key in keys}
        curve = [reach(factor, market, storage) for factor in self.storage]
        return Laid(network, market, velocity_classes(scenario), placements, best.bound.lines, swept, curve)

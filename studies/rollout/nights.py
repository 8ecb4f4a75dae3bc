"""The worlds between the nation and its regions: some regions are on their own, the others still one nation.

Stock of such a world: FCs of regions on their own have the levels of the regions' layout, all others those of the
nation's. A SKU that would then stand nowhere keeps the places it had in the nation. Lanes are planned for the regions
in force and this stock. Axes: S SKUs, F FCs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.stock import stock_table
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.levers import FINISHED, NATION, LeverBoard, LeverStudy
from regional_dispatch.studies.framework.planned import on_planned_lanes

REST = "rest of the nation"


class Night(NamedTuple):
    """What changes when further regions leave the nation."""

    day: int
    regions: tuple[str, ...]  # that leave
    partition: Path  # table site,region
    placement: Path  # table sku,site,units
    lanes: Path
    units: int  # of base stock
    kept_skus: int  # with the places of the nation, as they would stand nowhere
    running: int  # lanes

    def change(self) -> dict[str, Any]:
        """As a scenario names it."""
        return {
            "hour": 24 * self.day,
            "partition": {"kind": "file", "path": str(self.partition)},
            "stock": {"layout": "table", "placement": str(self.placement)},
            "lanes": {"kind": "file", "path": str(self.lanes)},
        }


def plan_nights(
    study: LeverStudy, lab: Lab, board: LeverBoard, network: Network, waves: Sequence[tuple[int, tuple[str, ...]]]
) -> list[Night]:
    """Partition, stock and lanes from each night on.

    Args:
        study: that asks.
        lab: keeps the tables.
        board: of the study.
        network: with the regions that are counted.
        waves: day and regions that leave then, by day.

    Raises:
        ScenarioError: no lanes reach a station.
    """
    before, after = board.base_stock(NATION), board.base_stock(FINISHED)
    region, nights = network.sites["region"], []
    done: list[str] = []
    for day, regions in waves:
        done += regions
        partition, placement = (lab.worlds.resolve() / f"{name}_from_day_{day}.csv" for name in ("regions", "stock"))
        own = region.isin(done)
        pd.DataFrame({"site": network.sites["name"], "region": region.where(own, REST)}).to_csv(partition, index=False)
        base, kept = mixed_stock(before, after, own.to_numpy()[: network.net.fcs])
        stock_table(network, base).to_csv(placement, index=False)
        boundary = {"kind": "file", "path": str(partition), "counted_by": board.boundary}
        stock = {"stock.layout": "table", "stock.placement": str(placement)}
        world = on_planned_lanes(lab, study.world({"partition": boundary, **stock}))
        lanes = Path(str(world.lanes.path))
        nights.append(
            Night(
                day, regions, partition, placement, lanes, int(base.sum(dtype=np.int64)), kept, len(pd.read_csv(lanes))
            )
        )
    return nights


def mixed_stock(nation: np.ndarray, regions: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, int]:
    """Levels while some FCs are in regions on their own, and how many SKUs keep their places of the nation.

    Args:
        nation: (S, F) levels of the nation.
        regions: (S, F) levels of the regions.
        own: (F,) FCs of regions on their own.

    Returns:
        (S, F) units, and a count.
    """
    base = np.where(own, regions, nation)
    nowhere = ~(base > 0).any(axis=1) & (nation > 0).any(axis=1)
    base[nowhere] = nation[nowhere]
    return base, int(nowhere.sum())

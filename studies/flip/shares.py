"""What each lever brings, averaged over the orders in which the three can be pulled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.evaluation.statistics import Interval
from regional_dispatch.evaluation.text import interval, number
from regional_dispatch.studies.framework.lab import Played
from regional_dispatch.studies.framework.levers import (
    FINISHED,
    LEVERS,
    NATION,
    POSITIONS,
    Levers,
    possible_orders,
    shares_of_levers,
)
from regional_dispatch.studies.report.charts import label, scale
from regional_dispatch.studies.report.findings import Table, flat


class _Share(NamedTuple):
    """A KPI of the nation and of the finished regions, and each lever's share of the change."""

    policy: str
    kpi: str
    nation: Interval
    regions: Interval
    stock: Interval
    lanes: Interval
    change: Interval  # of all three levers
    finished: Interval


class Shares:
    """Positions of the levers, played from the beginning of an episode with one policy.

    Args:
        played: worlds by `Levers.name`.
        policy: that played.
        positions: that can be played.
        mean: of (E,) values.
    """

    def __init__(
        self, played: Played, policy: str, positions: Sequence[Levers], mean: Callable[[np.ndarray], Interval]
    ) -> None:
        self.played, self.policy, self.possible, self._mean = played, policy, positions, mean

    def sentence(self) -> str:
        """How many orders the shares are averaged over, and what cannot be played."""
        orders, every = len(possible_orders(self.possible)), len(possible_orders(POSITIONS))
        if orders == every:
            return f"averages over all {every} orders (the Shapley value)"
        missing = "; ".join(levers.name for levers in POSITIONS if levers not in self.possible)
        return (
            f"averages over the {orders} of {every} orders that are possible (with these levers pulled and no others, "
            f"a station or a promise is lost: {missing})"
        )

    def table(self, kpis: Sequence[str]) -> Table:
        """Each lever's share of what all three change."""
        records = [self._share(kpi) for kpi in kpis]
        rows = tuple(
            (label(record.kpi), number(record.nation.mean, 2),
             *(interval(getattr(record, name)._asdict(), 2) for name in (*LEVERS, "change")),
             number(record.finished.mean, 2))
            for record in records
        )  # fmt: skip
        return Table(
            "shares", f"Averaged over orders: {self.policy}",
            ("KPI", "nation", *LEVERS, "all three", "finished regions"), rows,
            pd.DataFrame([flat(record) for record in records]),
        )  # fmt: skip

    def positions(self, kpis: Sequence[str]) -> Table:
        """Means in every position that can be played."""
        means = [(levers.name, kpi, self._mean(self._values(levers, kpi))) for levers in self.possible for kpi in kpis]
        rows = tuple(
            (levers.name, *(number(mean.mean, 2) for name, _, mean in means if name == levers.name))
            for levers in self.possible
        )
        data = pd.DataFrame([{"levers": name, "kpi": kpi, **mean._asdict()} for name, kpi, mean in means])
        title = f"Every position of the levers: {self.policy}"
        return Table("positions", title, ("levers pulled", *map(label, kpis)), rows, data)

    def _share(self, kpi: str) -> _Share:
        values = {levers: self._values(levers, kpi) for levers in self.possible}
        shares = shares_of_levers(values)
        nation, finished = values[NATION], values[FINISHED]
        parts = (nation, *(shares[lever] for lever in LEVERS), finished - nation, finished)
        return _Share(self.policy, kpi, *(self._mean(part) for part in parts))

    def _values(self, levers: Levers, kpi: str) -> np.ndarray:
        return scale(kpi) * self.played.values(levers.name, self.policy, kpi)

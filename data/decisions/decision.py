"""A decision on one order line: the way chosen, the next best one, and the difference between them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

from regional_dispatch.data.decisions.seen import PARTS


class Way(NamedTuple):
    """A route that can serve a line, at the time of the decision."""

    route: int
    fc: str
    region: str
    path: str  # its sites
    modes: str  # of its legs, where the network has several
    local: bool  # FC and station share a region of those in force
    stops: int  # sort centers
    miles: float  # by road
    air_miles: float
    hours: float  # from the order to the earliest arrival
    in_time: bool
    on_hand: int  # units
    packages: int  # of the whole order if this line takes it
    score: float  # the policy's; it has no unit
    usd: Mapping[str, float]  # of the whole order, likewise, by part


class Decision(NamedTuple):
    """A line and the FC that serves it."""

    order: int
    order_name: str  # empty where orders have none
    line: int  # of its order, from 1
    sku: int
    sku_name: str  # empty where SKUs have none
    units: int
    station: str
    region: str
    placed: float  # hours since the episode's start
    placed_time: dt.datetime | None  # the same in UTC; None without a calendar
    promise_hours: float
    chosen: Way | None  # None where no FC has the units
    other: Way | None  # the policy's next best FC, or else route; None where there is no other candidate
    margin: float  # score of the chosen less that of the other
    reason: str  # the feature that ranks the chosen first, in words; empty for a neural network
    features: tuple[Mapping[str, Any], ...]  # those that matter most: feature, chosen, next, worth
    candidates: tuple[Mapping[str, Any], ...]  # all ways, with more_usd
    served: str  # FC that finally serves it; empty if the line is lost
    replanned: bool  # another route than the chosen one serves it, or none

    @property
    def difference_usd(self) -> float:
        """The other less the chosen; 0 where there is no other."""
        return sum(self.parts().values())

    def parts(self) -> dict[str, float]:
        """The same by part."""
        if self.chosen is None or self.other is None:
            return dict.fromkeys(PARTS, 0.0)
        return {part: self.other.usd[part] - self.chosen.usd[part] for part in PARTS}


def decision_of(row: Mapping[str, Any]) -> Decision:
    """A decision from a row of a log (`data.decisions.table.SCHEMA`)."""
    usd = {part: row[f"order_{part}_usd"] for part in PARTS}
    more = {part: usd[part] + (row[f"{part}_usd"] or 0.0) for part in PARTS}
    return Decision(
        order=row["order"], order_name=row["order_name"] or "", line=row["line"], sku=row["sku"],
        sku_name=row["sku_name"] or "", units=row["units"], station=row["station"], region=row["region"],
        placed=row["placed_hour"], placed_time=row["placed_time"],
        promise_hours=row["promise_hours"], chosen=_way(row, "chosen_", usd),
        other=_way(row, "next_", more), margin=row["margin"] or 0.0, reason=row["reason"],
        features=tuple(row["features"]), candidates=tuple(row["candidates"]), served=row["served_fc"] or "",
        replanned=row["replanned"],
    )  # fmt: skip


def _way(row: Mapping[str, Any], prefix: str, usd: Mapping[str, float]) -> Way | None:
    if row[f"{prefix}route"] is None:
        return None
    return Way(**{name: row[prefix + name] for name in Way._fields if name != "usd"}, usd=usd)

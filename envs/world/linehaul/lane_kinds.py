"""The kinds of lane: which kinds of site a lane may join. To add a kind, add a row to `KINDS`.

A lane record holds the number of its kind, its position in `KINDS`.
"""

from __future__ import annotations

from typing import NamedTuple


class LaneKind(NamedTuple):
    """One kind of lane."""

    name: str  # in tables, weights and KPIs
    origin: str  # kind of the site it starts from: fc, sc or station
    dest: str  # kind of the site it leads to
    title: str  # in legends and headings


KINDS = (
    LaneKind("direct", "fc", "station", "FC to station"),
    LaneKind("fc_to_sc", "fc", "sc", "FC to sort center"),
    LaneKind("sc_to_sc", "sc", "sc", "between sort centers"),
    LaneKind("sc_to_station", "sc", "station", "sort center to station"),
)
# Plain integers, so that compiled code reads them as constants.
DIRECT, FC_TO_SC, SC_TO_SC, SC_TO_STATION = range(len(KINDS))
LANE_KINDS = tuple(kind.name for kind in KINDS)


def kind_between(origin: str, dest: str) -> int | None:
    """The kind of a lane between two kinds of site; None where no lane may run."""
    return next((i for i, kind in enumerate(KINDS) if (kind.origin, kind.dest) == (origin, dest)), None)

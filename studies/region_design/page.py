"""The page of the study of boundaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.evaluation.statistics import Interval, mean_interval, paired_difference
from regional_dispatch.evaluation.text import NOTHING, interval, number
from regional_dispatch.planning.regions.boundaries import loads, pieces
from regional_dispatch.studies.framework.lab import Played
from regional_dispatch.studies.framework.objective import objective, objective_text
from regional_dispatch.studies.region_design.drawing_board import (
    KMEANS_STARTS,
    NATION,
    SEARCHED,
    Board,
    Drawn,
)
from regional_dispatch.studies.region_design.search_section import Searches, named, search_section
from regional_dispatch.studies.report.charts import label, scale
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Place, Section, Table, file_stem, flat
from regional_dispatch.studies.report.region_maps import boundary_maps

if TYPE_CHECKING:
    from regional_dispatch.studies.region_design.study import RegionDesign

SHOWN = (
    "cost_per_order_usd", "click_to_delivery_hours", "on_time_share", "in_region_share", "miles_per_package",
    "truck_fill", "lanes_used",
)  # fmt: skip
_RESAMPLES = 4000


class _Standing(NamedTuple):
    """A boundary under one policy, on held-out orders."""

    policy: str
    boundary: str
    objective_usd: Interval
    to_reference: Interval  # objective less that of the reference
    to_nation: Interval
    best_share: float  # share of resamples in which no other boundary costs less


class _Shape(NamedTuple):
    """Balance and contiguity of a boundary."""

    boundary: str
    regions: int
    largest: float  # demand over the regions' mean
    smallest: float
    whole: int  # regions in one piece
    moved: int  # stations in another region than on the reference
    without_fc: int  # regions without FC
    in_region: Interval  # %, under the first policy


class _Change(NamedTuple):
    """A KPI under one policy and boundary."""

    policy: str
    boundary: str
    kpi: str
    value: Interval
    change: Interval  # less that of the reference


class Page:
    """What was found, as a page."""

    def __init__(
        self, study: RegionDesign, board: Board, drawn: Mapping[str, Drawn], searches: Searches, played: Played,
        policies: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.study, self.board, self.drawn, self.searches = study, board, drawn, searches
        self.played, self.policies, self.lead = played, policies, searches.lead
        self.standings = [one for policy in policies for one in self._standings(policy)]
        own = [one for one in self.standings if one.policy == self.lead and one.boundary != NATION]
        self.best = min(own, key=lambda one: one.objective_usd.mean)

    def findings(self) -> Findings:
        study = self.study
        method = _METHOD.format(
            episodes=study.episodes, seed=study.seed, tolerance=f"{100 * study.tolerance:g}",
            starts=study.starts, means=KMEANS_STARTS * study.starts, tuning=study.search.episodes,
            balance=f"{study.search.balance:g}", lead=self.lead, reference=self.board.name,
        )  # fmt: skip
        sections = (
            Section("Which costs least", f"{objective_text(study.weights)} {_REDRAWN}", (self._objectives(),)),
            Section("The boundaries", self._about(), (self._maps(), self._shapes())),
            search_section(self.board, self.searches, self._held_out(), study.seed),
            Section("What changes", _CHANGES.format(reference=self.board.name), self._kpis()),
            Section("Use a boundary", _TAKE.format(stem=self.board.path(self.best.boundary).name)),
        )
        shown = {name.replace(" ", "_"): name for name in (self.board.name, self.best.boundary)}
        places = {stem: Place(name.capitalize(), self.drawn[name].world) for stem, name in shown.items()}
        return Findings(self._answer(), self._headlines(), sections, method, places)

    # ------------------------------------------------------------------------------------------------- numbers

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self.study.seed)

    def _standings(self, policy: str) -> list[_Standing]:
        values = {name: objective(self.played, name, policy, self.study.weights) for name in (*self.drawn, NATION)}
        shares = _best_shares(np.array([values[name] for name in self.drawn]), self._rng())
        return [
            _Standing(
                policy, name, mean_interval(own),
                paired_difference(own, values[self.board.name]),
                paired_difference(own, values[NATION]), shares[i] if name != NATION else np.nan,
            )
            for i, (name, own) in enumerate(values.items())
        ]  # fmt: skip

    def _shape(self, name: str) -> _Shape:
        one, board = self.drawn[name], self.board
        load = loads(one.labels, board.stations.demand)
        whole = sum(pieces(board.graph, one.labels == r) == 1 for r in np.unique(one.labels))
        moved = int((one.labels != board.home).sum())
        share = self._change(self.lead, name, "in_region_share").value
        return _Shape(name, one.regions, load.max(), load.min(), whole, moved, len(one.without_fc), share)

    def _change(self, policy: str, name: str, kpi: str) -> _Change:
        own, other = (scale(kpi) * self.played.values(world, policy, kpi) for world in (name, self.board.name))
        value, change = mean_interval(own), paired_difference(own, other)
        return _Change(policy, name, kpi, value, change)

    def _held_out(self) -> Interval:
        """Objective of the search's boundary less that of its start."""
        end, start = (
            objective(self.played, name, self.lead, self.study.weights) for name in (SEARCHED, self.searches.start)
        )
        return paired_difference(end, start)

    # --------------------------------------------------------------------------------------------------- words

    def _answer(self) -> str:
        best, name = self.best, self.board.name
        sides = [(best.to_reference, f"the {name}")] if best.boundary != name else []
        ends = [f"{_usd(side)} against {other}" for side, other in (*sides, (best.to_nation, NATION))]
        return (
            f"With {self.lead}, of {len(self.drawn)} boundaries {named(best.boundary)} costs least by the objective: "
            f"{' and '.join(ends)}, in USD per order."
        )

    def _headlines(self) -> tuple[Headline, ...]:
        best, name = self.best, self.board.name
        shares = [self._change(self.lead, world, "in_region_share").value.mean for world in (name, best.boundary)]
        first, last = (number(share, 1) for share in shares)
        gain = number(self._held_out().mean, 3, signed=True)
        return (
            Headline(
                best.boundary, f"least by the objective; in {100 * best.best_share:.0f} % as episodes are resampled"
            ),
            Headline(f"{number(best.to_reference.mean, 3, signed=True)} USD", f"per order against the {name}"),
            Headline(f"{number(best.to_nation.mean, 3, signed=True)} USD", f"per order against {NATION}"),
            Headline(f"{first} → {last} %", f"in region, from the {name} to {named(best.boundary)}"),
            Headline(f"{gain} USD", f"per order by the search, against {named(self.searches.start)} it started from"),
        )

    def _about(self) -> str:
        warnings = [
            f"Warning: {named(name)} leaves {', '.join(one.without_fc)} without a fulfillment center. All orders there "
            "come from other regions; none is served in region."
            for name, one in self.drawn.items()
            if one.without_fc
        ]
        return "\n\n".join([_BOUNDARIES.format(reference=self.board.name), *warnings])

    # ------------------------------------------------------------------------------------------------- figures

    def _maps(self) -> Figure:
        load = {name: loads(one.labels, self.board.stations.demand).max() for name, one in self.drawn.items()}
        titles = {f"{name} · largest {load[name]:.2f} × mean": one.labels for name, one in self.drawn.items()}
        used = np.unique(np.concatenate([one.labels for one in self.drawn.values()]))
        names = {int(r): self.board.names[r] for r in used}
        caption = (
            "The ground has the colour of the nearest station's region. Regions are named after the region of the "
            f"{self.board.name} whose demand they keep; a region that keeps none has a number."
        )
        return Figure(
            "maps", "Boundaries side by side", caption, boundary_maps(self.board.network.sites, titles, names)
        )

    def _shapes(self) -> Table:
        shapes = [self._shape(name) for name in self.drawn]
        header = (
            "boundary", "regions", "largest, × mean demand", "smallest, × mean demand", "in one piece",
            "stations moved", "without an FC", f"in region with {self.lead}, %",
        )  # fmt: skip
        rows = tuple(
            (s.boundary, str(s.regions), number(s.largest, 2), number(s.smallest, 2), f"{s.whole} of {s.regions}",
             str(s.moved), str(s.without_fc), interval(s.in_region._asdict(), 1, signed=False))
            for s in shapes
        )  # fmt: skip
        note = f"Moved: in another region than on the {self.board.name}, of {len(self.board.stations.names)} stations."
        data = pd.DataFrame([flat(shape) for shape in shapes])
        return Table("shapes", "Balance and contiguity", header, rows, data, note)

    def _objectives(self) -> Table:
        name = self.board.name
        header = ("boundary", "policy", "objective, USD", f"less the {name}'s", f"less {NATION}'s", "least in, %")
        rows = tuple(
            (one.boundary, one.policy, number(one.objective_usd.mean, 3),
             NOTHING if one.boundary == name else _usd(one.to_reference),
             NOTHING if one.boundary == NATION else _usd(one.to_nation),
             NOTHING if one.boundary == NATION else number(100 * one.best_share, 0))
            for one in self.standings
        )  # fmt: skip
        return Table("objectives", "Objective", header, rows, pd.DataFrame([flat(one) for one in self.standings]))

    def _kpis(self) -> tuple[Table, ...]:
        return tuple(self._kpi_table(policy) for policy in self.policies)

    def _kpi_table(self, policy: str) -> Table:
        name = self.board.name
        found = {other: [self._change(policy, other, kpi) for kpi in SHOWN] for other in (*self.drawn, NATION)}
        header = ("boundary", *(label(kpi) for kpi in SHOWN))
        rows = [(other, *(_kpi_text(one, other == name) for one in changes)) for other, changes in found.items()]
        data = pd.DataFrame([flat(one) for changes in found.values() for one in changes])
        return Table(f"kpis_{file_stem(policy)}", policy, header, tuple(rows), data)


def _best_shares(values: np.ndarray, rng: np.random.Generator) -> list[float]:
    """How often each row of (B, E) has the least mean as episodes are resampled."""
    drawn = rng.integers(values.shape[1], size=(_RESAMPLES, values.shape[1]))
    winners = values[:, drawn].mean(axis=2).argmin(axis=0)
    shares: list[float] = (np.bincount(winners, minlength=len(values)) / _RESAMPLES).tolist()
    return shares


def _usd(value: Interval) -> str:
    return interval(value._asdict(), 3)


def _kpi_text(one: _Change, whole: bool) -> str:
    """The reference's own value, or what another boundary has more or less."""
    decimals = {"USD": 3, "hours": 2}.get(KPIS[one.kpi].unit, 1)
    return interval((one.value if whole else one.change)._asdict(), decimals, signed=not whole)


_REDRAWN = (
    "Differences are of the same held-out orders. The last column is how often a boundary costs least when the "
    "episodes are resampled."
)
_BOUNDARIES = (
    "The {reference} is given. Balanced bisection halves the stations along the longer axis until demand is even. "
    "k-means puts regions around centers with the least squared distance of demand, however uneven. Balanced "
    "territories hold each region in one piece and its demand near the mean, with the least miles of demand to a "
    "station at the center. The local search starts from the best of these.\n\n"
    "Boundary, stock and lanes are planned together: every world, also those that the search tries, has the same "
    "units laid out for its regions, and lanes planned for the flows that follow. The objective does not count "
    "balance: nothing in these worlds makes a large region harder to run than a small one."
)
_CHANGES = "The row of the {reference} has its values; all other rows have the difference from it, on the same orders."
_TAKE = (
    "Every boundary is beside this page as worlds/NAME.csv, with a row per site and its region. To use one, write "
    "partition: {{kind: file, path: worlds/{stem}}} into a scenario file, with the path relative to that file; FCs "
    "and sort centers that are not listed follow the nearest station. To compare a boundary of your own, write own: "
    "my_regions.csv in the study's file."
)
_METHOD = (
    "Sites, possible lanes, capacities, fleets, units and orders are the same under every boundary. {episodes} "
    "held-out episodes, seed {seed}; every policy meets the same orders under every boundary. One nation is the "
    "nation as it was, with its own stock and lanes, counted by the regions of the {reference}. Neighbours are those "
    "of the Gabriel graph of the stations; a region in one piece is connected in it.\n\n"
    "k-means: weighted by demand, best of {means} starts. Balanced territories: demand within {tolerance} % of the "
    "mean, an integer program around centers that move, best of {starts} starts. Search: {lead} on {tuning} tuning "
    "episodes, the same for every boundary; a move is taken if it pays by more than its standard error. No move takes "
    "a region's last station or FC or makes it fall into more pieces, and none takes a region above {balance} times "
    "the mean demand."
)

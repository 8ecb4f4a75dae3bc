"""What the study of boundaries says about its search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.evaluation.statistics import Interval, paired_difference
from regional_dispatch.evaluation.text import interval, number
from regional_dispatch.planning.regions.local_search import Searched
from regional_dispatch.studies.region_design.drawing_board import KMEANS, OWN, Board
from regional_dispatch.studies.report.charts import Line, lines_grid, long_table
from regional_dispatch.studies.report.findings import Figure, Section, Table, flat


class Searches(NamedTuple):
    """All searches, on the tuning orders of one policy."""

    lead: str  # the policy
    found: Mapping[str, Searched]  # by the boundary they started from, in order
    level: np.ndarray  # (E,) objective of the reference

    @property
    def start(self) -> str:
        """Where the best search started."""
        return min(self.found, key=lambda name: float(self.found[name].values.mean()))

    @property
    def best(self) -> Searched:
        """The best of them by the tuning orders."""
        return self.found[self.start]


class _Run(NamedTuple):
    """One search."""

    start: str
    evaluations: int
    taken: int
    first: Interval  # objective less the reference's, of the start
    last: Interval  # of what was found
    ended: bool


def named(boundary: str) -> str:
    """A boundary within a sentence."""
    return boundary if boundary in (OWN, KMEANS) else f"the {boundary}"


def search_section(board: Board, searches: Searches, held_out: Interval, seed: int) -> Section:
    """Text, curve and tables.

    Args:
        board: has the boundaries' names.
        searches: in their order.
        held_out: the best one's objective on held-out orders, less that of its start.
        seed: of the bootstrap.
    """
    tuned = _between(searches.best.values, searches.best.start, seed)
    runs = [_run(name, one, searches.level, seed) for name, one in searches.found.items()]
    text = _TEXT.format(
        first=named(next(iter(searches.found))), count=number(sum(run.evaluations for run in runs), 0),
        lead=searches.lead, start=named(searches.start), taken=_moves_in_words(len(searches.best.taken)),
        tuned=interval(tuned._asdict(), 3), held_out=interval(held_out._asdict(), 3),
    )  # fmt: skip
    moves = (_moves(board, searches, seed),) if searches.best.taken else ()
    return Section("The search", text, (_curve(board, searches, seed), _runs(board, runs), *moves))


def _moves_in_words(count: int) -> str:
    return "1 move" if count == 1 else f"{count} moves"


def _between(a: np.ndarray, b: np.ndarray, seed: int) -> Interval:
    return paired_difference(a, b)


def _run(name: str, one: Searched, level: np.ndarray, seed: int) -> _Run:
    first, last = (_between(values, level, seed) for values in (one.start, one.values))
    return _Run(name, one.evaluations, len(one.taken), first, last, one.ended)


def _curve(board: Board, searches: Searches, seed: int) -> Figure:
    gains: list[Line] = []
    taken: list[Line] = []
    before = 0  # boundaries that earlier searches played
    for name, one in searches.found.items():
        at = [before + x for x in (1, *(move.evaluation for move in one.taken), one.evaluations)]
        values = [_between(own, searches.level, seed) for own in (one.start, *(move.values for move in one.taken))]
        gains.append(_steps(name, at, values))
        taken.append(_steps(name, at, [Interval(n, n, n) for n in range(len(values))]))
        before += one.evaluations
    panels = {f"Objective less the {board.name}'s, USD per order": gains, "Moves taken": taken}
    caption = f"{searches.lead}, tuning orders: mean and 95 % interval of paired differences; one line per start."
    picture = lines_grid(panels, "boundaries played", dots=False)
    return Figure("search", "Objective by boundaries played", caption, picture, long_table(panels, "evaluations"))


def _steps(name: str, at: list[int], values: list[Interval]) -> Line:
    """Each value from its place to the next: `at` has one more."""
    return Line(name, [x for x in at for _ in range(2)][1:-1], [y for y in values for _ in range(2)])


def _runs(board: Board, runs: list[_Run]) -> Table:
    less = f"less the {board.name}'s, USD"
    header = ("start", "boundaries played", "moves taken", f"start {less}", f"end {less}", "ended")
    rows = tuple(
        (run.start, number(run.evaluations, 0), str(run.taken), interval(run.first._asdict(), 3),
         interval(run.last._asdict(), 3), "no move paid" if run.ended else "budget spent")
        for run in runs
    )  # fmt: skip
    return Table("searches", "Searches, on tuning orders", header, rows, pd.DataFrame([flat(run) for run in runs]))


def _moves(board: Board, searches: Searches, seed: int) -> Table:
    stations = board.stations
    steps = [
        {"evaluation": one.evaluation, "stations": ", ".join(stations.names[i] for i in one.move.stations),
         "from": board.names[one.move.origin], "to": board.names[one.move.dest],
         "demand_share": float(stations.demand[list(one.move.stations)].sum()),
         **_between(one.values, one.values - one.change, seed)._asdict()}
        for one in searches.best.taken
    ]  # fmt: skip
    header = ("stations", "from", "to", "at boundary", "of all demand, %", "objective, USD per order")
    rows = tuple(
        (s["stations"], s["from"], s["to"], str(s["evaluation"]), number(100 * s["demand_share"], 2), interval(s, 3))
        for s in steps
    )
    note = f"Of the search from {named(searches.start)}. Change by the move alone, on tuning orders."
    return Table("moves", "Moves that paid", header, rows, pd.DataFrame(steps), note)


_TEXT = (
    "The search started from {first}, the best of the drawn boundaries on tuning orders; when no move was left that "
    "pays, it continued from the next best, until its budget was spent. A move takes a station, or two neighbours, "
    "to an adjacent region. It played {count} boundaries with {lead}.\n\n"
    "The best result was reached from {start}, by {taken}. Against that start the objective changed by {tuned} USD "
    "per order on the tuning orders, which chose the moves, and by {held_out} on the held-out ones, which the search "
    "did not use."
)

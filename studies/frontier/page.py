"""The page of the study of cost, speed and CO₂."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from regional_dispatch.envs.render.colours import region_colour
from regional_dispatch.evaluation.statistics import Interval
from regional_dispatch.evaluation.text import interval, number
from regional_dispatch.studies.framework.lab import Played
from regional_dispatch.studies.report.charts import label, name_and_unit, plain, png, scale
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Place, Section, Table

if TYPE_CHECKING:
    from regional_dispatch.studies.frontier.study import Frontier, Sweep

GOALS = ("cost_per_order_usd", "click_to_delivery_hours", "co2_kg_per_package")  # the less, the better
WORLD = "world"


class _Point(NamedTuple):
    """One policy at one setting."""

    policy: str
    setting: str
    value: float
    goals: tuple[Interval, ...]  # as GOALS
    on_time: Interval  # %
    best: bool  # no other is better in one goal and no worse in the others


class Page:
    """What was found, as a page."""

    def __init__(self, study: Frontier, played: Played) -> None:
        self.study, self.played = study, played
        means = np.array([
            [played.mean(WORLD, sweep.title(value), kpi).mean for kpi in GOALS]
            for sweep in study.sweeps for value in sweep.values
        ])  # fmt: skip
        front = iter(undominated(means))
        self.points = [self._point(sweep, value, bool(next(front))) for sweep in study.sweeps for value in sweep.values]

    def _point(self, sweep: Sweep, value: float, best: bool) -> _Point:
        name = sweep.title(value)
        goals = tuple(self.played.mean(WORLD, name, kpi) for kpi in GOALS)
        on_time = self.played.mean(WORLD, name, "on_time_share")
        return _Point(
            sweep.policy, sweep.setting, value, goals, Interval(*(scale("on_time_share") * x for x in on_time)), best
        )

    def findings(self) -> Findings:
        study = self.study
        method = _METHOD.format(episodes=study.episodes, seed=study.seed)
        sections = (Section("The front", _FRONT, (self._scatter(), self._table())),)
        world = self.study.base()
        places = {WORLD: Place(f"Scenario {world.name}", world)}
        return Findings(self._answer(), self._headlines(), sections, method, places)

    def _on_front(self, policy: str) -> int:
        return sum(point.best for point in self.points if point.policy == policy)

    def _answer(self) -> str:
        shares = [
            f"{self._on_front(sweep.policy)} of {len(sweep.values)} settings of {sweep.policy}"
            for sweep in self.study.sweeps
        ]
        return f"On the front of cost, speed and CO₂, dominated by no other setting, are {', '.join(shares)}."

    def _headlines(self) -> tuple[Headline, ...]:
        heads = []
        for i, kpi in enumerate(GOALS):
            best = min(self.points, key=lambda point, i=i: point.goals[i].mean)  # type: ignore[misc]
            name, unit = name_and_unit(kpi)
            heads.append(
                Headline(
                    f"{number(best.goals[i].mean, 2)} {unit}",
                    f"{name}, the least: {best.policy}, {best.setting} {best.value:g}",
                )
            )
        return tuple(heads)

    def _scatter(self) -> Figure:
        canvas = Canvas(figsize=(11.0, 4.2), layout="constrained")
        for axis, (across, up) in zip(canvas.subplots(1, 2), ((1, 0), (2, 0)), strict=True):
            for i, sweep in enumerate(self.study.sweeps):
                own = [point for point in self.points if point.policy == sweep.policy]
                x, y = (np.array([point.goals[goal].mean for point in own]) for goal in (across, up))
                axis.plot(x, y, color=region_colour(i), linewidth=1.2, alpha=0.7, label=sweep.policy)
                best = np.array([point.best for point in own])
                axis.scatter(x[best], y[best], s=34, color=region_colour(i), zorder=3)
                axis.scatter(x[~best], y[~best], s=22, facecolors="white", edgecolors=region_colour(i), zorder=3)
            axis.set_xlabel(label(GOALS[across]), fontsize=9)
            axis.set_ylabel(label(GOALS[up]), fontsize=9)
            plain(axis)
        handles, labels = canvas.axes[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside upper left", ncols=min(4, len(labels)), fontsize=8.5, frameon=False)
        caption = "Means over held-out episodes. Filled points: settings that no other dominates in all three."
        return Figure("front", "Cost against speed, and against CO₂", caption, png(canvas), _flat(self.points))

    def _table(self) -> Table:
        header = ("policy", "setting", *(label(kpi) for kpi in GOALS), "on time, %", "on the front")
        rows = tuple(
            (point.policy, f"{point.setting} {point.value:g}",
             *(interval(goal._asdict(), 3, signed=False) for goal in point.goals),
             interval(point.on_time._asdict(), 1, signed=False), "yes" if point.best else "")
            for point in self.points
        )  # fmt: skip
        return Table("settings", "Settings", header, rows, _flat(self.points))


def undominated(goals: np.ndarray) -> np.ndarray:
    """Which rows no other dominates, being as good in every column and better in one: (n, goals) → (n,) bool."""
    no_worse = (goals[:, None] <= goals[None]).all(axis=2)  # i against j
    better = (goals[:, None] < goals[None]).any(axis=2)
    return np.asarray(~(no_worse & better).any(axis=0))


def _flat(points: Sequence[_Point]) -> pd.DataFrame:
    rows: list[Mapping[str, object]] = []
    for point in points:
        row: dict[str, object] = {"policy": point.policy, "setting": point.setting, "value": point.value}
        for name, found in (*zip(GOALS, point.goals, strict=True), ("on_time_percent", point.on_time)):
            row |= {f"{name}_{part}": x for part, x in found._asdict().items()}
        rows.append({**row, "on_front": point.best})
    return pd.DataFrame(rows)


_FRONT = (
    "Every line is one policy, every point one value of the setting that is swept. A point is on the front if no other "
    "costs less without being slower or emitting more; settings of all policies compete."
)
_METHOD = (
    "{episodes} held-out episodes, seed {seed}; every setting meets the same orders. Adding to a weight shifts a "
    "policy's own score: a higher dispatch.bias sends trucks earlier. The front is that of the means; intervals are "
    "in the table."
)

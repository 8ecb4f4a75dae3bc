"""Cost, speed and CO₂ against each other: policies with one setting swept, and who is dominated by nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas
from pydantic import BaseModel, ConfigDict, Field, model_validator

from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.rules import parameters
from regional_dispatch.envs.kernel.features import DISPATCH_FEATURES, SOURCE_FEATURES
from regional_dispatch.envs.kernel.scorers import Scorers
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.render.colours import region_colour
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.policies import is_baseline, resolve_policy
from regional_dispatch.evaluation.statistics import Interval
from regional_dispatch.evaluation.text import interval, number
from regional_dispatch.studies.framework.lab import Lab, Played
from regional_dispatch.studies.framework.study import Study
from regional_dispatch.studies.report.charts import label, plain, png, scale
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Place, Section, Table

GOALS = ("cost_per_order_usd", "click_to_delivery_hours", "co2_kg_per_package")  # the less, the better
WORLD = "world"
_KNOWN = {"source": SOURCE_FEATURES, "dispatch": ("bias", *DISPATCH_FEATURES)}


class Sweep(BaseModel):
    """One policy with one setting at several values."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    policy: str = Field(min_length=1, description="A policy, as `compare` takes it.")
    setting: str = Field(
        description="A parameter of a baseline (dispatch.fill of hybrid), or, of any policy, a weight that is raised: "
        "dispatch.bias, dispatch.FEATURE or source.FEATURE."
    )
    values: tuple[float, ...] = Field(min_length=2, description="Values of a parameter, or what a weight gains.")

    def players(self, scenario: Scenario) -> dict[str, ScorerPolicy]:
        """Name → policy, in the order of the values.

        Raises:
            BaselineError: a parameter's value is out of bounds.
            InputError: no such policy.
        """
        return {self.title(value): self._player(value, scenario) for value in self.values}

    def title(self, value: float) -> str:
        """A policy's name at a value."""
        return f"{self.policy}, {self.setting} {value:g}"

    def _player(self, value: float, scenario: Scenario) -> ScorerPolicy:
        if self._is_parameter():
            return baseline(self.policy, {self.setting: value})
        policy = resolve_policy(self.policy, scenario)
        return ScorerPolicy(_tilted(policy.scorers, self.setting, value), self.policy, policy.pricing, policy.seen)

    def _is_parameter(self) -> bool:
        return is_baseline(self.policy) and self.setting in parameters(self.policy)

    def _is_weight(self) -> bool:
        side, _, name = self.setting.partition(".")
        return name in _KNOWN.get(side, ())

    @model_validator(mode="after")
    def _known_setting(self) -> Self:
        if len(set(self.values)) < len(self.values):
            raise ValueError(f"values = {list(self.values)}: one stands twice")
        if not self._is_parameter() and not self._is_weight():
            raise ValueError(
                f"setting = '{self.setting}': must be dispatch.bias, dispatch.FEATURE or source.FEATURE, or a "
                "parameter of a baseline (`evaluate.py baselines` lists them)"
            )
        return self


def _tilted(scorers: Scorers, setting: str, gain: float) -> Scorers:
    """Scorers with one weight, or the dispatch's constant, raised by `gain`."""
    side, _, name = setting.partition(".")
    scorer = getattr(scorers, side)
    if name == "bias":
        return scorers._replace(**{side: scorer._replace(bias=scorer.bias + np.float32(gain))})
    features = SOURCE_FEATURES if side == "source" else DISPATCH_FEATURES
    weight = scorer.weight.copy()
    weight[:, features.index(name)] += np.float32(gain)
    return scorers._replace(**{side: scorer._replace(weight=weight)})


class Frontier(Study):
    """Plays every setting of every policy in one world."""

    study: Literal["frontier"]
    sweeps: tuple[Sweep, ...] = Field(
        min_length=1, description="Policies and their settings; the last policy, as it is, is the one on maps."
    )
    policies: tuple[str, ...] = Field((), description="None: sweeps name them.")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [sweep.policy for sweep in self.sweeps]
        if len(set(names)) < len(names):
            raise ValueError("each policy may be swept once")
        if self.policies:
            raise ValueError("a frontier names its policies in sweeps; leave policies out")
        return self

    def lead(self) -> ScorerPolicy:
        """The last policy, without a weight raised."""
        return resolve_policy(self.sweeps[-1].policy, self.base())

    def run(self, lab: Lab) -> Findings:
        """Plays all of them on the same orders."""
        world = self.base()
        players = {name: policy for sweep in self.sweeps for name, policy in sweep.players(world).items()}
        return _Page(self, lab.play({WORLD: world}, players)).findings()


class _Point(NamedTuple):
    """One policy at one setting."""

    policy: str
    setting: str
    value: float
    goals: tuple[Interval, ...]  # as GOALS
    on_time: Interval  # %
    best: bool  # nobody is better in one goal and no worse in the others


class _Page:
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
        return f"On the front of cost, speed and CO₂, dominated by nobody, are {', '.join(shares)}."

    def _headlines(self) -> tuple[Headline, ...]:
        heads = []
        for i, kpi in enumerate(GOALS):
            best = min(self.points, key=lambda point, i=i: point.goals[i].mean)  # type: ignore[misc]
            name, _, unit = label(kpi).rpartition(", ")
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
        caption = "Means over held-out episodes; filled, the settings that nobody dominates in all three."
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
    """Which rows nobody dominates: no other is as good in every column and better in one: (n, goals) → (n,) bool."""
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
    "{episodes} held-out episodes, seed {seed}; every setting meets the same orders. A weight that is added to moves a "
    "policy's own score: a higher dispatch.bias sends trucks earlier. Fronts are those of the means; intervals are in "
    "the table."
)

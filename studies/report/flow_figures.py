"""Figures of flows: which region serves which, and distributions behind the means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.linehaul.lane_kinds import KINDS
from regional_dispatch.evaluation.statistics import Interval, mean_interval
from regional_dispatch.evaluation.text import inside
from regional_dispatch.studies.report.charts import Line, lines_grid, long_table, picture
from regional_dispatch.studies.report.findings import Figure
from regional_dispatch.studies.report.flows import MILES_STEP, Flows
from regional_dispatch.studies.report.spill_map import Served, draw_spill, served

_KINDS = tuple(kind.title for kind in KINDS)
_TAIL = 0.995  # of a distribution; its axis ends there


def spill_maps(
    sims: Mapping[str, Simulator], flows: Mapping[str, Sequence[Flows]], titles: Mapping[str, str], seed: int
) -> tuple[Figure, ...]:
    """A map of which region serves which, for each world with more than one region, with arrows on one scale.

    Args:
        sims: world → a simulator of its network.
        flows: world → the flows of each episode.
        titles: world → heading.
        seed: of the bootstrap.
    """
    sims = {name: sim for name, sim in sims.items() if sim.regions > 1}
    if not sims:
        return ()
    shares = {name: [served(episode) for episode in flows[name]] for name in sims}
    means = {
        name: Served(np.mean([one.between for one in own], axis=0), np.mean([one.by_fc for one in own], axis=0))
        for name, own in shares.items()
    }
    widest = max(mean.widest for mean in means.values())
    caption = "Lines by the region that serves them and the region they go to; mean of all episodes."
    return tuple(
        Figure(
            f"spill_{name}", f"Who serves whom: {inside(titles[name])}", caption,
            picture(draw_spill(sim, means[name], titles[name], widest)),
            _spill_table(sim.network.region_names, shares[name], seed),
        )
        for name, sim in sims.items()
    )  # fmt: skip


def _spill_table(names: Sequence[str], shares: Sequence[Served], seed: int) -> pd.DataFrame:
    """Percent of all lines, for every pair of regions."""
    percent = 100 * np.array([one.between for one in shares])
    return pd.DataFrame(
        [
            {"served_from": a, "served_to": b, **_interval(percent[:, i, j], seed)._asdict()}
            for i, a in enumerate(names)
            for j, b in enumerate(names)
        ]
    )


def distributions(flows: Mapping[str, Sequence[Flows]], tick_hours: float, seed: int) -> Figure:
    """Hours, miles and loads as distributions, a line for each world.

    Args:
        flows: world → the flows of each episode.
        tick_hours: of the worlds.
        seed: of the bootstrap.
    """
    panels: dict[str, list[Line]] = {
        "Lines delivered by then, %": _cumulative(flows, "ticks", tick_hours, 0.0, seed),
        "Packages that go no further, %": _cumulative(flows, "miles", MILES_STEP, MILES_STEP, seed),
    }
    x_labels = dict(zip(panels, ("hours since the click", "road miles of the route"), strict=True))
    for k, name in enumerate(_KINDS):
        if all(episode.loads[k].sum() for own in flows.values() for episode in own):
            panels[f"Trucks {name}, %"] = [
                Line(world, range(1, own[0].loads.shape[1]), _shares([episode.loads[k][1:] for episode in own], seed))
                for world, own in flows.items()
            ]
            x_labels[f"Trucks {name}, %"] = "packages on board at departure"
    caption = "Mean and 95 % interval over held-out episodes. Trucks: the share of departures with each load."
    return Figure(
        "distributions", "Hours, miles and loads", caption, lines_grid(panels, x_labels, dots=False),
        long_table(panels, "value"),
    )  # fmt: skip


def _cumulative(flows: Mapping[str, Sequence[Flows]], field: str, step: float, first: float, seed: int) -> list[Line]:
    """Share of all at or below each value, in percent, up to where nearly all are."""
    counts = {name: [getattr(episode, field) for episode in own] for name, own in flows.items()}
    total = np.sum([np.sum(own, axis=0) for own in counts.values()], axis=0)
    end = int(np.searchsorted(np.cumsum(total), _TAIL * total.sum())) + 1
    return [
        Line(
            name, [first + step * i for i in range(end)],
            _shares(own, seed, cumulative=True)[:end],
        )
        for name, own in counts.items()
    ]  # fmt: skip


def _shares(counts: Sequence[np.ndarray], seed: int, cumulative: bool = False) -> list[Interval]:
    """Percent of each episode's total per value, over the episodes."""
    share = 100 * np.array([own / max(1, own.sum()) for own in counts])
    return [_interval(column, seed) for column in (share.cumsum(axis=1) if cumulative else share).T]


def _interval(values: np.ndarray, seed: int) -> Interval:
    return mean_interval(values)

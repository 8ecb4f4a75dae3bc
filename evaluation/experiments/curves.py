"""Learning curves of a variant's seeds: the time until its rivals are beaten, and the plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.agents.folder import CURVE_FILE
from regional_dispatch.envs.world.reading import read_csv
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.kpis import COST

_COLUMNS = ("timesteps", "seconds", "decisions", COST)
_PANEL_INCHES = (4.2, 3.0)
_MOST_COLUMNS = 3


class Reference(NamedTuple):
    """A rival as a level to beat: its cost on the tuning episodes of each seed."""

    kind: str  # best untuned rule, or tuned rule
    name: str
    usd: dict[int, float]  # by seed


class Curves(NamedTuple):
    """A variant's learning curves and what they are measured against."""

    title: str
    by_seed: dict[int, pd.DataFrame]
    references: list[Reference]


def read_curve(folder: Path) -> pd.DataFrame | None:
    """The learning curve in a training's folder; None if there is none.

    Raises:
        InputError: the file is not a learning curve.
    """
    path = folder / CURVE_FILE
    if not path.exists():
        return None
    try:
        frame = read_csv(path)
        return frame.astype(dict.fromkeys(_COLUMNS, float))
    except (ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: not a learning curve with the columns {', '.join(_COLUMNS)} ({reason}); train from scratch"
        ) from None


def seconds_to_beat(curve: pd.DataFrame, usd: float) -> float:
    """Seconds of training until the tuning cost per order first is below a level; infinite if it never is."""
    below = curve.loc[curve[COST] < usd, "seconds"]
    return float("inf") if below.empty else float(below.iloc[0])


def time_to_beat(curves: Curves, reference: Reference) -> dict[str, float | int | str | None]:
    """Median over seeds of `seconds_to_beat`; None if fewer than half of them get there."""
    seconds = [seconds_to_beat(curve, reference.usd[seed]) for seed, curve in curves.by_seed.items()]
    median = float(np.median(seconds))
    return {
        "kind": reference.kind, "rival": reference.name, "usd": float(np.mean(list(reference.usd.values()))),
        "median_seconds": median if np.isfinite(median) else None,
        "seeds_that_do": int(np.isfinite(seconds).sum()), "seeds": len(seconds),
    }  # fmt: skip


def draw_curves(all_curves: Sequence[Curves], path: Path) -> None:
    """One panel per variant: cost on the tuning episodes by minutes of training, median and range over seeds."""
    from matplotlib.figure import Figure  # a second to load

    columns = min(_MOST_COLUMNS, len(all_curves))
    rows = -(-len(all_curves) // columns)
    figure = Figure(figsize=(columns * _PANEL_INCHES[0], rows * _PANEL_INCHES[1]), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, curves in zip(panels, all_curves, strict=False):
        _panel(panel, curves)
    for panel in panels[len(all_curves) :]:
        panel.set_visible(False)
    for row in range(rows):
        panels[row * columns].set_ylabel("USD per order")
    figure.savefig(path, dpi=150, metadata={"Software": None})


def _panel(panel: object, curves: Curves) -> None:
    from matplotlib.axes import Axes

    assert isinstance(panel, Axes)
    minutes, costs = _aligned(curves.by_seed)
    middle = np.median(costs, axis=0)
    if len(costs) > 1:
        panel.fill_between(minutes, costs.min(axis=0), costs.max(axis=0), color="tab:blue", alpha=0.2, linewidth=0)
    panel.plot(minutes, middle, color="tab:blue", linewidth=1.5, label="trained")
    levels = []
    for reference, (colour, style) in zip(
        curves.references, (("tab:red", "--"), ("tab:green", "-."), ("0.4", ":")), strict=False
    ):
        levels.append(float(np.mean(list(reference.usd.values()))))
        panel.axhline(levels[-1], color=colour, linestyle=style, linewidth=1.2, label=reference.name)
    panel.set_ylim(*_limits(costs, levels))
    panel.set_xlim(0, None)
    panel.set_title(curves.title, fontsize=10)
    panel.set_xlabel("minutes of training")
    panel.grid(alpha=0.25)
    panel.legend(fontsize=7, loc="upper right", framealpha=0.9)


def _aligned(by_seed: Mapping[int, pd.DataFrame]) -> tuple[np.ndarray, np.ndarray]:
    """Minutes (n,), the median over seeds, and costs (seeds, n), by evaluation; the shortest curve ends them."""
    n = min(len(curve) for curve in by_seed.values())
    seconds = np.median([curve["seconds"].to_numpy()[:n] for curve in by_seed.values()], axis=0)
    return seconds / 60, np.array([curve[COST].to_numpy()[:n] for curve in by_seed.values()])


def _limits(costs: np.ndarray, levels: Sequence[float]) -> tuple[float, float]:
    """Limits that show the rivals and the last three quarters of the curves; the start may cost far more."""
    later = costs[:, costs.shape[1] // 4 :]
    low, high = min(costs.min(), *levels), max(later.max(), *levels)
    room = 0.06 * (high - low) or 0.01
    return low - room, high + 3 * room  # room for the legend above

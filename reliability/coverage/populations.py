"""Populations of which the truth is known: real episodes, and distributions of known shape.

Real episodes are played once, many of each policy; they are then the population from which samples are drawn, and their
mean is the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.kpis import COST, EPISODE_COST, MEAN_ONLY, ON_TIME
from regional_dispatch.evaluation.policies import resolve_players
from regional_dispatch.evaluation.rollouts import evaluate_policies

# Short episodes: world → what is changed of it.
WORLDS: Mapping[str, Mapping[str, str]] = {"small": {}, "us8": {"horizon_hours": "72", "warmup_hours": "24"}}
POLICIES = ("least_cost", "national_nearest", "tuned_linear")
PAIRS = (("tuned_linear", "least_cost"), ("least_cost", "national_nearest"))
REAL_KPIS = (
    COST, "truck_per_order_usd", "late_per_order_usd", ON_TIME, "in_region_share", "click_to_delivery_hours",
    "truck_fill", "packages_per_order", "spill_share", "lost_line_share", "settled_share",
)  # fmt: skip
# Held-out cost per order of each seed, from the pages ppo.md, ablations.md and learners.md of docs/results.
_SEEDS_USD = (
    (3.624, 3.621, 3.621, 3.621, 3.620), (4.800, 4.799, 4.809, 4.805, 4.801), (4.537, 4.533, 4.573, 4.572, 4.588),
    (4.340, 4.342, 4.339, 4.373, 4.355), (3.251, 3.249, 3.253, 3.255, 3.256), (3.625, 3.625, 3.622, 3.626, 3.628),
    (3.623, 3.630, 3.627, 3.626, 3.629), (4.419, 4.403, 4.407, 4.411, 4.402), (4.474, 4.459, 4.457, 4.473, 4.461),
    (4.595, 4.555, 4.595, 4.549, 4.611),
)  # fmt: skip
_DRAWS = 200_000  # of a distribution, whose mean is then the truth

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


class Population(NamedTuple):
    """Numbers to draw samples from."""

    name: str
    real: bool
    values: np.ndarray  # (N,)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Independent draws."""
        return self.values[rng.integers(len(self.values), size=shape)]

    @property
    def truth(self) -> float:
        return float(self.values.mean())

    @property
    def varies(self) -> bool:
        return bool(np.ptp(self.values) > 0)


def play(episodes: int, seed: int) -> dict[str, pd.DataFrame]:
    """World → every policy's episodes; minutes."""
    frames = {}
    for name, changes in WORLDS.items():
        scenario = load_scenario(name, dict(changes))
        frames[name] = evaluate_policies(scenario, resolve_players(list(POLICIES), scenario), episodes, seed)
    return frames


def of_episodes(frames: Mapping[str, pd.DataFrame]) -> list[Population]:
    """KPIs of the played episodes and their paired differences; those that are always the same are left out."""
    found = []
    for world, frame in frames.items():
        own = {str(policy): part.set_index("episode") for policy, part in frame.groupby("policy", sort=False)}
        for kpi in REAL_KPIS:
            values = {f"{world}, {kpi}, {policy}": part[kpi] for policy, part in own.items()}
            pairs = PAIRS if kpi not in MEAN_ONLY else ()
            values |= {f"{world}, {kpi}, {a} − {b}": own[a][kpi] - own[b][kpi] for a, b in pairs}
            found += [Population(name, True, column.dropna().to_numpy(float)) for name, column in values.items()]
    return [population for population in found if population.varies]


def shares_closed(frames: Mapping[str, pd.DataFrame]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The ratio that a gap closed is, with the cheapest policy in place of the bound: name → top and bottom, (N,)."""
    found = {}
    for world, frame in frames.items():
        costs = [frame.loc[frame["policy"] == name, EPISODE_COST].to_numpy(float) for name in POLICIES]
        policy, rule, bound = costs
        found[f"{world}, gap closed"] = rule - policy, rule - bound
    return found


def of_shapes(rng: np.random.Generator) -> list[Population]:
    """Distributions of known shape."""
    rare = np.where(rng.random(_DRAWS) < 0.3, rng.exponential(0.02, _DRAWS), 0.0)
    shapes = {
        "normal": rng.normal(size=_DRAWS),
        "lognormal, σ = 0.5": rng.lognormal(0, 0.5, _DRAWS),
        "lognormal, σ = 1": rng.lognormal(0, 1, _DRAWS),
        "share near 1: 1 − exponential": 1 - np.minimum(1, rng.exponential(0.03, _DRAWS)),
        "share near 1: beta(40, 3)": rng.beta(40, 3, _DRAWS),
        "share of 1 in 70 %, less in 30 %": 1 - np.minimum(1, rare),
    }
    return [Population(name, False, values) for name, values in shapes.items()]


def of_effects(
    frames: Mapping[str, pd.DataFrame], rng: np.random.Generator
) -> dict[str, tuple[Population, Population]]:
    """Effects of seeds and of episodes, each with mean 0 and variance 1: name → both."""
    seeds = np.concatenate([(np.array(row) - np.mean(row)) / np.std(row) for row in _SEEDS_USD])
    episodes = [p for p in of_episodes(frames) if COST in p.name and "−" in p.name]
    found = {
        f"real seeds, {p.name}": (Population("seeds", True, seeds), _standard(p.values, True)) for p in episodes
    }  # fmt: skip
    for name, values in (("normal", rng.normal(size=_DRAWS)), ("lognormal, σ = 0.5", rng.lognormal(0, 0.5, _DRAWS))):
        found[name] = (_standard(values, False),) * 2
    return found


def _standard(values: np.ndarray, real: bool) -> Population:
    return Population("effect", real, (values - values.mean()) / values.std())


def weeks(rng: np.random.Generator, repetitions: int, count: int, correlation: float) -> np.ndarray:
    """Weeks of days that are alike: (weeks, repetitions) means of seven days of an autoregression of mean 0."""
    from scipy.signal import lfilter

    burn_in = 100
    noise = rng.normal(size=(repetitions, burn_in + 7 * count))
    days = lfilter([1.0], [1.0, -correlation], noise, axis=1)[:, burn_in:]
    return np.asarray(days.reshape(repetitions, count, 7).mean(axis=2).T)

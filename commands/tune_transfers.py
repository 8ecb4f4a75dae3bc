"""Tune a transfer rule in a world of a study, and print the settings for the study's file.

`python evaluate.py tune_transfers transfers --world us8 --rule lp`

CMA-ES on the cost per order of tuning orders, as `evaluate.py tune` does for baselines: every generation plays an
episode of its own, and the start, the mean and the best setting are compared on other episodes. Orders are sourced and
trucks dispatched by the study's first policy.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Literal

import numpy as np
import tyro
import yaml

from regional_dispatch.baselines.transfers.rules import TRANSFER_RULES
from regional_dispatch.commands.options import at_least
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.kpis import COST
from regional_dispatch.evaluation.rollouts import evaluation_keys
from regional_dispatch.evaluation.tuning import STREAM, Search
from regional_dispatch.studies.transfers.moving import Moving

DIGITS = 2  # of a setting that is written down


@dataclass(frozen=True)
class Command:
    """Tune a transfer rule in a world of a study, and print the settings for the study's file.

    CMA-ES minimises the cost per order of tuning orders under the study's first policy.
    """

    study: tyro.conf.Positional[str]
    """A study file of kind transfers, or the name of a shipped one."""
    world: str
    """Name of one of the study's worlds."""
    rule: Literal["threshold", "lp"]
    """The rule to tune."""
    evaluations: int = 24
    """How long to search. Unit: settings tried, rounded up to whole generations."""
    check_episodes: int = 3
    """Episodes on which the start, the final mean and the best setting are compared at the end. Unit: episodes."""
    days: int = 10
    """Measured part of an episode. Unit: days."""
    warmup_days: int = 7
    """Warm-up before the measured part, which is not counted. Unit: days."""
    seed: int = 0
    """Seed of the orders and of the search."""

    def run(self) -> None:
        """Tunes, and prints the settings."""
        from regional_dispatch.studies.framework.kinds import find_study, load_study  # pulls in matplotlib
        from regional_dispatch.studies.transfers.study import TransferStudy

        at_least("--seed", self.seed, 0)
        at_least("--evaluations", self.evaluations, 1)
        at_least("--check-episodes", self.check_episodes, 1)
        at_least("--days", self.days, 1)
        at_least("--warmup-days", self.warmup_days, 1)
        study = load_study(find_study(self.study), {"days": self.days, "warmup_days": self.warmup_days})
        if not isinstance(study, TransferStudy):
            raise InputError(f"{self.study}: study = '{study.study}': must be 'transfers'")
        worlds = {world.name: world for world in study.worlds}
        if self.world not in worlds:
            raise InputError(f"--world = '{self.world}': must be one of {', '.join(worlds)}")
        scenario, policy = study.regional(worlds[self.world]), next(iter(study.players().values()))
        settings, before, after = self._search(scenario, policy)
        print(f"# {self.world}, {self.rule}: {before:.3f} → {after:.3f} USD per order, {self.check_episodes} episodes")
        print(yaml.safe_dump({self.rule: settings}, default_flow_style=None), end="")

    def _search(self, scenario: Scenario, policy: ScorerPolicy) -> tuple[dict[str, float], float, float]:
        """The best settings, and the cost per order of the start and of them on the final episodes, USD."""
        known = TRANSFER_RULES[self.rule].parameters
        search = Search(known, {name: parameter.default for name, parameter in known.items()}, self.seed)
        keys = (evaluation_keys(n + 1, self.seed, STREAM)[n] for n in count(self.check_episodes))
        while search.evaluations < self.evaluations and not search.stopped():
            key = next(keys)
            search.step(partial(self._costs, scenario, policy, [key]))
            print(f"{search.evaluations} evaluations, best {search.best_usd:.3f}", file=sys.stderr)
        check = evaluation_keys(self.check_episodes, self.seed, STREAM)
        costs = self._costs(scenario, policy, check, search.candidates())
        best = int(np.argmin(costs))
        return self._settings(search.candidates()[best]), float(costs[0]), float(costs[best])

    def _costs(self, scenario: Scenario, policy: ScorerPolicy, keys: list[int], drawn: list[np.ndarray]) -> np.ndarray:
        """Mean cost per order of each setting: (settings,) USD."""
        played = [Moving(policy, self.rule, self._settings(values)).rollout(scenario, keys) for values in drawn]
        return np.array([np.mean([row[COST] for row in rows]) for rows in played])

    def _settings(self, values: np.ndarray) -> dict[str, float]:
        """Named and rounded as the study's file has them; `every_days` is a whole number."""
        named: Mapping[str, float] = dict(zip(TRANSFER_RULES[self.rule].parameters, values.tolist(), strict=True))
        return {name: round(value, 0 if name == "every_days" else DIGITS) for name, value in named.items()}

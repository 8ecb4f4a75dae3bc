"""Cost, speed and CO₂ of policies with one setting swept, and the front of those that no other dominates."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.rules import parameters
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_FEATURES, SOURCE_FEATURES
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.policies import is_baseline, resolve_policy
from regional_dispatch.studies.framework.base import Study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.frontier.page import WORLD, Page
from regional_dispatch.studies.report.findings import Findings

_KNOWN = {"source": SOURCE_FEATURES, "dispatch": ("bias", *DISPATCH_FEATURES)}


class Sweep(BaseModel):
    """One policy with one setting at several values."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    policy: str = Field(min_length=1, description="A policy, as `compare` takes it.")
    setting: str = Field(
        description="A parameter of a baseline (dispatch.fill of hybrid), or, of any policy, a weight to add to: "
        "dispatch.bias, dispatch.FEATURE or source.FEATURE."
    )
    values: tuple[float, ...] = Field(min_length=2, description="Values of a parameter, or what is added to a weight.")

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
            raise ValueError(f"values = {list(self.values)}: one is repeated")
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
    """Plays every setting of every policy in the same world."""

    sweeps: tuple[Sweep, ...] = Field(
        min_length=1, description="Policies and their settings. Maps show the last policy with its own weights."
    )
    policies: tuple[str, ...] = Field((), description="Leave it out: sweeps name the policies.")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [sweep.policy for sweep in self.sweeps]
        if len(set(names)) < len(names):
            raise ValueError("each policy may be swept once")
        if self.policies:
            raise ValueError("a frontier names its policies in sweeps; leave policies out")
        return self

    def lead(self) -> ScorerPolicy:
        """The last policy, with its own weights."""
        return resolve_policy(self.sweeps[-1].policy, self.base())

    def run(self, lab: Lab) -> Findings:
        """Plays all of them on the same orders."""
        world = self.base()
        players = {name: policy for sweep in self.sweeps for name, policy in sweep.players(world).items()}
        return Page(self, lab.play({WORLD: world}, players)).findings()

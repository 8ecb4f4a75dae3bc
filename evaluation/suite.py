"""What a suite file may say: which policies play which scenarios in a benchmark."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from baselines import BaselineError
from envs.policy import ScorerPolicy
from envs.scenario import Scenario, ScenarioError, explain, load_scenario, read_yaml
from evaluation.bounds import NO_BOUND_REEVALUATED
from evaluation.cli import InputError
from evaluation.policies import resolve_policies


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Place(_Frozen):
    """One scenario of a suite; its name alone may stand for it."""

    scenario: str = Field(min_length=1, description="A shipped scenario's name, or a file relative to where you run.")
    extra_policies: tuple[str, ...] = Field((), description="Policies that play here, beside the suite's.")
    bound: bool | None = Field(None, description="Compute hindsight bounds? Default: the suite's.")
    bound_episodes: int | None = Field(None, ge=1, description="Episodes with a bound. Default: the suite's.")
    reevaluate: bool | None = Field(None, description="Merge unpicked packages hourly? Default: the suite's.")

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, data: Any) -> Any:
        return {"scenario": data} if isinstance(data, str) else data


class Suite(_Frozen):
    """A benchmark: every policy on every scenario, on the same held-out orders."""

    name: str = Field(min_length=1, description="Name, used in the report.")
    episodes: int = Field(8, ge=1, description="Held-out episodes per scenario and policy. Unit: episodes.")
    seed: int = Field(0, ge=0, description="Seed of the orders and of the bootstrap.")
    scenarios: tuple[Place, ...] = Field(min_length=1, description="Where the policies play.")
    policies: tuple[str, ...] = Field(
        min_length=1, description="Baselines, tuned ones, and folders of trained ones, as `compare` takes them."
    )
    bound: bool = Field(True, description="Compute hindsight bounds? They take minutes each.")
    bound_episodes: int = Field(4, ge=1, description="Episodes with a bound, the first ones. Unit: episodes.")
    reevaluate: bool = Field(False, description="Merge the unpicked packages of split orders once an hour?")

    @model_validator(mode="after")
    def _consistent(self) -> Suite:
        _no_doubles("scenarios", [place.scenario for place in self.scenarios])
        for place in self.scenarios:
            _no_doubles(f"policies on {place.scenario}", [*self.policies, *place.extra_policies])
        return self


class Stage(NamedTuple):
    """One scenario of a suite, ready to play."""

    name: str  # of the scenario's file
    scenario: Scenario
    policies: dict[str, ScorerPolicy]
    bound_episodes: int  # 0: no bounds
    reevaluate: bool


def load_suite(path: Path, changes: dict[str, Any] | None = None) -> Suite:
    """A suite from a YAML file.

    Args:
        path: the file.
        changes: fields to set instead of the file's; those that are None stay as they are.

    Raises:
        ScenarioError: names file, field, value and mend.
    """
    given = {key: value for key, value in (changes or {}).items() if value is not None}
    try:
        return Suite.model_validate({**read_yaml(path), **given})
    except ValidationError as error:
        raise ScenarioError(explain(error, path)) from None


def stages(suite: Suite, where: Path, bounds: bool = True) -> list[Stage]:
    """Every scenario of a suite with its policies.

    Args:
        suite: what to play.
        where: the suite's file, for messages.
        bounds: whether the bounds the suite asks for are wanted.

    Raises:
        InputError: a scenario or a policy that cannot be used, or two scenario files of one name.
    """
    found = [_stage(suite, place, where, bounds) for place in suite.scenarios]
    try:
        _no_doubles("scenarios' files", [stage.name for stage in found])
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    return found


def _stage(suite: Suite, place: Place, where: Path, bounds: bool) -> Stage:
    try:
        scenario = load_scenario(place.scenario)
        policies = resolve_policies([*suite.policies, *place.extra_policies], scenario)
    except (ScenarioError, BaselineError, InputError) as error:
        raise InputError(f"{where}: scenarios: {place.scenario}: {error}") from None
    wanted = bounds and _first(place.bound, suite.bound)
    reevaluate = _first(place.reevaluate, suite.reevaluate)
    if wanted and reevaluate:
        raise InputError(f"{where}: scenarios: {place.scenario}: {NO_BOUND_REEVALUATED}; set bound: false there")
    episodes = min(_first(place.bound_episodes, suite.bound_episodes), suite.episodes)
    return Stage(Path(place.scenario).stem, scenario, policies, episodes if wanted else 0, reevaluate)


def _first(*values: Any) -> Any:
    """The first that is not None."""
    return next(value for value in values if value is not None)


def _no_doubles(what: str, names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{what}: '{twice[0]}' is given twice; name each once")

"""The fields of a suite file: which policies play which scenarios in a benchmark."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from regional_dispatch.baselines import BaselineError
from regional_dispatch.envs.world.generator import random_scenario
from regional_dispatch.envs.world.reading import PlainName
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, explain, load_scenario, part_of, read_yaml
from regional_dispatch.evaluation.bounds import NO_BOUND_REEVALUATED
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.periods import check_sample
from regional_dispatch.evaluation.policies import resolve_players
from regional_dispatch.evaluation.rollouts import Playable


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Place(_Frozen):
    """One scenario of a suite; a name alone is short for `{scenario: name}`."""

    scenario: str = Field(min_length=1, description="A shipped scenario's name, or a file relative to where you run.")
    name: PlainName | None = Field(None, description="Name of a variant. Default: that of the scenario's file.")
    set: dict[str, Any] = Field({}, description="Fields that a variant sets, dotted: {trucks.capacity_packages: 8}.")
    extra_policies: tuple[str, ...] = Field((), description="Policies that play here in addition to the suite's.")
    bound: bool | None = Field(None, description="Compute hindsight bounds? Default: the suite's.")
    bound_episodes: int | None = Field(None, ge=1, description="Episodes with a bound. Default: the suite's.")
    reevaluate: bool | None = Field(None, description="Merge unpicked packages hourly? Default: the suite's.")

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, data: Any) -> Any:
        return {"scenario": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _named_variant(self) -> Place:
        if self.set and self.name is None:
            raise ValueError(f"a variant of {self.scenario} needs a name of its own; add 'name'")
        return self

    @property
    def title(self) -> str:
        """Its name in reports."""
        return self.name or Path(self.scenario).stem

    @property
    def given(self) -> str:
        """Its name in the suite's file, for messages."""
        return self.name or self.scenario

    def load(self) -> Scenario:
        """The scenario, with the variant's fields and name.

        Raises:
            ScenarioError: it cannot be used.
        """
        changes = self.set if self.name is None else {"name": self.name, **self.set}
        texts = {field: json.dumps(value, ensure_ascii=False) for field, value in changes.items()}
        return load_scenario(self.scenario, texts)


class Suite(_Frozen):
    """A benchmark: every policy on every scenario, on the same held-out orders."""

    name: PlainName = Field(description="Name, used in the report.")
    episodes: int = Field(8, ge=1, description="Held-out episodes per scenario and policy. Unit: episodes.")
    seed: int = Field(0, ge=0, description="Seed of the orders.")
    scenarios: tuple[Place, ...] = Field((), description="Scenarios that the policies play on.")
    generated: int = Field(
        0,
        ge=0,
        le=1000,
        description="Random networks to play on as well, the first of the `evaluate` stream.",
    )
    policies: tuple[str, ...] = Field(
        min_length=1, description="Baselines, tuned ones, and folders of trained ones, as `compare` takes them."
    )
    bound: bool = Field(True, description="Compute hindsight bounds? They take minutes each.")
    bound_episodes: int = Field(4, ge=1, description="Episodes with a bound, the first ones. Unit: episodes.")
    reevaluate: bool = Field(False, description="Merge the unpicked packages of split orders once an hour?")

    @model_validator(mode="after")
    def _consistent(self) -> Suite:
        if not self.scenarios and not self.generated:
            raise ValueError("no scenarios; name some, or set generated: 10")
        _no_doubles("scenarios", [place.given for place in self.scenarios])
        for place in self.scenarios:
            _no_doubles(f"policies on {place.given}", [*self.policies, *place.extra_policies])
        return self


class Stage(NamedTuple):
    """One scenario of a suite, ready to play."""

    name: str  # of the variant, the scenario's file, or the generated network
    scenario: Scenario
    policies: dict[str, Playable]
    bound_episodes: int  # 0: no bounds
    reevaluate: bool
    generated: bool = False  # is it a random network?


def load_suite(path: Path, changes: dict[str, Any] | None = None, more_policies: Sequence[str] = ()) -> Suite:
    """A suite from a YAML file.

    Args:
        path: the file.
        changes: fields to set instead of the file's; those that are None stay as they are.
        more_policies: policies to add to the file's.

    Raises:
        ScenarioError: a field is wrong; the text names file, field, value and how to correct it.
    """
    given = {key: value for key, value in (changes or {}).items() if value is not None}
    try:
        suite = Suite.model_validate({**read_yaml(path), **given})
    except ValidationError as error:
        raise ScenarioError(explain(error, path)) from None
    return suite.model_copy(update={"policies": (*suite.policies, *more_policies)})


def stages(suite: Suite, where: Path, bounds: bool = True) -> list[Stage]:
    """Every scenario of a suite with its policies.

    Args:
        suite: what to play.
        where: the suite's file, for messages.
        bounds: compute the bounds that the suite asks for.

    Raises:
        InputError: a scenario or a policy that cannot be used, or two scenario files of one name.
    """
    networks = [random_scenario(seed) for seed in range(suite.generated)]
    found = [_stage(suite, place, _loaded(place, where), where, bounds) for place in suite.scenarios]
    found += [
        _stage(suite, Place(scenario=network.name), network, where, bounds)._replace(generated=True)
        for network in networks
    ]
    try:
        _no_doubles("scenarios", [stage.name for stage in found])
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    return found


def _loaded(place: Place, where: Path) -> Scenario:
    try:
        return place.load()
    except ScenarioError as error:
        raise InputError(f"{where}: scenarios: {place.given}: {error}") from None


def _stage(suite: Suite, place: Place, scenario: Scenario, where: Path, bounds: bool) -> Stage:
    try:
        check_sample(scenario, suite.episodes)
        scenario = part_of(scenario, "evaluate")
        policies = resolve_players([*suite.policies, *place.extra_policies], scenario)
    except (BaselineError, InputError) as error:
        raise InputError(f"{where}: scenarios: {place.given}: {error}") from None
    wanted = bounds and _first(place.bound, suite.bound)
    reevaluate = _first(place.reevaluate, suite.reevaluate)
    if wanted and reevaluate:
        raise InputError(f"{where}: scenarios: {place.given}: {NO_BOUND_REEVALUATED}; set bound: false there")
    episodes = min(_first(place.bound_episodes, suite.bound_episodes), suite.episodes)
    return Stage(place.title, scenario, policies, episodes if wanted else 0, reevaluate)


def _first(*values: Any) -> Any:
    """The first that is not None."""
    return next(value for value in values if value is not None)


def _no_doubles(what: str, names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{what}: '{twice[0]}' is given twice; name each once")

"""All kinds of studies, and the studies that come with the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from regional_dispatch.envs.world.scenario import ScenarioError, explain, read_yaml
from regional_dispatch.envs.world.shipped import find_file
from regional_dispatch.studies.disruption.study import Disruption
from regional_dispatch.studies.flip.study import Flip
from regional_dispatch.studies.foresight.study import Foresight
from regional_dispatch.studies.framework.study import Study
from regional_dispatch.studies.frontier.study import Frontier
from regional_dispatch.studies.placement.study import Placement
from regional_dispatch.studies.region_count.study import RegionCount
from regional_dispatch.studies.region_design.study import RegionDesign
from regional_dispatch.studies.rollout.study import Rollout
from regional_dispatch.studies.surge.study import Surge
from regional_dispatch.studies.ten_by_hundred.study import TenByHundred
from regional_dispatch.studies.transfers.study import TransferStudy

KINDS: dict[str, type[Study]] = {
    "ten_by_hundred": TenByHundred,
    "flip": Flip,
    "rollout": Rollout,
    "region_count": RegionCount,
    "region_design": RegionDesign,
    "placement": Placement,
    "transfers": TransferStudy,
    "surge": Surge,
    "disruption": Disruption,
    "frontier": Frontier,
    "foresight": Foresight,
}


def find_study(name: str) -> Path:
    """The file of a study given by path or, for the shipped ones, by name.

    Raises:
        ScenarioError: no such file and no such name.
    """
    return find_file("studies", name)


def load_study(path: Path, changes: dict[str, Any] | None = None) -> Study:
    """A study from a YAML file.

    Args:
        path: the file.
        changes: fields to set instead of the file's; those that are None stay as they are.

    Raises:
        ScenarioError: names file, field, value and mend.
    """
    data = {**read_yaml(path), **{key: value for key, value in (changes or {}).items() if value is not None}}
    kind = data.get("study")
    if kind not in KINDS:
        raise ScenarioError(f"{path}: study = {kind!r}: must be one of {', '.join(KINDS)}")
    try:
        return KINDS[kind].model_validate(data)
    except ValidationError as error:
        raise ScenarioError(explain(error, path)) from None

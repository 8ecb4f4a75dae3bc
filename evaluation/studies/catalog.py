"""All kinds of studies, and the studies that come with the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from envs.scenario import ScenarioError, explain, read_yaml
from evaluation.studies.design.region_design import RegionDesign
from evaluation.studies.disruption import Disruption
from evaluation.studies.flip import Flip
from evaluation.studies.foresight import Foresight
from evaluation.studies.frontier import Frontier
from evaluation.studies.region_count import RegionCount
from evaluation.studies.rollout import Rollout
from evaluation.studies.stock.placement import Placement
from evaluation.studies.stock.transfers import TransferStudy
from evaluation.studies.study import Study
from evaluation.studies.surge import Surge
from evaluation.studies.ten_by_hundred import TenByHundred

FOLDER = Path("configs") / "studies"
SHIPPED = Path(__file__).resolve().parent.parent.parent / FOLDER
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
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return path
    if (SHIPPED / f"{name}.yaml").is_file():
        return SHIPPED / f"{name}.yaml"
    known = ", ".join(sorted(path.stem for path in SHIPPED.glob("*.yaml")))
    raise ScenarioError(f"study '{name}': no such study; there are: {known}; or give the path of a YAML file")


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

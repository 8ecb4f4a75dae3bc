"""Kinds of studies are found in their folders, shipped files can be read, and bad ones are refused."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from regional_dispatch.commands.cli import main
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.envs.world.shipped import CONFIGS
from regional_dispatch.studies.framework.base import Study
from regional_dispatch.studies.framework.kinds import KINDS, STUDIES, find_study, load_study, study_class
from regional_dispatch.studies.region_count.study import RegionCount
from tests.processes import ROOT
from tests.studies.asked import write_count

MODULE = re.compile(r"regional_dispatch\.studies\.(\w+)\.study")


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_with_a_study_is_a_kind(kind: str) -> None:
    assert issubclass(study_class(kind), Study)
    assert study_class(kind).__module__ == f"regional_dispatch.studies.{kind}.study"
    assert (STUDIES / kind / "page.py").is_file()
    assert (STUDIES / kind / "__init__.py").read_text(encoding="utf-8").startswith('"""')


def test_loading_a_study_imports_its_kind_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if MODULE.fullmatch(name)]:
        monkeypatch.delitem(sys.modules, name)
    load_study(find_study("frontier"))
    assert [MODULE.fullmatch(name)[1] for name in sys.modules if MODULE.fullmatch(name)] == ["frontier"]


def test_a_study_file_defines_one_study(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "regional_dispatch.studies.empty.study"
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    with pytest.raises(TypeError, match=r"studies/empty/study.py: must define one subclass of Study, and defines 0"):
        study_class("empty")


BAD: dict[str, tuple[dict[str, object], str]] = {
    "another kind": ({"study": "regions"}, r"count.yaml: study = 'regions': must be one of .*ten_by_hundred"),
    "unknown field": ({"count": [1, 2]}, r"count.yaml: count = .*unknown field"),
    "descending counts": ({"counts": [3, 2, 1]}, r"counts = .*ascending"),
    "no region": ({"counts": [0, 1, 2]}, r"counts = .*from 1 on"),
    "unknown KPI": ({"weights": {"price": 1}}, r"weights: no such KPI: price; known: cost_per_order_usd"),
    "no weights": ({"weights": {}}, r"weights: .*at least 1 item"),
    "no episodes": ({"episodes": 0}, r"episodes = 0"),
    "doubled world": ({"variations": [{"name": "base", "set": {}}]}, r"none of them 'base'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_study_names_file_field_and_mend(name: str, tmp_path: Path) -> None:
    changes, message = BAD[name]
    with pytest.raises(ScenarioError, match=message):
        load_study(write_count(tmp_path, **changes))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["nobody"], "ten_by_hundred"), (["count.yaml", "--policies", "nobody"], "'nobody'")],
)
def test_an_unknown_study_or_policy_ends_in_one_line(
    arguments: list[str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write_count(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["evaluate.py", "study", *arguments])
    with pytest.raises(SystemExit) as ended:
        main("evaluate")
    err = capsys.readouterr().err
    assert (ended.value.code, err.count("\n")) == (2, 1), err
    assert err.startswith("error: ") and named in err
    assert not (tmp_path / "runs").exists()


def test_every_shipped_study_can_be_read() -> None:
    paths = sorted((ROOT / "configs" / "studies").glob("*.yaml"))
    assert {load_study(path).study for path in paths} == set(KINDS)
    count = load_study(find_study("region_count"))
    assert isinstance(count, RegionCount) and set(count.weights) <= set(KPIS)
    count.players()


@pytest.mark.parametrize("path", sorted((CONFIGS / "studies").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_study_file_in_a_report_asks_the_same_again(path: Path) -> None:
    study = load_study(path)
    assert type(study).model_validate(study.model_dump(mode="json")) == study


def test_every_study_has_a_page_of_results_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for path in (ROOT / "configs" / "studies").glob("*.yaml"):
        assert (ROOT / "docs" / "results" / f"{path.stem}.md").is_file()
        assert f"results/{path.stem}.md" in navigation

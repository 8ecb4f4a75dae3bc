"""Policies by name, file and folder, and what is said of those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regional_dispatch.agents.export import save_policy
from regional_dispatch.baselines import baseline, baseline_names
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.policies import resolve_policies, resolve_policy
from regional_dispatch.evaluation.policy_kinds import untuned_rules
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=48, warmup_hours=12)
REGIONAL = baseline("regional_nearest")


def write_weights(file: Path, groups: int) -> None:
    """A policy file with weights for so many regions."""
    scorers = (Scorer(*(np.repeat(array, groups, axis=0) for array in scorer)) for scorer in REGIONAL.scorers)
    save_policy(file, Scorers(*scorers), {})


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Two training folders named `ppo`."""
    for run in ("a", "b"):
        write_weights(tmp_path / run / "ppo" / "policy.safetensors", 1)
    return tmp_path


@pytest.mark.parametrize("name", [*baseline_names(), "regional_nearest", "hybrid"])
def test_a_baseline_goes_by_its_name(name: str) -> None:
    policy = resolve_policy(name, WORLD)
    assert policy.name == name
    assert untuned_rules({name: policy}) == [name]


def test_a_training_goes_by_its_folder_and_a_clash_by_the_full_path(trained: Path) -> None:
    a, b = trained / "a" / "ppo", trained / "b" / "ppo"
    assert list(resolve_policies([f" {a}", "hybrid"], WORLD)) == ["ppo", "hybrid"]
    assert list(resolve_policies([str(a / "policy.safetensors")], WORLD)) == ["ppo"]
    assert list(resolve_policies([str(a), "hybrid", str(b)], WORLD)) == [str(a), "hybrid", str(b)]


def test_weights_per_region_need_their_number_of_regions(trained: Path) -> None:
    file = trained / "a" / "ppo" / "policy.safetensors"
    write_weights(file, 2)
    assert len(resolve_policy(str(file.parent), WORLD).scorers.source.bias) == 2
    write_weights(file, 8)
    with pytest.raises(InputError, match=r"policy\.safetensors: has weights for 8 regions, and scenario 'small' has 2"):
        resolve_policy(str(file.parent), WORLD)


def test_a_shipped_tuned_file_goes_by_its_path_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = "configs/baselines/us8_spread.linear.yaml"
    assert list(resolve_policies([spec, "tuned_linear"], load_scenario("us8_spread"))) == [
        "us8_spread.linear",
        "tuned_linear",
    ]


def test_policies_that_cannot_be_used_are_named(trained: Path) -> None:
    a = trained / "a" / "ppo"
    (a / "policy.safetensors").write_text("junk")
    for specs, message in {
        ("nearst",): "'nearst': neither a baseline nor a training folder.*regional_nearest.*last_safe_hour",
        ("nearst+hybrid",): r"'nearst\+hybrid': neither a baseline",
        (str(trained),): "holds no policy.safetensors",
        (str(a),): f"{a}/policy.safetensors: damaged",
        ("hybrid", "hybrid "): "'hybrid' is given twice",
        (str(trained / "b" / "ppo"), str(trained / "b" / "ppo" / "policy.safetensors")): "the same folder",
        ("hybrid", ""): "give one or more names",
    }.items():
        with pytest.raises(InputError, match=message):
            resolve_policies(specs, WORLD)

"""What a user imports: one name, registered once, and nothing heavy until it is used."""

from __future__ import annotations

import subprocess
import sys

import gymnasium
import pytest

import regional_dispatch
from regional_dispatch.envs.world.shipped import HOME


def python(code: str) -> str:
    """What a fresh interpreter in the checkout prints."""
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=HOME, timeout=120
    ).stdout.strip()


def test_every_public_name_is_there_and_documented() -> None:
    for name in regional_dispatch.__all__:
        assert getattr(regional_dispatch, name) is not None
    assert set(regional_dispatch.__all__) <= set(dir(regional_dispatch))
    assert {*regional_dispatch._HOMES, "DECISION_ID", "ENV_ID", "register_envs"} == set(regional_dispatch.__all__)


def test_the_package_says_its_version() -> None:
    assert isinstance(regional_dispatch.__version__, str)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        regional_dispatch.nothing  # noqa: B018


def test_importing_registers_once_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, envs, regional_dispatch, gymnasium;"
        "assert envs is regional_dispatch.envs;"
        "ids = [name for name in gymnasium.registry if name.startswith('RegionalDispatch')];"
        "heavy = {'torch', 'stable_baselines3', 'matplotlib', 'highspy', 'numba', 'pandas'} & set(sys.modules);"
        "print(ids, sorted(heavy))"
    )
    assert python(code) == "['RegionalDispatch-v0'] []"


def test_an_environment_needs_no_package_that_only_training_needs() -> None:
    code = (
        "import sys, gymnasium, regional_dispatch;"
        "env = gymnasium.make('RegionalDispatch-v0', scenario='small'); env.reset(seed=0);"
        "heavy = {'torch', 'stable_baselines3', 'matplotlib', 'highspy', 'tyro', 'rich', 'PIL'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert python(code) == "[]"


def test_the_id_can_name_the_module_that_registers_it() -> None:
    env = gymnasium.make("regional_dispatch:RegionalDispatch-v0", scenario="small")
    assert env.spec is not None and env.spec.id == "RegionalDispatch-v0"

"""PPO files: fields, and what is wrong with bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from stable_baselines3 import PPO

from regional_dispatch.agents.config import PpoConfig, load_ppo
from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.envs.world.scenario import ScenarioError


@pytest.mark.parametrize("name", ["default", "quickstart"])
def test_shipped_files_use_stable_baselines3s_names(name: str) -> None:
    folder = Path(__file__).resolve().parents[2] / "configs" / "ppo"
    arguments = load_ppo(folder / f"{name}.yaml").algorithm(8)
    stock = PPO.__init__.__annotations__
    ours = RegionalPPO.__init__.__annotations__
    assert set(arguments) <= set(stock) | set(ours)
    assert {"n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "clip_range", "learning_rate"} <= set(arguments)


def test_the_learning_rate_falls_to_its_share() -> None:
    config = PpoConfig(learning_rate=1e-3, learning_rate_end=0.1)
    assert [config.schedule(left) for left in (1.0, 0.5, 0.0)] == pytest.approx([1e-3, 5.5e-4, 1e-4])
    assert config.schedule(-0.5) == pytest.approx(1e-4)  # in a last rollout that is too long


# What is wrong → field, YAML text and what the message must name.
BAD_FIELDS = {
    "unknown field": ("cost_priors", "2", "cost_priors = 2: unknown field"),
    "wrong type": ("n_steps", "many", "n_steps = 'many'.*integer"),
    "negative": ("learning_rate", "-1e-3", "learning_rate = .*-.*greater than 0"),
    "out of range": ("gamma", "1.5", "gamma = 1.5.*less than or equal to 1"),
    "unknown choice": ("weights", "one", "weights = 'one'.*'shared' or 'per_region'"),
    "unknown feature": ("dispatch_prior", "{fil: 1}", "dispatch_prior.*fil.*fill"),
    "feature with another meaning": (
        "source_prior",
        "{slack@9: 1}",
        r"source_prior.*slack@9 \(its meaning changed: here it is slack\); known: cost",
    ),
    "infinite": ("ent_coef", ".inf", "ent_coef = inf.*finite"),
}


@pytest.mark.parametrize("name", BAD_FIELDS)
def test_a_bad_field_is_named_with_file_and_value(name: str, tmp_path: Path) -> None:
    field, text, message = BAD_FIELDS[name]
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("n_steps: 4\n", encoding="utf-8")
    bad.write_text(f"{field}: {text}\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=f"bad.yaml: {message}"):
        load_ppo(bad)
    with pytest.raises(ScenarioError, match=f"good.yaml: {message}"):
        load_ppo(good, {field: text})


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text("8: 4\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"odd.yaml: 8"):
        load_ppo(path)


def test_exponents_without_a_point_are_numbers(tmp_path: Path) -> None:
    """PyYAML reads 1e-3 as text."""
    path = tmp_path / "ppo.yaml"
    path.write_text("learning_rate: 1e-3\n", encoding="utf-8")
    assert load_ppo(path).learning_rate == 1e-3

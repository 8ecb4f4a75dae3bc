"""A policy file that knows fewer features than this version, in another order, decides as it did when it was saved."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from regional_dispatch.agents.export import PolicyFileError, load_policy, save_policy
from regional_dispatch.agents.vec_env import RegionalVecEnv
from regional_dispatch.baselines import baseline
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_LABELS, SOURCE_LABELS
from regional_dispatch.envs.kernel.decisions.lane_price import LANE_PRICE_LABELS
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario, load_scenario

LABELS = {"source": SOURCE_LABELS, "dispatch": DISPATCH_LABELS, "price": LANE_PRICE_LABELS}
# Features that came after the older file was written.
LATER = {
    "source": ("air_miles", "late", "spill_cover"),
    "dispatch": ("hour_sin", "miles"),
    "price": ("full_load", "hire"),
}
PER_FEATURE = ("weight", "step_weight", "step_at", "w1")
PRETRAINED = Path(__file__).resolve().parents[2] / "agents" / "pretrained"


@pytest.fixture(scope="module")
def small() -> Scenario:
    return load_scenario("small")


def policy(name: str) -> Scorers:
    """A shipped policy, which prices lanes; or a rule with steps."""
    return load_policy(PRETRAINED / f"{name}.safetensors").scorers if name == "small" else baseline(name).scorers


def without_later_features(scorers: Scorers) -> Scorers:
    """The same with weight 0 for features that came later."""
    changed = {}
    for kind, scorer in scorers._asdict().items():
        columns = [LABELS[kind].index(label) for label in LATER[kind]]
        arrays = {field: getattr(scorer, field).copy() for field in PER_FEATURE}
        for array in arrays.values():
            array[:, columns] = 0
        changed[kind] = scorer._replace(**arrays)
    return Scorers(**changed)


def older_file(path: Path, scorers: Scorers) -> Path:
    """The scorers as a version without the later features would have saved them, with its features in another order."""
    save_policy(path, scorers, {"seed": 3})
    with safe_open(path, framework="numpy") as file:
        tensors, facts = {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata())  # noqa: SIM118
    for kind, labels in LABELS.items():
        known = [label for label in labels[::-1] if label not in LATER[kind]]
        columns = [labels.index(label) for label in known]
        for field in PER_FEATURE:
            tensors[f"{kind}.{field}"] = np.ascontiguousarray(tensors[f"{kind}.{field}"][:, columns])
        facts[f"{kind}_features"] = json.dumps(known)
    path.write_bytes(save(tensors, facts))
    return path


def assert_same(ours: Scorers, theirs: Scorers) -> None:
    for kind in Scorers._fields:
        for field in Scorer._fields:
            np.testing.assert_array_equal(getattr(getattr(ours, kind), field), getattr(getattr(theirs, kind), field))


@pytest.mark.parametrize("name", ["small", "regional_nearest+hybrid"])
def test_an_older_file_decides_as_before(name: str, small: Scenario, tmp_path: Path) -> None:
    """Bit for bit over an episode, in the compiled kernel and by `predict()`."""
    wanted = without_later_features(policy(name))
    loaded = load_policy(older_file(tmp_path / "policy.safetensors", wanted))
    assert_same(loaded.scorers, wanted)
    assert loaded.scorers.source.weight.any() and loaded.scorers.dispatch.weight.shape == (1, len(DISPATCH_LABELS))
    sims = []
    for scorers in (wanted, loaded.scorers):
        sim = Simulator(small)
        sim.reset(0, episode_key("tune", 7, 0))
        sim.run(scorers)
        sims.append(sim)
    np.testing.assert_array_equal(sims[1].state.cash, sims[0].state.cash)
    assert sims[1].kpis(0) == sims[0].kpis(0)
    env, actions = RegionalVecEnv(small, 1, seed=7), set()
    observation, before = env.reset(), ScorerPolicy(wanted)
    for _ in range(small.horizon_ticks):
        action, _ = loaded.predict(observation)
        np.testing.assert_array_equal(action, before.predict(observation)[0])
        actions.update(action.ravel().tolist())
        observation, *_ = env.step(action)
    assert {0, 1} <= actions


def test_a_lane_price_of_an_older_file_counts(small: Scenario, tmp_path: Path) -> None:
    """So that the test above says something of it: without its price of lanes the shipped policy decides otherwise."""
    wanted = without_later_features(policy("small"))
    loaded = load_policy(older_file(tmp_path / "policy.safetensors", wanted)).scorers
    costs = []
    for scorers in (loaded, loaded._replace(price=baseline("hybrid").scorers.price)):
        sim = Simulator(small)
        sim.reset(0, episode_key("tune", 7, 0))
        sim.run(scorers)
        costs.append(sim.state.cash.copy())
    assert (costs[0] != costs[1]).any()


def test_every_shipped_policy_keeps_its_weights(tmp_path: Path) -> None:
    for path in sorted(PRETRAINED.glob("*.safetensors")):
        wanted = without_later_features(load_policy(path).scorers)
        assert_same(load_policy(older_file(tmp_path / path.name, wanted)).scorers, wanted)


@pytest.mark.parametrize("kind", LABELS)
def test_a_feature_that_is_gone_refuses_the_file(kind: str, tmp_path: Path) -> None:
    path = older_file(tmp_path / "policy.safetensors", without_later_features(policy("small")))
    with safe_open(path, framework="numpy") as file:
        tensors, facts = {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata())  # noqa: SIM118
    known = json.loads(facts[f"{kind}_features"])
    path.write_bytes(save(tensors, {**facts, f"{kind}_features": json.dumps(["moon", *known[1:]])}))
    with pytest.raises(
        PolicyFileError, match=rf"{kind}_features: .* lacks moon; train again with this version"
    ) as error:
        load_policy(path)
    assert str(error.value).startswith(f"{path}: ")

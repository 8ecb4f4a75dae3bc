"""A tuned file that knows fewer features than this version, in another order, decides as it did when it was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from regional_dispatch.agents.vec_env import RegionalVecEnv
from regional_dispatch.baselines import BaselineError, baseline, tuned
from regional_dispatch.baselines.feature_labels import describe_unknown
from regional_dispatch.baselines.rules import parameters
from regional_dispatch.baselines.tuned import load_tuned, read_tuned, write_tuned
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import load_scenario

SHIPPED = Path(__file__).resolve().parents[2] / "configs" / "baselines" / "small.linear.yaml"
# Parameters that came after the older file was written; the defaults of all but the last are not 0.
LATER = ("source.cost", "source.order_plan", "source.late", "dispatch.late_if_held", "dispatch.miles")


def older_file(path: Path, **changes: float) -> Path:
    """The shipped file of `small` without the later features, its parameters in another order."""
    data = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    kept = {key: value for key, value in reversed(data["parameters"].items()) if key not in LATER}
    path.write_text(yaml.safe_dump({**data, "parameters": {**kept, **changes}}, sort_keys=False), encoding="utf-8")
    return path


def test_an_older_file_decides_as_before(tmp_path: Path) -> None:
    """Over an episode, in the compiled kernel and by `predict()`; what it lacks has weight 0 and not its default."""
    scenario = load_scenario("small")
    wanted = baseline("linear", {**read_tuned(SHIPPED).parameters, **dict.fromkeys(LATER, 0.0)})
    loaded = load_tuned(older_file(tmp_path / "older.yaml"))
    cash = []
    for scorers in (wanted.scorers, loaded.scorers):
        sim = Simulator(scenario)
        sim.reset(0, episode_key("tune", 7, 0))
        sim.run(scorers)
        cash.append(sim.state.cash.copy())
    np.testing.assert_array_equal(cash[1], cash[0])
    env = RegionalVecEnv(scenario, 1, seed=7)
    observation = env.reset()
    for _ in range(scenario.horizon_ticks):
        action, _ = loaded.predict(observation)
        np.testing.assert_array_equal(action, wanted.predict(observation)[0])
        observation, *_ = env.step(action)


def test_a_file_is_read_with_all_parameters_in_order(tmp_path: Path) -> None:
    read = read_tuned(older_file(tmp_path / "older.yaml"))
    assert list(read.parameters) == list(parameters("linear"))
    assert {key: read.parameters[key] for key in LATER} == dict.fromkeys(LATER, 0.0)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("dispatch.moon", "unknown: dispatch.moon"),
        ("source.slack@2", r"unknown: source.slack@2 \(its meaning changed: here it is source.slack\)"),
    ],
)
def test_a_feature_that_is_gone_refuses_the_file(name: str, what: str, tmp_path: Path) -> None:
    path = older_file(tmp_path / "older.yaml", **{name: 1.0})
    with pytest.raises(
        BaselineError, match=rf"parameters: .*\({what}\); tune again with this version: python"
    ) as error:
        load_tuned(path)
    assert str(error.value).startswith(f"{path}: ")


def test_a_constant_must_be_there(tmp_path: Path) -> None:
    """It is no feature: a file without it is damaged."""
    path = older_file(tmp_path / "older.yaml")
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line for line in lines if "dispatch.bias" not in line), encoding="utf-8")
    with pytest.raises(BaselineError, match=r"missing: dispatch\.bias"):
        load_tuned(path)


def test_a_changed_meaning_has_a_label_of_its_own_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version whose `slack` means something else writes it as slack@2, reads that, and refuses `slack`."""
    plain = read_tuned(SHIPPED)
    monkeypatch.setitem(tuned._LABEL_OF["source"], "slack", "slack@2")
    with pytest.raises(
        BaselineError, match=r"unknown: source.slack \(its meaning changed: here it is source.slack@2\)"
    ):
        read_tuned(SHIPPED)
    write_tuned(
        tmp_path / "new.yaml", plain.model_copy(update={"parameters": {**plain.parameters, "source.slack": 0.25}})
    )
    assert "source.slack@2: 0.25" in (tmp_path / "new.yaml").read_text(encoding="utf-8")
    assert read_tuned(tmp_path / "new.yaml").parameters["source.slack"] == 0.25


def test_labels_are_described() -> None:
    assert describe_unknown(["moon"], ["cost"]) == "moon"
    assert describe_unknown(["moon", "cost"], ["cost@2"]) == "cost (its meaning changed: here it is cost@2), moon"

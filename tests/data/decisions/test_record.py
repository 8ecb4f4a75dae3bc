"""Recorded episodes are those of the environment, and Minari reads them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gymnasium
import minari
import numpy as np
import pytest

import regional_dispatch
from regional_dispatch.baselines import baseline
from regional_dispatch.data.decisions.record import dataset_name, play_regions
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.policies import resolve_policy
from tests.processes import TINY, run_here
from tests.worlds import TWO_REGIONS, small

SCENARIO = small(**TWO_REGIONS, horizon_hours=60, warmup_hours=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of two policies and three episodes of the tiny world, in `out`."""
    folder = tmp_path_factory.mktemp("record")
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    ended = run_here(
        folder, "evaluate.py", "record", "--scenario", "tiny.yaml", "--policies", "least_cost,pretrained/us8",
        "--episodes", "3", "--seed", "4", "--set", "demand.orders_per_day=150", "--out", "out",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert "minari.MinariDataset('out/regional-dispatch/tiny-v0/data')" in ended.out
    assert [path.name for path in (folder / "out" / "regional-dispatch").iterdir()] == ["tiny-v0"]
    return folder


@pytest.mark.parametrize("policy", [baseline("least_cost"), resolve_policy("pretrained/us8", SCENARIO)])
def test_an_episode_is_the_one_of_the_environment(policy: ScorerPolicy) -> None:
    """With the other regions under the same policy; observation by observation, reward by reward."""
    key = episode_key("train", 0, 1)
    for one in play_regions(Simulator(SCENARIO), policy, key):
        env = gymnasium.make(
            "RegionalDispatch-v0", scenario=SCENARIO, region=one.region, background=policy.scorers,
            lane_price=policy.scorers.price,
        )  # fmt: skip
        observation, _ = env.reset(options={"key": key})
        for t in range(len(one.rewards)):
            for name, seen in one.observations.items():
                np.testing.assert_array_equal(seen[t], observation[name])
            assert env.action_space.contains(one.actions[t])
            observation, reward, _, truncated, _ = env.step(one.actions[t])
            assert one.rewards[t] == pytest.approx(reward, abs=1e-9)
            assert truncated == (t == len(one.rewards) - 1)
        for name, seen in one.observations.items():
            np.testing.assert_array_equal(seen[-1], observation[name])


def test_minari_reads_it_and_it_says_what_it_is(folder: Path) -> None:
    dataset = minari.MinariDataset(folder / "out" / "regional-dispatch" / "tiny-v0" / "data")
    assert (dataset.total_episodes, dataset.total_steps) == (2 * 3 * 2, 2 * 3 * 2 * 36)
    told = list(dataset.storage.get_episode_metadata(dataset.episode_indices))
    assert [one["policy"] for one in told] == ["least_cost"] * 6 + ["pretrained/us8"] * 6
    assert {one["region"] for one in told} == {"Region 01", "Region 02"} and {one["seed"] for one in told} == {4}
    assert [int(one["key"], 16) for one in told[::2]] == [episode_key("train", 4, i) for i in (0, 1, 2)] * 2
    about = json.loads((Path(dataset.spec.data_path) / "metadata.json").read_text(encoding="utf-8"))
    assert about["policies"] == ["least_cost", "pretrained/us8"] and about["seeds"] == [4]
    assert about["scenario"]["demand"]["orders_per_day"] == 150
    for episode, one in zip(dataset, told, strict=True):
        assert len(episode.rewards) == len(episode.actions) == 36
        assert episode.rewards.sum() == pytest.approx(one["return"])
        assert episode.truncations.tolist() == [False] * 35 + [True] and not episode.terminations.any()
        masks = episode.observations["order_mask"][:-1], episode.observations["lane_mask"][:-1]
        orders, lanes = np.split(episode.actions, [masks[0].shape[1]], axis=1)
        assert np.take_along_axis(masks[0], orders[..., None], 2).all()
        assert np.take_along_axis(masks[1], lanes[..., None], 2).all()
    first = [dataset[i].observations["orders"] for i in (0, 1)]
    assert first[0].shape == first[1].shape and not np.array_equal(*first)


@pytest.mark.filterwarnings("ignore:Package regional-dispatch")
def test_the_environment_can_be_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(folder / "out"))
    dataset = minari.load_dataset("regional-dispatch/tiny-v0")
    env = dataset.recover_environment()
    assert env.observation_space == dataset.observation_space and env.action_space == dataset.action_space
    key = next(iter(dataset.storage.get_episode_metadata([0])))["options"]["key"]
    observation, _ = env.reset(options={"key": key})
    np.testing.assert_array_equal(observation["orders"], dataset[0].observations["orders"][0])
    assert regional_dispatch.ENV_ID in str(env.spec)


def test_names_and_places_are_checked(folder: Path) -> None:
    assert dataset_name(None, small(name="Mein Netz (ü)")) == "regional-dispatch/Mein_Netz____-v0"
    for name in ("nothing", "a b-v0", "../x-v1"):
        with pytest.raises(InputError, match="must be"):
            dataset_name(name, SCENARIO)
    again = run_here(folder, "evaluate.py", "record", "--scenario", "tiny.yaml", "--out", "out")
    assert again.code == 2 and "holds a data set 'regional-dispatch/tiny-v0' already" in again.err


def test_minari_without_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "minari"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "minari", None)
    ended = run_here(tmp_path, "evaluate.py", "record", "--scenario", "small")
    assert ended.code == 2 and "pip install 'regional-dispatch[offline]'" in ended.err
    assert list(tmp_path.iterdir()) == []

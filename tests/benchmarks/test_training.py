"""The stopwatch that measures the environment's share of training, and the environment that does nothing."""

from __future__ import annotations

import time

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import PPO

from benchmarks.null_env import NullVecEnv
from benchmarks.parts.training import Stopwatch


class Worker:
    """Has two methods, one of them watched."""

    def busy(self) -> str:
        start = time.process_time()
        while time.process_time() - start < 0.05:
            pass
        return "done"

    def fails(self) -> None:
        raise KeyError("no")


def test_time_in_methods_is_summed_and_the_methods_are_put_back() -> None:
    busy = Worker.busy
    with Stopwatch(((Worker, "busy"), (Worker, "fails"))) as watch:
        assert [Worker().busy() for _ in range(2)] == ["done", "done"]
        with pytest.raises(KeyError):
            Worker().fails()
    assert watch.seconds["Worker.busy"] == pytest.approx(0.1, abs=0.03)
    assert "Worker.fails" in watch.seconds
    assert Worker.busy is busy


@pytest.mark.parametrize(
    ("seen", "policy"),
    [(spaces.Box(-1, 1, (5,), np.float32), "MlpPolicy"),
     (spaces.Dict({"a": spaces.Box(-1, 1, (5,), np.float32), "mask": spaces.MultiBinary([2, 2])}), "MultiInputPolicy")],
)  # fmt: skip
def test_sb3_learns_on_the_null_environment(seen: spaces.Space[object], policy: str) -> None:
    env = NullVecEnv(3, seen, spaces.MultiDiscrete([2, 4]))
    model = PPO(policy, env, n_steps=4, batch_size=6, n_epochs=1, device="cpu", seed=0)
    model.learn(24)
    assert model.num_timesteps == 24

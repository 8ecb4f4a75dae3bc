"""Checkpoints of a training: header, facts, tensors and compressed books, also behind a checksum that fits, or none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.agents.folder import CONFIG_FILE, checkpoint_name
from regional_dispatch.agents.mixed_vec_env import vec_env
from regional_dispatch.agents.tensor_file import packed, unpacked
from regional_dispatch.agents.training.checkpoints import (
    FORMAT,
    checkpoint_bytes,
    load_checkpoint,
    read_checkpoint,
)
from regional_dispatch.agents.training.origin import check_origin
from regional_dispatch.agents.training.run import Run, kpi_callback, start_learner
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.reliability.fuzz.mutate import NUMBERS
from regional_dispatch.reliability.fuzz.safetensors import mutated_safetensors

_PPO = PpoConfig(
    copies=2, n_steps=8, batch_size=64, n_epochs=1, hidden=8, critic_hidden=8, eval_episodes=1, lane_price_hidden=8
)
_NAME = checkpoint_name(64)


class Cases:
    """See `fuzz.kind.Kind`."""

    def __init__(self, folder: Path) -> None:
        run = Run(load_scenario("small", {"horizon_hours": "60"}), _PPO, 64, 5, folder, "fuzz")
        self.origin, self.config = run.origin(), folder / CONFIG_FILE
        env = vec_env([run.scenario], run.ppo.copies, run.seed)
        self.learner, self.kpis = start_learner(run, env), kpi_callback(run)
        self.learner.learn(64)
        self.data = checkpoint_bytes(self.learner, self.kpis, self.origin)
        found = unpacked(self.data)
        self.unchecked = packed(FORMAT, found.tensors, found.facts)  # no checksum, so that changes get further

    def make(self, rng: np.random.Generator, folder: Path) -> None:
        way = rng.random()
        if way < 0.4:
            data = _with_changed_tensor(rng, self.data)
        else:
            data = mutated_safetensors(rng, self.data if way < 0.6 else self.unchecked)
        (folder / _NAME).write_bytes(data)

    def use(self, folder: Path) -> bool:
        found = read_checkpoint(folder / _NAME)
        check_origin(folder / _NAME, found.facts.get("origin"), self.origin, self.config)
        load_checkpoint(folder / _NAME, found, self.learner, self.kpis)
        return True


def _with_changed_tensor(rng: np.random.Generator, data: bytes) -> bytes:
    """One tensor changed, with a checksum that fits."""
    found = unpacked(data)
    name = sorted(found.tensors)[int(rng.integers(len(found.tensors)))]
    array = found.tensors[name].copy()
    flat = array.reshape(-1)
    kind = int(rng.integers(3))
    if kind == 0 and flat.size and array.dtype.kind == "f":
        flat[int(rng.integers(flat.size))] = float(str(NUMBERS[int(rng.integers(len(NUMBERS)))])[:40])
    elif kind == 1 and flat.size:
        raw = flat.view(np.uint8)
        raw[rng.integers(len(raw), size=1 + len(raw) // 8)] ^= 255
    else:
        array = array.reshape(-1)[: int(rng.integers(array.size + 1))]
    found.tensors[name] = array
    return packed(FORMAT, found.tensors, found.facts, checksum=True)

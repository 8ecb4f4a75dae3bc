"""Policy files: header, facts and tensors of a trained one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regional_dispatch.agents.export import load_policy
from regional_dispatch.agents.folder import POLICY_FILE
from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.envs.world.shipped import HOME
from regional_dispatch.reliability.fuzz.safetensors import mutated_safetensors


class Cases:
    """See `fuzz.kind.Kind`."""

    def __init__(self, folder: Path) -> None:
        self.data = (HOME / "agents" / "pretrained" / "us8.safetensors").read_bytes()
        self.sim = Simulator(load_scenario("small"))

    def make(self, rng: np.random.Generator, folder: Path) -> None:
        (folder / POLICY_FILE).write_bytes(mutated_safetensors(rng, self.data))

    def use(self, folder: Path) -> bool:
        policy = load_policy(folder / POLICY_FILE)
        self.sim.reset(0, 1)
        self.sim.run(policy.scorers, until=4)
        self.sim.run(baseline("least_cost").scorers, until=5)
        assert np.isfinite(self.sim.state.cash).all()
        return True

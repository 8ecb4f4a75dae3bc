"""Actions of an environment: of every type, shape and range, in the middle of an episode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.error import InvalidAction, ResetNeeded

from regional_dispatch.envs.decision_env import RegionalDecisionEnv
from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
from regional_dispatch.envs.vector_env import RegionalDispatchVectorEnv
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.reliability.fuzz.mutate import strange

_SEED = "seed.json"  # an action may be anything, so it is made again from a seed


class Cases:
    """See `fuzz.kind.Kind`."""

    def __init__(self, folder: Path) -> None:
        world = load_scenario("small", {"horizon_hours": "60"})
        self.faces: list[Any] = [
            RegionalDispatchEnv(world),
            RegionalDispatchVectorEnv(scenario=world, num_envs=3),
            RegionalDecisionEnv(world),
        ]
        for face in self.faces:
            face.reset(seed=1)

    def make(self, rng: np.random.Generator, folder: Path) -> None:
        (folder / _SEED).write_text(json.dumps(int(rng.integers(2**62))))

    def use(self, folder: Path) -> bool:
        rng = np.random.default_rng(json.loads((folder / _SEED).read_text()))
        face = self.faces[int(rng.integers(len(self.faces)))]
        try:
            seen = face.step(_action(rng, face.action_space))
        except ResetNeeded:
            face.reset(seed=int(rng.integers(1000)))
            return False
        except InvalidAction:
            return False
        assert np.isfinite(np.asarray(seen[1], float)).all(), "a reward is not finite"
        return True


def _action(rng: np.random.Generator, space: Any) -> Any:
    """A legal action, as it is or changed, or something else."""
    action = np.asarray(space.sample())
    kind = int(rng.integers(8))
    if kind < 2 and action.size:
        flat = action.astype(object).ravel()
        flat[int(rng.integers(flat.size))] = strange(rng)
        return flat.reshape(action.shape)
    if kind == 2:
        return action.astype(rng.choice(["float64", "float32", "int8", "uint64", "complex128", "str", "bool"]))
    if kind == 3:
        return rng.integers(-(2**62), 2**62, size=action.shape)
    if kind == 4:
        return action[..., None] if rng.random() < 0.5 else action.ravel()[: int(rng.integers(action.size + 1))]
    if kind == 5:
        return strange(rng)
    return action

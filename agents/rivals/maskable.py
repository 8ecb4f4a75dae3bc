"""An off-the-shelf rival: sb3-contrib's MaskablePPO on padded observations and a region's summed reward.

A row is a region, an action the choices of all its lines and lanes, and a reward minus its dollars of the tick.
Network, learning rate, batch size and the rest are sb3-contrib's defaults; the PPO file gives the number of network
copies, the length of a rollout and how often the policy is evaluated. The policy with the lowest cost on the tuning
episodes is kept, as in `agents.training.run`. Train one with `evaluate.py train_maskable`.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from sb3_contrib import MaskablePPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import set_random_seed

from regional_dispatch.agents.export import PolicyFileError
from regional_dispatch.agents.folder import CURVE_FILE
from regional_dispatch.agents.seeds import library_seed
from regional_dispatch.agents.training.curve import Curve
from regional_dispatch.agents.training.monitoring import OBJECTIVE
from regional_dispatch.agents.training.run import Run, write_config
from regional_dispatch.agents.vec_env import RegionalVecEnv
from regional_dispatch.envs.observation import apply_actions, empty_observation, fill_observation, flat
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario

MODEL_FILE, ABOUT_FILE = "maskable.zip", "maskable.json"
POLICY = "MultiInputPolicy"
EVAL_EVERY = 10  # updates between evaluations, where the PPO file names no interval: the length of a run is not known


def rollout(model: MaskablePPO, scenario: Scenario, keys: Sequence[int]) -> list[dict[str, float]]:
    """Plays one episode per key with the most likely actions; the KPIs of the whole network, per key."""
    sim = Simulator(scenario)
    return [_play(model, sim, key) for key in keys]


def _play(model: MaskablePPO, sim: Simulator, key: int) -> dict[str, float]:
    sim.reset(0, key)
    ended = False
    while not ended:
        sim.begin(0)
        seen = empty_observation(sim, sim.regions)
        fill_observation(sim, 0, seen)
        masks = [seen[name].reshape(sim.regions, -1) for name in ("order_mask", "lane_mask")]
        actions, _ = model.predict(flat(seen), action_masks=np.concatenate(masks, axis=1), deterministic=True)
        apply_actions(sim, 0, actions)
        ended = sim.finish(0)
    return sim.kpis(0)


@dataclass(frozen=True)
class MaskablePolicy:
    """A trained MaskablePPO in a folder; it plays whole episodes with `predict()`.

    Args:
        folder: the folder that `evaluate.py train_maskable` wrote.
        name: for tables.
    """

    folder: Path
    name: str

    @cached_property
    def about(self) -> dict[str, float]:
        """Seed, timesteps and cost on the tuning episodes.

        Raises:
            PolicyFileError: the folder holds no finished training.
        """
        try:
            found: dict[str, float] = json.loads((self.folder / ABOUT_FILE).read_text(encoding="utf-8"))
            return found
        except (OSError, ValueError):
            raise PolicyFileError(f"{self.folder}: no {ABOUT_FILE} of a finished training; train again") from None

    @property
    def seen(self) -> frozenset[tuple[str, int]]:
        """(stream, seed) of the episodes it was trained and selected on."""
        return frozenset((stream, int(self.about["seed"])) for stream in ("train", "tune"))

    @cached_property
    def model(self) -> bytes:
        """The model's file."""
        return (self.folder / MODEL_FILE).read_bytes()

    @property
    def digest(self) -> str:
        """Digest of the weights and of the code that plays them."""
        return hashlib.sha256(self.model + Path(__file__).read_bytes()).hexdigest()

    def rollout(self, scenario: Scenario, keys: Sequence[int]) -> list[dict[str, float]]:
        """The KPIs of one episode per key."""
        return rollout(MaskablePPO.load(io.BytesIO(self.model), device="cpu"), scenario, keys)

    def __getstate__(self) -> dict[str, object]:
        """Pickled with the model, so that it can play on a machine that does not have the folder."""
        return {**self.__dict__, "model": self.model}


class BestByTuning(BaseCallback):
    """Plays the tuning episodes every few updates, writes the KPIs down, and keeps the model with the lowest cost.

    Args:
        run: scenario, PPO file, seed and folder.
        seconds: time budget of learning, without evaluations; training stops when it is used up.
    """

    def __init__(self, run: Run, seconds: float) -> None:
        super().__init__()
        self.run, self.seconds = run, seconds
        self.keys = [episode_key("tune", run.seed, i) for i in range(run.ppo.eval_episodes)]
        self.curve = Curve(run.out / CURVE_FILE)
        self.best_cost = np.inf
        self._updates = 0

    def _on_training_start(self) -> None:
        self._since = time.monotonic()
        self._check()

    def learned(self) -> float:
        """Seconds of learning so far."""
        return time.monotonic() - self._since

    def _on_rollout_start(self) -> None:
        if self._updates and self._updates % (self.run.ppo.eval_every or EVAL_EVERY) == 0:
            self._check()
        self._updates += 1

    def _on_step(self) -> bool:
        return self.learned() < self.seconds

    def _on_training_end(self) -> None:
        self._check()

    def _check(self) -> None:
        assert isinstance(self.model, MaskablePPO)
        before = time.monotonic()
        rows = rollout(self.model, self.run.scenario, self.keys)
        kpis = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        self._since += time.monotonic() - before
        self._note(kpis)
        if kpis[OBJECTIVE] < self.best_cost:
            self.best_cost = kpis[OBJECTIVE]
            self._keep()

    def _note(self, kpis: dict[str, float]) -> None:
        """Adds a row to the learning curve; decisions count every slot of lines and lanes, padded ones too."""
        slots = len(self.training_env.action_space.nvec)  # type: ignore[attr-defined]
        self.curve.add(self.num_timesteps, self.learned(), self.num_timesteps * slots, kpis)

    def _keep(self) -> None:
        about = {"seed": self.run.seed, "timesteps": self.num_timesteps, "tuning_cost_per_order_usd": self.best_cost}
        part = self.run.out / f".{MODEL_FILE}"
        self.model.save(part)
        part.replace(self.run.out / MODEL_FILE)
        text = self.run.out / f".{ABOUT_FILE}"
        text.write_text(json.dumps(about) + "\n", encoding="utf-8")
        text.replace(self.run.out / ABOUT_FILE)


def train_maskable(run: Run, seconds: float) -> None:
    """Trains for `seconds` and leaves the model with the lowest cost on the tuning episodes in the run's folder."""
    seed = library_seed(run.seed)
    set_random_seed(seed)
    write_config(run)
    env = RegionalVecEnv(run.scenario, run.ppo.copies, run.seed)
    model = MaskablePPO(POLICY, env, n_steps=run.ppo.n_steps, seed=seed, device="cpu", verbose=0)
    model.learn(run.timesteps, callback=BestByTuning(run, seconds))

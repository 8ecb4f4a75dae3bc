"""What happens beside learning: KPIs on the tuning stream, the best policy kept, progress, checkpoints."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from stable_baselines3.common.callbacks import BaseCallback
from torch.utils.tensorboard import SummaryWriter

from agents.ppo import RegionalPPO
from baselines.pricing import price
from envs.demand import episode_key
from envs.policy import Pricing
from envs.scenario import Scenario
from envs.scorers import Scorers
from envs.simulator import Simulator

OBJECTIVE = "cost_per_order_usd"


class KpiCallback(BaseCallback):
    """Every few updates, runs the policy greedily on tuning episodes and logs all KPIs under `kpi/`.

    The baselines' KPIs on the same episodes are drawn into the same charts as runs of their own. The policy with the
    lowest cost so far is kept in `best`.

    Args:
        scenario: the world.
        baselines: name → scorers, for the reference lines.
        every: updates between evaluations.
        episodes: of each evaluation.
        seed: of the tuning stream.
        folder: TensorBoard's; each baseline gets a sub-folder.
        pricing: of the policy; the baselines are played unpriced.
    """

    def __init__(
        self,
        scenario: Scenario,
        baselines: dict[str, Scorers],
        every: int,
        episodes: int,
        seed: int,
        folder: Path,
        pricing: Pricing | None = None,
    ) -> None:
        super().__init__()
        self.sim = Simulator(scenario)
        self.every, self.seed = every, seed
        self.keys = [episode_key("tune", seed, i) for i in range(episodes)]
        self.levels = {name: self.evaluate(scorers) for name, scorers in baselines.items()}
        price(self.sim, pricing)
        self._writers = {name: SummaryWriter(str(folder / name)) for name in baselines}
        self.best: Scorers | None = None
        self.best_cost = np.inf
        self.latest: dict[str, float] = {}
        self._updates = 0

    def evaluate(self, scorers: Scorers) -> dict[str, float]:
        """Mean KPIs over the tuning episodes."""
        rows = []
        for key in self.keys:
            self.sim.reset(0, key)
            self.sim.run(scorers)
            rows.append(self.sim.kpis(0))
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}

    def consider(self, scorers: Scorers) -> dict[str, float]:
        """Evaluates a policy and keeps it if it is the cheapest so far; its mean KPIs."""
        kpis = self.evaluate(scorers)
        if kpis[OBJECTIVE] < self.best_cost:
            self.best, self.best_cost = scorers, kpis[OBJECTIVE]
        return kpis

    def _on_training_start(self) -> None:
        self._check()

    def _on_rollout_start(self) -> None:
        if self._updates and self._updates % self.every == 0:
            self._check()
        self._updates += 1

    def _on_training_end(self) -> None:
        self._check()
        self.logger.dump(self.num_timesteps)
        for writer in self._writers.values():
            writer.close()

    def _check(self) -> None:
        assert isinstance(self.model, RegionalPPO)
        self.latest = self.consider(self.model.scorers())
        for name, value in self.latest.items():
            self.logger.record(f"kpi/{name}", value)
        self.logger.record("kpi/best_cost_per_order_usd", self.best_cost)
        for baseline, writer in self._writers.items():
            for name, value in self.levels[baseline].items():
                writer.add_scalar(f"kpi/{name}", value, self.num_timesteps)

    def _on_step(self) -> bool:
        return True


class ProgressCallback(BaseCallback):
    """A progress bar with decisions per second, and today's cost against the best baseline.

    Args:
        total: timesteps to come.
        kpis: where the cost is read.
    """

    def __init__(self, total: int, kpis: KpiCallback) -> None:
        super().__init__()
        self.total, self.kpis = total, kpis
        self._decisions, self._since = 0, 0.0

    def _on_training_start(self) -> None:
        self._start = self.num_timesteps
        self._since = time.monotonic()
        self._bar = Progress(
            TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"),
            TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True),
        )  # fmt: skip
        self._task = self._bar.add_task("", total=self.total)
        self._bar.start()

    def _on_step(self) -> bool:
        assert isinstance(self.model, RegionalPPO)
        self._decisions = self.model.decisions
        self._bar.update(self._task, completed=self.num_timesteps - self._start)
        return True

    def _on_rollout_end(self) -> None:
        rate = self._decisions / (time.monotonic() - self._since)
        self.logger.record("time/decisions_per_second", rate)
        self._bar.update(self._task, description=f"{rate:,.0f} decisions/s  {self._standing()}")

    def _standing(self) -> str:
        costs = {name: level[OBJECTIVE] for name, level in self.kpis.levels.items()}
        best = min(costs, key=lambda name: costs[name])
        now = self.kpis.latest.get(OBJECTIVE, np.nan)
        return f"${now:.2f} an order, {best} ${costs[best]:.2f}"

    def _on_training_end(self) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the terminal; safe to call twice, and when training never started."""
        if hasattr(self, "_bar"):
            self._bar.stop()


class CheckpointCallback(BaseCallback):
    """Saves the whole learner every few updates, atomically, and keeps the newest ones.

    Args:
        folder: where.
        every: updates between checkpoints.
        keep: how many stay.
    """

    def __init__(self, folder: Path, every: int, keep: int = 3) -> None:
        super().__init__()
        self.folder, self.every, self.keep = folder, every, keep
        self._updates = 0

    def _on_rollout_start(self) -> None:
        if self._updates and self._updates % self.every == 0:
            self.save()
        self._updates += 1

    def _on_training_end(self) -> None:
        self.save()

    def save(self) -> Path:
        """Writes a checkpoint named after the timesteps; returns its path."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self.num_timesteps:012d}.zip"
        temporary = self.folder / f".{path.name}"
        try:
            self.model.save(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)  # Ctrl-C in the middle of it leaves nothing half-written
        for old in sorted(self.folder.glob("*.zip"))[: -self.keep]:
            old.unlink()
        return path

    def _on_step(self) -> bool:
        return True

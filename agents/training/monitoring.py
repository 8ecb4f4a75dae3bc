"""What is measured during training: KPIs on the tuning episodes, and the best policy so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Image
from torch.utils.tensorboard import SummaryWriter

from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.agents.training.curve import Curve
from regional_dispatch.agents.training.tensorboard import NO_TEXT, event_writer, file_name, tag
from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.envs.kernel.decisions.scorers import Scorer, Scorers
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.policy import Pricing, ScorerPolicy
from regional_dispatch.envs.simulator import Simulator, part
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario

LEARNER_NAME = "ppo"  # the learning policy in tables, and its run in TensorBoard, beside those of the references
OBJECTIVE = "cost_per_order_usd"
COST_TAG = tag(OBJECTIVE)
BEST_TAG = f"{COST_TAG}_best"
EVALUATIONS = 20  # of a run, beside the one before training, where the PPO file names no interval
USUAL = ("least_cost", "least_cost+quantity")  # the cheaper of these says what an episode usually costs

Kpis = dict[str, float]


class TuningEpisodes:
    """The episodes that a policy is evaluated on while it learns; the same ones every time.

    Args:
        worlds: scenarios they are played in, in turn.
        episodes: number of episodes.
        seed: of the tuning stream.
    """

    def __init__(self, worlds: Sequence[Scenario], episodes: int, seed: int) -> None:
        self.worlds = worlds
        self.seed = seed
        self.keys = [episode_key("tune", seed, i) for i in range(episodes)]
        self._sims: dict[tuple[int, Pricing | None], Simulator] = {}  # by number of the world
        self._usual: list[float] | None = None  # costs of each episode; see `_in_proportion`

    def kpis(self, policy: ScorerPolicy, show: Callable[[np.ndarray], None] | None = None) -> Kpis:
        """Mean KPIs of a policy, with units priced as the policy asks for; of several worlds, costs in proportion.

        Args:
            policy: plays.
            show: takes the map in the last tick of the first episode, when trucks are still under way: (H, W, 3) uint8
        """
        rows = self._in_proportion(self._play(policy, show))
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}

    def _in_proportion(self, rows: list[Kpis]) -> list[Kpis]:
        """Dollars of each episode as if a rule cost the same in all of them, so that none outweighs the others."""
        if len(self.worlds) == 1:
            return rows
        if self._usual is None:
            rules = (self._play(baseline(name)) for name in USUAL)
            self._usual = [min(row[OBJECTIVE] for row in played) for played in zip(*rules, strict=True)]
        mean = float(np.mean(self._usual))
        return [
            {name: value * mean / usual if name.endswith("_usd") else value for name, value in row.items()}
            for row, usual in zip(rows, self._usual, strict=True)
        ]

    def _play(self, policy: ScorerPolicy, show: Callable[[np.ndarray], None] | None = None) -> list[Kpis]:
        rows = []
        for i, key in enumerate(self.keys):
            sim = self._simulator(i % len(self.worlds), policy.pricing)
            sim.reset(0, key)
            if i == 0 and show is not None:
                sim.run(policy.scorers, until=max(1, sim.world.rules.horizon_tick - 1))
                show(self.picture(sim, policy))
            sim.run(policy.scorers)
            rows.append(sim.kpis(0))
        return rows

    def picture(self, sim: Simulator, policy: ScorerPolicy) -> np.ndarray:
        """The map of a network at this moment: (H, W, 3) uint8."""
        from regional_dispatch.envs.render.map import draw_map  # pulls in matplotlib

        return draw_map(sim, title=f"{sim.scenario.name}: {policy.name}")

    def _simulator(self, world: int, pricing: Pricing | None) -> Simulator:
        if (world, pricing) not in self._sims:
            self._sims[world, pricing] = simulator_for(self.worlds[world], pricing)
        return self._sims[world, pricing]


class KpiCallback(BaseCallback):
    """Runs the policy greedily on the tuning episodes every few updates and logs its KPIs.

    `levels` (name → KPIs of a reference policy or a bound) are drawn into the same charts, each as a run of its own.
    A KPI that has been zero everywhere so far has no chart. The policy with the lowest cost so far is kept in `best`,
    the KPIs of all evaluations in `curve`. The lowest of several costs flatters: what a policy is worth is measured on
    held-out episodes.

    Args:
        episodes: the tuning episodes.
        every: updates between evaluations; None spreads `EVALUATIONS` evenly over the run.
        curve: table that the KPIs are added to.
        folder: TensorBoard's; each level gets a sub-folder.
        pricing: how the policy wants units priced.
    """

    def __init__(
        self,
        episodes: TuningEpisodes,
        every: int | None,
        curve: Curve,
        folder: Path,
        pricing: Pricing | None = None,
    ) -> None:
        super().__init__()
        self.episodes, self.every = episodes, every
        self.curve, self.folder, self.pricing = curve, folder, pricing
        self.levels: dict[str, Kpis] = {}
        self.best: Scorers | None = None
        self.best_cost = np.inf
        self.seconds = 0.0  # of training, up to the last evaluation
        self._writers: dict[str, SummaryWriter] = {}

    @property
    def latest(self) -> Kpis:
        """The last row of the curve; empty before the first evaluation."""
        return self.curve.rows[-1] if self.curve.rows else {}

    def references(self) -> dict[str, float]:
        """Name → USD per order of the levels that have this KPI, lowest first."""
        costs = {name: level[OBJECTIVE] for name, level in self.levels.items() if OBJECTIVE in level}
        return dict(sorted(costs.items(), key=lambda item: item[1]))

    def drawn(self) -> list[str]:
        """KPIs that have a chart: those that were not zero in some evaluation so far, or for a reference."""
        seen = [*self.curve.rows, *self.levels.values()]
        return [name for name in KPIS if any(np.nan_to_num(kpis.get(name, 0.0)) for kpis in seen)]

    def snapshot(self) -> dict[str, np.ndarray]:
        """What a resumed run needs, as arrays: curve, clock and best policy."""
        best = self.best._asdict() if self.best is not None else {}
        return {
            "curve": self.curve.snapshot(),
            "seconds": np.array(self.seconds_now()),
            "best_cost": np.array(self.best_cost),
            **{f"best.{kind}.{name}": a for kind, scorer in best.items() for name, a in scorer._asdict().items()},
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continues from a snapshot.

        Raises:
            KeyError: an array is missing.
            ValueError: the curve has other KPIs.
        """
        self.curve.restore(arrays["curve"])
        self.seconds, self.best_cost = float(arrays["seconds"]), float(arrays["best_cost"])
        if np.isfinite(self.best_cost):
            self.best = Scorers(*(Scorer(**part(arrays, f"best.{kind}.")) for kind in Scorers._fields))

    def seconds_now(self) -> float:
        """Seconds of training so far, without evaluations."""
        return self.seconds + (time.monotonic() - self._since if hasattr(self, "_since") else 0.0)

    def _on_training_start(self) -> None:
        purge = self.num_timesteps + 1 if self.num_timesteps else None
        self._writers = {name: event_writer(self.folder / file_name(name), purge) for name in self.levels}
        self._since = time.monotonic()
        self._updates = self._updates_of_the_run()
        if self.num_timesteps == 0:
            self._check(self._show)

    def _on_rollout_start(self) -> None:
        if self._is_due():
            self._check()
        self.logger.dump(self.num_timesteps)  # with what the previous update has recorded

    def _on_training_end(self) -> None:
        self._check(self._show)
        self.logger.dump(self.num_timesteps)
        for writer in self._writers.values():
            writer.close()

    def _updates_of_the_run(self) -> int:
        assert isinstance(self.model, RegionalPPO)
        return max(1, -(-self.model._total_timesteps // (self.model.n_steps * self.model.n_envs)))

    def _is_due(self) -> bool:
        assert isinstance(self.model, RegionalPPO)
        done = self.model.updates
        if self.every is not None:
            return done % self.every == 0
        return done * EVALUATIONS // self._updates > (done - 1) * EVALUATIONS // self._updates

    def _check(self, show: Callable[[np.ndarray], None] | None = None) -> None:
        assert isinstance(self.model, RegionalPPO)
        if self.latest.get("timesteps") == self.num_timesteps:
            return  # already evaluated, perhaps before the run was resumed
        self.seconds = self.seconds_now()
        scorers = self.model.scorers()
        kpis = self.episodes.kpis(ScorerPolicy(scorers, LEARNER_NAME, self.pricing), show)
        self.curve.add(self.num_timesteps, self.seconds, self.model.decisions, kpis)
        if kpis[OBJECTIVE] < self.best_cost:
            self.best, self.best_cost = scorers, kpis[OBJECTIVE]
        self._log(kpis)
        self._since = time.monotonic()

    def _show(self, picture: np.ndarray) -> None:
        """Logs the map; at the start and the end only, as drawing it takes as long as an evaluation."""
        self.logger.record("kpi/map", Image(picture, "HWC"), exclude=NO_TEXT)

    def _log(self, kpis: Kpis) -> None:
        drawn = self.drawn()
        for name in drawn:
            self.logger.record(tag(name), kpis[name])
        self.logger.record(BEST_TAG, self.best_cost)
        for level, writer in self._writers.items():
            for name in drawn:
                if name in self.levels[level]:
                    writer.add_scalar(tag(name), self.levels[level][name], self.num_timesteps)
            writer.flush()

    def _on_step(self) -> bool:
        return True

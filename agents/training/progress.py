"""Progress of a training: a live bar on a terminal, and one line per evaluation elsewhere, such as in a log."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from stable_baselines3.common.callbacks import BaseCallback

from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.agents.training.monitoring import OBJECTIVE, KpiCallback


class ProgressCallback(BaseCallback):
    """Logs the speed; subclasses also show it.

    Args:
        total: timesteps of the whole run.
        kpis: has the costs to show.
        console: to print on.
    """

    def __init__(self, total: int, kpis: KpiCallback, console: Console) -> None:
        super().__init__()
        self.total, self.kpis, self.console = total, kpis, console

    def _on_training_start(self) -> None:
        assert isinstance(self.model, RegionalPPO)
        self._begun = time.monotonic()
        self._first = self.model.decisions, self.num_timesteps

    def _on_rollout_end(self) -> None:
        self.logger.record("time/decisions_per_second", self.rate())

    def rate(self) -> float:
        """Decisions per second since training started in this process, evaluations included."""
        assert isinstance(self.model, RegionalPPO)
        return (self.model.decisions - self._first[0]) / max(time.monotonic() - self._begun, 1e-9)

    def standing(self) -> str:
        """The policy's cost on the tuning episodes, and the lowest cost of the references."""
        now = f"${self.kpis.latest[OBJECTIVE]:.2f} an order" if self.kpis.latest else "not evaluated yet"
        references = self.kpis.references()
        best = next(iter(references), None)
        return now if best is None else f"{now}, {best} ${references[best]:.2f}"

    def close(self) -> None:
        """Stops drawing on the terminal; safe to call at any time."""

    def _on_step(self) -> bool:
        return True


class ProgressBar(ProgressCallback):
    """A live bar."""

    def _on_training_start(self) -> None:
        super()._on_training_start()
        self._bar = Progress(
            BarColumn(bar_width=None), TaskProgressColumn(), TextColumn("{task.description}"),
            TimeRemainingColumn(), TextColumn("left"), console=self.console, expand=True,
        )  # fmt: skip
        self._task = self._bar.add_task(self.standing(), total=self.total, completed=self.num_timesteps)
        self._bar.start()

    def _on_step(self) -> bool:
        self._bar.update(self._task, completed=min(self.num_timesteps, self.total))
        return True

    def _on_rollout_end(self) -> None:
        super()._on_rollout_end()
        self._bar.update(self._task, description=f"{self.rate():,.0f} decisions/s  {self.standing()}")

    def _on_training_end(self) -> None:
        self._bar.update(self._task, description=f"{self.rate():,.0f} decisions/s  {self.standing()}")
        self.close()

    def close(self) -> None:
        if hasattr(self, "_bar"):
            self._bar.stop()


class ProgressLines(ProgressCallback):
    """A line per evaluation."""

    def _on_training_start(self) -> None:
        super()._on_training_start()
        self._shown = 0
        self._show()

    def _on_rollout_start(self) -> None:
        self._show()

    def _on_training_end(self) -> None:
        self._show()

    def _show(self) -> None:
        if len(self.kpis.curve) == self._shown:
            return
        self._shown = len(self.kpis.curve)
        line = f"{self.num_timesteps:,} of {self.total:,} timesteps: {self.standing()}"
        done = self.num_timesteps - self._first[1]
        if done:
            left = (time.monotonic() - self._begun) / done * max(0, self.total - self.num_timesteps)
            line += f", {self.rate():,.0f} decisions/s, {_duration(left)} left"
        self.console.print(line, soft_wrap=True, highlight=False, markup=False)


def show_progress(total: int, kpis: KpiCallback, console: Console) -> ProgressCallback:
    """A live bar if the console is a terminal, else lines."""
    return (ProgressBar if console.is_terminal else ProgressLines)(total, kpis, console)


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"

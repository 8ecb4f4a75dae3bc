"""TensorBoard: names of tags, event files of a run that may have been resumed, and the HParams tab.

TensorBoard sorts charts by name: the dollars come first, with the cost per order before its parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import HParam, Logger, TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

NO_TEXT = ("stdout", "log", "json", "csv")  # outputs that cannot show pictures, histograms and tables
ADDRESS = "http://localhost:6006/?smoothing=0"  # of TensorBoard; its default smoothing draws a falling cost too high
_EXACT = 2**53  # integers from here on are not exact as the doubles of the HParams tab
_DOLLARS = "per_order_usd"  # ending of the KPIs in dollars


def tag(kpi: str) -> str:
    """The tag of a KPI: those in dollars are in `cost/`, the others in `kpi/`."""
    return f"{'cost' if kpi.endswith(_DOLLARS) else 'kpi'}/{kpi}"


class HParamCallback(BaseCallback):
    """Adds the run to TensorBoard's HParams tab.

    Args:
        hparams: name → number or text.
        metrics: tags of the scalars that runs are compared by.
    """

    def __init__(self, hparams: Mapping[str, float | str | bool], metrics: Sequence[str]) -> None:
        super().__init__()
        self.metrics = metrics
        large = {name: str(x) for name, x in hparams.items() if isinstance(x, int) and x >= _EXACT}
        self.hparams = {**hparams, **large}

    def _on_training_start(self) -> None:
        metrics = dict.fromkeys(self.metrics, 0.0)  # their values are read from the scalars
        self.logger.record("hparams", HParam(self.hparams, metrics), exclude=NO_TEXT)
        self.logger.dump(self.num_timesteps)

    def _on_step(self) -> bool:
        return True


class EventFile(TensorBoardOutputFormat):
    """SB3's TensorBoard output, for a run that may have been resumed.

    Args:
        folder: of the event files.
        purge: older events from this timestep on are hidden, since the run writes them again; None hides none.
    """

    def __init__(self, folder: Path, purge: int | None) -> None:
        self.writer = event_writer(folder, purge)
        self._is_closed = False


def event_writer(folder: Path, purge: int | None) -> SummaryWriter:
    """A writer of event files that hides older events from timestep `purge` on."""
    return SummaryWriter(str(folder), purge_step=purge)


def tensorboard_logger(folder: Path, timesteps: int) -> Logger:
    """A logger of a run that continues from `timesteps`."""
    return Logger(str(folder), [EventFile(folder, timesteps + 1 if timesteps else None)])


def file_name(name: str) -> str:
    """A folder name for a policy, whose name may be a path."""
    return name.strip("/").replace("/", "_")

"""Checkpoints: everything a run needs to continue exactly, bit for bit, as if it had not been stopped.

A checkpoint is written between two updates. It is stable-baselines3's archive (weights, optimizer, counters) with one
more member of plain numpy arrays: network copies, open decisions, random states, learning curve and best policy.
Checkpoints can be read by the version that wrote them only; policy files (`agents.export`) last longer.
"""

from __future__ import annotations

import random
import signal
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

from regional_dispatch.agents.export import PolicyFileError
from regional_dispatch.agents.folder import CHECKPOINTS
from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.agents.training.monitoring import KpiCallback
from regional_dispatch.agents.vec_env import BatchVecEnv
from regional_dispatch.envs.simulator import part, prefixed
from regional_dispatch.envs.world.replacing import replacing

MEMBER = "state.npz"


class CheckpointCallback(BaseCallback):
    """Saves the whole run every few updates, each file in one step, and keeps the newest files.

    Args:
        folder: of the checkpoints.
        every: updates between checkpoints.
        kpis: saved with the learner.
        stop: once Ctrl-C was pressed, training ends before the next rollout, with a checkpoint.
        say: prints a message that training is about to stop.
        keep: number of checkpoints kept.
    """

    def __init__(
        self, folder: Path, every: int, kpis: KpiCallback, stop: CtrlC, say: Callable[[str], None], keep: int = 3
    ) -> None:
        super().__init__()
        self.folder, self.every, self.kpis, self.stop, self.say, self.keep = folder, every, kpis, stop, say, keep
        self._told = False

    def _on_rollout_start(self) -> None:
        assert isinstance(self.model, RegionalPPO)
        due = self.model.updates % self.every == 0 and self.num_timesteps > 0
        if due or self.stop.asked:
            self.save()
        if self.stop.asked:
            raise KeyboardInterrupt

    def _on_training_end(self) -> None:
        self.save()

    def save(self) -> Path:
        """Writes a checkpoint named after the timesteps; returns its path."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self.num_timesteps:012d}.zip"
        with replacing(path) as file:
            self.model.save(file)
            _append(file, self._arrays())
        for old in sorted(self.folder.glob("*.zip"))[: -self.keep]:
            old.unlink()
        return path

    def _arrays(self) -> dict[str, np.ndarray]:
        assert isinstance(self.model, RegionalPPO)
        return prefixed({"learner.": self.model.snapshot(), "kpis.": self.kpis.snapshot(), "random.": _random_states()})

    def _on_step(self) -> bool:
        if self.stop.asked and not self._told:
            self._told = True
            self.say("stopping after this update; Ctrl-C once more stops at once")
        return True


class CtrlC:
    """A context in which a first Ctrl-C asks to stop between two updates, and a second one stops at once.

    Does nothing outside the main thread, or where Ctrl-C is ignored or has another handler.
    """

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> CtrlC:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            with suppress(ValueError):  # not the main thread
                signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *error: object) -> None:
        if signal.getsignal(signal.SIGINT) == self._ask:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def load_checkpoint(
    path: Path, env: BatchVecEnv, kpis: KpiCallback, algorithm: type[RegionalPPO] = RegionalPPO, device: str = "cpu"
) -> RegionalPPO:
    """Loads a learner as it was, on `env` and a device; also restores `kpis` and the random states.

    Raises:
        PolicyFileError: the file is damaged, or of another scenario or version.
    """
    try:
        model = algorithm.load(path, env=env, device=device)
        arrays = _read(path)
        model.restore(part(arrays, "learner."))
        kpis.restore(part(arrays, "kpis."))
        _set_random_states(part(arrays, "random."))
        return model
    except Exception as error:  # a damaged archive can fail in any of the layers that read it
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise PolicyFileError(
            f"{path}: damaged, or of another scenario or version ({reason}); resume from an older checkpoint "
            "in the same folder, or train again"
        ) from None


def newest_checkpoint(folder: Path) -> Path:
    """The newest checkpoint of a training folder.

    Raises:
        PolicyFileError: there is none.
    """
    found = sorted((folder / CHECKPOINTS).glob("*.zip"))
    if not found:
        raise PolicyFileError(f"{folder}: no {CHECKPOINTS}/*.zip to resume from; train without --resume")
    return found[-1]


def remove_later(checkpoint: Path) -> None:
    """Removes the checkpoints of a folder that come after one; the resumed run writes new ones."""
    for path in checkpoint.parent.glob("*.zip"):
        if path.name > checkpoint.name:
            path.unlink()


def _append(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,  # a third of the default's time
        archive.open(MEMBER, "w", force_zip64=True) as member,
    ):
        np.savez(member, allow_pickle=False, **dict(arrays))


def _read(path: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        if MEMBER not in archive.namelist():
            raise ValueError(f"no {MEMBER} in it")
        with np.load(BytesIO(archive.read(MEMBER)), allow_pickle=False) as arrays:
            return dict(arrays)


def _random_states() -> dict[str, np.ndarray]:
    _, words, *numpy_rest = np.random.get_state(legacy=True)
    _, python_words, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state().numpy(),
        "numpy": np.asarray(words),
        "numpy_rest": np.array(numpy_rest, float),  # position, whether a normal variate is cached, and its value
        "python": np.array(python_words, np.uint64),
        "python_gauss": np.array([] if gauss is None else [gauss]),
    }


def _set_random_states(arrays: Mapping[str, np.ndarray]) -> None:
    position, has_gauss, kept = arrays["numpy_rest"].tolist()
    gauss: list[Any] = arrays["python_gauss"].tolist() or [None]
    torch.set_rng_state(torch.as_tensor(arrays["torch"]))
    np.random.set_state(("MT19937", arrays["numpy"], int(position), int(has_gauss), kept))
    random.setstate((3, tuple(arrays["python"].tolist()), gauss[0]))

"""Checkpoints: everything a run needs to continue exactly, bit for bit, as if it had not been stopped.

A checkpoint is written between two updates. It is a safetensors file of numbers: weights, optimizers, random states,
learning curve and best policy as tensors, network copies and open decisions as one compressed tensor that holds a file
of the same kind, and counters and origin as JSON in the metadata. To resume, the learner is built from the run's
configuration, and takes its numbers over; nothing in the file is executed. Checkpoints can be read by the version that
wrote them only; policy files (`agents.export`) last longer.
"""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from regional_dispatch.agents.errors import PolicyFileError
from regional_dispatch.agents.folder import (
    CHECKPOINT_ENDING,
    CHECKPOINTS,
    PICKLED_ENDING,
    checkpoint_name,
    checkpoints_in,
)
from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.agents.tensor_file import Contents, packed, read_bytes, unpacked
from regional_dispatch.agents.training.monitoring import KpiCallback
from regional_dispatch.agents.training.random_states import random_states, set_random_states
from regional_dispatch.agents.training.records import as_plain, as_records
from regional_dispatch.agents.training.stopping import Stopped, StopSignals
from regional_dispatch.agents.training.weights import learning_rates, restore_weights, weights_of
from regional_dispatch.envs.simulator import part, prefixed
from regional_dispatch.envs.world.reading import printable
from regional_dispatch.envs.world.replacing import remove_strays, replacing

FORMAT = "regional-dispatch-checkpoint-1"
BOOKS_FORMAT = "regional-dispatch-books-1"
BOOKS = "books"  # the tensor with network copies and open decisions, a compressed file
MOST_BYTES = 1 << 30
# Open decisions and packages need more room than at the start; this often, and so many bytes more.
MOST_GROWTH, MOST_MORE_BYTES = 16, 256 << 20
MOST_COUNT = 2**62
_COUNTS = ("num_timesteps", "n_updates", "decisions")


class CheckpointCallback(BaseCallback):
    """Saves the whole run every few updates, each file in one step, and keeps the newest files.

    Args:
        out: folder of the run.
        every: updates between checkpoints.
        kpis: saved with the learner.
        origin: what the run is made from; see `agents.training.origin`.
        stop: once a signal has asked, training ends before the next rollout, with a checkpoint.
        say: prints a message that training is about to stop.
        keep: number of checkpoints kept.
    """

    def __init__(
        self, out: Path, every: int, kpis: KpiCallback, origin: Mapping[str, Any], stop: StopSignals,
        say: Callable[[str], None], keep: int = 3,
    ) -> None:  # fmt: skip
        super().__init__()
        self.out, self.every, self.kpis, self.origin = out, every, kpis, origin
        self.stop, self.say, self.keep = stop, say, keep
        self._told = False

    def _on_training_start(self) -> None:
        folder = self.out / CHECKPOINTS
        folder.mkdir(parents=True, exist_ok=True)
        remove_strays(self.out)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f"may not write in '{folder}'")

    def _on_rollout_start(self) -> None:
        assert isinstance(self.model, RegionalPPO)
        due = self.model.updates % self.every == 0 and self.num_timesteps > 0
        if due or self.stop.asked:
            self.save()
        if self.stop.number is not None:
            raise Stopped("", self.stop.number)

    def _on_training_end(self) -> None:
        self.save()

    def save(self) -> Path:
        """Writes a checkpoint named after the timesteps; returns its path."""
        assert isinstance(self.model, RegionalPPO)
        path = self.out / CHECKPOINTS / checkpoint_name(self.num_timesteps)
        with replacing(path) as file:
            file.write_bytes(checkpoint_bytes(self.model, self.kpis, self.origin))
        for old in checkpoints_in(self.out)[: -self.keep]:
            old.unlink()
        return path

    def _on_step(self) -> bool:
        if self.stop.asked and not self._told:
            self._told = True
            self.say("stopping after this update; Ctrl-C once more stops at once")
        return True


def checkpoint_bytes(learner: RegionalPPO, kpis: KpiCallback, origin: Mapping[str, Any]) -> bytes:
    """A checkpoint as the bytes of its file."""
    books = packed(BOOKS_FORMAT, as_plain(learner.snapshot()), {})
    compressed = np.frombuffer(zlib.compress(books, level=1), np.uint8)  # a third of the time of the default
    groups = {"weights.": weights_of(learner), "kpis.": kpis.snapshot(), "random.": random_states()}
    facts = {"origin": origin, "learning_rates": learning_rates(learner), **_counts(learner)}
    return packed(FORMAT, {**prefixed(groups), BOOKS: compressed}, facts, checksum=True)


def read_checkpoint(path: Path) -> Contents:
    """Reads a checkpoint; what it says is checked when a learner takes it over.

    Raises:
        PolicyFileError: there is none, it is damaged, or of an earlier version.
    """
    refuse_pickled(path)
    try:
        found = unpacked(read_bytes(path, MOST_BYTES))
    except FileNotFoundError:
        raise PolicyFileError(f"{path}: no such file; give a training folder, or one of its checkpoints") from None
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from None
    if found.format != FORMAT:
        raise _damaged(path, ValueError(f"not of the format {FORMAT}"))
    return found


def refuse_pickled(path: Path) -> None:
    """Refuses a checkpoint of an earlier version by its name, unopened.

    Raises:
        PolicyFileError: it is one.
    """
    if path.suffix == PICKLED_ENDING:
        raise PolicyFileError(
            f"{path}: written by an earlier version as a pickle, which can hold code, so it is not opened; resume with "
            "the version that wrote it, or train again"
        )


def load_checkpoint(path: Path, found: Contents, learner: RegionalPPO, kpis: KpiCallback) -> None:
    """Sets a new learner, its KPIs and the random states to those of a checkpoint.

    Args:
        path: of the checkpoint, for messages.
        found: what `read_checkpoint` gave.
        learner: built from the configuration of the run.
        kpis: of the run.

    Raises:
        PolicyFileError: the checkpoint is damaged, or of another learner.
    """
    try:
        arrays, facts = found.tensors, found.facts
        learner.restore(_books(arrays[BOOKS], learner.snapshot()))
        restore_weights(learner, part(arrays, "weights."), _rates(facts["learning_rates"], learner))
        kpis.restore(part(arrays, "kpis."))
        _set_counts(learner, facts)
        set_random_states(part(arrays, "random."))
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, RuntimeError, zlib.error) as error:
        raise _damaged(path, error) from None


def newest_checkpoint(folder: Path) -> Path:
    """The newest checkpoint of a training folder.

    Raises:
        PolicyFileError: there is none.
    """
    found = checkpoints_in(folder)
    if found:
        return found[-1]
    pickled = sorted((folder / CHECKPOINTS).glob(f"[0-9]*{PICKLED_ENDING}"))
    if pickled:
        refuse_pickled(pickled[-1])
    raise PolicyFileError(f"{folder}: no {CHECKPOINTS}/*{CHECKPOINT_ENDING} to resume from; train without --resume")


def remove_later(checkpoint: Path, out: Path) -> None:
    """Removes the checkpoints of a run that come after one; the resumed run writes new ones."""
    for path in checkpoints_in(out):
        if path.name > checkpoint.name:
            path.unlink()


def _damaged(path: Path, error: Exception) -> PolicyFileError:
    reason = printable(" ".join(str(error).split())) or type(error).__name__
    return PolicyFileError(
        f"{path}: damaged, or of another scenario or version ({reason}); resume from an older checkpoint "
        "in the same folder, or train again"
    )


def _books(compressed: np.ndarray, like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Network copies and open decisions, by the names of `like`."""
    most = MOST_MORE_BYTES + MOST_GROWTH * sum(array.nbytes for array in like.values())
    if compressed.dtype != np.uint8 or compressed.ndim != 1:
        raise ValueError(f"{BOOKS} is no compressed file")
    reader = zlib.decompressobj()
    data = reader.decompress(compressed.tobytes(), most)
    if not reader.eof or reader.unconsumed_tail or reader.unused_data:
        raise ValueError(f"{BOOKS} is cut off, or larger than {most:,} bytes")
    found = unpacked(data)
    if found.format != BOOKS_FORMAT:
        raise ValueError(f"{BOOKS} is not of the format {BOOKS_FORMAT}")
    return as_records(found.tensors, like)


def _counts(learner: RegionalPPO) -> dict[str, Any]:
    """How far the learner is, and the latest episodes: the sum of rewards and the ticks of each."""
    episodes = [[float(one["r"]), int(one["l"])] for one in learner.ep_info_buffer or ()]
    return {
        "num_timesteps": learner.num_timesteps, "n_updates": learner._n_updates, "decisions": learner.decisions,
        "episodes": episodes,
    }  # fmt: skip


def _set_counts(learner: RegionalPPO, facts: Mapping[str, Any]) -> None:
    counts = {name: facts[name] for name in _COUNTS}
    for name, count in counts.items():
        if type(count) is not int or not 0 <= count < MOST_COUNT:
            raise ValueError(f"{name} = {printable(str(count), 40)}: must be a whole number")
    learner.num_timesteps, learner._n_updates, learner.decisions = (counts[name] for name in _COUNTS)
    rows = [{"r": _number("episodes", reward), "l": int(ticks)} for reward, ticks in facts["episodes"]]
    learner.ep_info_buffer = deque(rows, maxlen=learner._stats_window_size)
    learner.ep_success_buffer = deque(maxlen=learner._stats_window_size)


def _rates(rates: Any, learner: RegionalPPO) -> dict[str, float]:
    found = {name: _number("learning_rates", rates[name]) for name in learner.optimizers()}
    if not all(0 <= rate <= 1 for rate in found.values()):
        raise ValueError("learning_rates must be from 0 to 1")
    return found


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} = {printable(str(value), 40)}: must be a number")
    return float(value)

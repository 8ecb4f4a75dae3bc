"""Names of what a training folder holds. Light to import, so that any command can look at a folder without torch."""

from __future__ import annotations

import re
from pathlib import Path

POLICY_FILE = "policy.safetensors"  # the best policy by the tuning episodes
CONFIG_FILE = "config.yaml"  # enough to train the same again, and to resume
CURVE_FILE = "curve.csv"  # KPIs of each evaluation
CHECKPOINTS = "checkpoints"
TENSORBOARD = "tb"
CHECKPOINT_ENDING = ".safetensors"
PICKLED_ENDING = ".zip"  # of the checkpoints of earlier versions
_CHECKPOINT = re.compile(rf"[0-9]{{1,18}}{re.escape(CHECKPOINT_ENDING)}", re.ASCII)  # named after the timesteps
_ANY_CHECKPOINT = re.compile(r"[0-9]{1,18}\.(safetensors|zip)", re.ASCII)
_EVENTS = "events.out.tfevents.*"  # TensorBoard's files
_UNFINISHED = re.compile(r"\.[0-9]+\..+", re.ASCII)  # what `envs.world.replacing` writes to


def checkpoint_name(timesteps: int) -> str:
    """The file name of a checkpoint after so many timesteps; names sort as the numbers do."""
    return f"{timesteps:012d}{CHECKPOINT_ENDING}"


def checkpoints_in(folder: Path) -> list[Path]:
    """The checkpoints of a training folder, oldest first. Files that were left half-written are none."""
    found = (folder / CHECKPOINTS).glob(f"*{CHECKPOINT_ENDING}")
    return sorted((path for path in found if _CHECKPOINT.fullmatch(path.name)), key=lambda path: int(path.stem))


def remove_unfinished(folder: Path) -> None:
    """Removes what a process that was killed left half-written in a training folder.

    Raises:
        OSError: a file cannot be removed.
    """
    for place in (folder, folder / CHECKPOINTS):
        for path in place.glob(".*"):
            if _UNFINISHED.fullmatch(path.name) and path.is_file():
                path.unlink(missing_ok=True)


def remove_training(folder: Path) -> None:
    """Removes the files that a training wrote, and no others: by their names, and folders only where they are empty.

    Raises:
        OSError: one cannot be removed.
    """
    remove_unfinished(folder)
    checkpoints, events = folder / CHECKPOINTS, folder / TENSORBOARD
    ours = [path for path in checkpoints.glob("*") if _ANY_CHECKPOINT.fullmatch(path.name)]
    for path in (*ours, *events.rglob(_EVENTS), *(folder / name for name in (POLICY_FILE, CURVE_FILE, CONFIG_FILE))):
        path.unlink(missing_ok=True)
    below = sorted((path for path in events.rglob("*") if path.is_dir()), reverse=True)  # the deepest first
    for place in (*below, events, checkpoints):
        if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
            place.rmdir()

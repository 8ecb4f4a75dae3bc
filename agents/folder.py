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


def checkpoint_name(timesteps: int) -> str:
    """The file name of a checkpoint after so many timesteps; names sort as the numbers do."""
    return f"{timesteps:012d}{CHECKPOINT_ENDING}"


def checkpoints_in(folder: Path) -> list[Path]:
    """The checkpoints of a training folder, oldest first. Files that were left half-written are none."""
    found = (folder / CHECKPOINTS).glob(f"*{CHECKPOINT_ENDING}")
    return sorted((path for path in found if _CHECKPOINT.fullmatch(path.name)), key=lambda path: int(path.stem))

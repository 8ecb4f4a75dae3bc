"""Removing an earlier training: the files that this project wrote, by their names, and no others."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from regional_dispatch.agents.folder import CHECKPOINTS, CONFIG_FILE, CURVE_FILE, POLICY_FILE, TENSORBOARD

# Files of a training and of its comparison, and folders of such files, as patterns below its folder.
FILES = (
    POLICY_FILE, CONFIG_FILE, CURVE_FILE, "results.csv", "summary.json", "weeks.csv", "map.png",
    f"{CHECKPOINTS}/{'[0-9]' * 12}*", f"{TENSORBOARD}/**/events.out.tfevents.*",
)  # fmt: skip
FOLDERS = (CHECKPOINTS, f"{TENSORBOARD}/**/", TENSORBOARD)


def remove_run(folder: Path, more: tuple[str, ...] = ()) -> None:
    """Removes the files of a training, and the folders that are empty then.

    Args:
        folder: of the training, claimed by this process.
        more: names of further files to remove.
    """
    for pattern in (*FILES, *more):
        for path in list(folder.glob(pattern)):
            if not path.is_dir():
                path.unlink()
    found = {path for pattern in FOLDERS for path in folder.glob(pattern) if path.is_dir() and path != folder}
    for path in sorted(found, key=lambda path: len(path.parts), reverse=True):
        with suppress(OSError):
            path.rmdir()

"""The list of files that a change edits, which the page on the code shows, names files that are there."""

from __future__ import annotations

from benchmarks.changes import CHANGES
from regional_dispatch.envs.world.shipped import HOME


def test_every_file_that_a_change_edits_now_exists() -> None:
    names = [name for change in CHANGES for name in change.after]
    assert names and [name for name in names if not (HOME / name).is_file()] == []

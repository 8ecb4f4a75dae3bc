"""`evaluate.py animate`: a film of one day."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.processes import TWO_DAYS, run_here

SCRIPT = "evaluate.py"


def test_a_day_of_two_policies_is_filmed(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TWO_DAYS, encoding="utf-8")
    arguments = "animate --scenario tiny.yaml --policies regional_nearest,national_nearest --out films/day.gif"
    ended = run_here(tmp_path, SCRIPT, *arguments.split(), "--day", "0")
    assert (ended.code, ended.err) == (0, "")
    with Image.open(tmp_path / "films" / "day.gif") as moving:
        assert (moving.format, getattr(moving, "n_frames", 1)) == ("GIF", 48)
    ended = run_here(tmp_path, SCRIPT, *arguments.split(), "--day", "1")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "--day = 1: this day must end before horizon_hours = 48" in ended.err

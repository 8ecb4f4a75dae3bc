"""The scripts of the page about the environment run, one after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "environment.md"


def test_the_scripts_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("moviepy", reason="the extra [video]")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    scripts = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(scripts) == 3
    for script in scripts:
        shorter = script.replace("video_length=48", "video_length=4").replace("range(50)", "range(5)")
        exec(compile(shorter, PAGE, "exec"), names)
    assert float(capsys.readouterr().out) > 0
    assert [path.name for path in (tmp_path / "runs" / "videos").iterdir()] == ["rl-video-episode-0.mp4"]

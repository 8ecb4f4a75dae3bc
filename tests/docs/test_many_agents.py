"""The example of the page on many agents runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("pettingzoo", reason="the extra [multiagent] is not installed")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "many-agents.md"


def test_the_example_plays_an_episode(capsys: pytest.CaptureFixture[str]) -> None:
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, str(PAGE), "exec"), {})
    assert re.fullmatch(r"\{('Region 0\d': \d+\.\d+(, )?){3}\}\n", capsys.readouterr().out)

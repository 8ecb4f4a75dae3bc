"""`evaluate.py check`: exit codes, JSON, mended copies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regional_dispatch.commands.check import Command
from regional_dispatch.evaluation.errors import InputError
from tests.data.check.test_check import written
from tests.envs.world.tables.writing import SITES


def test_warnings_pass_and_errors_end_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Command(str(written(tmp_path, sites=SITES.replace("38.9,-77.0", "51.5,-0.1")))).run()
    assert "0 errors" in capsys.readouterr().out
    facts = tmp_path / "facts.json"
    with pytest.raises(SystemExit) as stop:
        Command(str(written(tmp_path, sites=SITES.replace("38.9", "[x]"))), json=facts).run()
    assert stop.value.code == 2 and "[x]" in capsys.readouterr().out
    [error] = json.loads(facts.read_text(encoding="utf-8"))["errors"]
    assert (error["row"], error["column"], error["value"]) == (7, "latitude", "[x]")


def test_fix_writes_copies_and_names_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, sites=SITES.replace(",", ";"))
    Command(str(path), fix=tmp_path / "mended").run()
    assert str(tmp_path / "mended" / "scenario.yaml") in capsys.readouterr().out
    assert (tmp_path / "mended" / "sites.csv").read_text(encoding="utf-8").startswith("name,kind,latitude")
    with pytest.raises(InputError, match="--fix"):
        Command(str(path), fix=tmp_path / "mended").run()

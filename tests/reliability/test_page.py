"""The page of all trials."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.provenance import provenance
from regional_dispatch.evaluation.report.pages import END, START, refresh
from regional_dispatch.reliability.fuzz.run import Tally

KILLS = {
    "seed": 3,
    "commands": {
        "train": {"kills": 20, "files": 9, "same": False, "wrong": ["results.csv differs"]},
        "train_stock": {"kills": 2, "files": 0, "same": True, "wrong": []},
    },
}


def test_trials_are_shown_with_what_failed(tmp_path: Path) -> None:
    tally = Tally("scenarios")
    tally.outcomes.update(accepted=40, refused=59, crashed=1)
    tally.failures.append("scenarios-7: crashed")
    results = tmp_path / "results"
    results.mkdir()
    fuzz = {"seed": 11, "kinds": [tally.row()], **provenance("python evaluate.py fuzz")}
    (results / "fuzz.json").write_text(json.dumps(fuzz))
    (results / "kills.json").write_text(json.dumps({**KILLS, **provenance("python evaluate.py kills")}))
    page = tmp_path / "page.md"
    page.write_text(f"# Reliability\n\n{START}\n{END}\n")

    refresh(page, tmp_path / "pictures", results)

    text = page.read_text()
    assert "| scenarios | 100 | 40 | 59 | 0 | 1 | 0 |" in text and "- scenarios-7: crashed" in text
    assert "| `train` | 20 | 9 | **no** |" in text and "- train: results.csv differs" in text
    assert "| `train_stock` | 2 | – | yes |" in text
    assert "Made by `python evaluate.py kills`" in text


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text("[]")
    page = tmp_path / "page.md"
    page.write_text(f"{START}\n{END}\n")
    with pytest.raises(InputError, match=r"audit\.json: not what evaluate\.py audit writes"):
        refresh(page, tmp_path, tmp_path)
    assert page.read_text() == f"{START}\n{END}\n"

"""The example of docs/how-to/add-a-study.md: its folder and its file are a study, and nothing else has to change."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from regional_dispatch import studies
from regional_dispatch.evaluation.provenance import provenance
from regional_dispatch.studies.framework import kinds
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.report.page import save_report
from tests.commands import ROOT

PAGE = ROOT / "docs" / "how-to" / "add-a-study.md"
BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def test_the_example_is_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    assert len(files) == 3
    for name, text in {**files, "studies/truck_size/__init__.py": ""}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(studies, "__path__", [*studies.__path__, str(tmp_path / "studies")])
    monkeypatch.setattr(kinds, "KINDS", (*kinds.KINDS, "truck_size"))

    study = kinds.load_study(tmp_path / "configs" / "studies" / "truck_size.yaml")
    findings = study.answer(Lab(tmp_path / "out", study.episodes, study.seed))
    save_report(study, findings, provenance("python evaluate.py study truck_size"), tmp_path / "out")
    costs = pd.read_csv(tmp_path / "out" / "costs.csv")
    assert len(costs) == 6 and f"{costs['mean'].min():.3f} USD" in findings.answer
    assert findings.answer in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for name in [name for name in sys.modules if "truck_size" in name]:
        monkeypatch.delitem(sys.modules, name)

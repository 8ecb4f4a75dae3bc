"""The study of bounds: full trucks below shares of trucks below the optimum below the policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.studies.framework.kinds import load_study
from regional_dispatch.studies.framework.lab import Lab
from tests.processes import write_study


def write(folder: Path, **changes: Any) -> Path:
    data = {
        "question": "How far below?", "scenario": "small", "set": {"horizon_hours": 24}, "episodes": 1,
        "policies": ["least_cost"], "scenarios": ["small"], "trucks": [8, 6],
    }  # fmt: skip
    return write_study(folder, "bounds", data, changes)


def test_bounds_and_optimum_are_in_order(tmp_path: Path) -> None:
    study = load_study(write(tmp_path))
    findings = study.answer(Lab(tmp_path / "out", study.episodes, study.seed))
    tables = {part.name: part.data for part in findings.parts}
    shrunk, beside = tables["shrunk"], tables["beside"]
    assert shrunk is not None and beside is not None
    assert (shrunk["full_trucks_usd"] <= shrunk["bound_usd"] + 1e-9).all()
    assert (shrunk["bound_usd"] <= shrunk["optimum_usd"] + 1e-9).all()
    assert (shrunk["optimum_usd"] <= shrunk["cost_usd"] + 1e-9).all()
    assert shrunk["exact"].all() and list(shrunk["packages"]) == [8, 6]
    assert shrunk["loads"][1] == pytest.approx(8 / 6 * shrunk["loads"][0])
    assert beside["bound_usd"][0] <= beside["cost_usd"][0]
    assert "within 8 % of the bound on" in findings.answer


def test_optima_need_a_small_world(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, scenario="us8_spread", set={}))
    with pytest.raises(InputError, match="too large for the optimum"):
        study.answer(Lab(tmp_path / "out", study.episodes, study.seed))

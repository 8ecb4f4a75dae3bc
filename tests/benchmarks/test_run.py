"""`python -m benchmarks.run`: results and page."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import run
from benchmarks.measure import ChildError, Settings, Target, Used
from benchmarks.page import performance_page
from benchmarks.parts import PARTS, load_part
from regional_dispatch.evaluation.errors import InputError

CHEAP = "rates,scaling,overload"


def test_a_quick_run_writes_results_and_page(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "page.md"
    run.Command(out=tmp_path, only=CHEAP, quick=True, page=page).run()
    found = json.loads((tmp_path / run.RESULTS).read_text(encoding="utf-8"))
    assert list(found["parts"]) == CHEAP.split(",")
    for part in found["parts"].values():
        assert part["noise"]["median"] > 0
        assert {"command", "versions", "cpu", "date"} <= set(part["made"])
    lines = found["parts"]["rates"]["result"]["policies"]["pretrained/us8"]
    assert lines["q1"] <= lines["median"] <= lines["q3"]
    text = page.read_text(encoding="utf-8")
    assert text == (tmp_path / run.PAGE).read_text(encoding="utf-8") == performance_page(found)
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        f"## {load_part(name).TITLE}" for name in CHEAP.split(",")
    ]
    assert "`pretrained/us8`" in text
    assert "figures mean little" in text


def answers(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Every part gives this answer, or fails with it."""

    def run_python(arguments: list[str], **_: Any) -> Used:
        if isinstance(answer, Exception):
            raise answer
        return Used(60.0, 1.0, 1.0, answer)

    monkeypatch.setattr(run, "run_python", run_python)


def rates(lines_per_second: float) -> dict[str, Any]:
    """What the part `rates` gives."""
    figures = {"median": lines_per_second, "q1": lines_per_second, "q3": lines_per_second, "repeats": 7}
    return {
        "noise": {"median": 0.1, "q1": 0.1, "q3": 0.1, "repeats": 9},
        "result": {"lines": 10, "policies": {"regional_nearest+last_safe_hour": figures}},
    }


def test_other_parts_of_the_results_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / run.RESULTS).write_text(json.dumps({"parts": {"prices": {"made": {"quick": False}, "error": "x"}}}))
    answers(monkeypatch, rates(2e6))
    run.Command(out=tmp_path, only="rates").run()
    assert set(json.loads((tmp_path / run.RESULTS).read_text(encoding="utf-8"))["parts"]) == {"prices", "rates"}


@pytest.mark.parametrize(("measured", "said"), [(2e6, "| met |"), (1e6, "| **missed** |")])
def test_the_page_says_which_targets_are_missed(
    measured: float, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, rates(measured))
    run.Command(out=tmp_path, only="rates").run()
    text = (tmp_path / run.PAGE).read_text(encoding="utf-8")
    assert said in text
    assert f"{int(measured == 2e6)} of 1 targets are met." in text


def test_a_part_that_fails_is_told_and_the_others_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, ChildError("MemoryError: too large"))
    with pytest.raises(SystemExit, match="rates, prices: not measured"):
        run.Command(out=tmp_path, only="prices,rates").run()
    assert (tmp_path / run.PAGE).read_text(encoding="utf-8").count("Not measured: MemoryError: too large") == 2


def test_an_unknown_part_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--only = 'speed': no part 'speed'; there are: rates, day"):
        run.Command(out=tmp_path / "new", only="speed").run()
    assert not (tmp_path / "new").exists()


def test_damaged_results_are_refused(tmp_path: Path) -> None:
    (tmp_path / run.RESULTS).write_text("[1, 2")
    with pytest.raises(InputError, match=r"performance\.json: not a performance\.json of this program"):
        run.Command(out=tmp_path, only="rates").run()


@pytest.mark.parametrize("name", PARTS)
def test_every_part_can_be_loaded(name: str) -> None:
    part = load_part(name)
    assert part.TITLE
    assert callable(part.measure) and callable(part.section) and callable(part.targets)


def test_peers_that_are_not_installed_are_told() -> None:
    peers = load_part("peers")
    missing = peers._peer("or-gym NetworkManagement-v0", Settings(True, sys.executable))  # type: ignore[attr-defined]
    assert missing == {"missing": "not installed"}


def test_the_fastest_domain_peer_is_the_rival() -> None:
    peers = load_part("peers")
    rate = {"median": 1e6, "q1": 1e6, "q3": 1e6, "repeats": 5}
    slow = {"steps": {**rate, "median": 10.0}, "decisions": {**rate, "median": 100.0}}
    fast = {"steps": {**rate, "median": 1e3}, "decisions": {**rate, "median": 2e4}}
    routing = {"steps": rate, "decisions": rate}
    names = ("or-gym NetworkManagement-v0", "gym-invmgmt MultiEchelon-v0", "jumanji MultiCVRP-v0")
    result = {"kernel": {"decisions": rate}, "peers": dict(zip(names, (slow, fast, routing), strict=True))}
    found = peers.targets(result)
    assert [(target.measured, target.met) for target in found] == [("50", False), ("1000", True)]
    assert all(isinstance(target, Target) and "gym-invmgmt" in target.what for target in found)

"""Findings: their text, what they raise, and what is shown once."""

from __future__ import annotations

import io

import pytest

from regional_dispatch.envs.world import findings as module
from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.findings import MOST_SHOWN, Finding, Findings, notice, noticed, show_noticed


@pytest.fixture(autouse=True)
def nothing_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_noticed", {})


def test_the_text_leaves_out_what_is_not_known() -> None:
    assert (
        str(Finding("error", "a.csv", "wrong", "mend it", 3, "miles", "x"))
        == "a.csv: row 3: miles = 'x': wrong; mend it"
    )
    assert str(Finding("error", "a.csv", "wrong", row=3)) == "a.csv: row 3: wrong"
    assert str(Finding("error", "a.csv", "wrong")) == "a.csv: wrong"


def test_all_errors_are_raised_at_once_and_counted() -> None:
    findings = Findings()
    for row in range(MOST_SHOWN + 5):
        findings.error("a.csv", "wrong", row=row)
    findings.warning("a.csv", "doubtful")
    with pytest.raises(ScenarioError) as error:
        findings.settle()
    lines = str(error.value).split("\n")
    assert len(lines) == MOST_SHOWN + 1 and lines[-1] == "and 5 more errors" and not noticed()


def test_a_warning_is_kept_and_shown_once() -> None:
    for _ in range(2):
        findings = Findings()
        findings.warning("a.csv", "doubtful", row=2)
        findings.assumed("a.csv", "a default")
        findings.settle()
    notice(Finding("warning", "s.yaml", "small"))
    out = io.StringIO()
    show_noticed(out)
    show_noticed(out)
    assert out.getvalue() == "warning: a.csv: row 2: doubtful\nwarning: s.yaml: small\n"


def test_a_long_value_is_cut() -> None:
    findings = Findings()
    findings.error("a.csv", "wrong", value="x" * 1000)
    assert len(str(findings.errors[0])) < 100

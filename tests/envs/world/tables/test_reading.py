"""CSV tables as people save them."""

from __future__ import annotations

from pathlib import Path

import pytest

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.tables import read_table


def read(tmp_path: Path, text: str) -> list[list[str]]:
    path = tmp_path / "orders.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path, {"order": "text", "station": "text"}).to_numpy().tolist()


def test_names_may_hold_a_number_sign(tmp_path: Path) -> None:
    rows = read(tmp_path, "order,station\n#1001,DS A\n#1002,Bay #4\nA#3,DS A\n")
    assert rows == [["#1001", "DS A"], ["#1002", "Bay #4"], ["A#3", "DS A"]]


def test_comments_at_the_top_are_skipped(tmp_path: Path) -> None:
    assert read(tmp_path, "# Exported on Monday.\n# Two lines.\norder,station\nx,DS A\n") == [["x", "DS A"]]


@pytest.mark.parametrize(
    ("number", "rule"),
    [("1e300", "at most"), ("2147483648", "at most"), ("-2147483649", "at most"), ("nan", "finite"), ("inf", "finite")],
)
def test_numbers_that_the_kernel_cannot_hold_are_refused(tmp_path: Path, number: str, rule: str) -> None:
    path = tmp_path / "sites.csv"
    path.write_text(f"name,trucks\nFC A,3\nFC B,{number}\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=rf"row 3: trucks = '{number}': must be .*{rule}"):
        read_table(path, {"name": "text", "trucks": "number"})

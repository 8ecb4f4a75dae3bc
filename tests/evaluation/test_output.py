"""Results are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.output import check_folder, staged


def test_results_are_written_all_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    with pytest.raises(ZeroDivisionError), staged(folder) as files:
        (files / "a.txt").write_text("half")
        _ = 1 / 0
    assert not (tmp_path / "new").exists()
    with staged(folder) as files:
        (files / "a.txt").write_text("whole")
    with pytest.raises(ZeroDivisionError), staged(folder) as files:
        (files / "a.txt").write_text("half")
        _ = 1 / 0
    assert [path.name for path in folder.iterdir()] == ["a.txt"]
    assert (folder / "a.txt").read_text() == "whole"


def test_a_folder_in_the_place_of_a_file_stops_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "b.txt").mkdir()
    with pytest.raises(InputError, match=r"b\.txt' is a folder"), staged(tmp_path) as files:
        (files / "a.txt").write_text("")
        (files / "b.txt").write_text("")
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]


def test_a_file_is_no_folder_for_results(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match=r"file' is not a folder"):
            check_folder(folder)
    check_folder(tmp_path / "not" / "yet")
    assert not (tmp_path / "not").exists()

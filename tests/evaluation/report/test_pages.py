"""The command that writes a run's results into a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.report.pages import END, NAMED_START, START, refresh
from tests.processes import write_summary

PAGE = f"# Title\n\n{START}\nstale\n{END}\n\nafter\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run: a summary of one policy, and a picture."""
    folder = tmp_path / "mine"
    write_summary(folder, "ppo", "python train.py --compare")
    (folder / "map.png").write_bytes(b"picture")
    return folder


def test_results_replace_the_old_ones_and_name_command_and_hardware(tmp_path: Path, run: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    refresh(page, tmp_path / "docs", run)
    text = page.read_text(encoding="utf-8")
    assert "stale" not in text
    assert all(part in text for part in ("# Title", "after", "`in_region_share` | % | 25.0", "train.py", "Some CPU"))
    assert (tmp_path / "docs" / "mine.png").read_bytes() == b"picture"
    refresh(page, tmp_path / "docs", run)
    assert page.read_text(encoding="utf-8") == text


def test_a_page_without_a_place_for_results_stays_as_it_is(tmp_path: Path, run: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here", encoding="utf-8")
    with pytest.raises(InputError, match="has no lines"):
        refresh(page, tmp_path / "docs", run)
    assert page.read_text(encoding="utf-8") == "nothing here"
    assert not (tmp_path / "docs").exists()


def test_a_benchmark_leaves_its_title_and_picture_out(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "benchmark.md").write_text("# Benchmark main\n\n8 episodes\n\n| policy | us8 |\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    refresh(page, tmp_path / "docs", folder)
    wanted = f"# Title\n\n{START}\n\n8 episodes\n\n| policy | us8 |\n\n{END}\n\nafter\n"
    assert page.read_text(encoding="utf-8") == wanted
    assert not (tmp_path / "docs").exists()


def test_a_study_brings_every_picture_of_its_page(tmp_path: Path) -> None:
    folder = tmp_path / "flip"
    folder.mkdir()
    text = "# Flip\n\nWhat?\n\n![Days. All](days.png)\n\n![Nation](map_nation.png)\n\n![Far](https://x.org/a.png)\n"
    (folder / "report.md").write_text(text, encoding="utf-8")
    for name in ("days", "map_nation", "other"):
        (folder / f"{name}.png").write_bytes(name.encode())
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    refresh(page, tmp_path / "docs", folder)
    shown = page.read_text(encoding="utf-8")
    assert all(part in shown for part in ("](flip-days.png)", "](flip-map_nation.png)", "](https://x.org/a.png)"))
    found = {path.name: path.read_bytes() for path in (tmp_path / "docs").iterdir()}
    assert found == {"flip-days.png": b"days", "flip-map_nation.png": b"map_nation"}


def test_a_page_of_several_experiments_has_a_place_and_a_picture_for_each(tmp_path: Path) -> None:
    places = [NAMED_START.format(run=name) for name in ("main", "parts")]
    page = tmp_path / "page.md"
    page.write_text("# Results\n" + "".join(f"\n## A run\n\n{place}\nstale\n{END}\n" for place in places), "utf-8")
    for name in ("main", "parts"):
        (tmp_path / name).mkdir()
        text = f"# Experiment {name}\n\nof {name}\n\n## Training\n\n![Curves](curves.png)\n"
        (tmp_path / name / "experiment.md").write_text(text, encoding="utf-8")
        (tmp_path / name / "curves.png").write_bytes(name.encode())
        refresh(page, tmp_path / "docs", tmp_path / name)
    assert page.read_text(encoding="utf-8") == "# Results\n" + "".join(
        f"\n## A run\n\n{place}\n\nof {name}\n\n### Training\n\n![Curves]({name}-curves.png)\n\n{END}\n"
        for place, name in zip(places, ("main", "parts"), strict=True)
    )
    assert (tmp_path / "docs" / "parts-curves.png").read_bytes() == b"parts"

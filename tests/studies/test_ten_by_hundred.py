"""The textbook picture by its command: counts that can be checked by hand, and a report that stands alone."""

from __future__ import annotations

import base64
import io
import sys
from contextlib import redirect_stdout
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from regional_dispatch.commands.cli import main
from regional_dispatch.studies.framework.kinds import find_study, load_study

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the textbook study, run by its command."""
    folder = tmp_path_factory.mktemp("study")
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["evaluate.py", "study", "ten_by_hundred", "--workers", "1"])
        main("evaluate")
    assert "1,000 trucks" in out.getvalue() and "100 % full" in out.getvalue()
    return folder / "runs" / "studies" / "ten_by_hundred"


def test_a_nation_sends_a_thousand_trucks_and_ten_regions_a_hundred(picture: Path) -> None:
    found = pd.read_csv(picture / "by_regions.csv")
    assert found["trucks"].tolist() == [1000, 500, 200, 100]
    np.testing.assert_allclose(found["fill"], [0.1, 0.2, 0.5, 1.0])
    assert (found["on_time"] == 1).all()
    assert found["miles"].is_monotonic_decreasing and found["co2_kg"].is_monotonic_decreasing


def test_miles_and_dollars_of_ten_regions_follow_from_their_tables(picture: Path) -> None:
    """Every lane of a region runs one full truck."""
    world = picture / "worlds" / "regions_10"
    lanes, regions = pd.read_csv(world / "lanes.csv"), pd.read_csv(world / "regions.csv")
    region = regions.set_index("site")["region"]
    used = lanes[region[lanes["origin"]].to_numpy() == region[lanes["destination"]].to_numpy()]
    assert len(used) == 100
    found = pd.read_csv(picture / "by_regions.csv").iloc[-1]
    assert found["miles"] == pytest.approx(used["miles"].mean())
    assert found["usd"] == pytest.approx((2.26 * used["miles"] + 100).sum() / 10_000)
    assert found["co2_kg"] == pytest.approx(1.55 * used["miles"].sum() / 10_000)


def test_every_world_of_the_picture_holds_the_same_units(picture: Path) -> None:
    for world in sorted((picture / "worlds").iterdir()):
        assert pd.read_csv(world / "placement.csv")["units"].sum() == 10_000
        assert len(pd.read_csv(world / "orders.csv")) == 10_000


class Links(HTMLParser):
    """What a page loads, and what it leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loaded += [given[name] or "" for name in ("src",) if name in given]
        self.loaded += [given["href"] or ""] if tag == "link" else []
        self.linked += [given["href"] or ""] if tag == "a" else []


def test_a_report_needs_nothing_but_itself(picture: Path) -> None:
    page = (picture / "report.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert links.loaded and all(source.startswith("data:image/png;base64,") for source in links.loaded)
    assert all(base64.b64decode(source.partition(",")[2]).startswith(b"\x89PNG") for source in links.loaded)
    assert all((picture / name).is_file() for name in links.linked if not name.startswith("#"))
    assert all(f'id="{name[1:]}"' in page for name in links.linked if name.startswith("#"))
    assert "url(" not in page and "@import" not in page and "<script" not in page


def test_a_report_says_what_was_asked_and_how(picture: Path) -> None:
    page = (picture / "report.html").read_text(encoding="utf-8")
    asked = yaml.safe_load((picture / "study.yaml").read_text(encoding="utf-8"))
    assert asked["title"] in page and "study ten_by_hundred --workers 1" in page
    assert load_study(picture / "study.yaml") == load_study(find_study("ten_by_hundred"))

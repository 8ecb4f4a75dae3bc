"""The page of a map in a real browser, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from regional_dispatch.baselines.rules import baseline
from regional_dispatch.data.map.page import difference_map, played_map
from regional_dispatch.data.map.played import Played, play
from tests.browser import Page, browser_path, open_browser
from tests.worlds import TWO_REGIONS, small

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser_path() is None, reason="no browser of the Chromium family is installed"),
]
READY = "document.body?.dataset.ready === 'yes'"
POLICY = baseline("regional_nearest+immediate")


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with open_browser() as page:
        yield page


@pytest.fixture(scope="module")
def played() -> Played:
    return play(small(**TWO_REGIONS), POLICY, hours=48)


@pytest.fixture
def shown(browser: Page, played: Played, tmp_path: Path) -> Iterator[Page]:
    """A page just opened; it must end without an error or a request."""
    played_map(played, tmp_path / "map.html")
    browser.open(tmp_path / "map.html", READY)
    yield browser
    assert browser.errors == [] and browser.requests == []


def choose(page: Page, name: str, value: str) -> None:
    page.run(f"{{ const box = document.getElementById('{name}'); box.value = '{value}'; box.onchange(); }}")


def sums(page: Page, what: str) -> float:
    return float(page.run(f"shown().lanes.reduce((all, lane) => all + lane.{what}[0], 0)"))


def test_it_shows_what_was_played(shown: Page, played: Played) -> None:
    assert sums(shown, "packages") == played.packages.sum()
    assert sums(shown, "trucks") == played.trucks.sum()
    assert sums(shown, "usd") == pytest.approx(played.usd.sum(), abs=1)
    assert f"{played.packages.sum():,} packages" in shown.run("document.getElementById('shown').textContent")
    assert shown.run("document.getElementById('title').textContent") == "small"


def test_lanes_are_drawn(shown: Page, played: Played) -> None:
    """Hiding all lanes changes the picture."""
    before = shown.picture()
    shown.run("document.getElementById('least').value = 1e9, document.getElementById('least').oninput()")
    assert shown.run("shown().lanes.length") == 0 and len(before) > 10_000
    shown.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert shown.picture() != before


def test_hours_days_and_kinds_are_filters(shown: Page, played: Played) -> None:
    hour = [(30 + t) % 24 for t in range(48)]
    choose(shown, "from", "9")
    choose(shown, "to", "11")
    inside = [t for t in range(48) if 9 <= hour[t] <= 11]
    assert sums(shown, "packages") == played.packages[inside].sum()
    choose(shown, "from", "22")
    choose(shown, "to", "3")
    night = [t for t in range(48) if hour[t] >= 22 or hour[t] <= 3]
    assert sums(shown, "packages") == played.packages[night].sum()
    choose(shown, "from", "0")
    choose(shown, "to", "23")
    choose(shown, "day", "Wed")
    wednesday = [t for t in range(48) if (30 + t) // 24 == 2]
    assert sums(shown, "packages") == played.packages[wednesday].sum()
    choose(shown, "day", "all")
    shown.run("document.querySelector('#kinds input').click()")
    rest = (played.lanes["kind"] != "direct").to_numpy()
    assert sums(shown, "packages") == played.packages[:, rest].sum()


def test_a_region_is_a_filter(shown: Page, played: Played) -> None:
    shown.run("document.getElementById('no-regions').click()")
    assert shown.run("shown().lanes.length") == 0
    shown.run("document.querySelector('#regions input').click()")
    home = dict(zip(played.sites["name"], played.sites["region"], strict=True))
    touched = [
        home[a] == "Region 01" or home[b] == "Region 01"
        for a, b in zip(played.lanes["origin"], played.lanes["destination"], strict=True)
    ]
    assert 0 < sums(shown, "packages") == played.packages[:, touched].sum() < played.packages.sum()


@pytest.mark.parametrize("colour", ["region", "fill", "cost", "kind"])
def test_every_colour_has_a_legend(shown: Page, colour: str) -> None:
    choose(shown, "lane-colour", colour)
    choose(shown, "site-colour", "use")
    words = {"region": "between regions", "fill": "truck fill", "cost": "cost a package", "kind": "FC to station"}
    legend = shown.run("document.getElementById('legend').textContent")
    assert words[colour] in legend and "capacity in use" in legend


def test_the_day_is_played_hour_by_hour(shown: Page, played: Played) -> None:
    shown.run("document.getElementById('slider').value = 7, document.getElementById('slider').oninput()")
    assert shown.run("shown().when") == "Tue 13:00" == shown.run("document.getElementById('clock').textContent")
    assert sums(shown, "packages") == played.packages[7].sum()
    transit = played.lanes["transit_hours"].to_numpy()
    on_road = sum(int(played.trucks[t, transit > 7 - t].sum()) for t in range(8))
    assert shown.run("shown().trucks") == on_road > 0
    shown.run("document.getElementById('play').click()")
    shown.wait("shown().tick > 9")
    assert shown.run("shown().playing")
    shown.run("document.getElementById('play').click()")
    assert not shown.run("shown().playing")
    shown.run("document.getElementById('whole').click()")
    assert sums(shown, "packages") == played.packages.sum()


def test_the_wheel_zooms(shown: Page) -> None:
    before = shown.run("board.getViewports()[0].zoom")
    shown.mouse("mouseWheel", 800, 300, deltaX=0, deltaY=-240)
    shown.wait(f"board.getViewports()[0].zoom > {before}")


def test_a_site_tells_its_numbers_under_the_mouse(shown: Page, played: Played) -> None:
    site = played.sites["name"].tolist().index("FC Dallas TX")
    left = "document.getElementById('map').getBoundingClientRect().x"
    x, y = shown.run(f"board.getViewports()[0].project([D.sites.x[{site}], D.sites.y[{site}]])")
    x += shown.run(f"{left} + D.shift[{site}]")
    shown.mouse("mouseMoved", x - 40, y)
    shown.mouse("mouseMoved", x, y)
    shown.wait("document.querySelector('.deck-tooltip')?.textContent.includes('FC Dallas TX')")
    text = shown.run("document.querySelector('.deck-tooltip').textContent")
    assert f"lines picked{played.worked[:, site].sum():,}" in text and "capacity in use" in text


def test_the_difference_of_two_runs(browser: Page, played: Played, tmp_path: Path) -> None:
    fewer = play(small(**TWO_REGIONS, network={"fulfillment_centers": 3}), POLICY, hours=48)
    difference_map(played, fewer, tmp_path / "difference.html")
    browser.open(tmp_path / "difference.html", READY)
    change = browser.run("shown().lanes.reduce((all, lane) => all + lane.value, 0)")
    assert change == int(fewer.packages.sum()) - int(played.packages.sum())
    assert browser.run("shown().lanes.some(lane => lane.value < 0) && shown().lanes.some(lane => lane.value > 0)")
    assert "more packages after the change" in browser.run("document.getElementById('legend').textContent")
    assert browser.errors == [] and browser.requests == []

"""`evaluate.py map`: the zoomable map of a scenario, of a run, and of a difference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regional_dispatch.data.map.page import unpacked
from tests.processes import TWO_DAYS, run_here

SCRIPT = "evaluate.py"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a scenario that plays in a second."""
    (tmp_path / "tiny.yaml").write_text(TWO_DAYS, encoding="utf-8")
    return tmp_path


def drawn(here: Path, *arguments: str) -> dict[str, Any]:
    ended = run_here(here, SCRIPT, "map", *arguments, "--out", "maps/a.html")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "map: maps/a.html\n"
    return unpacked((here / "maps" / "a.html").read_text(encoding="utf-8"))


def test_a_scenario_is_played_after_its_warm_up(here: Path) -> None:
    found = drawn(here, "tiny.yaml", "--policy", "regional_nearest")
    assert found["scenarios"] == ["tiny"] and found["policies"] == ["regional_nearest"]
    assert len(found["ticks"]) == 36 and found["ticks"][0]["label"] == "Mon 12:00"
    part = drawn(here, "tiny.yaml", "--policy", "regional_nearest", "--first-hour", "20", "--hours", "6")
    assert [tick["label"] for tick in part["ticks"]] == [f"Mon {hour}:00" for hour in (20, 21, 22, 23)] + [
        "Tue 00:00",
        "Tue 01:00",
    ]
    start, lanes = found["flows"][0]["packages"], len(found["lanes"]["name"])
    by_lane = {
        name: start[36 * i + 8 : 36 * i + 14] for i, name in zip(range(lanes), found["lanes"]["name"], strict=True)
    }
    own = part["flows"][0]["packages"]
    assert {name: own[6 * i : 6 * i + 6] for i, name in enumerate(part["lanes"]["name"])} == {
        name: values for name, values in by_lane.items() if any(values)
    }


def test_a_comparison_is_played_as_it_was(here: Path) -> None:
    arguments = "compare --scenario tiny.yaml --policies national_nearest,least_cost --episodes 1 --out runs/it"
    assert run_here(here, SCRIPT, *arguments.split(), "--set", "demand.orders_per_day=150").code == 0
    of_run = drawn(here, "runs/it")
    again = drawn(here, "tiny.yaml", "--policy", "national_nearest", "--set", "demand.orders_per_day=150")
    assert of_run == again
    ended = run_here(here, SCRIPT, "map", "runs/it", "--set", "demand.orders_per_day=9")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "'runs/it' is a run with a scenario of its own; name the scenario" in ended.err


def test_the_difference_of_two_policies_and_of_two_scenarios(here: Path) -> None:
    policies = drawn(here, "tiny.yaml", "--against-policy", "regional_nearest")
    assert policies["policies"] == ["least_cost", "regional_nearest"] and len(policies["flows"]) == 2
    (here / "fewer.yaml").write_text(
        TWO_DAYS.replace("fulfillment_centers: 5", "fulfillment_centers: 4").replace("tiny", "fewer"), encoding="utf-8"
    )
    scenarios = drawn(here, "tiny.yaml", "--against", "fewer.yaml")
    assert scenarios["scenarios"] == ["tiny", "fewer"] and scenarios["policies"] == ["least_cost"] * 2
    assert sum(scenarios["sites"]["runs"][0]) == sum(scenarios["sites"]["runs"][1]) + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny.yaml", "--out", "a.png"], "--out = a.png: must end in .html or .htm"),
        (["tiny.yaml", "--hours", "0"], "--hours = 0: must be a number above 0"),
        (
            ["tiny.yaml", "--hours", "99"],
            "hours 12 to 111 of the episode: must be at least a tick, between warmup_hours = 12",
        ),
        (["tiny.yaml", "--policy", "guess"], "policy 'guess': neither a baseline nor a training folder"),
        (["nowhere"], "nowhere"),
        (["odd"], "not the file of a comparison or a training"),
    ],
)
def test_bad_input_is_one_message(here: Path, arguments: list[str], message: str) -> None:
    (here / "odd").mkdir()
    (here / "odd" / "config.yaml").write_text("scenario: 3\n", encoding="utf-8")
    ended = run_here(here, SCRIPT, "map", *arguments)
    assert (ended.code, ended.err.count("\n")) == (2, 1), ended.err
    assert message in ended.err
    assert not list(here.rglob("*.html"))

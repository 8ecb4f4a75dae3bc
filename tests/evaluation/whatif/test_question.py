"""What a user types becomes the fields of a what-if, or an error that says how to write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regional_dispatch.envs.world.what_if import before
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.whatif.question import asked
from tests.worlds import small


def test_every_option_is_read() -> None:
    scenario = asked(
        small(), close=["FC Dallas TX"], add=['"Boise, west",fc,43.6,-116.2,40,6', "SC Z,sc,1,2"],
        move=["A=B=40.1,-75.2"],
        capacity=["FC A=×1.5", "FC B=120"], fleet=["FC A=x2"], stock=["FC A→FC B=20%", "FC C -> FC D = 0.5"],
        stock_of_closed="lost", stock_of_added="none",
    )  # fmt: skip
    assert scenario.what_if is not None
    assert scenario.what_if.model_dump(exclude_unset=True) == {
        "close": ("FC Dallas TX",),
        "add": (
            {"name": "Boise, west", "kind": "fc", "latitude": 43.6, "longitude": -116.2, "per_hour": 40, "trucks": 6},
            {"name": "SC Z", "kind": "sc", "latitude": 1, "longitude": 2},
        ),
        "move": {"A=B": (40.1, -75.2)},
        "capacity": {"FC A": "×1.5", "FC B": 120},
        "fleet": {"FC A": "×2"},
        "stock": (
            {"origin": "FC A", "destination": "FC B", "share": 0.2},
            {"origin": "FC C", "destination": "FC D", "share": 0.5},
        ),
        "stock_of_closed": "lost",
        "stock_of_added": "none",
    }


def test_other_trucks_are_trucks_after_and_the_present_ones_are_before() -> None:
    scenario = asked(small(), fleet=["trucks.capacity_packages=24"])
    assert scenario.trucks.capacity_packages == 24
    assert before(scenario) == small().model_copy(update={"trucks": before(scenario).trucks})
    assert before(scenario).trucks.capacity_packages == small().trucks.capacity_packages


def test_sites_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "site.csv"
    path.write_text("﻿name,kind,latitude,longitude,trucks\nFC Boise,fc,43.6,-116.2,\n", encoding="utf-8")
    scenario = asked(small(), add=[str(path)])
    assert scenario.what_if is not None
    assert [(site.name, site.trucks) for site in scenario.what_if.add] == [("FC Boise", None)]


def test_options_add_to_the_question_of_the_file() -> None:
    scenario = asked(small(what_if={"close": ["A"], "stock_of_closed": "lost"}), close=["B"])
    assert scenario.what_if is not None
    assert scenario.what_if.close == ("A", "B")
    assert scenario.what_if.stock_of_closed == "lost"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "nothing is asked"),
        ({"add": ["FC Boise,fc,43.6"]}, "write name,kind,latitude,longitude"),
        ({"add": ["FC Boise,shop,43.6,-116.2"]}, "what_if.add.0.kind = 'shop'"),
        ({"add": ["FC Boise,fc,-116.2,43.6"]}, "what_if.add.0.latitude"),
        ({"add": ["missing.csv"]}, "not readable"),
        ({"move": ["SC X=40.1"]}, "write SITE=LATITUDE,LONGITUDE"),
        ({"capacity": ["FC A"]}, "write SITE=VALUE"),
        ({"capacity": ["FC A=lots"]}, "must be a number, or × and a number"),
        ({"fleet": ["trucks.wheels=6"]}, "no such field"),
        ({"fleet": ["trucks.capacity_packages=0"]}, "capacity_packages = '0'"),
        ({"stock": ["FC A=20%"]}, "write FC→FC=SHARE"),
        ({"stock": ["A→B=120%"]}, "at most 1"),
    ],
)
def test_mistakes_are_named(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem.replace("→", ".")):
        asked(small(), **options)
